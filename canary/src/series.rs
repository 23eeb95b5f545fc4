//! What the canary found out, as series like any other, in the account `sluice`. They stand in the minute in which it
//! was found out, one after the minute that is meant: so alert rules see them at its seal.

use client::Client;
use model::{Aggregate, Minute, Number, Scalars};

use crate::hops::Hops;
use crate::minute::Watched;

const HOP_MS: &str = "sluice.canary.hop_ms";
const MINUTES: &str = "sluice.canary.minutes";
const COMPLETENESS: &str = "sluice.canary.completeness";

pub(crate) fn publish(client: &Client, watched: &Watched, now: Minute) {
    for (partition, part) in watched.parts.iter().enumerate() {
        let partition = partition.to_string();
        hops(client, &part.hops, &partition, now);
        let one = Aggregate::of(Scalars::of(Number::Int(1)));
        put(client, MINUTES, &[("partition", &partition), ("verdict", part.verdict.name())], now, &one);
    }
    hops(client, &watched.asking, "", now);
    if let Some(ratio) = watched.completeness.and_then(Number::from_f64) {
        put(client, COMPLETENESS, &[], now, &Aggregate::of(Scalars::of(ratio)));
    }
}

/// Without a partition it is the query path's.
fn hops(client: &Client, hops: &Hops, partition: &str, now: Minute) {
    for (hop, times) in hops.iter() {
        put(client, HOP_MS, &[("partition", partition), ("hop", hop.name())], now, times);
    }
}

fn put(client: &Client, metric: &str, dims: &[(&str, &str)], minute: Minute, aggregate: &Aggregate) {
    if let Err(refusal) = client.publish_at(metric, dims, minute, aggregate) {
        tracing::warn!(%metric, %refusal, "the canary cannot publish what it found out");
    }
}
