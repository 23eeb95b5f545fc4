//! A small table that all see: a compacted topic of one partition, the newest row of each key.
//!
//! In:    rows of this process.
//! Out:   the rows of all, as far as they are known; the place of each in the topic.
//! Kept:  every row, in memory. While Kafka is away the last ones that were read.
//! Never: for much: tens of nodes, a row each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, NoCustomPartitioner, Producer as _, ProducerContext,
    PurgeConfig,
};
use rdkafka::{ClientContext, config::RDKafkaLogLevel};
use rdkafka::{Offset as Position, TopicPartitionList};

use super::config::KafkaConfig;
use super::reader::Weather;
use super::{OpenError, tell};
use crate::log::Offset;

const POLL: Duration = Duration::from_millis(100);
/// Never joined, never committed to; see `reader`.
const GROUP: &str = "sluice-reads-by-position";

/// A row as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the topic: the later of two writes has the higher one, whoever wrote them.
    pub offset: Offset,
    /// What its writer put there.
    pub value: Vec<u8>,
}

/// See the module.
pub struct KafkaTable {
    topic: String,
    producer: BaseProducer<Puts>,
    rows: Arc<Mutex<BTreeMap<String, Row>>>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Runs with the place of a row once it is durable, or with why it is not known to be.
pub type Put = Box<dyn FnOnce(Result<Offset, String>) + Send>;

struct Puts;

// === impl KafkaTable ===

impl KafkaTable {
    /// Begins to read the topic. The cluster need not be there.
    ///
    /// # Errors
    /// When librdkafka refuses the configuration, or there can be no more threads.
    pub fn open(config: &KafkaConfig) -> Result<Arc<Self>, OpenError> {
        let producer = BaseProducer::from_config_and_context(&config.producer(), Puts)?;
        let consumer = reader(config)?;
        let (rows, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (topic, thread) = (config.topic.clone(), Mutex::default());
        let table = Arc::new(Self { topic, producer, rows, stop, thread });
        let (rows, stop, weak) = (Arc::clone(&table.rows), Arc::clone(&table.stop), Arc::downgrade(&table));
        let run = move || {
            while !stop.load(Ordering::Acquire) {
                // What this process has put is heard of on the same thread.
                weak.upgrade().into_iter().for_each(|table| table.producer.poll(Duration::ZERO));
                take(&consumer, &rows);
            }
        };
        let thread =
            thread::Builder::new().name("kafka-table".to_owned()).spawn(run).map_err(OpenError::Thread)?;
        *table.thread.lock() = Some(thread);
        Ok(table)
    }

    /// Writes the row of a key; `None` removes it. Never blocks.
    pub fn put(&self, key: &str, value: Option<&[u8]>, done: Put) {
        let done = Box::new(Mutex::new(Some(done)));
        let mut message: BaseRecord<'_, str, [u8], _> =
            BaseRecord::with_opaque_to(&self.topic, done).partition(0).key(key);
        message.payload = value;
        if let Err((error, message)) = self.producer.send(message) {
            tell_done(&message.delivery_opaque, Err(error.to_string()));
        }
    }

    /// What is known: the newest row of each key.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<String, Row> {
        self.rows.lock().clone()
    }

    /// Waits for what was put, but not longer than this, and ends.
    pub fn close(&self, patience: Duration) {
        // What is not through by then is given up below.
        let _late = self.producer.flush(patience);
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.lock().take() else { return };
        if thread.thread().id() != thread::current().id() {
            drop(thread.join());
        }
    }
}

impl Drop for KafkaTable {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}

impl std::fmt::Debug for KafkaTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaTable").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// From the first row on.
fn reader(config: &KafkaConfig) -> Result<BaseConsumer<Weather>, KafkaError> {
    let mut client = config.consumer();
    // A topic that was made anew is read anew: rows are written again and again, so none is missed for long.
    client.set("group.id", GROUP).set("auto.offset.reset", "earliest");
    let consumer = BaseConsumer::from_config_and_context(&client, Weather::default())?;
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(&config.topic, 0, Position::Beginning)?;
    consumer.assign(&list)?;
    Ok(consumer)
}

fn take(consumer: &BaseConsumer<Weather>, rows: &Mutex<BTreeMap<String, Row>>) {
    match consumer.poll(POLL) {
        None => {}
        Some(Err(error)) => tracing::debug!(%error, "a table's reader met an error"),
        Some(Ok(message)) => {
            let Some(key) = message.key().and_then(|key| std::str::from_utf8(key).ok()) else { return };
            let offset = message.offset().max(0).cast_unsigned();
            match message.payload() {
                None => {
                    rows.lock().remove(key);
                }
                Some(value) => {
                    rows.lock().insert(key.to_owned(), Row { offset, value: value.to_vec() });
                }
            }
        }
    }
}

fn tell_done(done: &Mutex<Option<Put>>, outcome: Result<Offset, String>) {
    if let Some(done) = done.lock().take() {
        done(outcome);
    }
}

// === impl Puts ===

impl ClientContext for Puts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "a table's producer met an error");
    }
}

impl ProducerContext<NoCustomPartitioner> for Puts {
    type DeliveryOpaque = Box<Mutex<Option<Put>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, done: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(message) => {
                Offset::try_from(message.offset()).map_err(|_| "its place is not known".to_owned())
            }
            Err((error, _)) => Err(error.to_string()),
        };
        tell_done(&done, outcome);
    }
}
