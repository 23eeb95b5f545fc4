//! Rows 8 and 9 of the figures: our blocks beside other people's coders, on the same columns. `bench/run.sh 8` (time) and `9` (size)
//! run it; one JSON line a column and a peer.
//!
//! Alternating rounds, medians of both. What each side does more: our blocks carry a version, a count and a CRC32C that is checked;
//! pco checks nothing; fastfibonacci is handed the residuals ready made (it codes no deltas and no signs); tsz codes
//! a timestamp with each value, as Gorilla does, and every value as a float.

#[path = "../../../codec/benches/columns/mod.rs"]
mod columns;
mod peers;
mod recorded;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use columns::{Numbers, VALUES};
use peers::{Coder, Measured};

const ROUNDS: usize = 9;

fn main() {
    let row = std::env::args().nth(1).unwrap_or_default();
    let recorded = if row == "9" { recorded::columns() } else { Vec::new() };
    let generated = columns::all().into_iter().map(|(name, numbers)| (name.to_owned(), numbers));
    for (case, numbers) in generated.chain(recorded) {
        let ours = peers::ours(&numbers);
        for peer in peers::all(&numbers) {
            let (a, b) = side_by_side(ours.as_ref(), peer.as_ref());
            println!("{}", line(&row, &case, &numbers, peer.name(), &a, &b));
        }
    }
}

/// Medians of rounds taken in turn.
fn side_by_side(ours: &dyn Coder, peer: &dyn Coder) -> (Measured, Measured) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        a.push(round(ours));
        b.push(round(peer));
    }
    (median(&a), median(&b))
}

fn round(coder: &dyn Coder) -> Measured {
    let start = Instant::now();
    let bytes = black_box(coder.encode());
    let encode_s = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let values = coder.decode(black_box(&bytes));
    let decode_s = start.elapsed().as_secs_f64();
    assert_eq!(values, coder.len(), "{}: not as many values as went in", coder.name());
    let each = 1e9 / values.max(1) as f64;
    Measured {
        encode_ns: encode_s * each,
        decode_ns: decode_s * each,
        bits: 8.0 * bytes.len() as f64 / values.max(1) as f64,
    }
}

fn median(rounds: &[Measured]) -> Measured {
    let of = |part: fn(&Measured) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(part).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Measured { encode_ns: of(|m| m.encode_ns), decode_ns: of(|m| m.decode_ns), bits: of(|m| m.bits) }
}

fn line(row: &str, case: &str, numbers: &Numbers, peer: &str, a: &Measured, b: &Measured) -> String {
    if row == "9" {
        let entropy = entropy(numbers);
        return format!(
            r#"{{"row":9,"column":"{case}","bits":{:.3},"delta_entropy":{entropy:.3},"peer":"{peer}","peer_bits":{:.3},"ratio":{:.2}}}"#,
            a.bits,
            b.bits,
            b.bits / a.bits
        );
    }
    format!(
        r#"{{"row":8,"column":"{case}","values":{VALUES},"encode_ns":{:.2},"decode_ns":{:.2},"peer":"{peer}","peer_encode_ns":{:.2},"peer_decode_ns":{:.2},"encode_ratio":{:.1},"decode_ratio":{:.1}}}"#,
        a.encode_ns,
        a.decode_ns,
        b.encode_ns,
        b.decode_ns,
        b.encode_ns / a.encode_ns,
        b.decode_ns / a.decode_ns
    )
}

/// Bits of a delta by its share, of floats as their bits. In a short column it is a lower bound that no coder reaches, for the shares
/// themselves must be told.
fn entropy(numbers: &Numbers) -> f64 {
    let values = peers::integers(numbers);
    let mut counts = HashMap::new();
    values.windows(2).for_each(|two| *counts.entry(two[1].wrapping_sub(two[0])).or_insert(0u32) += 1);
    let all = (values.len() - 1) as f64;
    counts.values().map(|count| f64::from(*count) / all).map(|share| -share * share.log2()).sum::<f64>().abs()
}
