//! Rows 1 and 2 of the targets, beside OpenTelemetry Rust in the same run: a JSON line each.
//!
//! Both sides merge in memory and nothing is sent while it is measured. Ours keeps sum, count, min and max of each series;
//! the peer's counter keeps the sum
//! alone.
//! A B A B, medians of the rounds; two threads: each with its own handle, ns is the thread's own
//! CPU time a measurement, so two threads that do not disturb each other show the same figure as one.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use client::{Client, Packet, Receipt, Sending, Transport};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

const ROUNDS: usize = 5;
const BOUND: u64 = 40_000_000;
const DYNAMIC: u64 = 4_000_000;
const DIMS: [(&str, &str); 5] =
    [("Api", "GetItem"), ("Region", "WestUS2"), ("Sku", "Standard"), ("Status", "200"), ("Vm", "vm-000042")];

/// Takes everything at once.
struct Nowhere;

impl Transport for Nowhere {
    fn publish(&self, packet: Packet, _: Duration) -> Sending {
        let receipt = Receipt { accepted: packet.rows, ..Receipt::default() };
        Box::pin(async move { Ok(receipt) })
    }
}

/// The peer's twin of [`Nowhere`].
struct PeerNowhere;

impl PushMetricExporter for PeerNowhere {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn main() {
    let client = Client::builder().transport(Arc::new(Nowhere)).build().expect("the defaults are valid");
    let exporter = PeriodicReader::builder(PeerNowhere);
    let provider = SdkMeterProvider::builder()
        .with_reader(exporter.with_interval(Duration::from_secs(3600)).build())
        .build();
    let meter = provider.meter("bench");
    let (value, counter) = (client.value("Latency"), meter.u64_counter("Latency").build());
    let peer_dims = || DIMS.map(|(name, dim)| KeyValue::new(name, dim));

    let bound = |threads| {
        each_thread(threads, BOUND, |_| {
            let handle = value.bind(&DIMS);
            move |n| handle.record((n & 1023) as f64)
        })
    };
    let peer_bound = |threads| {
        each_thread(threads, BOUND, |_| {
            let handle = counter.bind(&peer_dims());
            move |n| handle.add(n & 1023)
        })
    };
    let dynamic = |threads| {
        each_thread(threads, DYNAMIC, |_| {
            let value = value.clone();
            move |n| value.record((n & 1023) as f64, black_box(&DIMS))
        })
    };
    let peer_dynamic = |threads| {
        each_thread(threads, DYNAMIC, |_| {
            let counter = counter.clone();
            move |n| counter.add(n & 1023, black_box(&peer_dims()))
        })
    };
    for threads in [1, 2] {
        report("client_record_bound", threads, &bound, &peer_bound);
        report("client_record_dynamic_5_dims", threads, &dynamic, &peer_dynamic);
    }
    client.finish(Duration::from_secs(1));
}

/// What this thread has run: other programs on the machine do not count. In steps of a few ms.
fn cpu_time() -> Duration {
    let stat =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells what a thread has run");
    let nanos = stat.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.expect("the first number is nanoseconds"))
}

/// CPU nanoseconds a call, of the slowest thread.
fn each_thread<R: Fn(u64) + Send>(threads: usize, calls: u64, make: impl Fn(usize) -> R) -> f64 {
    let records: Vec<R> = (0..threads).map(make).collect();
    thread::scope(|scope| {
        let running: Vec<_> = records
            .into_iter()
            .map(|record| {
                scope.spawn(move || {
                    record(1); // the first one finds the series
                    let began = cpu_time();
                    (0..calls).for_each(|n| record(black_box(n)));
                    (cpu_time() - began).as_nanos() as f64 / calls as f64
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap_or(f64::NAN)).fold(0.0, f64::max)
    })
}

fn report(stage: &str, threads: usize, ours: &dyn Fn(usize) -> f64, peer: &dyn Fn(usize) -> f64) {
    let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (ours(threads), peer(threads))).collect();
    let (ours, peer) = (median(&mut rounds, |round| round.0), median(&mut rounds, |round| round.1));
    println!(
        r#"{{"stage":"{stage}","threads":{threads},"figure":{ours:.2},"unit":"cpu ns/record","peer":"opentelemetry_sdk 0.33 u64 counter (sum only)","peer_figure":{peer:.2},"ratio":{:.2},"cores":{}}}"#,
        peer / ours,
        thread::available_parallelism().map_or(0, usize::from)
    );
}

fn median(rounds: &mut [(f64, f64)], of: impl Fn(&(f64, f64)) -> f64) -> f64 {
    rounds.sort_by(|a, b| of(a).total_cmp(&of(b)));
    of(&rounds[rounds.len() / 2])
}
