//! Brings what the islands put out at their seals to the partitions that it is for: through the frontend, as any
//! publisher's batches.
//!
//! In:    Views. Out: batches, stamped by partition and seal; then the islands are told what has arrived.
//! Kept:  by partition, up to which seal everything has arrived.
//! Lost on a crash: that. What the islands' logs do not say has arrived is sent again, and known by its stamp.
//! Never: a seal's batches before those of the seals before it have arrived: to whom they come, a sequence far below the
//!        newest is old, and taken for a duplicate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aggregator::PutOut;
use frontend::Frontend;
use model::PublisherId;
use partition_log::Offset;
use proto::v1;
use tokio::sync::watch;

use super::{House, ended, unix_now};

/// How often Views are looked at; they change once a minute.
const EVERY: Duration = Duration::from_secs(1);

/// Runs until the word to end.
pub(super) async fn keep(house: House, stopped: watch::Receiver<()>) {
    let mut ended = std::pin::pin!(ended(stopped));
    let mut arrived = BTreeMap::new();
    let Some(frontend) = house.frontend.clone() else { return };
    loop {
        for island in house.partitions.islands() {
            let (partition, view) = (island.partition(), island.view());
            let before = arrived.get(&partition).copied();
            if let Some(through) = forward(&frontend, partition, &view.put_out, before).await {
                arrived.insert(partition, through);
                island.delivered(through);
            }
        }
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What a partition has put out after the seal `arrived`, until something is not taken: that is tried again. Up to which
/// seal everything has arrived now, if that is more than before.
async fn forward(
    frontend: &Frontend,
    partition: u32,
    put_out: &[Arc<PutOut>],
    arrived: Option<Offset>,
) -> Option<Offset> {
    let mut now = None;
    for one in put_out.iter().filter(|one| Some(one.seal) > arrived) {
        if let Err(why) = send(frontend, partition, one).await {
            let seal = one.seal;
            tracing::warn!(partition, seal, %why, "what was put out has not arrived: it is sent again");
            break;
        }
        now = Some(one.seal);
    }
    now
}

async fn send(frontend: &Frontend, partition: u32, one: &PutOut) -> Result<(), String> {
    for batch in &one.batches {
        let batch = stamped(partition, one.seal, batch);
        let reply = frontend.publish(std::slice::from_ref(&batch), unix_now()).await;
        let reply = reply.map_err(|why| why.to_string())?;
        for reply in reply.batches {
            let why = reply.refusals.first().map_or("", |refusal| &*refusal.message);
            if reply.only_this_try {
                return Err(why.to_owned());
            }
            if reply.refused > 0 {
                // The frontend has counted them, by account and reason; they will be refused again.
                tracing::warn!(partition, rows = reply.refused, why, "transitions of alerts are refused");
            }
        }
    }
    Ok(())
}

fn stamped(partition: u32, seal: Offset, batch: &v1::Batch) -> v1::Batch {
    // A NUL, so that nobody is named so by a person.
    let publisher = PublisherId::named(&format!("\0island {partition}"));
    let publisher = publisher.0.to_be_bytes().to_vec().into();
    v1::Batch { publisher, epoch: 0, sequence: seal, ..batch.clone() }
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
