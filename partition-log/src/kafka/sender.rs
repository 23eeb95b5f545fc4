//! The one producer of a process: it sends records, and acks what all replicas in sync have.
//!
//! In:    records that have a place in their partition's gate.
//! Out:   acks, from one thread, in the order of offsets.
//! Kept:  what waits for its ack, in librdkafka's queues.
//! Never: blocks its caller; says that a record is not there when it may be.
//!
//! # What a failure means
//! An idempotent producer sends again until the ack timeout, and the brokers drop what they have already. After that, or
//! after an error that librdkafka calls fatal (the brokers' idea of the sequence and ours have parted), a record that was
//! sent may be in the log or may still get there: it is [`AppendError::Unconfirmed`]. One that never left the queue is
//! [`AppendError::Away`]. Senders try either again under the same identity, and islands know it again. After a fatal error the producer
//! is made anew, once the old one has answered for everything: so acks stay in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext,
    PurgeConfig,
};

use super::config::{KafkaConfig, MESSAGE_BYTES_MAX};
use super::state::PartitionState;
use super::{OpenError, tell};
use crate::log::{Ack, AppendError, Offset};

/// How long the thread listens for acks before it looks whether it is to end.
const POLL: Duration = Duration::from_millis(100);
/// A producer that cannot be made is tried again after as long.
const RENEW_AFTER: Duration = Duration::from_secs(1);

type Producer = BaseProducer<Acks>;

/// See the module.
pub(super) struct Sender {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    config: KafkaConfig,
    /// `None` while it is made anew.
    producer: RwLock<Option<Arc<Producer>>>,
    stop: AtomicBool,
}

/// A record that nobody has answered for yet.
struct Pending {
    partition: Arc<PartitionState>,
    bytes: usize,
    /// Within a lock only because librdkafka wants what it carries to be shareable.
    ack: Mutex<Option<Ack>>,
}

/// What librdkafka calls back.
struct Acks;

// === impl Sender ===

impl Sender {
    pub(super) fn start(config: KafkaConfig) -> Result<Self, OpenError> {
        let producer = make(&config)?;
        let producer = RwLock::new(Some(Arc::new(producer)));
        let shared = Arc::new(Shared { config, producer, stop: AtomicBool::new(false) });
        let owner = Arc::clone(&shared);
        let thread = thread::Builder::new().name("kafka-acks".to_owned()).spawn(move || owner.run());
        Ok(Self { shared, thread: Mutex::new(Some(thread.map_err(OpenError::Thread)?)) })
    }

    /// Sends it, or refuses it on this thread.
    pub(super) fn append(&self, partition: &Arc<PartitionState>, record: &Bytes, ack: Ack) {
        if let Err(refusal) = partition.admit(record.len(), Instant::now()) {
            return ack(Err(refusal));
        }
        let (bytes, partition) = (record.len(), Arc::clone(partition));
        self.shared.send(record, Box::new(Pending { partition, bytes, ack: Mutex::new(Some(ack)) }));
    }

    /// Returns when everything that waits has been answered for. Gates must be closed.
    pub(super) fn close(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.lock().take() else { return };
        // An ack may hold the last handle: the thread cannot wait for itself, and ends by itself.
        if thread.thread().id() != thread::current().id() {
            drop(thread.join());
        }
    }
}

// === impl Shared ===

impl Shared {
    fn send(&self, record: &Bytes, pending: Box<Pending>) {
        let Some(producer) = self.producer.read().clone() else {
            return pending.settle(Err(AppendError::Away("its producer starts anew".to_owned())));
        };
        let number = pending.partition.number.cast_signed();
        let message: BaseRecord<'_, (), [u8], _> =
            BaseRecord::with_opaque_to(&self.config.topic, pending).partition(number).payload(record);
        if let Err((error, message)) = producer.send(message) {
            message.delivery_opaque.settle(Err(AppendError::Away(error.to_string())));
        }
    }

    fn run(&self) {
        while !self.stop.load(Ordering::Acquire) {
            let Some(producer) = self.producer.read().clone() else {
                thread::sleep(RENEW_AFTER);
                self.renew();
                continue;
            };
            producer.poll(POLL);
            if let Some((code, why)) = producer.client().fatal_error() {
                tracing::error!(%code, %why, "the Kafka producer has failed and is made anew");
                *self.producer.write() = None;
                self.finish(&producer, Duration::ZERO);
                drop(producer);
                self.renew();
            }
        }
        if let Some(producer) = self.producer.write().take() {
            self.finish(&producer, self.config.ack_timeout);
        }
    }

    /// Waits for what is under way, then gives it up. Every record is answered for.
    fn finish(&self, producer: &Producer, patience: Duration) {
        let until = Instant::now() + patience;
        while producer.in_flight_count() > 0 && Instant::now() < until {
            producer.poll(POLL);
        }
        producer.purge(PurgeConfig::default().queue().inflight());
        while producer.in_flight_count() > 0 {
            producer.poll(POLL);
        }
    }

    fn renew(&self) {
        match make(&self.config) {
            Ok(producer) => *self.producer.write() = Some(Arc::new(producer)),
            Err(why) => tracing::error!(%why, "cannot make a Kafka producer"),
        }
    }
}

fn make(config: &KafkaConfig) -> Result<Producer, KafkaError> {
    Producer::from_config_and_context(&config.producer(), Acks)
}

// === impl Pending ===

impl Pending {
    /// Gives the place back, and tells the sender.
    fn settle(&self, outcome: Result<Offset, AppendError>) {
        let said = outcome.as_ref().map(drop).map_err(ToString::to_string);
        self.partition.gate.lock().settled(self.bytes, said, Instant::now());
        if let Ok(offset) = outcome {
            self.partition.saw(offset);
        }
        let Some(ack) = self.ack.lock().take() else { return };
        // A bug of the ack's owner must not take the acks of all others along.
        if catch_unwind(AssertUnwindSafe(|| ack(outcome))).is_err() {
            tracing::error!(partition = self.partition.number, "BUG: an ack panicked");
        }
    }
}

// === impl Acks ===

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the Kafka producer met an error");
    }
}

impl ProducerContext<NoCustomPartitioner> for Acks {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let outcome = match result {
            Ok(message) => Offset::try_from(message.offset()).map_err(|_| offset_unknown()),
            Err((error, _)) => Err(refusal(error, pending.bytes)),
        };
        pending.settle(outcome);
    }
}

/// The brokers had the record already and do not remember where: it is durable, but nobody can be told its place.
fn offset_unknown() -> AppendError {
    AppendError::Unconfirmed("the brokers have it and do not say where".to_owned())
}

fn refusal(error: &KafkaError, bytes: usize) -> AppendError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => AppendError::Away(format!(
            "the topic takes no record of {bytes} bytes: set its max.message.bytes to {MESSAGE_BYTES_MAX} or more"
        )),
        // It never left the queue.
        Some(RDKafkaErrorCode::PurgeQueue) => AppendError::Away("its producer has failed".to_owned()),
        Some(
            code @ (RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed),
        ) => AppendError::Away(code.to_string()),
        Some(code) => AppendError::Unconfirmed(code.to_string()),
        None => AppendError::Unconfirmed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_there_is_never_called_absent() {
        check(RDKafkaErrorCode::MessageTimedOut, "the log did not confirm");
        check(RDKafkaErrorCode::PurgeInflight, "the log did not confirm");
        check(RDKafkaErrorCode::NotEnoughReplicasAfterAppend, "the log did not confirm");
        check(RDKafkaErrorCode::Fatal, "the log did not confirm");
        check(RDKafkaErrorCode::PurgeQueue, "the log is away: its producer has failed");
        check(RDKafkaErrorCode::MessageSizeTooLarge, "set its max.message.bytes to 16842752 or more");
    }

    #[track_caller]
    fn check(code: RDKafkaErrorCode, expected: &str) {
        let said = refusal(&KafkaError::MessageProduction(code), 7).to_string();
        assert!(said.contains(expected), "{said}");
    }
}
