//! Opens the islands of the partitions that Kafka gives this node, closes those that it takes away, and tells all others.
//!
//! In:    the word of the group ([`Owner`]); islands' statuses.
//! Out:   open islands; this node's row in the table of owners, every two seconds and at each change.
//! Kept:  which partitions are this node's, and under which epoch.
//! Never: holds up the group: stores are opened and islands stopped on a thread of its own, in the order of the words.
//!
//! # Two that believe they own a partition
//! A node that stood still, or was cut off, goes on for a while with a partition that another has by now. It does no harm: its store is
//! its own; the Seals that it appends are those that the other appends as well, and the first of a minute wins; rules likewise; what it answers
//! is what the log says up to its position, and whoever asks takes the owner with the highest epoch, which is not it (`owners.rs`). It
//! learns of its loss by the group, and closes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use model::Minute;
use parking_lot::Mutex;
use partition_log::kafka::{KafkaTable, Owner};
use partition_log::{KafkaTopic, PartitionLog};
use store::cold::Cold;
use store::{Cache, Kv};

use super::data_dir::DataDir;
use super::islands::Islands;
use super::owners::{Claim, Node};
use super::partitions::{CACHE_BYTES, open_store};
use super::unix_now;

/// How often this node says where it is.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// A store that cannot be opened yet (readers of before still hold it) is tried again after as long.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// The last row, that it owns nothing any more, may take so long.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Who this node is, to the others.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) zone: String,
    pub(crate) node: String,
    pub(crate) address: String,
}

/// The group's end of it.
pub(crate) struct Keeper {
    words: Sender<Word>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Word {
    Assigned(Vec<u32>),
    Revoked(Vec<u32>),
    /// What became of a row that claimed these partitions: its place.
    Claimed(Claims, Result<u64, String>),
    /// Close everything.
    End,
}

/// Partitions that a row claims, each with the number of its taking: one that was lost and taken again meanwhile is another.
type Claims = BTreeMap<u32, u64>;

/// A partition of ours.
struct Owned {
    /// The number of its taking, in this process.
    taking: u64,
    epoch: Epoch,
}

/// One claim at a time is under way, so that no later row of ours makes it look younger than it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Epoch {
    Unclaimed,
    UnderWay,
    At(u64),
}

/// What the thread owns.
struct House {
    identity: Identity,
    data: DataDir,
    topic: Arc<KafkaTopic>,
    table: Arc<KafkaTable>,
    islands: Arc<Islands>,
    cold: Option<Arc<Cold>>,
    cache: Cache,
    words: Sender<Word>,
    owned: BTreeMap<u32, Owned>,
    /// How many partitions were taken so far.
    taken: u64,
    /// Ours, and not open yet: why that was not possible when it was tried last.
    closed: BTreeMap<u32, String>,
}

// === impl Keeper ===

impl Keeper {
    pub(crate) fn start(
        identity: Identity,
        data: DataDir,
        (topic, table): (Arc<KafkaTopic>, Arc<KafkaTable>),
        islands: Arc<Islands>,
        cold: Option<Arc<Cold>>,
    ) -> anyhow::Result<Arc<Self>> {
        let (words, heard) = channel();
        let house = House {
            identity,
            data,
            topic,
            table,
            islands,
            cold,
            cache: Cache::new_lru_cache(CACHE_BYTES),
            words: words.clone(),
            owned: BTreeMap::new(),
            taken: 0,
            closed: BTreeMap::new(),
        };
        let run = move || house.run(&heard);
        let thread =
            thread::Builder::new().name("keeper".to_owned()).spawn(run).context("cannot start a thread")?;
        Ok(Arc::new(Self { words, thread: Mutex::new(Some(thread)) }))
    }

    /// Closes all islands, and tells the others.
    pub(crate) fn end(&self) {
        self.say(Word::End);
        if let Some(thread) = self.thread.lock().take() {
            drop(thread.join());
        }
    }

    fn say(&self, word: Word) {
        // It only ends when it is told to.
        let _ended = self.words.send(word);
    }
}

impl Owner for Keeper {
    fn assigned(&self, partitions: &[u32]) {
        self.say(Word::Assigned(partitions.to_vec()));
    }

    fn revoked(&self, partitions: &[u32]) {
        self.say(Word::Revoked(partitions.to_vec()));
    }
}

// === impl House ===

impl House {
    fn run(mut self, words: &Receiver<Word>) {
        loop {
            let pause = if self.closed.is_empty() { TELL_EVERY } else { RETRY_EVERY };
            match words.recv_timeout(pause) {
                Ok(Word::Assigned(partitions)) => self.take(&partitions),
                Ok(Word::Revoked(partitions)) => self.give_up(&partitions),
                Ok(Word::Claimed(claims, place)) => self.claimed(&claims, place),
                Err(RecvTimeoutError::Timeout) => self.open_closed(),
                Ok(Word::End) | Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            self.tell();
        }
    }

    fn take(&mut self, partitions: &[u32]) {
        tracing::info!(?partitions, "partitions are this node's now");
        for partition in partitions {
            self.taken += 1;
            self.owned.insert(*partition, Owned { taking: self.taken, epoch: Epoch::Unclaimed });
        }
        self.closed.extend(partitions.iter().map(|partition| (*partition, String::new())));
        self.open_closed();
    }

    fn open_closed(&mut self) {
        let before = self.closed.len();
        for partition in self.closed.keys().copied().collect::<Vec<_>>() {
            match self.open(partition) {
                Ok(()) => drop(self.closed.remove(&partition)),
                Err(why) => self.cannot_open(partition, &format!("{why:#}")),
            }
        }
        if self.closed.len() < before {
            self.look_after();
        }
    }

    fn open(&self, partition: u32) -> anyhow::Result<()> {
        let log =
            self.topic.log(partition).with_context(|| format!("BUG: there is no partition {partition}"))?;
        let store = open_store(&self.data, partition, &self.cache)?;
        self.cold.iter().for_each(|cold| store.set_cold(Arc::clone(cold)));
        self.islands.open(partition, Arc::new(log) as Arc<dyn PartitionLog>, store as Arc<dyn Kv>);
        Ok(())
    }

    /// Told once, for it is tried again.
    fn cannot_open(&mut self, partition: u32, why: &str) {
        if self.closed.insert(partition, why.to_owned()).is_none_or(|before| before != why) {
            tracing::warn!(partition, why, "cannot open a partition yet");
        }
    }

    fn give_up(&mut self, partitions: &[u32]) {
        tracing::info!(?partitions, "partitions are no longer this node's");
        // Upkeep holds stores, and it may be at one of these.
        self.islands.end_upkeep();
        for partition in partitions {
            self.owned.remove(partition);
            self.closed.remove(partition);
            self.islands.close(*partition);
        }
        self.look_after();
    }

    fn claimed(&mut self, claims: &Claims, place: Result<u64, String>) {
        let epoch = match place {
            Ok(place) => Epoch::At(place),
            Err(why) => {
                tracing::warn!(why, "a claim was not heard: it is made again");
                Epoch::Unclaimed
            }
        };
        for (partition, taking) in claims {
            if let Some(owned) = self.owned.get_mut(partition).filter(|owned| owned.taking == *taking) {
                owned.epoch = epoch;
            }
        }
    }

    fn look_after(&self) {
        if let Err(why) = self.islands.begin_upkeep() {
            tracing::error!(%why, "cannot start upkeep");
        }
    }

    /// What has no epoch yet is claimed by this row; what is being claimed is not in it.
    fn tell(&mut self) {
        let row = self.row();
        let mut claims = Claims::new();
        for (partition, owned) in self.owned.iter_mut().filter(|(_, owned)| owned.epoch == Epoch::Unclaimed) {
            owned.epoch = Epoch::UnderWay;
            claims.insert(*partition, owned.taking);
        }
        let words = self.words.clone();
        let heard = move |place: Result<u64, String>| match (claims.is_empty(), place) {
            (false, place) => drop(words.send(Word::Claimed(claims, place))),
            (true, Ok(_)) => {}
            (true, Err(why)) => tracing::debug!(why, "the others may not have heard of this node"),
        };
        self.table.put(&self.identity.node, Some(&row.encode()), Box::new(heard));
    }

    fn row(&self) -> Node {
        let row = Node::new(&self.identity.zone, &self.identity.address, unix_now());
        let mut row = row.placed_as(self.data.placement);
        for (partition, owned) in &self.owned {
            let epoch = match owned.epoch {
                Epoch::UnderWay => continue,
                Epoch::Unclaimed => None,
                Epoch::At(place) => Some(place),
            };
            row.partitions.insert(*partition, self.claim(*partition, epoch));
        }
        row
    }

    fn claim(&self, partition: u32, epoch: Option<u64>) -> Claim {
        let status = self.islands.get(partition).map(|island| island.status()).unwrap_or_default();
        let state = if self.closed.contains_key(&partition) { "opening" } else { status.name() };
        let sealed_through = status.sealed_through.map_or(0, Minute::unix_seconds);
        Claim { epoch, position: status.position, sealed_through, state: state.to_owned() }
    }

    fn end(mut self) {
        self.islands.close_all();
        self.owned.clear();
        self.tell();
        self.table.close(FAREWELL_MAX);
    }
}
