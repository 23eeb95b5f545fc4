//! The publisher against a server that applies each stamp once, in any weather.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::model::{Aggregate, Bounds, Minute, Number, Scalars};
use client::{Builder, Client, Measurement, v1};
use prost::Message as _;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use common::{Hand, RowKey, Server, Weather, Wire};

const PATIENCE: Duration = Duration::from_secs(60);

fn builder(server: &Arc<Server>, clock: &Arc<Hand>) -> Builder {
    let builder = Client::builder().host("h").clock(Arc::<Hand>::clone(clock));
    builder.transport(Arc::new(Wire(Arc::clone(server))))
}

/// Ends the minute.
fn next_minute(client: &Client, clock: &Hand) {
    clock.next_minute();
    client.flush();
}

fn key(minute: u32, metric: &str, dims: &str) -> RowKey {
    (minute, metric.to_owned(), dims.to_owned())
}

/// Some minutes of everything a program may do; what must be on the server then.
fn live(client: &Client, clock: &Hand, seed: u64) -> BTreeMap<RowKey, Scalars> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut expected = BTreeMap::<RowKey, Scalars>::new();
    let (requests, latency) = (client.counter("Requests"), client.value("Latency"));
    let handles: Vec<_> = (0..3).map(|_| latency.bind(&[("Api", "Bound")])).collect();
    for minute in 1000..1004 {
        for _ in 0..300 {
            let (api, value) = (rng.random_range(0..20).to_string(), rng.random_range(-50_i64..50));
            let scalars = Scalars::of(Number::Int(value));
            requests.add(value.unsigned_abs(), &[("Zone", "z"), ("Api", &api), ("None", "")]);
            let row = expected.entry(key(minute, "Requests", &format!("Api={api},Zone=z"))).or_default();
            row.record(Number::Int(value.abs()));
            handles[rng.random_range(0..3)].record(value as f64);
            expected.entry(key(minute, "Latency", "Api=Bound")).or_default().merge(&scalars);
            let late = minute - rng.random_range(0..3);
            client.publish_at("Late", &[("Api", &api)], Minute(late), &Aggregate::of(scalars)).unwrap();
            expected.entry(key(late, "Late", &format!("Api={api}"))).or_default().merge(&scalars);
            if rng.random_range(0..100) == 0 {
                client.flush();
            }
        }
        next_minute(client, clock);
    }
    expected
}

#[track_caller]
fn check(weather: Weather, seed: u64) {
    let (server, clock) = (Server::new(weather, seed), Hand::new());
    let client = builder(&server, &clock).build().unwrap();
    let expected = live(&client, &clock, seed);
    server.clear_up();
    let accounting = client.finish(PATIENCE);

    let known = server.known.lock().unwrap();
    assert_eq!(known.users_rows(), expected);
    assert!(accounting.is_complete(), "{accounting:?}");
    assert_eq!(accounting.measurements, expected.values().map(|scalars| scalars.count).sum::<u64>());
    assert_eq!(known.declared("rows_built"), known.applied_by_minute, "completeness is 1, minute by minute");
    assert_eq!(known.declared("measurements").values().sum::<u64>(), accounting.measurements);
    assert!(known.declares.iter().all(|declares| *declares));
    assert!(known.in_flight_most <= client::IN_FLIGHT_MAX);
}

#[test]
fn fair_weather() {
    check(Weather::default(), 1);
}

#[test]
fn lost_acks_and_lost_requests() {
    check(Weather { lost: 30, ack_lost: 30, ..Weather::default() }, 2);
}

#[test]
fn busy_and_out_of_order() {
    check(Weather { busy: 20, ack_lost: 20, delay_ms: 30, ..Weather::default() }, 3);
}

#[test]
fn a_storm() {
    check(Weather { lost: 40, ack_lost: 40, busy: 30, delay_ms: 20, ..Weather::default() }, 4);
}

#[test]
fn threads_record_while_minutes_close() {
    const EACH: u64 = 50_000;
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).build().unwrap();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (dynamic, bound) = (client.counter("Dynamic"), client.counter("Bound").bind(&[("a", "b")]));
            std::thread::spawn(move || {
                for n in 0..EACH {
                    dynamic.add(1, &[("n", if n % 2 == 0 { "even" } else { "odd" })]);
                    bound.add(1);
                }
            })
        })
        .collect();
    for _ in 0..20 {
        next_minute(&client, &clock);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(client.finish(PATIENCE).is_complete());
    let known = server.known.lock().unwrap();
    let total = |metric| -> u64 {
        let rows = known.rows.iter().filter(|(key, _)| key.1 == metric);
        rows.map(|(_, scalars)| scalars.count).sum()
    };
    assert_eq!((total("Dynamic"), total("Bound")), (3 * EACH, 3 * EACH));
    assert_eq!(known.declared("rows_built"), known.applied_by_minute);
}

#[test]
fn a_heartbeat_a_minute_also_when_there_is_nothing_to_say() {
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).build().unwrap();
    client.flush();
    next_minute(&client, &clock);
    next_minute(&client, &clock);
    let accounting = client.finish(PATIENCE);
    let known = server.known.lock().unwrap();
    assert_eq!(known.declared("rows_built"), BTreeMap::from([(1000, 6), (1001, 6), (1002, 6)]));
    assert_eq!(known.declared("rows_sampled"), BTreeMap::from([(1000, 0), (1001, 0), (1002, 0)]));
    assert_eq!((accounting.rows, accounting.heartbeat_rows), (18, 18));
}

#[test]
fn without_heartbeats_nothing_is_declared() {
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).heartbeats(false).build().unwrap();
    client.counter("M").add(2, &[]);
    assert_eq!(client.finish(PATIENCE).rows, 1);
    let known = server.known.lock().unwrap();
    assert_eq!(known.declares, vec![false]);
    assert_eq!(known.rows, BTreeMap::from([(key(1000, "M", ""), Scalars::of(Number::Int(2)))]));
}

#[test]
fn beyond_series_max_totals_stay_exact() {
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).series_max(2).build().unwrap();
    let metric = client.counter("M");
    for n in 0..10_u64 {
        metric.add(n, &[("n", &n.to_string())]);
    }
    metric.bind(&[("n", "99")]).add(100);
    let accounting = client.finish(PATIENCE);
    let known = server.known.lock().unwrap();
    let rows = known.users_rows();
    assert_eq!(
        rows.keys().map(|key| key.2.as_str()).collect::<Vec<_>>(),
        ["__overflow__=true", "n=0", "n=1"]
    );
    assert_eq!(rows[&key(1000, "M", "__overflow__=true")].sum(), Number::Int(144));
    assert_eq!((accounting.overflowed, known.declared("measurements_overflowed")[&1000]), (9, 9));
}

#[test]
fn sketches_arrive() {
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).build().unwrap();
    let (users, latency) = (client.distinct("Users"), client.distribution("LatencyMs"));
    let (bound_users, bound_latency) = (users.bind(&[("a", "b")]), latency.bind(&[("a", "b")]));
    for n in 0..100 {
        users.observe(&(n % 10).to_string(), &[("a", "b")]);
        bound_users.observe(&(n % 20).to_string());
        latency.record(f64::from(n), &[("a", "b")]);
        bound_latency.record(f64::from(n) + 100.0);
    }
    let at = |seconds, number| client.record_at("Users", &[("a", "b")], seconds, number);
    at(60_000.0, Measurement::Distinct("x")).unwrap();
    at(60_059.9, Measurement::DistinctNumber(3.0)).unwrap();
    client.finish(PATIENCE);
    let known = server.known.lock().unwrap();
    let users = &known.distincts[&key(1000, "Users", "a=b")];
    assert_eq!(users.estimate().round(), 21.0);
    let latency = &known.distributions[&key(1000, "LatencyMs", "a=b")];
    assert_eq!(latency.count(), 200);
    assert!((latency.percentile(50.0).unwrap() - 99.0).abs() < 0.2);
    assert_eq!(known.rows[&key(1000, "LatencyMs", "a=b")].sum(), Number::Int(4950 * 2 + 100 * 100));
}

#[test]
fn bounds_arrive_and_meet_others_whichever_came_first() {
    let check = |first: Option<&Bounds>, second: Option<&Bounds>| {
        let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
        let client = builder(&server, &clock).build().unwrap();
        for (bounds, value) in [(first, 15.0), (second, 120.0)] {
            let latency = match bounds {
                Some(bounds) => client.distribution_in("L", bounds.clone()),
                None => client.distribution("L"),
            };
            latency.record(value, &[("a", "b")]);
            latency.bind(&[("a", "b")]).record(value);
            let measurement =
                bounds.map_or(Measurement::Distribution(value), |at| Measurement::Bounded(value, at));
            client.record_at("L", &[("a", "b")], 60_000.0, measurement).unwrap();
        }
        client.finish(PATIENCE);
        let known = server.known.lock().unwrap();
        let read = &known.distributions[&key(1000, "L", "a=b")];
        assert_eq!((read.count(), known.rows[&key(1000, "L", "a=b")].sum()), (6, Number::Int(405)));
        (read.bounds().cloned(), [50.0, 100.0].map(|p| read.percentile(p).unwrap().round()))
    };
    let (tens, other) = (Bounds::new([10.0, 20.0, 200.0]).unwrap(), Bounds::new([100.0, 150.0]).unwrap());
    assert_eq!(check(Some(&tens), Some(&tens)), (Some(tens.clone()), [20.0, 200.0]));
    assert_eq!(check(Some(&tens), None), (None, [20.0, 120.0]));
    assert_eq!(check(None, Some(&tens)), (None, [15.0, 200.0]));
    assert_eq!(check(Some(&tens), Some(&other)), (None, [20.0, 150.0]));
}

#[test]
fn a_named_replay_is_the_same_twice() {
    let run = || {
        let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
        let client = builder(&server, &clock).publisher_name("shop").backfill(true).build().unwrap();
        for n in 0..250_000_u32 {
            let (seconds, api) = (f64::from(n % 40_000) * 7.0, (n % 9).to_string());
            client.record_at("M", &[("Api", &api)], seconds, Measurement::Value(f64::from(n))).unwrap();
        }
        let accounting = client.finish(PATIENCE);
        assert!(accounting.is_complete());
        let known = std::mem::take(&mut *server.known.lock().unwrap());
        assert_eq!(known.declared("rows_built"), known.applied_by_minute);
        assert!(known.batch_rows.len() > 2 && known.batch_rows.iter().all(|rows| *rows <= 5000));
        assert!(known.seen.values().all(|request| minutes(request) == 1), "taken or refused as a whole");
        (client.publisher(), client.epoch(), known.seen)
    };
    let (first, second) = (run(), run());
    assert_eq!((first.0, first.1), (second.0, 0));
    assert!(first.2 == second.2, "the same stamps carry the same bytes");
}

fn minutes(request: &bytes::Bytes) -> usize {
    let request = v1::PublishRequest::decode(request.clone()).unwrap();
    request.batches.iter().flat_map(|batch| &batch.row_minute).collect::<BTreeSet<_>>().len()
}

#[test]
fn a_name_of_another_account_is_another_publisher() {
    let publisher = |account: &str, name: &str| {
        let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
        builder(&server, &clock).account(account).publisher_name(name).build().unwrap().publisher()
    };
    assert_eq!(publisher("a", "nightly"), publisher("a", "nightly"));
    assert_ne!(publisher("a", "nightly"), publisher("b", "nightly"));
    assert_ne!(publisher("a", "bc"), publisher("ab", "c"));
}

#[test]
fn what_the_server_refuses_is_counted_and_reported() {
    let weather = Weather { refuse: Some("Bad"), ..Weather::default() };
    let (server, clock) = (Server::new(weather, 1), Hand::new());
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let builder = builder(&server, &clock);
    let client =
        builder.on_refusal(move |refused| tell.lock().unwrap().push(refused.clone())).build().unwrap();
    client.counter("Bad").add(1, &[]);
    client.counter("Good").add(1, &[]);
    let accounting = client.finish(PATIENCE);
    assert_eq!(accounting.refused, BTreeMap::from([("metric_name".to_owned(), 1)]));
    assert_eq!(accounting.rows, accounting.accepted + 1);
    assert_eq!(told.lock().unwrap().iter().map(|refused| refused.rows).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_no_server_takes_is_counted_here() {
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).heartbeats(false).build().unwrap();
    let value = client.value("V");
    value.record(f64::NAN, &[]);
    value.record(1.0, &[("", "x")]);
    let bound = value.bind(&[("a", "1"), ("a", "2")]);
    bound.record(1.0);
    bound.record(2.0);
    bound.record(f64::INFINITY);
    let late = client.record_at("V", &[], -61.0, Measurement::Value(1.0)).unwrap_err();
    assert_eq!(late.to_string(), "too_old: timestamp -61 is before 1970");
    let accounting = client.finish(PATIENCE);
    let expected = [("dimension_name", 1), ("dimension_twice", 2), ("not_finite", 2), ("too_old", 1)];
    let expected: BTreeMap<String, u64> = expected.map(|(reason, n)| (reason.to_owned(), n)).into();
    assert_eq!((accounting.refused_measurements, accounting.rows), (expected, 0));
}

#[test]
fn while_the_server_is_away_the_oldest_rows_go_and_are_declared() {
    let (server, clock) = (Server::new(Weather { away: true, ..Weather::default() }, 1), Hand::new());
    let client = builder(&server, &clock).queue_bytes_max(client::QUEUE_BYTES_MIN).build().unwrap();
    let long = "x".repeat(1000);
    let mut built = 0;
    for minute in 0..16 {
        for n in 0..1000 {
            client.counter("M").add(1, &[("long", &long), ("n", &format!("{minute}.{n}"))]);
            client.counter("M").add(1, &[("long", &format!("{n}{long}")[..1000]), ("n", "")]);
            built += 2;
        }
        next_minute(&client, &clock);
    }
    let dropped = client.accounting().dropped;
    assert!(dropped > 0);
    server.clear_up();
    let accounting = client.finish(PATIENCE);
    assert_eq!(accounting.unconfirmed, 0);
    assert_eq!(accounting.rows, accounting.accepted + accounting.dropped);
    assert_eq!(accounting.measurements, built);
    let known = server.known.lock().unwrap();
    assert!(known.declared("rows_dropped").values().sum::<u64>() > 0);
    // Heartbeats went with the rows, and were said again: each minute knows of its losses.
    let declared = known.declared("rows_built");
    assert!((1000..1016).all(|minute| declared[&minute] > 2000), "{declared:?}");
    assert_eq!(declared.values().sum::<u64>(), accounting.rows);
    assert_eq!(known.declared("measurements").values().sum::<u64>(), built);
}

#[test]
fn the_last_client_flushes_when_it_goes() {
    let (server, clock) = (Server::new(Weather::default(), 1), Hand::new());
    let client = builder(&server, &clock).build().unwrap();
    let bound = client.counter("M").bind(&[]);
    let other = client.clone();
    bound.add(3);
    drop(client);
    assert!(server.known.lock().unwrap().rows.is_empty());
    drop(other);
    assert_eq!(server.known.lock().unwrap().rows[&key(1000, "M", "")].sum(), Number::Int(3));
}

#[test]
fn a_wait_that_ends_says_what_is_unconfirmed() {
    let (server, clock) = (Server::new(Weather { away: true, ..Weather::default() }, 1), Hand::new());
    let client = builder(&server, &clock).drop_timeout(Duration::ZERO).build().unwrap();
    client.counter("M").add(1, &[]);
    let accounting = client.finish(Duration::from_millis(20));
    assert_eq!((accounting.rows, accounting.unconfirmed, accounting.accepted), (7, 7, 0));
}

#[test]
fn settings_that_cannot_be_are_named() {
    let said = |builder: Builder| builder.build().map(|_| ()).unwrap_err().to_string();
    assert_eq!(said(Client::builder().account("")), "account `` has 0 bytes, must have 1 to 128");
    assert!(
        said(Client::builder().queue_bytes_max(1))
            .starts_with("queue_bytes_max is 1, must be at least 4194304")
    );
    assert!(said(Client::builder().endpoint("no url")).starts_with("endpoint `no url` is not a URL"));
    assert!(said(Client::builder().endpoint("host:4317")).contains("does not begin with http://"));
    assert!(said(Client::builder().series_max(0)).starts_with("series_max is 0"));
    assert_eq!(said(Client::builder().host("h".repeat(1025))), "host has 1025 bytes, must have at most 1024");
}
