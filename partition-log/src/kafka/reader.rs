//! Reads one partition from positions that its caller names; never from a group's.
//!
//! In:    what Kafka has, from an offset on.
//! Out:   records without a gap, or why not.
//! Kept:  where it is; up to 4 MiB read ahead; the checksum of the last record that it gave, to know the log again by.
//! Never: skips a record, or goes on in another log than the one that it began with.
//!
//! A log that is away is weather: reads give nothing until it is back. After that, and whenever Kafka says something is wrong
//! with the partition, the last record is read once more: if it is another, the topic was made anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset as Position, TopicPartitionList};

use super::config::KafkaConfig;
use super::state::PartitionState;
use super::{tell, watch};
use crate::budget::Budget;
use crate::log::{Entry, Offset, ReadError};

/// Records that are there come within this, or the log is away.
const FETCH_WAIT: Duration = Duration::from_secs(10);
/// While it waits it looks as often whether the log is away.
const SLICE: Duration = Duration::from_millis(50);
/// A consumer that had no group could not be given a position. It never joins this one, nor commits to it.
const GROUP: &str = "sluice-reads-by-position";

/// See the module.
pub(super) struct Reader {
    config: KafkaConfig,
    consumer: BaseConsumer<Weather>,
    /// The record that is given next; `None` when the consumer has no position.
    next: Option<Offset>,
    /// Read, and did not fit. It is `next`.
    aside: Option<Entry>,
    /// The last record that was given, and its checksum.
    last: Option<(Offset, u32)>,
    /// How often the partition had shrunk when `last` was seen to be there.
    shrunk: u64,
}

/// What librdkafka says of the cluster.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// Something was wrong since that was looked at.
    is_bad: AtomicBool,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(config: &KafkaConfig) -> Result<Self, KafkaError> {
        let consumer = consumer(config)?;
        Ok(Self { config: config.clone(), consumer, next: None, aside: None, last: None, shrunk: 0 })
    }

    pub(super) fn read(
        &mut self,
        partition: &PartitionState,
        from: Offset,
        bytes_max: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, ReadError> {
        let until = Instant::now() + wait;
        if self.is_doubtful(partition) {
            self.next = None;
        }
        if self.next != Some(from) && !self.seek(partition, from)? {
            partition.wait_back(until);
            return Ok(Vec::new());
        }
        let (mut entries, mut budget) = (Vec::new(), Budget::new(bytes_max));
        loop {
            let entry = match self.take(partition, entries.is_empty(), until) {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(why) if entries.is_empty() => return Err(why),
                // First what there is; the next read meets it again.
                Err(_) => {
                    self.next = None;
                    break;
                }
            };
            if !budget.take(entry.record.len()) {
                self.aside = Some(entry);
                break;
            }
            self.next = Some(entry.offset + 1);
            entries.push(entry);
        }
        if let Some(entry) = entries.last() {
            partition.saw(entry.offset);
            self.last = Some((entry.offset, crc32c::crc32c(&entry.record)));
        }
        Ok(entries)
    }

    /// Kafka was away, or the partition is shorter than it was: what comes next may be of another log.
    fn is_doubtful(&mut self, partition: &PartitionState) -> bool {
        let was_bad = self.consumer.context().is_bad.swap(false, Ordering::AcqRel);
        was_bad || self.shrunk != partition.shrunk()
    }

    /// Goes to a record; false when that cannot be done now.
    fn seek(&mut self, partition: &PartitionState, from: Offset) -> Result<bool, ReadError> {
        (self.next, self.aside) = (None, None);
        let shrunk = partition.shrunk();
        let Some(marks) = partition.marks().filter(|_| !partition.is_away()) else { return Ok(false) };
        if marks.check(from).is_err() && !self.ask(partition) {
            return Ok(false);
        }
        partition.marks().unwrap_or(marks).check(from)?;
        match self.last {
            Some((last, crc)) if last + 1 == from && last >= marks.start => {
                if !self.assign(partition, last) {
                    return Ok(false);
                }
                self.next = Some(last);
                let Some(entry) = self.take(partition, true, Instant::now())? else {
                    self.next = None;
                    return Ok(false);
                };
                if crc32c::crc32c(&entry.record) != crc {
                    return Err(ReadError::Replaced { offset: last });
                }
            }
            _ if !self.assign(partition, from) => return Ok(false),
            _ => {}
        }
        (self.next, self.shrunk) = (Some(from), shrunk);
        Ok(true)
    }

    /// Learns from the leader where the partition starts and ends; false when it does not say. A leader that is new does not say
    /// before it knows that it has all that was ever acknowledged.
    fn ask(&self, partition: &PartitionState) -> bool {
        let before = partition.marks();
        match watch::ends(&self.config, &self.consumer, partition.number) {
            Ok(marks) => {
                partition.answered(before, marks);
                true
            }
            Err(why) => {
                tracing::debug!(partition = partition.number, %why, "cannot learn where the log ends");
                false
            }
        }
    }

    fn assign(&self, partition: &PartitionState, from: Offset) -> bool {
        let mut list = TopicPartitionList::with_capacity(1);
        let number = partition.number.cast_signed();
        let position = Position::Offset(i64::try_from(from).unwrap_or(i64::MAX));
        let assigned = list
            .add_partition_offset(&self.config.topic, number, position)
            .and_then(|()| self.consumer.assign(&list));
        if let Err(why) = &assigned {
            tracing::warn!(partition = partition.number, from, %why, "cannot go to a record");
        }
        assigned.is_ok()
    }

    /// The record that is due, if it comes in time. The first of a read is waited for when it is known to be there.
    fn take(
        &mut self,
        partition: &PartitionState,
        is_first: bool,
        until: Instant,
    ) -> Result<Option<Entry>, ReadError> {
        if let Some(entry) = self.aside.take() {
            return Ok(Some(entry));
        }
        let Some(due) = self.next else { return Ok(None) };
        let is_there = is_first && partition.marks().is_some_and(|marks| due < marks.end);
        let now = Instant::now();
        let until = match (is_first, is_there) {
            (false, _) => now,
            (true, false) => until,
            (true, true) => until.max(now + FETCH_WAIT),
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let polled =
                self.consumer.poll(left.min(SLICE)).map(|polled| polled.map(|message| owned(&message)));
            match polled {
                Some(Ok(entry)) if entry.offset < due => {}
                Some(Ok(entry)) if entry.offset == due => return Ok(Some(entry)),
                Some(Ok(entry)) => return Err(ReadError::Gap { from: due, next: entry.offset }),
                Some(Err(error)) => {
                    self.met(partition, due, &error)?;
                    if self.next.is_none() {
                        return Ok(None);
                    }
                }
                None if left.is_zero() || (is_there && partition.is_away()) => return Ok(None),
                None => {}
            }
        }
    }

    /// An error of Kafka's while `due` was waited for: about that record, or weather.
    fn met(&mut self, partition: &PartitionState, due: Offset, error: &KafkaError) -> Result<(), ReadError> {
        tracing::debug!(partition = partition.number, due, %error, "a reader met an error");
        self.consumer.context().is_bad.store(true, Ordering::Release);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                self.next = None; // librdkafka does not go on from here by itself
                let known = if self.ask(partition) { partition.marks() } else { None };
                known.map_or(Ok(()), |marks| marks.check(due))
            }
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => {
                self.next = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn owned(message: &BorrowedMessage<'_>) -> Entry {
    let offset = message.offset().max(0).cast_unsigned();
    Entry { offset, record: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice) }
}

fn consumer(config: &KafkaConfig) -> Result<BaseConsumer<Weather>, KafkaError> {
    let mut client = config.consumer();
    client.set("group.id", GROUP);
    BaseConsumer::from_config_and_context(&client, Weather::default())
}

// === impl Weather ===

impl ClientContext for Weather {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tell(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "a Kafka consumer met an error");
        self.is_bad.store(true, Ordering::Release);
    }
}

impl ConsumerContext for Weather {}
