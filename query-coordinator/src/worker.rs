//! Who answers for a partition, here or at another node, and the lease of one of its states.
//!
//! In:    what is wanted of a partition; jobs.
//! Out:   a lease: a state that does not change, on which jobs run one after the other until it is dropped.
//! Never: an answer of two states. Where nobody waits any more for what is at work, it ends.

use std::sync::Arc;

use model::{Minute, MinuteRange};
use proto::v1;
use tokio::time::Instant;

use crate::budget::{Budget, JobError};
use crate::local::{Local, LocalLease};
use crate::partition::{PublisherRows, Reading};
use crate::remote::{Remote, RemoteLease};
use crate::wire::Wire;

/// What a lease is to hold.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What has come in for minutes that are not sealed, too.
    pub(crate) include_open: bool,
    /// (account, metric) that will be read; all of them when there are none.
    pub(crate) metrics: Vec<(String, String)>,
    /// Whose rows are counted, and when.
    pub(crate) account: String,
    pub(crate) range: MinuteRange,
    /// Nobody will ask any more by then.
    pub(crate) until: Instant,
}

/// What a state says about itself; completeness is made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) sealed_through: Option<Minute>,
    pub(crate) rows_known_from: Minute,
    /// Rows applied by minute, ascending; minutes without any are left out.
    pub(crate) rows_applied: Vec<(Minute, u64)>,
}

/// Who answers for a partition.
pub(crate) enum Worker {
    Here(Local),
    Away(Remote),
}

/// A state of a partition, for as long as it is held.
pub(crate) enum Lease {
    Here(LocalLease),
    Away(RemoteLease),
}

// === impl Worker ===

impl Worker {
    pub(crate) async fn pin(self, wanted: Arc<Wanted>) -> Result<Lease, JobError> {
        match self {
            Self::Here(local) => local.pin(wanted).await.map(Lease::Here),
            Self::Away(remote) => remote.pin(wanted).await.map(Lease::Away),
        }
    }

    pub(crate) async fn publisher(self, publisher: u128, epoch: u64) -> Result<PublisherRows, JobError> {
        match self {
            Self::Here(local) => local.publisher(publisher, epoch).await,
            Self::Away(remote) => remote.publisher(publisher, epoch).await,
        }
    }

    pub(crate) async fn alerts(self) -> Result<v1::PartitionAlerts, JobError> {
        match self {
            Self::Here(local) => local.alerts().await,
            Self::Away(remote) => remote.alerts().await,
        }
    }

    pub(crate) async fn health(self) -> Result<v1::PartitionHealth, JobError> {
        match self {
            Self::Here(local) => local.health().await,
            Self::Away(remote) => remote.health().await,
        }
    }
}

// === impl Lease ===

impl Lease {
    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::Here(lease) => lease.facts(),
            Self::Away(lease) => lease.facts(),
        }
    }

    /// What may be missing in what was answered so far.
    pub(crate) fn caveat(&self) -> Option<String> {
        match self {
            Self::Here(lease) => lease.caveat(),
            Self::Away(lease) => lease.caveat(),
        }
    }

    /// The node that gave it, if it is another one.
    pub(crate) fn node(&self) -> Option<String> {
        match self {
            Self::Here(_) => None,
            Self::Away(lease) => Some(lease.node()),
        }
    }

    pub(crate) async fn run<J: Wire>(&self, job: Arc<J>, budget: Arc<Budget>) -> Result<J::Answer, JobError> {
        match self {
            Self::Here(lease) => lease.run(job, budget).await,
            Self::Away(lease) => lease.run(job, budget).await,
        }
    }
}

// === impl Facts ===

impl Facts {
    pub(crate) fn of(reading: &dyn Reading, wanted: &Wanted) -> Self {
        let rows_known_from = reading.rows_known_from();
        let known = MinuteRange::new(wanted.range.from.max(rows_known_from), wanted.range.to);
        Self {
            sealed_through: reading.sealed_through(),
            rows_known_from,
            rows_applied: reading.rows_applied_in(&wanted.account, known),
        }
    }

    pub(crate) fn rows_applied(&self, minute: Minute) -> u64 {
        let at = self.rows_applied.binary_search_by_key(&minute, |(minute, _)| *minute);
        at.map_or(0, |at| self.rows_applied[at].1)
    }
}
