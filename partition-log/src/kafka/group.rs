//! Who of a zone owns which partition, as Kafka's group protocol says it.
//!
//! In:    the word of the group's coordinator.
//! Out:   to an [`Owner`]: partitions that are its own now, and partitions that are no more.
//! Kept:  the membership, for as long as this lives.
//! Never: a record, or a position. Members read by positions of their own; nothing is fetched or committed here.
//!
//! Cooperative and sticky: a partition moves only when it must, and the others go on meanwhile. Static: a member that comes back
//! under its name within the session finds what it had. When it does not, the others have its partitions after
//! [`SESSION`]. A member that has lost its session without knowing (it stood still) hears of it when it runs again; until then two
//! believe that they own a partition, which must do no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;

use super::config::KafkaConfig;
use super::{OpenError, tell};

/// A member that is silent for so long has lost its partitions: the least that brokers allow by default.
pub const SESSION: Duration = Duration::from_secs(6);
const HEARTBEAT: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(100);

/// Who is told. Both calls hold up the group's protocol, so they must be short; what takes long is done elsewhere.
pub trait Owner: Send + Sync + 'static {
    /// These are its own from now on.
    fn assigned(&self, partitions: &[u32]);
    /// These are not any more. Somebody else has them when this returns, or earlier.
    fn revoked(&self, partitions: &[u32]);
}

/// A membership. It ends when dropped.
pub struct Membership {
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Calls {
    owner: Arc<dyn Owner>,
}

// === impl Membership ===

impl Membership {
    /// Joins `group` as `member`, a name that no other has. The cluster need not be there: it is joined when it comes.
    ///
    /// # Errors
    /// When librdkafka refuses the configuration, or there can be no more threads.
    pub fn join(
        config: &KafkaConfig,
        group: &str,
        member: &str,
        owner: Arc<dyn Owner>,
    ) -> Result<Self, OpenError> {
        let mut client = config.consumer();
        client
            .set("group.id", group)
            .set("group.instance.id", member)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", SESSION.as_millis().to_string())
            .set("heartbeat.interval.ms", HEARTBEAT.as_millis().to_string())
            // Nothing is read through the group.
            .set("auto.offset.reset", "latest");
        let consumer = BaseConsumer::from_config_and_context(&client, Calls { owner })?;
        consumer.subscribe(&[&config.topic])?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let run = move || {
            while !stopped.load(Ordering::Acquire) {
                if let Some(Err(error)) = consumer.poll(POLL) {
                    tracing::debug!(%error, "the group's consumer met an error");
                }
            }
        };
        let thread =
            thread::Builder::new().name("kafka-group".to_owned()).spawn(run).map_err(OpenError::Thread)?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Stops taking part. The owner hears that its partitions are revoked before this returns.
    pub fn leave(&self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.lock().take() {
            drop(thread.join());
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leave();
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").finish_non_exhaustive()
    }
}

// === impl Calls ===

impl ClientContext for Calls {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the group's consumer met an error");
    }
}

impl ConsumerContext for Calls {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            self.owner.revoked(&numbers(list));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            if let Err(why) = consumer.pause(list) {
                tracing::warn!(%why, "cannot keep the group's consumer from fetching");
            }
            self.owner.assigned(&numbers(list));
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<u32> {
    list.elements().iter().map(|element| element.partition().max(0).cast_unsigned()).collect()
}
