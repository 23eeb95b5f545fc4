//! Rows to bytes at a few nanoseconds a row.
//!
//! In:   a batch's number, its minute, its stamp.
//! Out:  a packet.
//! Kept: per template the encoded part that never changes: account, strings, series, which row is which series.
//!
//! Two encodings of a protobuf message, one after the other, are the encoding of the two merged. So a batch is its
//! template's bytes and after them a message that has the numbers only.

use bytes::{BufMut as _, Bytes, BytesMut};
use client::{BatchBuilder, Packet, v1};
use model::{Aggregate, Minute, Scalars, Stamp};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::plan::Plan;
use crate::series::{METRICS, dims_of, metric_of};

/// `PublishRequest.batches`.
const BATCHES: u32 = 1;
/// A key and a length.
const HEAD_BYTES_MAX: usize = 12;

/// Makes packets.
#[derive(Debug)]
pub struct Press {
    templates: Vec<Vec<u8>>,
    /// The numbers of a batch, reused.
    numbers: v1::Batch,
}

// === impl Press ===

impl Press {
    /// Prepares all templates.
    #[must_use]
    pub fn new(plan: &Plan, account: &str) -> Self {
        let template = |template| fixed_part(plan, account, template).encode_to_vec();
        Self { templates: (0..plan.templates()).map(template).collect(), numbers: v1::Batch::default() }
    }

    /// This batch, as of this minute.
    pub fn packet(&mut self, plan: &Plan, batch: u64, minute: Minute, stamp: Stamp) -> Packet {
        self.fill(plan, batch, minute, stamp);
        let fixed = usize::try_from(plan.template_of(batch)).map_or(&[][..], |at| &self.templates[at]);
        let bytes = fixed.len() + self.numbers.encoded_len();
        let mut request = BytesMut::with_capacity(HEAD_BYTES_MAX + bytes);
        encode_key(BATCHES, WireType::LengthDelimited, &mut request);
        encode_varint(bytes as u64, &mut request);
        request.put_slice(fixed);
        self.numbers.encode(&mut request).expect("a BytesMut grows");
        Packet { stamp, rows: u64::from(plan.load().batch_rows), request: request.freeze() }
    }

    fn fill(&mut self, plan: &Plan, batch: u64, minute: Minute, stamp: Stamp) {
        let numbers = &mut self.numbers;
        numbers.publisher = Bytes::copy_from_slice(&stamp.publisher.0.to_be_bytes());
        numbers.epoch = stamp.epoch;
        numbers.sequence = stamp.sequence;
        numbers.row_minute.clear();
        numbers.row_minute.resize(plan.load().batch_rows as usize, minute.0);
        for column in
            [&mut numbers.row_count, &mut numbers.row_sum, &mut numbers.row_min, &mut numbers.row_max]
        {
            column.clear();
        }
        numbers.row_kinds.clear();
        for row in plan.batch(batch) {
            push(numbers, &row.scalars, plan.load().floats);
        }
    }
}

fn push(numbers: &mut v1::Batch, scalars: &Scalars, floats: bool) {
    numbers.row_count.push(scalars.count);
    numbers.row_sum.push(scalars.sum);
    numbers.row_min.push(scalars.min);
    numbers.row_max.push(scalars.max);
    if floats {
        numbers.row_kinds.push(u32::from(scalars.kinds.0));
    }
}

/// The tables of a batch of this template, without numbers.
fn fixed_part(plan: &Plan, account: &str, template: u64) -> v1::Batch {
    let mut builder = BatchBuilder::new(account);
    let (first, series_max) = (plan.first_series(template), plan.load().series);
    for row in 0..u64::from(plan.load().batch_rows) {
        let series = (first + row) % series_max;
        let dims = dims_of(series, plan.buckets(), &plan.load().run);
        let dims = dims.iter().map(|(name, value)| (*name, value.as_str()));
        builder.add(METRICS[metric_of(series)], dims, Minute(0), &Aggregate::default());
    }
    let batch = builder.build();
    v1::Batch {
        account: batch.account,
        string_len: batch.string_len,
        string_bytes: batch.string_bytes,
        series_metric: batch.series_metric,
        series_dim_count: batch.series_dim_count,
        dim_name: batch.dim_name,
        dim_value: batch.dim_value,
        row_series: batch.row_series,
        ..v1::Batch::default()
    }
}

#[cfg(test)]
mod tests {
    use model::PublisherId;
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{BATCH_ROWS_MAX, ROW_BYTES};
    use crate::plan::Load;
    use crate::plan::tests::{load, loads};

    /// The same batch, row by row.
    fn slowly(plan: &Plan, batch: u64, minute: Minute, stamp: Stamp) -> v1::Batch {
        let mut builder = BatchBuilder::new("acme").publisher(stamp);
        for row in plan.batch(batch) {
            let dims = dims_of(row.series, plan.buckets(), &plan.load().run);
            let dims = dims.iter().map(|(name, value)| (*name, value.as_str()));
            builder.add(METRICS[metric_of(row.series)], dims, minute, &Aggregate::of(row.scalars));
        }
        builder.build()
    }

    proptest! {
        #[test]
        fn a_packet_is_what_a_builder_makes(load in loads(), batch in 0_u64..1_000, minute: u32) {
            let plan = Plan::new(load).unwrap();
            let stamp = Stamp { publisher: PublisherId(7), epoch: 3, sequence: batch };
            let packet = Press::new(&plan, "acme").packet(&plan, batch, Minute(minute), stamp);
            let mut made = v1::PublishRequest::decode(packet.request).unwrap().batches.remove(0);
            let mut expected = slowly(&plan, batch, Minute(minute), stamp);
            // A builder leaves columns out when they say nothing; the press has no time to look.
            if expected.row_min.is_empty() {
                expected.row_min.clone_from(&expected.row_sum);
                expected.row_max.clone_from(&expected.row_sum);
            }
            if expected.row_kinds.is_empty() {
                made.row_kinds.retain(|kinds| *kinds != 0);
            }
            prop_assert_eq!(made, expected);
            prop_assert_eq!(packet.rows, u64::from(plan.load().batch_rows));
        }
    }

    #[test]
    fn the_largest_batch_fits_into_a_message() {
        let large = Load { series: 10_000_000, buckets: 1_000, batch_rows: BATCH_ROWS_MAX, ..load() };
        let plan = Plan::new(Load { floats: true, run: "r".repeat(100), ..large }).unwrap();
        let stamp = Stamp { publisher: PublisherId(u128::MAX), epoch: u64::MAX, sequence: u64::MAX };
        let packet = Press::new(&plan, "acme").packet(&plan, 0, Minute(u32::MAX), stamp);
        assert!(packet.request.len() < BATCH_ROWS_MAX as usize * ROW_BYTES, "{} bytes", packet.request.len());
    }
}
