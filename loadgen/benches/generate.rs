//! What generating costs, without the network: `cargo bench -p loadgen`. One JSON line a figure.

#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use loadgen::{Load, Oracle, Plan, Press};
use model::{Minute, PublisherId, Stamp};

const BATCHES: u64 = 2_000;

fn main() {
    let load = Load {
        seed: 1,
        series: 1_000_000,
        buckets: 1_000,
        batch_rows: 1_000,
        rate: 2_000_000,
        duration: Duration::from_secs(60),
        floats: false,
        run: "bench".to_owned(),
    };
    let plan = Plan::new(load).expect("it is within the limits");
    let mut press = Press::new(&plan, "default");
    let stamp = Stamp { publisher: PublisherId(1), epoch: 1, sequence: 0 };
    let mut bytes = 0; // of the five rounds
    let packets = nanos_a_row(&plan, |batch| {
        bytes += press.packet(&plan, batch, Minute(29_000_000), stamp).request.len() as u64;
    });
    let mut oracle = Oracle::new(&plan);
    let totals = nanos_a_row(&plan, |batch| oracle.acknowledged(&plan, batch));
    black_box(&oracle);
    for (stage, figure, unit) in [
        ("loadgen: a row to bytes", packets, "ns"),
        ("loadgen: a row into the oracle", totals, "ns"),
        ("loadgen: a row on the wire", ratio(bytes, 5 * BATCHES * 1_000), "bytes"),
    ] {
        println!(r#"{{"stage":"{stage}","figure":{figure:.2},"unit":"{unit}"}}"#);
    }
}

/// The quickest of five.
fn nanos_a_row(plan: &Plan, mut each: impl FnMut(u64)) -> f64 {
    let rows = BATCHES * u64::from(plan.load().batch_rows);
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        (0..BATCHES).for_each(&mut each);
        least = least.min(ratio(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), rows));
    }
    least
}

#[expect(clippy::cast_precision_loss, reason = "a figure")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}
