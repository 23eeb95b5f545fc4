//! What goes into a batch comes out of it, through bytes; and whatever stands in a batch, reading it does not panic.

use std::collections::BTreeSet;

use model::{
    Aggregate, Distinct, Distribution, Minute, Number, PublisherId, ROWS_PER_BATCH_MAX, Scalars, Sketches,
    Stamp,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proto::{BatchBuilder, BatchView, Record, decode_record, encode_rows, v1};

/// A row as words and values.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    metric: String,
    dims: Vec<(String, String)>,
    minute: Minute,
    aggregate: Aggregate,
    /// Start and time.
    cumulative: Option<(u64, u64)>,
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::Int),
        (-1e9..1e9).prop_map(Number::Float),
        (-9_i64..9).prop_map(Number::Int),
    ]
}

fn scalars() -> impl Strategy<Value = Scalars> {
    let many = (1_u64..100, number(), number(), number());
    prop_oneof![
        3 => number().prop_map(Scalars::of),
        1 => many.prop_map(|(count, sum, min, max)| Scalars::new(count, sum, min, max)),
    ]
}

fn sketches() -> impl Strategy<Value = Option<Box<Sketches>>> {
    let elements = proptest::option::of(vec(0_u32..50, 0..5));
    let values = proptest::option::of(vec(-10.0..10.0, 0..5));
    (0..4, elements, values).prop_map(
        |(which, elements, values): (i32, Option<Vec<u32>>, Option<Vec<f64>>)| {
            let distinct = elements.map(|elements| {
                let mut distinct = Distinct::default();
                elements.iter().for_each(|element| distinct.observe(&element.to_string()));
                distinct
            });
            let distribution = values.map(|values| {
                let mut distribution = Distribution::new();
                values.iter().for_each(|value| distribution.record(*value));
                distribution
            });
            (which == 0)
                .then(|| Box::new(Sketches { distinct, distribution }))
                .filter(|both| both.distinct.is_some() || both.distribution.is_some())
        },
    )
}

fn row() -> impl Strategy<Value = Plain> {
    let word = || prop_oneof!["[a-c]{0,2}", "\\PC{0,3}"];
    let dims = vec((word(), word()), 0..4);
    let cumulative = prop_oneof![3 => Just(None), 1 => any::<(u64, u64)>().prop_map(Some)];
    (word(), dims, any::<u32>(), scalars(), sketches(), cumulative).prop_map(
        |(metric, dims, minute, scalars, sketches, cumulative)| Plain {
            metric,
            dims,
            minute: Minute(minute),
            aggregate: Aggregate { scalars, sketches },
            cumulative,
        },
    )
}

fn build(rows: &[Plain]) -> v1::Batch {
    let mut builder = BatchBuilder::new("shop").declares(true);
    for row in rows {
        let dims = row.dims.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        match row.cumulative {
            None => builder.add(&row.metric, dims, row.minute, &row.aggregate),
            Some((start, time)) => {
                builder.add_cumulative(&row.metric, dims, row.minute, &row.aggregate, start, time);
            }
        }
    }
    builder.build()
}

/// Reads everything that there is to read.
fn read(view: &BatchView<'_>) -> Vec<Plain> {
    let mut rows: Vec<Plain> = (0..view.rows())
        .map(|at| {
            let row = view.row(at);
            let _ = (view.series_hash(row.series), view.metric_hash(row.series));
            Plain {
                metric: view.metric(row.series).to_owned(),
                dims: view
                    .dims(row.series)
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                minute: row.minute,
                aggregate: Aggregate::of(row.scalars),
                cumulative: None,
            }
        })
        .collect();
    for (row, bytes) in view.distinct() {
        let sketches = rows[row as usize].aggregate.sketches.get_or_insert_default();
        sketches.distinct = Distinct::decode(bytes).ok();
    }
    for (row, bytes) in view.distribution() {
        let sketches = rows[row as usize].aggregate.sketches.get_or_insert_default();
        sketches.distribution = Distribution::decode(bytes).ok();
    }
    for (row, start, time) in view.cumulative() {
        rows[row as usize].cumulative = Some((start, time));
    }
    rows
}

fn through_the_log(batch: &v1::Batch) -> v1::Batch {
    match decode_record(encode_rows(std::slice::from_ref(batch))) {
        Ok(Record::Rows(mut batches)) if batches.len() == 1 => batches.remove(0),
        other => panic!("one batch went in, {other:?} came out"),
    }
}

/// One damage: which column, where, and what with.
fn damage(batch: &mut v1::Batch, column: u8, at: usize, with: u64, how: u8) {
    fn hit<T: Copy>(column: &mut Vec<T>, at: usize, with: T, how: u8) {
        let end = column.len();
        match how % 3 {
            0 => column.push(with),
            1 if end > 0 => column[at % end] = with,
            _ => column.truncate(at % (end + 1)),
        }
    }
    let small = with as u32;
    match column % 20 {
        0 => hit(&mut batch.string_len, at, small, how),
        1 => hit(&mut batch.series_metric, at, small, how),
        2 => hit(&mut batch.series_dim_count, at, small, how),
        3 => hit(&mut batch.dim_name, at, small, how),
        4 => hit(&mut batch.dim_value, at, small, how),
        5 => hit(&mut batch.series_hash_high, at, with, how),
        6 => hit(&mut batch.metric_hash, at, with, how),
        7 => hit(&mut batch.row_series, at, small, how),
        8 => hit(&mut batch.row_minute, at, small, how),
        9 => hit(&mut batch.row_count, at, with, how),
        10 => hit(&mut batch.row_sum, at, with, how),
        11 => hit(&mut batch.row_min, at, with, how),
        12 => hit(&mut batch.row_max, at, with, how),
        13 => hit(&mut batch.row_kinds, at, small, how),
        14 => hit(&mut batch.distinct_row, at, small, how),
        15 => hit(&mut batch.distribution_row, at, small, how),
        16 => hit(&mut batch.cumulative_row, at, small, how),
        17 => hit(&mut batch.cumulative_start_unix_nano, at, with, how),
        18 => batch.publisher = vec![0; at % 20].into(),
        _ => {
            let mut bytes = batch.string_bytes.to_vec();
            hit(&mut bytes, at, with as u8, how);
            batch.string_bytes = bytes.into();
        }
    }
}

proptest! {
    #[test]
    fn rows_come_back(rows in vec(row(), 0..40)) {
        let batch = through_the_log(&build(&rows));
        let view = BatchView::new(&batch).unwrap();
        prop_assert_eq!(&read(&view), &rows);
        prop_assert_eq!(view.account(), "shop");
        prop_assert!(view.declares() && !view.backfill() && view.stamp().is_none());
        let series: BTreeSet<_> = rows.iter().map(|row| (&row.metric, &row.dims)).collect();
        prop_assert_eq!(view.series_count(), series.len());
        let strings: BTreeSet<&String> =
            rows.iter().flat_map(|row| row.dims.iter().flat_map(|(n, v)| [n, v]).chain([&row.metric])).collect();
        prop_assert_eq!(view.string_count(), strings.len());
    }

    #[test]
    fn the_estimate_of_bytes_is_not_too_low(rows in vec(row(), 1..40)) {
        let mut builder = BatchBuilder::new("");
        rows.iter().for_each(|row| builder.add(&row.metric, [("a", "b")], row.minute, &row.aggregate));
        let estimate = builder.bytes();
        let real = prost::Message::encoded_len(&builder.build());
        prop_assert!(real <= estimate + 64, "{} bytes, estimated {}", real, estimate);
    }

    #[test]
    fn damage_is_refused_or_harmless(
        rows in vec(row(), 1..10),
        hits in vec((any::<u8>(), any::<usize>(), prop_oneof![0_u64..12, any::<u64>()], any::<u8>()), 1..3),
    ) {
        let mut batch = build(&rows);
        for (column, at, with, how) in hits {
            damage(&mut batch, column, at, with, how);
        }
        if let Ok(view) = BatchView::new(&batch) {
            prop_assert_eq!(read(&view).len(), view.rows());
        }
    }

    #[test]
    fn bytes_from_anybody_do_not_panic(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(Record::Rows(batches)) = decode_record(&bytes[..]) {
            for view in batches.iter().flat_map(BatchView::new) {
                read(&view);
            }
        }
    }

    #[test]
    fn cut_or_flipped_records_do_not_panic(rows in vec(row(), 1..5), at in any::<usize>(), bit in 0..8_u8) {
        let mut bytes = encode_rows(&[build(&rows)]).to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        for bytes in [&bytes[..], &bytes[..at]] {
            if let Ok(Record::Rows(batches)) = decode_record(bytes) {
                for view in batches.iter().flat_map(BatchView::new) {
                    read(&view);
                }
            }
        }
    }
}

fn one_row() -> v1::Batch {
    let mut builder = BatchBuilder::new("");
    builder.add("Latency", [("Api", "Get")], Minute(7), &Aggregate::of(Scalars::of(Number::Int(300))));
    builder.build()
}

#[test]
fn columns_that_say_nothing_are_left_out() {
    let batch = one_row();
    assert!(batch.row_min.is_empty() && batch.row_max.is_empty() && batch.row_kinds.is_empty());
    let view = BatchView::new(&batch).unwrap();
    assert_eq!((view.mins(), view.maxes()), (view.sums(), view.sums()));
    assert_eq!(view.account(), "default");
}

#[test]
fn a_stamp_comes_back() {
    let stamp = Stamp { publisher: PublisherId(1 << 127 | 5), epoch: 2, sequence: 3 };
    let batch = BatchBuilder::new("").publisher(stamp).build();
    assert_eq!(BatchView::new(&through_the_log(&batch)).unwrap().stamp(), Some(stamp));
}

#[test]
fn a_builder_says_when_it_is_full() {
    let mut builder = BatchBuilder::new("");
    let aggregate = Aggregate::of(Scalars::of(Number::Int(1)));
    while !builder.is_full() {
        builder.add("m", [], Minute(1), &aggregate);
    }
    assert_eq!(builder.rows(), ROWS_PER_BATCH_MAX);
    assert!(BatchView::new(&builder.build()).is_ok());

    let mut builder = BatchBuilder::new("");
    while !builder.is_full() {
        builder.add(
            "m",
            [("v", format!("{}{}", "x".repeat(100_000), builder.rows()).as_str())],
            Minute(1),
            &aggregate,
        );
    }
    assert!(builder.bytes() < 5 << 20);
}

#[test]
fn refusals_name_the_column() {
    let check = |spoil: fn(&mut v1::Batch), expected: &str| {
        let mut batch = one_row();
        spoil(&mut batch);
        assert_eq!(BatchView::new(&batch).unwrap_err().to_string(), expected);
    };
    check(
        |batch| batch.row_count.push(1),
        "malformed: row_count has 2 entries, row_series has 1: they must be equal",
    );
    check(
        |batch| batch.row_max.push(1),
        "malformed: row_min has 0 entries, row_series has 1: they must be equal",
    );
    check(|batch| batch.row_series[0] = 1, "malformed: row_series[0] is 1, but there are only 1 series");
    check(|batch| batch.dim_value[0] = 9, "malformed: dim_value[0] is 9, but there are only 3 strings");
    check(
        |batch| batch.row_kinds = vec![256],
        "malformed: row_kinds[0] is 256, but there are only 256 kinds",
    );
    check(
        |batch| batch.string_len[0] = u32::MAX,
        "malformed: string_len adds up to 4294967301 bytes, string_bytes has 13: they must be equal",
    );
    check(
        |batch| batch.series_dim_count[0] = 2,
        "malformed: series_dim_count adds up to 2, dim_name has 1: they must be equal",
    );
    check(
        |batch| batch.publisher = vec![1; 15].into(),
        "malformed: publisher has 15 bytes, must have 16 or, for no identity, 0",
    );
    check(
        |batch| batch.string_bytes = b"Latenc\xffApiGet".as_slice().into(),
        "utf8: string 0 of the batch is not UTF-8: send text",
    );
    check(
        |batch| {
            batch.string_bytes = "Laten\u{e4}piGet!".as_bytes().to_vec().into();
            batch.string_len = vec![6, 3, 4];
        },
        "utf8: string 0 of the batch is not UTF-8: send text",
    );
    check(
        |batch| {
            batch.distinct_row = vec![0, 0];
            batch.distinct = vec![vec![].into(), vec![].into()];
        },
        "malformed: distinct_row[1] is 0, after 0: rows must ascend",
    );
    check(
        |batch| batch.metric_hash.push(1),
        "malformed: series_hash_high has 0 entries, series_metric has 1: they must be equal",
    );
    check(
        |batch| {
            let rows = ROWS_PER_BATCH_MAX + 1;
            (batch.row_series, batch.row_minute) = (vec![0; rows], vec![0; rows]);
            (batch.row_count, batch.row_sum) = (vec![0; rows], vec![0; rows]);
        },
        "batch_size: the batch has 65537 rows, at most 65536 are taken: split it",
    );
}
