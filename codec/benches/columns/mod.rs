//! The columns that are measured, the same in every run; also those of `bench/codec`, beside other people's coders.

#![allow(unreachable_pub, reason = "it is a module of two programs")]

/// An hour page holds 60 minutes of up to 1,024 series, series by series.
pub const SERIES: usize = 1_024;
pub const MINUTES: usize = 60;
pub const VALUES: usize = SERIES * MINUTES;

/// The numbers of a column.
#[derive(Debug, Clone)]
pub enum Numbers {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Timestamps(Vec<i64>),
    Ids(Vec<u32>),
}

/// SplitMix64, so that every run measures the same numbers.
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> i64 {
        (self.next() % end) as i64
    }

    /// About normal, around 0.
    fn noise(&mut self, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| (self.next() >> 11) as f64 / (1u64 << 53) as f64).sum();
        (sum - 6.0) * deviation
    }
}

/// Every column, by name.
pub fn all() -> Vec<(&'static str, Numbers)> {
    let mut random = Random(7);
    [integers(&mut random), floats(&mut random), places(&mut random)].concat()
}

fn integers(random: &mut Random) -> Vec<(&'static str, Numbers)> {
    // A column from the place of each value: series and minute.
    let mut ints = |name, next: &mut dyn FnMut(usize, usize, &mut Random) -> i64| {
        let values = (0..VALUES).map(|at| next(at / MINUTES, at % MINUTES, random)).collect();
        (name, Numbers::Ints(values))
    };
    let mut walk = 0;
    let mut level = 0;
    vec![
        ints("always zero", &mut |_, _, _| 0),
        ints("constant", &mut |_, _, _| 123_456),
        ints("zero but 1 in 50", &mut |_, _, random| {
            if random.below(50) == 0 { 1 + random.below(8) } else { 0 }
        }),
        ints("count 60 ± 8", &mut |_, _, random| 60 + random.noise(8.0).round() as i64),
        ints("count of probes, 60 but 1 in 30", &mut |_, _, random| 60 - i64::from(random.below(30) == 0)),
        ints("rate, deviation 20", &mut |_, _, random| 6_000 + random.noise(20.0) as i64),
        ints("gauge of each series, walks by 3", &mut |_, minute, random| {
            walk = if minute == 0 {
                50_000 + random.below(50_000)
            } else {
                walk + random.noise(3.0).round() as i64
            };
            walk
        }),
        ints("noisy gauge, deviation 1000", &mut |_, _, random| 50_000 + random.noise(1_000.0) as i64),
        ints("level that jumps, else stays", &mut |_, _, random| {
            level = if random.below(40) == 0 { random.below(1_000_000) } else { level };
            level
        }),
        ints("one of four far numbers", &mut |_, _, random| {
            [0, 7, 90_000, 5_000_000_000][random.below(4) as usize]
        }),
        ints("random bits", &mut |_, _, random| random.next() as i64),
    ]
}

fn floats(random: &mut Random) -> Vec<(&'static str, Numbers)> {
    let mut floats = |name, next: &mut dyn FnMut(&mut Random) -> f64| {
        (name, Numbers::Floats((0..VALUES).map(|_| next(random)).collect()))
    };
    vec![
        floats("latency, 2 decimals", &mut |random| (2_500.0 + random.noise(300.0)).round() / 100.0),
        floats("latency, 3 decimals", &mut |random| (25_000.0 + random.noise(300.0)).round() / 1000.0),
        floats("sum of 60 hundredths", &mut |random| {
            (0..60).map(|_| (2_500.0 + random.noise(700.0)).round() / 100.0).sum()
        }),
        floats("share, all digits", &mut |random| 0.5 + random.noise(0.1)),
        floats("32-bit float", &mut |random| f64::from((20.0 + random.noise(2.0)) as f32)),
    ]
}

fn places(random: &mut Random) -> Vec<(&'static str, Numbers)> {
    let minutes = |jitter: &mut dyn FnMut() -> i64| {
        (0..VALUES).map(|at| 1_700_000_000_000 + (at % MINUTES) as i64 * 60_000 + jitter()).collect()
    };
    let even = minutes(&mut || 0);
    let late = minutes(&mut || random.noise(4.0) as i64);
    let dense = (0..VALUES as u32).collect();
    let gaps = (0..4 * VALUES as u32).filter(|_| random.next().is_multiple_of(4)).collect();
    let few = (0..VALUES as u32 + VALUES as u32 / 50).filter(|_| !random.next().is_multiple_of(50)).collect();
    vec![
        ("minutes", Numbers::Timestamps(even)),
        ("timestamps, deviation 4 ms", Numbers::Timestamps(late)),
        ("ids, dense", Numbers::Ids(dense)),
        ("ids, 1 in 50 missing", Numbers::Ids(few)),
        ("ids, 1 in 4 there", Numbers::Ids(gaps)),
    ]
}
