//! Which batches were applied, so that a batch sent twice is counted once.
//!
//! In:    the stamps of batches; the minutes of seals, which are the log's time.
//! Out:   first time or not.
//! Kept:  per (account, publisher, epoch) the newest sequence, a bitmap of the 1,024 up to it, what became of the rows.
//!        Ids are made by publishers, so an account is in it: nobody makes another's batches duplicates.
//! Never: a clock. A publisher is stamped with the minute of the first seal after it was heard, so that one that was
//!        heard after a long pause is not forgotten by the seal that ends the pause.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use model::{Minute, PUBLISHER_WINDOW, PublisherId, Stamp};

use crate::StateError;
use crate::limits::{NAMED_FORGOTTEN_MINUTES, PUBLISHER_FORGOTTEN_MINUTES, WINDOW_WORDS};
use crate::state_bytes::{StateReader, StateWriter};

/// One life of a publisher in an account.
pub(crate) type PublisherKey = (PublisherId, u64, Arc<str>);

/// Heard since the last checkpoint? When before? Who.
type Aged = (bool, Minute, PublisherKey);

/// What became of the rows of one publisher in this partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherAccount {
    /// Rows that count.
    pub applied: u64,
    /// Rows of batches that had been applied before.
    pub duplicate: u64,
    /// Rows that were dropped, with a reason.
    pub dropped: u64,
}

/// All publishers that are remembered.
pub(crate) struct Dedup {
    publishers: BTreeMap<PublisherKey, Publisher>,
    publishers_max: usize,
    /// Heard since the last checkpoint.
    heard: BTreeSet<PublisherKey>,
    /// Forgotten since the last checkpoint.
    forgotten: BTreeSet<PublisherKey>,
    /// Forgotten because there were too many, ever.
    pub(crate) evicted: u64,
}

/// What is remembered of one.
pub(crate) struct Publisher {
    /// `None` until the first batch.
    newest: Option<u64>,
    /// Bit `sequence % 1024` is set when it was applied; a ring behind `newest`.
    applied: [u64; WINDOW_WORDS],
    last_heard: Minute,
    pub(crate) account: PublisherAccount,
}

/// What a checkpoint writes and deletes.
pub(crate) struct DedupChanges<'a> {
    pub(crate) put: Vec<(PublisherKey, &'a Publisher)>,
    pub(crate) delete: BTreeSet<PublisherKey>,
}

// === impl Dedup ===

impl Dedup {
    pub(crate) fn new(publishers_max: usize) -> Self {
        let (publishers, heard, forgotten) = <_>::default();
        Self { publishers, publishers_max: publishers_max.max(1), heard, forgotten, evicted: 0 }
    }

    /// The publisher of a batch, remembered from now on.
    pub(crate) fn hear(&mut self, account: &str, stamp: Stamp) -> &mut Publisher {
        let key: PublisherKey = (stamp.publisher, stamp.epoch, account.into());
        if !self.publishers.contains_key(&key) && self.publishers.len() >= self.publishers_max {
            self.evict();
        }
        self.heard.insert(key.clone());
        self.publishers.entry(key).or_insert_with(Publisher::new)
    }

    /// What became of a publisher's rows, in whatever account; nothing of one that is unknown.
    pub(crate) fn account(&self, publisher: PublisherId, epoch: u64) -> PublisherAccount {
        let lives = self.publishers.range((publisher, epoch, Arc::from(""))..);
        lives
            .take_while(|((id, life, _), _)| (*id, *life) == (publisher, epoch))
            .fold(PublisherAccount::default(), |sum, (_, one)| sum.plus(&one.account))
    }

    /// How many publishers are remembered.
    pub(crate) fn len(&self) -> usize {
        self.publishers.len()
    }

    /// Stamps those that were heard, forgets those that were not heard for long, and says what changed.
    pub(crate) fn checkpoint(&mut self, now: Minute) -> DedupChanges<'_> {
        let heard = std::mem::take(&mut self.heard);
        for key in &heard {
            if let Some(publisher) = self.publishers.get_mut(key) {
                publisher.last_heard = now;
            }
        }
        let forgotten = &mut self.forgotten;
        self.publishers.retain(|key, publisher| {
            let keep = publisher.last_heard >= now.minus(forgotten_after(key));
            if !keep {
                forgotten.insert(key.clone());
            }
            keep
        });
        let put =
            heard.into_iter().filter_map(|key| self.publishers.get(&key).map(|one| (key, one))).collect();
        DedupChanges { put, delete: std::mem::take(&mut self.forgotten) }
    }

    /// Puts back what a checkpoint holds.
    pub(crate) fn restore(&mut self, key: PublisherKey, publisher: Publisher) {
        self.publishers.insert(key, publisher);
    }

    /// All of them in order: for comparisons.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PublisherKey, &Publisher)> {
        self.publishers.iter()
    }

    /// Forgets a sixteenth of them, each of the account that has most just then: whoever makes up publishers pushes out
    /// its own. Within an account go those that were not heard for longest; heard since the last checkpoint comes last.
    fn evict(&mut self) {
        let mut accounts = self.by_account();
        for _ in 0..self.publishers_max.div_ceil(16) {
            let Some((_, account, mut publishers)) = accounts.pop() else { return };
            if let Some((.., key)) = publishers.pop() {
                self.forget(key);
            }
            accounts.push((publishers.len(), account, publishers));
        }
    }

    /// The account with the most publishers first; its publishers youngest first.
    fn by_account(&self) -> BinaryHeap<(usize, Arc<str>, Vec<Aged>)> {
        let mut accounts = BTreeMap::<Arc<str>, Vec<Aged>>::new();
        for (key, publisher) in &self.publishers {
            let aged = (self.heard.contains(key), publisher.last_heard, key.clone());
            accounts.entry(Arc::clone(&key.2)).or_default().push(aged);
        }
        let sorted = |(account, mut publishers): (_, Vec<Aged>)| {
            publishers.sort_unstable_by(|one, other| other.cmp(one));
            (publishers.len(), account, publishers)
        };
        accounts.into_iter().map(sorted).collect()
    }

    fn forget(&mut self, key: PublisherKey) {
        self.publishers.remove(&key);
        self.heard.remove(&key);
        self.forgotten.insert(key);
        self.evicted += 1;
    }
}

/// Minutes of log time.
fn forgotten_after((_, epoch, _): &PublisherKey) -> u32 {
    if *epoch == 0 { NAMED_FORGOTTEN_MINUTES } else { PUBLISHER_FORGOTTEN_MINUTES }
}

// === impl PublisherAccount ===

impl PublisherAccount {
    pub(crate) fn plus(self, other: &Self) -> Self {
        Self {
            applied: self.applied.saturating_add(other.applied),
            duplicate: self.duplicate.saturating_add(other.duplicate),
            dropped: self.dropped.saturating_add(other.dropped),
        }
    }
}

// === impl Publisher ===

impl Publisher {
    fn new() -> Self {
        let account = PublisherAccount::default();
        Self { newest: None, applied: [0; WINDOW_WORDS], last_heard: Minute(0), account }
    }

    /// Is this the first time? Remembered as applied from now on. A sequence behind the window was applied: no
    /// publisher has that many in flight.
    pub(crate) fn first_time(&mut self, sequence: u64) -> bool {
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            return self.mark(sequence);
        };
        if sequence > newest {
            self.advance(newest, sequence);
            return self.mark(sequence);
        }
        newest - sequence < PUBLISHER_WINDOW && self.mark(sequence)
    }

    /// Makes room for the sequences after `newest`.
    fn advance(&mut self, newest: u64, sequence: u64) {
        if sequence - newest >= PUBLISHER_WINDOW {
            self.applied = [0; WINDOW_WORDS];
        } else {
            for skipped in newest + 1..=sequence {
                let (word, bit) = place(skipped);
                self.applied[word] &= !bit;
            }
        }
        self.newest = Some(sequence);
    }

    /// Sets the bit; false when it was set.
    fn mark(&mut self, sequence: u64) -> bool {
        let (word, bit) = place(sequence);
        let first = self.applied[word] & bit == 0;
        self.applied[word] |= bit;
        first
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = StateWriter::new();
        out.u8(u8::from(self.newest.is_some())).u64(self.newest.unwrap_or(0)).u32(self.last_heard.0);
        out.u64(self.account.applied).u64(self.account.duplicate).u64(self.account.dropped);
        for word in &self.applied {
            out.u64(*word);
        }
        out.finish()
    }

    pub(crate) fn decode(mut value: StateReader<'_>) -> Result<Self, StateError> {
        let (known, newest, last_heard) = (value.u8()? != 0, value.u64()?, Minute(value.u32()?));
        let account =
            PublisherAccount { applied: value.u64()?, duplicate: value.u64()?, dropped: value.u64()? };
        let mut applied = [0; WINDOW_WORDS];
        for word in &mut applied {
            *word = value.u64()?;
        }
        value.end()?;
        Ok(Self { newest: known.then_some(newest), applied, last_heard, account })
    }
}

/// Word and bit of a sequence.
fn place(sequence: u64) -> (usize, u64) {
    let at = sequence % PUBLISHER_WINDOW;
    (at as usize / 64, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn stamp(publisher: u128, epoch: u64, sequence: u64) -> Stamp {
        Stamp { publisher: PublisherId(publisher), epoch, sequence }
    }

    proptest! {
        #[test]
        fn a_window_is_a_set_with_a_floor(steps in prop::collection::vec((0_u64..60, 0_u64..1100), 1..400)) {
            let (mut publisher, mut seen, mut newest) = (Publisher::new(), HashSet::new(), None::<u64>);
            let mut at = 0;
            for (forward, back) in steps {
                at += forward;
                let sequence = at.saturating_sub(if back > 700 { back } else { back % 5 });
                let behind = newest.is_some_and(|newest| newest.saturating_sub(sequence) >= PUBLISHER_WINDOW);
                let expected = !behind && seen.insert(sequence);
                newest = newest.max(Some(sequence));
                prop_assert_eq!(publisher.first_time(sequence), expected, "{}", sequence);
            }
        }
    }

    #[test]
    fn sequences() {
        check("0 1 2", "yyy");
        check("5 5 4 4 6", "ynyny");
        check("0 1023 0 1 1024 0 1", "yynyynn");
        check("0 5000 4000 3976 3977 3977", "yyynyn");
        check("18446744073709551615 18446744073709551615 0", "ynn");
    }

    #[track_caller]
    fn check(sequences: &str, expected: &str) {
        let mut publisher = Publisher::new();
        let said: String = sequences
            .split(' ')
            .map(|sequence| if publisher.first_time(sequence.parse().unwrap()) { 'y' } else { 'n' })
            .collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn a_day_of_log_time_forgets_and_a_month_forgets_a_named_one() {
        let mut dedup = Dedup::new(10);
        for epoch in [0, 7] {
            assert!(dedup.hear("a", stamp(1, epoch, 3)).first_time(3));
        }
        assert_eq!(
            dedup.checkpoint(Minute(100_000)).put.len(),
            2,
            "the first seal stamps, it does not forget"
        );
        assert!(dedup.checkpoint(Minute(100_000 + 1440)).delete.is_empty());
        let changes = dedup.checkpoint(Minute(100_000 + 1441));
        assert_eq!(
            (changes.put.len(), changes.delete),
            (0, BTreeSet::from([(PublisherId(1), 7, "a".into())]))
        );
        assert!(!dedup.hear("a", stamp(1, 0, 3)).first_time(3));
        dedup.checkpoint(Minute(500_000));
        assert_eq!(dedup.len(), 1, "heard just before a long pause ended");
    }

    #[test]
    fn nobody_makes_anothers_batches_duplicates() {
        let mut dedup = Dedup::new(10);
        let first = |dedup: &mut Dedup, account: &str| dedup.hear(account, stamp(7, 1, 3)).first_time(3);
        assert!(first(&mut dedup, "mallory") && first(&mut dedup, "alice"));
        assert!(!first(&mut dedup, "alice") && !first(&mut dedup, "mallory"));
        dedup.hear("alice", stamp(7, 1, 3)).account.applied = 5;
        dedup.hear("mallory", stamp(7, 1, 3)).account.applied = 2;
        dedup.hear("alice", stamp(7, 2, 3)).account.applied = 100;
        assert_eq!(dedup.account(PublisherId(7), 1).applied, 7);
    }

    #[test]
    fn too_many_publishers_cost_the_longest_unheard() {
        let mut dedup = Dedup::new(16);
        assert!((0..16).all(|publisher| dedup.hear("a", stamp(publisher, 1, 0)).first_time(0)));
        dedup.checkpoint(Minute(1));
        assert!((0..15).all(|publisher| dedup.hear("a", stamp(publisher, 1, 1)).first_time(1)));
        dedup.hear("a", stamp(99, 1, 0)).first_time(0);
        assert_eq!((dedup.len(), dedup.evicted), (16, 1));
        let changes = dedup.checkpoint(Minute(2));
        assert_eq!(
            (changes.put.len(), changes.delete),
            (16, BTreeSet::from([(PublisherId(15), 1, "a".into())]))
        );
    }

    #[test]
    fn an_account_that_makes_up_publishers_pushes_out_its_own() {
        let mut dedup = Dedup::new(32);
        assert!((0..3).all(|id| dedup.hear("alice", stamp(id, 1, 0)).first_time(0)));
        dedup.checkpoint(Minute(1));
        dedup.checkpoint(Minute(2)); // alice is silent and so the longest unheard
        for id in 0..1000 {
            dedup.hear("mallory", stamp(1000 + id, 1, 0)).first_time(0);
            dedup.hear("bob", stamp(id % 5, 1, 0));
        }
        assert!((0..3).all(|id| !dedup.hear("alice", stamp(id, 1, 0)).first_time(0)), "still duplicates");
        let of = |account: &str| dedup.iter().filter(|(key, _)| &*key.2 == account).count();
        assert_eq!((of("alice"), of("bob")), (3, 5));
        assert!(dedup.len() <= 32);
    }

    #[test]
    fn bytes_come_back() {
        let mut publisher = Publisher::new();
        assert!([3, 900, 77].into_iter().all(|sequence| publisher.first_time(sequence)));
        publisher.account.duplicate = 5;
        let bytes = publisher.encode();
        let mut back = Publisher::decode(StateReader::new(b"D", &bytes).unwrap()).unwrap();
        assert_eq!(back.encode(), bytes);
        assert_eq!((back.first_time(77), back.first_time(78), back.account.duplicate), (false, true, 5));
    }
}
