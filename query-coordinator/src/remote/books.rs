//! Rows applied in partitions of which a query wants nothing else: one question a node, and nothing is held for it.
//!
//! In:    partitions. Out: rows by minute, summed; and which partitions did not say.
//! Never: asked twice of one node. Where it fails, another that has the partition is asked, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Minute;
use proto::v1;
use tokio::time::{Instant, timeout};

use super::node::{Node, words};
use super::{Fleet, elsewhere};
use crate::budget::JobError;
use crate::limits::SILENT_WAIT;
use crate::partition::PartitionError;
use crate::scatter::scatter;
use crate::wire::{failed, failure};
use crate::worker::{Facts, Wanted};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Of all of them.
    pub(crate) rows_known_from: Minute,
    rows_applied: BTreeMap<Minute, u64>,
    pub(crate) missing: BTreeMap<u32, JobError>,
}

/// Partitions, and who is asked about them.
type Share = (Arc<Node>, Vec<u32>);

/// Until then.
pub(crate) async fn books(fleet: &Fleet, partitions: Vec<u32>, wanted: &Wanted, until: Instant) -> Books {
    let (mut books, mut left) = (Books::default(), partitions);
    for _ in 0..2 {
        let shares: Vec<Share> = fleet.shares(&left);
        let asks = shares.iter().map(|(node, partitions)| ask(Arc::clone(node), request(wanted, partitions)));
        let done = scatter((0..).zip(asks).collect(), until).await;
        left.clear();
        for ((node, partitions), said) in shares.iter().zip(done.into_values()) {
            match said {
                Ok(reply) => books.add(partitions, reply, node),
                Err(why) => {
                    books.missing.extend(partitions.iter().map(|partition| (*partition, why.clone())));
                    left.extend(partitions);
                }
            }
        }
        if left.is_empty() {
            break;
        }
    }
    books
}

fn request(wanted: &Wanted, partitions: &[u32]) -> v1::BooksRequest {
    v1::BooksRequest { pin: Some(wanted.to_wire(0)), partitions: partitions.to_vec() }
}

async fn ask(node: Arc<Node>, request: v1::BooksRequest) -> Result<v1::BooksReply, JobError> {
    let was_silent = node.is_silent();
    let call = async {
        let waiting = node.wait_for();
        let reply = match node.client() {
            Ok(mut client) => client.books(request).await,
            Err(status) => Err(status),
        };
        waiting.heard(reply.is_ok());
        reply.map_err(|status| elsewhere(format!("{node}: {}", words(&status))))
    };
    let reply = if was_silent { timeout(SILENT_WAIT, call).await } else { Ok(call.await) };
    let reply = reply.unwrap_or_else(|_| Err(elsewhere(format!("{node}: silent, as before"))));
    reply.map(tonic::Response::into_inner)
}

/// What the partitions of this process say.
pub(super) fn sum(said: BTreeMap<u32, Result<Facts, JobError>>) -> v1::BooksReply {
    let mut books = Books::default();
    for (partition, facts) in said {
        match facts {
            Ok(facts) => books.add_facts(facts),
            Err(why) => drop(books.missing.insert(partition, why)),
        }
    }
    let missing = |(partition, why): (&u32, &JobError)| v1::BooksMissing {
        partition: *partition,
        failure: Some(failure(why)),
    };
    v1::BooksReply {
        rows_known_from: books.rows_known_from.0,
        applied_minutes: books.rows_applied.keys().map(|minute| minute.0).collect(),
        applied_rows: books.rows_applied.values().copied().collect(),
        missing: books.missing.iter().map(missing).collect(),
    }
}

// === impl Books ===

impl Books {
    pub(crate) fn rows_applied(&self, minute: Minute) -> u64 {
        self.rows_applied.get(&minute).copied().unwrap_or(0)
    }

    fn add(&mut self, partitions: &[u32], reply: v1::BooksReply, node: &Node) {
        self.missing.retain(|partition, _| !partitions.contains(partition));
        let pinned = v1::Pinned {
            rows_known_from: reply.rows_known_from,
            applied_minutes: reply.applied_minutes,
            applied_rows: reply.applied_rows,
            ..v1::Pinned::default()
        };
        let Some(facts) = Facts::from_wire(pinned) else {
            let why = elsewhere(format!("{node}: its answer cannot be used: its minutes do not ascend"));
            return self.missing.extend(partitions.iter().map(|partition| (*partition, why.clone())));
        };
        self.add_facts(facts);
        for v1::BooksMissing { partition, failure } in reply.missing {
            self.missing
                .insert(partition, partitions_only(failed(failure.unwrap_or_default(), &node.to_string())));
        }
    }

    fn add_facts(&mut self, facts: Facts) {
        self.rows_known_from = self.rows_known_from.max(facts.rows_known_from);
        for (minute, rows) in facts.rows_applied {
            let all = self.rows_applied.entry(minute).or_default();
            *all = all.saturating_add(rows);
        }
    }
}

/// What is read for completeness is no reason to refuse an answer.
fn partitions_only(why: JobError) -> JobError {
    match why {
        JobError::Query(why) => PartitionError::Elsewhere(why.to_string()).into(),
        other => other,
    }
}
