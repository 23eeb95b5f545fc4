//! Time and size of the column blocks: one JSON line for each case, `cargo bench -p codec`.
//!
//! `entropy` is the order-0 entropy of the deltas in bits, of floats after scaling: the yardstick for
//! `bits`, not a bound, as a mode may code the values and not the deltas.

#![allow(clippy::print_stdout, reason = "the lines are the product")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use codec::CodecError;

/// An hour page holds 60 minutes of up to 1,024 series.
const VALUES: usize = 60 * 1024;

/// The fastest of so many rounds is reported: what else the machine does only adds time.
const ROUNDS: usize = 25;

/// SplitMix64, so that every run measures the same numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// About normal, around 0.
    fn noise(&mut self, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| (self.next() >> 11) as f64 / (1u64 << 53) as f64).sum();
        (sum - 6.0) * deviation
    }
}

type Encode<T> = fn(&[T], &mut Vec<u8>);
type Decode<T> = fn(&mut &[u8], usize, &mut Vec<T>) -> Result<(), CodecError>;

fn main() {
    let mut random = Random(7);
    let mut ints = |case: &str, next: &mut dyn FnMut(usize, &mut Random) -> i64| {
        let values: Vec<i64> = (0..VALUES).map(|index| next(index, &mut random)).collect();
        measure(case, &values, entropy(&values), codec::encode_ints, codec::decode_ints);
    };
    ints("always zero", &mut |_, _| 0);
    ints("constant", &mut |_, _| 123_456);
    ints("zero but 1 in 50", &mut |_, random| {
        if random.next() % 50 == 0 { (random.next() % 9) as i64 } else { 0 }
    });
    ints("steady counter", &mut |index, random| index as i64 * 1_000 + (random.next() % 3) as i64);
    ints("rate, deviation 2", &mut |_, random| 600 + random.noise(2.0) as i64);
    ints("rate, deviation 20", &mut |_, random| 6_000 + random.noise(20.0) as i64);
    ints("noisy gauge, deviation 1000", &mut |_, random| 50_000 + random.noise(1_000.0) as i64);
    let mut walk = 0;
    ints("walk, steps of deviation 3", &mut |_, random| {
        walk += random.noise(3.0) as i64;
        walk
    });
    ints("random bits", &mut |_, random| random.next() as i64);

    let times: Vec<i64> = (0..VALUES as i64).map(|index| 1_700_000_000_000 + index * 60_000).collect();
    measure("timestamps, even", &times, entropy(&times), codec::encode_timestamps, codec::decode_timestamps);
    let late: Vec<i64> = times.iter().map(|time| time + random.noise(4.0) as i64).collect();
    measure(
        "timestamps, deviation 4",
        &late,
        entropy(&late),
        codec::encode_timestamps,
        codec::decode_timestamps,
    );
    let ids: Vec<u32> = (0..4 * VALUES as u32).filter(|_| random.next().is_multiple_of(4)).collect();
    let gaps: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    measure("ids, 1 in 4", &ids, entropy(&gaps), codec::encode_ids, codec::decode_ids);

    let hundredths: Vec<i64> = (0..VALUES).map(|_| 2_500 + random.noise(300.0) as i64).collect();
    let prices: Vec<f64> = hundredths.iter().map(|value| *value as f64 / 100.0).collect();
    measure("floats, 2 decimals", &prices, entropy(&hundredths), codec::encode_floats, codec::decode_floats);
    let load: Vec<f64> = (0..VALUES).map(|_| 0.5 + random.noise(0.1)).collect();
    let bits: Vec<i64> = load.iter().map(|value| value.to_bits() as i64).collect();
    measure("floats, all digits", &load, entropy(&bits), codec::encode_floats, codec::decode_floats);
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
