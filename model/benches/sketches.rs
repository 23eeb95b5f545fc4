//! Row 11: merging sketches, `cargo bench -p model`. One JSON line a case: nanoseconds a merge, the peer's in the same
//! run, A B A B, medians.
//!
//! Distinct: precision 12, both dense, of 100,000 elements each. Distributions: 160 buckets that hold something, of
//! 100,000 measurements; the peers' are arrays over their whole span.
#![allow(clippy::print_stdout, reason = "a program that measures and prints")]

use std::collections::hash_map::RandomState;
use std::hint::black_box;
use std::time::Instant;

use datasketches::hll::{HllSketch, HllType, HllUnion};
use hdrhistogram::Histogram;
use hyperloglogplus::{HyperLogLog, HyperLogLogPlus};
use model::{Distinct, Distribution};
use sketches_ddsketch::{Config, DDSketch};

const PRECISION: u8 = 12;
const ELEMENTS: u64 = 100_000;
const BUCKETS: u64 = 160;
const ROUNDS: usize = 15;
const MERGES: u32 = 20_000;

fn main() {
    let distinct = [0, ELEMENTS / 2].map(distinct);
    compare("distinct, dense", merging(&distinct, Distinct::merge), "DataSketches 0.6", data_sketches());
    compare("distinct, dense", merging(&distinct, Distinct::merge), "hyperloglogplus 0.4", hyperloglogplus());
    let same = [0.0, 0.0].map(distribution);
    let stage = "distribution, the same buckets";
    compare(stage, merging(&same, Distribution::merge), "DDSketch 0.4, 1 %", ddsketch([0.0, 0.0]));
    compare(stage, merging(&same, Distribution::merge), "hdrhistogram 7.6, 3 digits", hdr());
    let mixed = [0.0, 0.5].map(distribution);
    let stage = "distribution, every second bucket another";
    compare(stage, merging(&mixed, Distribution::merge), "DDSketch 0.4, 1 %", ddsketch([0.0, 0.5]));
}

// === ours ===

/// The second into the first, again and again: what is new is there after the first time.
fn merging<T: Clone>([one, other]: &[T; 2], merge: impl Fn(&mut T, &T)) -> impl FnMut() {
    let (mut one, other) = (one.clone(), other.clone());
    move || merge(&mut one, black_box(&other))
}

fn distinct(from: u64) -> Distinct {
    let mut sketch = Distinct::new(PRECISION).expect("between 4 and 18");
    (from..from + ELEMENTS).for_each(|element| sketch.observe(&element.to_string()));
    sketch
}

/// Buckets two percent apart; `shift` moves every second one by a part of that.
fn values(shift: f64) -> impl Iterator<Item = f64> {
    (0..ELEMENTS).map(move |at| {
        let bucket = (at % BUCKETS) as f64;
        1.02_f64.powf(bucket + if at % 2 == 0 { 0.0 } else { shift }) * 10.0
    })
}

fn distribution(shift: f64) -> Distribution {
    let mut sketch = Distribution::new();
    values(shift).for_each(|value| sketch.record(value));
    assert_eq!(sketch.buckets().count() as u64, BUCKETS, "not the case that is asked for");
    sketch
}

// === the peers ===

fn data_sketches() -> impl FnMut() {
    let sketch = |from: u64| {
        let mut sketch = HllSketch::new(PRECISION, HllType::Hll8).expect("between 4 and 21");
        (from..from + ELEMENTS).for_each(|element| sketch.update(element));
        sketch
    };
    let mut union = HllUnion::new(PRECISION).expect("between 4 and 21");
    union.update(&sketch(0));
    let other = sketch(ELEMENTS / 2);
    move || union.update(black_box(&other))
}

fn hyperloglogplus() -> impl FnMut() {
    let state = RandomState::new();
    let sketch = |from: u64| {
        let sketch = HyperLogLogPlus::new(PRECISION, state.clone());
        let mut sketch: HyperLogLogPlus<u64, _> = sketch.expect("between 4 and 18");
        (from..from + ELEMENTS).for_each(|element| sketch.insert(&element));
        sketch
    };
    let (mut one, other) = (sketch(0), sketch(ELEMENTS / 2));
    move || one.merge(black_box(&other)).expect("one precision")
}

fn ddsketch(shifts: [f64; 2]) -> impl FnMut() {
    let [mut one, other] = shifts.map(|shift| {
        let mut sketch = DDSketch::new(Config::defaults());
        values(shift).for_each(|value| sketch.add(value));
        sketch
    });
    move || one.merge(black_box(&other)).expect("one configuration")
}

fn hdr() -> impl FnMut() {
    let sketch = || {
        let mut sketch = Histogram::<u64>::new(3).expect("three digits");
        values(0.0).for_each(|value| sketch.record((value * 100.0) as u64).expect("it resizes itself"));
        sketch
    };
    let (mut one, other) = (sketch(), sketch());
    move || one.add(black_box(&other)).expect("one configuration")
}

// === measuring ===

fn compare(stage: &str, mut ours: impl FnMut(), peer: &str, mut theirs: impl FnMut()) {
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        mine.push(nanoseconds(&mut ours));
        others.push(nanoseconds(&mut theirs));
    }
    let (mine, others) = (median(mine), median(others));
    println!(
        r#"{{"row":11,"stage":"{stage}","figure":{mine:.1},"unit":"ns","peer":"{peer}","peer_figure":{others:.1},"ratio":{:.1}}}"#,
        others / mine
    );
}

fn nanoseconds(merge: &mut impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..MERGES).for_each(|_| merge());
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(MERGES)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
