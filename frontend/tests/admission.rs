//! What is taken and what is refused, and under which name.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use frontend::admission::{Rejected, admit};
use model::{Aggregate, Kinds, Limits, Minute, Number, PublisherId, Scalars, SeriesKey, Stamp};
use proto::{BatchBuilder, BatchColumns, v1};

/// Unix seconds of "now" in all of these tests: 20 s into minute 1,000,000.
const NOW: u64 = 60_000_020;
const MINUTE: Minute = Minute(1_000_000);

fn one() -> Aggregate {
    Aggregate::of(Scalars::of(Number::Int(1)))
}

/// What became of each row of a batch: `ok` or the reason.
fn verdicts(batch: &v1::Batch) -> String {
    verdicts_at(batch, NOW)
}

fn verdicts_at(batch: &v1::Batch, now: u64) -> String {
    let columns = match BatchColumns::new(batch) {
        Ok(columns) => columns,
        Err(refusal) => return format!("batch {}", refusal.reason),
    };
    let rows = columns.rows() as u64;
    match admit(columns, &Limits::DEFAULT, now) {
        Err(Rejected::Always(refusal)) => format!("batch {}", refusal.reason),
        Err(Rejected::ThisTry(refusal)) => format!("this try {}", refusal.reason),
        Ok(admitted) => {
            let mut said = vec!["ok".to_owned(); rows as usize];
            let accepted = admitted.rows.len() as u64;
            let reply = admitted.refused.into_reply(accepted);
            assert_eq!(reply.accepted + reply.refused, rows);
            assert_eq!(reply.refused_by_reason.values().sum::<u64>(), reply.refused);
            for refusal in reply.refusals {
                assert!(refusal.message.len() > 10, "{refusal:?}");
                said[refusal.row.unwrap() as usize] = refusal.reason;
            }
            said.join(" ")
        }
    }
}

/// Rows of `metric{name=value,…}`, split by blanks; `*7` behind a word repeats its last character.
#[track_caller]
fn check(script: &str, expected: &str) {
    let mut builder = BatchBuilder::new("shop");
    for row in script.split(' ') {
        let (metric, dims) = row.trim_end_matches('}').split_once('{').unwrap();
        let dims: Vec<(String, String)> = dims
            .split(',')
            .filter(|dim| !dim.is_empty())
            .map(|dim| dim.split_once('=').map(|(name, value)| (blown_up(name), blown_up(value))).unwrap())
            .collect();
        let dims = dims.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        builder.add(&blown_up(metric), dims, MINUTE, &one());
    }
    assert_eq!(verdicts(&builder.build()), expected);
}

fn blown_up(word: &str) -> String {
    match word.split_once('*') {
        None => word.to_owned(),
        Some((word, times)) => {
            let last = word.chars().last().unwrap().to_string();
            format!("{word}{}", last.repeat(times.parse::<usize>().unwrap() - word.chars().count()))
        }
    }
}

#[test]
fn names_and_values_have_limits() {
    check("m{a=b} m{} {a=b}", "ok ok metric_name");
    check("m*256{} m*257{}", "ok metric_name");
    check("é*128{} é*129{}", "ok metric_name");
    check("m{a*128=b} m{a*129=b} m{=b}", "ok dimension_name dimension_name");
    check("m{a=b*1024} m{a=b*1025}", "ok dimension_value");
}

#[test]
fn dimensions_are_counted_when_they_are_there() {
    let dims = |n: usize| (0..n).map(|at| format!("d{at}=v")).collect::<Vec<_>>().join(",");
    check(&format!("m{{{}}} m{{{}}} m{{{},z=}}", dims(64), dims(65), dims(64)), "ok dimension_count ok");
    check("m{a=1,a=2} m{a=1,b=2,a=1} m{a=1,a=} m{a=,a=}", "dimension_twice dimension_twice ok ok");
}

#[test]
fn one_bad_row_costs_its_neighbours_nothing() {
    check("m{a=b} {a=b} m{a=b} m{a=1,a=2} m{a=c}", "ok metric_name ok dimension_twice ok");
}

#[test]
fn minutes_have_limits() {
    let check = |minute: u32, backfill: bool, expected: &str| {
        let mut builder = BatchBuilder::new("").backfill(backfill);
        builder.add("m", [], Minute(minute), &one());
        assert_eq!(verdicts(&builder.build()), expected, "minute {minute}");
    };
    check(1_000_002, false, "ok");
    check(1_000_003, false, "too_far_ahead");
    check(u32::MAX, true, "too_far_ahead");
    check(1_000_000 - 60, false, "ok");
    check(1_000_000 - 61, false, "too_old");
    check(1_000_000 - 61, true, "ok");
    check(1_000_000 - 30 * 24 * 60, true, "ok");
    check(1_000_000 - 30 * 24 * 60 - 1, true, "too_old");
    check(0, false, "too_old");
}

/// A batch with a stamp, of these minutes after [`MINUTE`], before frontends whose clocks are as many minutes wrong.
#[track_caller]
fn check_tries(batch: BatchBuilder, epoch: u64, minutes: &[i32], clocks: &[i32], expected: &[&str]) {
    let mut batch = batch.publisher(Stamp { publisher: PublisherId(7), epoch, sequence: 3 });
    for minute in minutes {
        batch.add("m", [], Minute(MINUTE.0.strict_add_signed(*minute)), &one());
    }
    let batch = batch.build();
    let now = |clock: i32| NOW.strict_add_signed(i64::from(clock) * 60);
    let said: Vec<String> = clocks.iter().map(|clock| verdicts_at(&batch, now(*clock))).collect();
    assert_eq!(said, expected);
}

#[test]
fn every_try_that_gets_in_has_the_same_verdicts() {
    let rows = "ok ok too_far_ahead ok too_old";
    check_tries(
        BatchBuilder::new("").built_at(NOW),
        5,
        &[0, 2, 3, -60, -61],
        &[-100, -3, -2, 0, 1, 59, 60, 61, 100_000],
        &[
            "this try too_far_ahead",
            "this try too_far_ahead",
            rows,
            rows,
            rows,
            rows,
            rows,
            "this try too_old",
            "this try too_old",
        ],
    );
}

#[test]
fn a_backfill_reaches_back_and_still_has_an_hour_to_arrive() {
    check_tries(
        BatchBuilder::new("").backfill(true).built_at(NOW),
        5,
        &[-61, -43_200, -43_201],
        &[0, 60, 61],
        &["ok ok too_old", "ok ok too_old", "this try too_old"],
    );
}

#[test]
fn a_publisher_that_does_not_say_when_has_built_in_its_newest_minute() {
    let rows = "ok ok too_old";
    check_tries(
        BatchBuilder::new(""),
        5,
        &[0, -60, -61],
        &[-3, 0, 60, 61],
        &["this try too_far_ahead", rows, rows, "this try too_old"],
    );
}

#[test]
fn who_was_named_may_publish_again_as_long_as_retention() {
    let old = |clocks: &[i32], expected: &[&str]| {
        check_tries(BatchBuilder::new("").backfill(true), 0, &[0, -43_200, -43_201], clocks, expected);
    };
    old(&[0, 43_200, 43_201], &["ok ok too_old", "ok ok too_old", "this try too_old"]);
    check_tries(BatchBuilder::new(""), 0, &[0], &[60, 61], &["ok", "this try too_old"]);
}

fn spoilt(spoil: impl FnOnce(&mut v1::Batch)) -> String {
    let mut builder = BatchBuilder::new("");
    builder.add("good", [("a", "x")], MINUTE, &one());
    builder.add("bad", [("a", "y")], MINUTE, &one());
    let mut batch = builder.build();
    spoil(&mut batch);
    verdicts(&batch)
}

#[test]
fn numbers_must_make_sense() {
    let float = u64::from;
    let nan = f64::NAN.to_bits();
    assert_eq!(spoilt(|batch| batch.row_count[1] = 0), "ok numbers");
    assert_eq!(spoilt(|batch| (batch.row_kinds, batch.row_sum[1]) = (vec![0, 7], nan)), "ok not_finite");
    assert_eq!(
        spoilt(|batch| (batch.row_kinds, batch.row_sum[1]) = (vec![0, 7], f64::INFINITY.to_bits())),
        "ok not_finite"
    );
    assert_eq!(spoilt(|batch| batch.row_kinds = vec![0, 16]), "ok numbers");
    assert_eq!(spoilt(|batch| batch.row_kinds = vec![0, u32::from(Kinds::SUM_FLOAT)]), "ok numbers");
    let ranges = |min: i64, max: i64, count: u64| {
        spoilt(move |batch| {
            (batch.row_min, batch.row_max) = (vec![1, min.cast_unsigned()], vec![1, max.cast_unsigned()]);
            batch.row_count[1] = float(count);
        })
    };
    assert_eq!(ranges(0, 2, 2), "ok ok");
    assert_eq!(ranges(2, 0, 2), "ok numbers");
    assert_eq!(ranges(0, 2, 1), "ok numbers");
    // The sum is 1.
    assert_eq!(ranges(0, 2, u64::MAX), "ok ok");
    assert_eq!(ranges(1, 1, 2), "ok numbers");
    assert_eq!(ranges(-5, 0, 2), "ok numbers");
    let floats = |min: f64, max: f64, sum: f64| {
        spoilt(move |batch| {
            (batch.row_kinds, batch.row_sum[1], batch.row_count[1]) = (vec![0, 7], sum.to_bits(), 10);
            (batch.row_min, batch.row_max) = (vec![1, min.to_bits()], vec![1, max.to_bits()]);
        })
    };
    assert_eq!(floats(0.1, 0.1, 0.999_999_999_999_999_9), "ok ok", "what ten additions make of 0.1");
    assert_eq!(floats(0.1, 0.1, 0.999_999_999), "ok numbers");
    assert_eq!(floats(f64::MAX, f64::MAX, f64::MAX), "ok ok", "a sum stops at the end of f64");
}

#[test]
fn sketches_must_be_readable() {
    let broken: fn(&mut v1::Batch) = |batch| {
        batch.distinct_row = vec![1];
        batch.distinct = vec![b"\x01\x00\x0e\xff\xff\xff\xff\x0f".as_slice().into()];
    };
    assert_eq!(spoilt(broken), "ok sketch");
    assert_eq!(
        spoilt(|batch| {
            batch.distribution_row = vec![0, 1];
            batch.distribution = vec![vec![1, 1, 0].into(), vec![9].into()];
        }),
        "ok sketch"
    );
    let bounds: fn(&mut v1::Batch) = |batch| {
        batch.distribution_row = vec![0, 1];
        let (good, too_many) = (vec![1, 2, 1, 2, 1, 0, 1], vec![1, 2, 0x81, 8]);
        batch.distribution = vec![good.into(), too_many.into()];
    };
    assert_eq!(spoilt(bounds), "ok sketch");
}

#[test]
fn a_cumulative_row_has_a_time() {
    let check = |start, time, expected: &str| {
        let mut builder = BatchBuilder::new("");
        builder.add_cumulative("m", [], MINUTE, &one(), start, time);
        assert_eq!(verdicts(&builder.build()), expected);
    };
    check(0, 5, "ok");
    check(5, 5, "ok");
    check(6, 5, "numbers");
    check(0, 0, "numbers");
}

#[test]
fn text_must_be_utf8_where_it_is_used() {
    let replace = |at: usize| {
        spoilt(move |batch| {
            let mut bytes = batch.string_bytes.to_vec();
            bytes[at] = 0xff;
            batch.string_bytes = bytes.into();
        })
    };
    // The blob is "goodaxbady".
    assert_eq!(replace(0), "utf8 ok");
    assert_eq!(replace(4), "utf8 utf8");
    assert_eq!(replace(9), "ok utf8");
}

#[test]
fn a_batch_without_sense_is_refused_whole() {
    assert_eq!(spoilt(|batch| batch.row_sum.push(1)), "batch malformed");
    assert_eq!(spoilt(|batch| batch.account = "a".repeat(129)), "batch account");
    assert_eq!(
        spoilt(|batch| {
            batch.string_len.push(9 << 20);
            batch.string_bytes = [&batch.string_bytes[..], &vec![b'x'; 9 << 20]].concat().into();
        }),
        "batch batch_size"
    );
}

#[test]
fn the_order_and_the_empty_do_not_change_the_identity() {
    let mut builder = BatchBuilder::new("shop");
    builder.add("m", [("b", "2"), ("a", "1"), ("c", "")], MINUTE, &one());
    builder.add("m", [("a", "1"), ("b", "2")], MINUTE, &one());
    let batch = builder.build();
    let admitted = admit(BatchColumns::new(&batch).unwrap(), &Limits::DEFAULT, NOW).unwrap();
    let dims = [("a", "1"), ("b", "2")].into_iter().collect();
    let key = SeriesKey { account: "shop".to_owned(), metric: "m".to_owned(), dims };
    for series in [0, 1] {
        let accepted = admitted.series(series).unwrap();
        assert_eq!((accepted.hash, accepted.metric_hash), (key.hash(), key.metric_hash()));
        assert_eq!(admitted.dims(accepted).len(), 2);
    }
}

#[test]
fn only_the_first_refusals_are_told() {
    let mut builder = BatchBuilder::new("");
    (0..100).for_each(|_| builder.add("", [], MINUTE, &one()));
    let batch = builder.build();
    let reply =
        admit(BatchColumns::new(&batch).unwrap(), &Limits::DEFAULT, NOW).unwrap().refused.into_reply(0);
    assert_eq!((reply.refused, reply.refusals.len(), reply.refused_by_reason["metric_name"]), (100, 16, 100));
}
