//! A topic, as one process uses it: one producer, one watch, and as many readers as partitions are read.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::BaseConsumer;

use super::OpenError;
use super::config::KafkaConfig;
use super::reader::{Reader, Weather};
use super::sender::Sender;
use super::state::PartitionState;
use super::watch;
use crate::log::{Ack, Entry, Offset, PartitionLog, ReadError, ReleaseError};

/// A topic. Its logs hold it; it ends with the last of them, or when it is closed.
pub struct KafkaTopic {
    config: KafkaConfig,
    partitions: Vec<Arc<PartitionState>>,
    sender: Sender,
    watch: Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>,
}

/// One partition of a topic.
pub struct KafkaLog {
    topic: Arc<KafkaTopic>,
    partition: Arc<PartitionState>,
    /// Made at the first read.
    reader: Mutex<Option<Reader>>,
}

// === impl KafkaTopic ===

impl KafkaTopic {
    /// Starts to look for the cluster. It need not be there: until it is, appends are refused and reads give nothing.
    ///
    /// # Errors
    /// When the configuration cannot be used, or there can be no more threads.
    pub fn open(config: KafkaConfig) -> Result<Arc<Self>, OpenError> {
        config.check()?;
        let now = Instant::now();
        let partitions: Vec<_> =
            (0..config.partitions).map(|number| Arc::new(PartitionState::new(number, now))).collect();
        let sender = Sender::start(config.clone())?;
        let watch = Mutex::new(Some(start_watch(&config, partitions.clone())?));
        Ok(Arc::new(Self { config, partitions, sender, watch }))
    }

    /// The log of a partition; `None` when there is no such.
    #[must_use]
    pub fn log(self: &Arc<Self>, partition: u32) -> Option<KafkaLog> {
        let state = Arc::clone(self.partitions.get(partition as usize)?);
        Some(KafkaLog { topic: Arc::clone(self), partition: state, reader: Mutex::default() })
    }

    /// Why the topic cannot be used, of the first partition of which that is so.
    #[must_use]
    pub fn away(&self) -> Option<String> {
        self.partitions.iter().find_map(|partition| partition.away())
    }

    /// Takes nothing more, and returns when all acks have run. So does dropping it.
    pub fn close(&self) {
        self.partitions.iter().for_each(|partition| partition.gate.lock().close("it is closed"));
        self.sender.close();
        let Some((stop, thread)) = self.watch.lock().take() else { return };
        drop(stop);
        if thread.thread().id() != thread::current().id() {
            drop(thread.join());
        }
    }

    /// Looks at once instead of within a second.
    fn look(&self) {
        if let Some((watch, _)) = &*self.watch.lock() {
            // One look that waits already is as good.
            let _full = watch.try_send(());
        }
    }
}

fn start_watch(
    config: &KafkaConfig,
    partitions: Vec<Arc<PartitionState>>,
) -> Result<(SyncSender<()>, JoinHandle<()>), OpenError> {
    let consumer = BaseConsumer::from_config_and_context(&config.consumer(), Weather::default())?;
    let (stop, stopped): (_, Receiver<()>) = sync_channel(1);
    let config = config.clone();
    let run = move || watch::run(&config, &consumer, &partitions, &stopped);
    let thread =
        thread::Builder::new().name("kafka-watch".to_owned()).spawn(run).map_err(OpenError::Thread)?;
    Ok((stop, thread))
}

impl Drop for KafkaTopic {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for KafkaTopic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaTopic").field("config", &self.config).finish_non_exhaustive()
    }
}

// === impl KafkaLog ===

impl PartitionLog for KafkaLog {
    fn append(&self, record: Bytes, ack: Ack) {
        self.topic.sender.append(&self.partition, &record, ack);
    }

    fn start(&self) -> Offset {
        self.partition.marks().map_or(0, |marks| marks.start)
    }

    fn end(&self) -> Offset {
        self.partition.marks().map_or(0, |marks| marks.end)
    }

    fn unknown(&self) -> Option<String> {
        if self.partition.ask_for_ends() {
            self.topic.look();
        }
        let why =
            || self.partition.away().unwrap_or_else(|| "Kafka has not said yet where it ends".to_owned());
        self.partition.marks().is_none().then(why)
    }

    fn stopped(&self) -> Option<String> {
        self.partition.gate.lock().stopped(Instant::now()).or_else(|| self.partition.away())
    }

    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        if self.partition.ask_for_ends() {
            self.topic.look();
        }
        let mut reader = self.reader.lock();
        if reader.is_none() {
            match Reader::new(&self.topic.config) {
                Ok(made) => *reader = Some(made),
                Err(why) => tracing::error!(%why, "cannot make a Kafka consumer"),
            }
        }
        match (&mut *reader, self.partition.wait_known(wait)) {
            (Some(reader), Some(_)) => reader.read(&self.partition, from, bytes_max, wait),
            _ => Ok(Vec::new()),
        }
    }

    /// Frees nothing. Other zones read the same topic, and one that is behind still needs what this one has done with: what
    /// goes, and when, is for the topic's retention to say.
    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        let end = self.end();
        if before > end { Err(ReleaseError::BeyondEnd { before, end }) } else { Ok(()) }
    }
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog").field("partition", &self.partition.number).finish_non_exhaustive()
    }
}
