//! The evil twin of any log: it loses acks, appends twice, refuses, and reads slowly, as a seed says.
//!
//! In, Out: as the log inside.
//! Kept:    the state of the seed's random numbers. One caller's calls give the same faults on every run.
//! Never:   a changed record, a changed order, or an ack for what is not there: a bad log is not a lying one.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::log::{Ack, AppendError, Entry, Offset, PartitionLog, ReadError, ReleaseError};
use crate::random::Random;

/// How often something goes wrong, in a thousand calls.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    /// The record is appended, the sender hears [`AppendError::Stopped`].
    pub ack_lost: u16,
    /// The record is appended twice; the ack names the first.
    pub duplicated: u16,
    /// The record is not appended: [`AppendError::Full`].
    pub refused: u16,
    /// A read returns one record, however many there are.
    pub short_read: u16,
    /// A read returns nothing at once, as if the wait were over.
    pub empty_read: u16,
}

impl Faults {
    /// Each of them one time in ten.
    pub const OFTEN: Self =
        Self { ack_lost: 100, duplicated: 100, refused: 100, short_read: 100, empty_read: 100 };
    /// None at all, to switch single ones on.
    pub const NONE: Self = Self { ack_lost: 0, duplicated: 0, refused: 0, short_read: 0, empty_read: 0 };
}

/// A log that fails as a seed says.
#[derive(Debug)]
pub struct FaultyLog<L> {
    inner: L,
    faults: Faults,
    random: Mutex<Random>,
    stopped: Mutex<Option<String>>,
}

impl<L: PartitionLog> FaultyLog<L> {
    /// Makes `inner` evil.
    pub fn new(inner: L, faults: Faults, seed: u64) -> Self {
        Self { inner, faults, random: Mutex::new(Random::new(seed)), stopped: Mutex::default() }
    }

    /// The good log inside.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// From now on nothing is taken, for this reason.
    pub fn stop(&self, reason: &str) {
        *self.stopped.lock() = Some(reason.to_owned());
    }

    fn strikes(&self, per_mille: u16) -> bool {
        self.random.lock().chance(per_mille)
    }
}

impl<L: PartitionLog> PartitionLog for FaultyLog<L> {
    fn append(&self, record: Bytes, ack: Ack) {
        if let Some(reason) = self.stopped() {
            return ack(Err(AppendError::Stopped(reason)));
        }
        if self.strikes(self.faults.refused) {
            let (bytes, bytes_max) = (0, 0);
            return ack(Err(AppendError::Full { records: 0, bytes, records_max: 0, bytes_max }));
        }
        let is_lost = self.strikes(self.faults.ack_lost);
        let twin = self.strikes(self.faults.duplicated).then(|| record.clone());
        let lossy: Ack = Box::new(move |acked| match acked {
            Ok(_) if is_lost => ack(Err(AppendError::Stopped("injected: the ack was lost".to_owned()))),
            acked => ack(acked),
        });
        self.inner.append(record, lossy);
        if let Some(twin) = twin {
            self.inner.append(twin, Box::new(drop));
        }
    }

    fn start(&self) -> Offset {
        self.inner.start()
    }

    fn end(&self) -> Offset {
        self.inner.end()
    }

    fn unknown(&self) -> Option<String> {
        self.inner.unknown()
    }

    fn stopped(&self) -> Option<String> {
        self.stopped.lock().clone().or_else(|| self.inner.stopped())
    }

    fn read(&self, from: Offset, bytes_max: usize, wait: Duration) -> Result<Vec<Entry>, ReadError> {
        // Errors stay errors: only what would have been records may be late.
        if self.strikes(self.faults.empty_read) {
            return self.inner.read(from, 0, Duration::ZERO).map(|_| Vec::new());
        }
        let bytes_max = if self.strikes(self.faults.short_read) { 0 } else { bytes_max };
        self.inner.read(from, bytes_max, wait)
    }

    fn release(&self, before: Offset) -> Result<(), ReleaseError> {
        self.inner.release(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryLog, append_blocking};

    /// Appends 200 records and shows what the sender heard and what the log holds.
    fn history(faults: Faults, seed: u64) -> (Vec<Result<Offset, AppendError>>, Vec<Bytes>) {
        let log = FaultyLog::new(MemoryLog::new(), faults, seed);
        let heard = (0..200u8).map(|n| append_blocking(&log, Bytes::from(vec![n]))).collect();
        let held = log.inner().read(0, usize::MAX, Duration::ZERO).unwrap();
        (heard, held.into_iter().map(|entry| entry.record).collect())
    }

    #[test]
    fn a_seed_replays() {
        assert_eq!(history(Faults::OFTEN, 7), history(Faults::OFTEN, 7));
        assert_ne!(history(Faults::OFTEN, 7), history(Faults::OFTEN, 8));
    }

    #[test]
    fn without_faults_it_is_the_log_inside() {
        let (heard, held) = history(Faults::NONE, 1);
        assert!((0..200).map(Ok).eq(heard));
        assert_eq!(held.len(), 200);
    }

    #[test]
    fn a_stopped_one_takes_nothing_and_is_read_on() {
        let log = FaultyLog::new(MemoryLog::new(), Faults::NONE, 1);
        append_blocking(&log, Bytes::new()).unwrap();
        log.stop("no disk");
        assert_eq!(append_blocking(&log, Bytes::new()), Err(AppendError::Stopped("no disk".to_owned())));
        assert_eq!((log.stopped().as_deref(), log.end()), (Some("no disk"), 1));
        assert_eq!(log.read(0, 1, Duration::ZERO).unwrap().len(), 1);
    }

    #[test]
    fn a_lost_ack_leaves_the_record_there() {
        let (heard, held) = history(Faults { ack_lost: 500, ..Faults::NONE }, 1);
        assert_eq!(held.len(), 200);
        assert!(heard.iter().any(|heard| matches!(heard, Err(AppendError::Stopped(_)))));
    }

    #[test]
    fn a_refused_record_is_not_there() {
        let (heard, held) = history(Faults { refused: 500, ..Faults::NONE }, 1);
        let accepted = heard.iter().filter(|heard| heard.is_ok()).count();
        assert!(accepted < 200 && held.len() == accepted);
    }

    #[test]
    fn a_duplicate_follows_and_every_ack_names_its_own_record() {
        let (heard, held) = history(Faults { duplicated: 500, ..Faults::NONE }, 1);
        assert!(held.len() > 200);
        for (record, offset) in (0..200u8).zip(heard) {
            assert_eq!(held[offset.unwrap() as usize][..], [record]);
        }
    }

    #[test]
    fn slow_reads_lose_nothing() {
        let log = FaultyLog::new(MemoryLog::new(), Faults::OFTEN, 3);
        (0..50u8).for_each(|n| log.inner().append(Bytes::from(vec![n]), Box::new(drop)));
        let (mut read, mut calls) = (Vec::new(), 0);
        while read.len() < 50 {
            read.extend(log.read(read.len() as u64, 10, Duration::ZERO).unwrap());
            calls += 1;
        }
        assert!(calls > 5, "ten a read would be five reads");
        assert!((0..50).eq(read.iter().map(|entry| entry.offset)));
    }

    #[test]
    fn errors_are_not_hidden_by_an_empty_read() {
        let log = FaultyLog::new(MemoryLog::new(), Faults { empty_read: 1_000, ..Faults::NONE }, 3);
        assert!(matches!(log.read(1, 1, Duration::ZERO), Err(ReadError::BeyondEnd { from: 1, end: 0 })));
    }
}
