//! Time and size of the column blocks: one JSON line for each case, `cargo bench -p codec`.
//!
//! `entropy` is the order-0 entropy of the deltas in bits, of floats that of their bits: the yardstick for
//! `bits`, not a bound, as a mode may code the values and not the deltas.

#![allow(clippy::print_stdout, reason = "the lines are the product")]

mod columns;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use codec::CodecError;
use columns::Numbers;

/// The fastest of so many rounds is reported: what else the machine does only adds time.
const ROUNDS: usize = 25;

type Encode<T> = fn(&[T], &mut Vec<u8>);
type Decode<T> = fn(&mut &[u8], usize, &mut Vec<T>) -> Result<(), CodecError>;

fn main() {
    for (case, numbers) in columns::all() {
        match numbers {
            Numbers::Ints(values) => {
                measure(case, &values, entropy(&values), codec::encode_ints, codec::decode_ints);
            }
            Numbers::Timestamps(values) => {
                measure(case, &values, entropy(&values), codec::encode_timestamps, codec::decode_timestamps);
            }
            Numbers::Ids(ids) => {
                let wide: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
                measure(case, &ids, entropy(&wide), codec::encode_ids, codec::decode_ids);
            }
            Numbers::Floats(values) => {
                let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
                measure(case, &values, entropy(&bits), codec::encode_floats, codec::decode_floats);
            }
        }
    }
}

fn measure<T: PartialEq>(case: &str, values: &[T], entropy: f64, encode: Encode<T>, decode: Decode<T>) {
    let (mut bytes, mut back) = (Vec::new(), Vec::new());
    let encode_ns = fastest(values.len(), || {
        bytes.clear();
        encode(black_box(values), &mut bytes);
    });
    let decode_ns = fastest(values.len(), || {
        back.clear();
        decode(&mut black_box(&bytes[..]), values.len(), &mut back).expect("what was just encoded");
    });
    assert!(back == values, "{case}: not the values that went in");
    let mode = codec::skip_block(&mut &bytes[..]).expect("what was just encoded").mode;
    let bits = 8.0 * bytes.len() as f64 / values.len() as f64;
    println!(
        r#"{{"case":"{case}","values":{},"mode":{mode},"encode_ns":{encode_ns:.2},"decode_ns":{decode_ns:.2},"bits":{bits:.4},"entropy":{entropy:.4}}}"#,
        values.len()
    );
}

/// Nanoseconds for each value.
fn fastest(values: usize, mut run: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min) * 1e9 / values as f64
}

fn entropy(values: &[i64]) -> f64 {
    let mut counts = HashMap::new();
    values.array_windows::<2>().for_each(|[a, b]| *counts.entry(b.wrapping_sub(*a)).or_insert(0u32) += 1);
    let all = (values.len() - 1) as f64;
    counts.values().map(|count| f64::from(*count) / all).map(|share| -share * share.log2()).sum::<f64>().abs()
}
