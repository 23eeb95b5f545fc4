//! A dead man's switch: a receiver is told every minute that all is well, and raises the alarm when it is not told. So
//! nothing here has to work for a failure to be noticed.
//!
//! In:    how the islands are; the canary's newest minute. Out: a POST a minute, while all is well.

use std::sync::Arc;
use std::time::Duration;

use canary::{MinuteReport, Report};
use serde_json::json;
use tokio::sync::watch;

use super::partitions::Partitions;
use super::{House, ended, unix_now};
use crate::webhook;

const EVERY: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);
/// The canary's newest minute may have ended as long ago: two minutes are under way, and one may be lost.
const MINUTE_AGE_MAX: Duration = Duration::from_secs(180);

/// Runs until the word to end.
pub(super) async fn keep(house: House, url: String, stopped: watch::Receiver<()>) {
    let mut ended = std::pin::pin!(ended(stopped));
    loop {
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let canary = house.canary_runs.then_some(&house.canary);
        match well(&house.partitions, canary) {
            Ok(()) => tell(url.clone()).await,
            Err(why) => tracing::warn!(%why, "the dead man's switch is not told that all is well"),
        }
    }
}

fn well(partitions: &Partitions, canary: Option<&Arc<Report>>) -> Result<(), String> {
    partitions.ready()?;
    canary.map_or(Ok(()), |report| minute_is_well(report.minutes().last(), unix_now()))
}

/// Doubt is well: the switch is for what is dead or wrong, and alerts are for the rest.
fn minute_is_well(newest: Option<&MinuteReport>, now: u64) -> Result<(), String> {
    let Some(newest) = newest else { return Err("the canary has judged no minute yet".to_owned()) };
    let age = now.saturating_sub(newest.minute.next().unix_seconds());
    if age > MINUTE_AGE_MAX.as_secs() {
        return Err(format!("the canary's newest minute ended {age} s ago"));
    }
    let bad = ["wrong", "missing"].iter().any(|verdict| newest.verdicts.contains_key(verdict));
    if bad { Err(newest.told.join("; ")) } else { Ok(()) }
}

async fn tell(url: String) {
    let body = json!({"status": "alive", "version": env!("CARGO_PKG_VERSION"), "time": unix_now()});
    let told = tokio::task::spawn_blocking(move || webhook::post(&url, &body, TIMEOUT)).await;
    if let Err(why) = told.unwrap_or_else(|why| Err(why.to_string())) {
        tracing::warn!(%why, "the dead man's switch was not reached");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::Minute;

    use super::*;

    #[track_caller]
    fn check(verdict: Option<&'static str>, age_seconds: u64, expected: Result<(), &str>) {
        let report = verdict.map(|verdict| MinuteReport {
            minute: Minute(100),
            verdicts: BTreeMap::from([(verdict, 1)]),
            hops: BTreeMap::new(),
            completeness: None,
            without_pulse: false,
            told: vec!["partition 0 is wrong".to_owned()],
        });
        let said = minute_is_well(report.as_ref(), Minute(101).unix_seconds() + age_seconds);
        match expected {
            Ok(()) => assert_eq!(said, Ok(())),
            Err(part) => assert!(said.unwrap_err().contains(part)),
        }
    }

    #[test]
    fn only_what_is_dead_or_wrong_is_not_well() {
        check(Some("right"), 180, Ok(()));
        check(Some("unknown"), 10, Ok(()));
        check(Some("right"), 181, Err("ended 181 s ago"));
        check(Some("wrong"), 10, Err("partition 0 is wrong"));
        check(Some("missing"), 10, Err("partition 0"));
        check(None, 0, Err("judged no minute yet"));
    }
}
