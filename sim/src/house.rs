//! The whole house in one thread: a tick is five seconds of virtual time, and one seed decides all that happens in it.
//!
//! ```text
//! publishers ─▶ network (loses, doubles, delays, reorders) ─▶ frontends ─▶ logs (unsynced tails) ─▶ 2 replicas each,
//!      ▲                                                          │ acks, some lost                with their upkeep
//!      └──────────────────────────────────────────────────────────┘                                       │
//!                                                           queries at any moment ◀──── coordinator ◀──────┘
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::{Minute, Placement};
use proto::{encode_delete, encode_seal, v1};
use tokio::runtime::{Builder, Runtime};

use crate::asking::{Moment, Sight};
use crate::bugs::Bug;
use crate::facts::Truth;
use crate::gate::{Gate, Judged, Sender};
use crate::publisher::Publisher;
use crate::random::Random;
use crate::replica::Replica;
use crate::sim_log::{SimLog, Ticket};
use crate::{Report, Wrong, oracle};

const PARTITIONS: u32 = 3;
const SPREAD: u32 = 2;
const REPLICAS: usize = 2;
const FRONTENDS: usize = 2;
const TICK_MS: u64 = 5000;
/// After the weather: by then no batch is ahead of its time.
const CALM_AFTER_MS: u64 = 600_000;
const GRACE_MS: i64 = 5000;
/// An hour and a day end here. Virtual time begins in the half hour before.
const MIDNIGHT_MS: u64 = 1_700_006_400_000;
/// Questions that are asked when all is over.
const LAST_QUESTIONS: usize = 10;
/// Late rows above which an owner asks for a checkpoint.
const LATE_ROWS_MAX: usize = 4;

/// One partition: its log, its islands, its owners' clocks.
struct Partition {
    log: SimLog,
    replicas: Vec<Replica>,
    /// Milliseconds by which each owner's clock is wrong.
    skews_ms: [i64; REPLICAS],
}

/// See the module.
pub(crate) struct House {
    random: Random,
    now_ms: u64,
    placement: Placement,
    publishers: Vec<Publisher>,
    network: Vec<Sender>,
    gates: Vec<Gate>,
    /// Seconds by which each frontend's clock is wrong.
    gate_skews_s: [i64; FRONTENDS],
    partitions: Vec<Partition>,
    tickets: Ticket,
    /// For queries.
    runtime: Runtime,
    bug: Option<Bug>,
    report: Report,
}

// === impl House: a run ===

impl House {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Result<Self, Wrong> {
        let mut random = Random::new(seed);
        let placement = Placement::new(PARTITIONS, SPREAD).map_err(|why| Wrong(why.to_string()))?;
        let partition = |_| Partition {
            log: SimLog::new(random.next()),
            replicas: (0..REPLICAS).map(|_| Replica::new(bug)).collect(),
            skews_ms: [random.between(-20_000, 20_000), random.between(-20_000, 20_000)],
        };
        let partitions = (0..PARTITIONS).map(partition).collect();
        let publishers = (0..3).map(|_| Publisher::new(&mut random)).collect();
        let gates = (0..FRONTENDS).map(|_| Gate::default()).collect();
        let gate_skews_s = [random.between(-150, 150), random.between(-150, 150)];
        let (network, report) = <_>::default();
        let now_ms = MIDNIGHT_MS - random.below(1_800_000) as u64;
        let runtime = Builder::new_current_thread().enable_time().build()?;
        Ok(Self {
            random,
            now_ms,
            placement,
            publishers,
            network,
            gates,
            gate_skews_s,
            partitions,
            tickets: 0,
            runtime,
            bug,
            report,
        })
    }

    /// Bad weather, then calm, then the reckoning.
    pub(crate) fn run(mut self) -> Result<Report, Wrong> {
        let ticks = self.random.between(40, 110);
        for _ in 0..ticks {
            self.tick()?;
        }
        self.calm()?;
        for _ in 0..LAST_QUESTIONS {
            self.ask()?;
        }
        self.reckon()?;
        Ok(self.report)
    }

    fn tick(&mut self) -> Result<(), Wrong> {
        self.now_ms += TICK_MS;
        if self.random.percent(2) {
            self.now_ms += 60_000 * self.random.below(4) as u64; // everybody slept
        }
        self.publish();
        self.deliver()?;
        for at in 0..self.partitions.len() {
            self.append_seals(at);
            self.weather_of_log(at);
            self.step_replicas(at)?;
            self.release(at)?;
        }
        if self.random.percent(20) {
            self.ask()?;
        }
        Ok(())
    }
}

// === impl House: questions ===

impl House {
    /// One question to one replica of each partition, as they are now; and all that they hold, row by row.
    fn ask(&mut self) -> Result<(), Wrong> {
        let mut sights = Vec::new();
        for Partition { log, replicas, .. } in &mut self.partitions {
            let replica = &replicas[self.random.below(REPLICAS)];
            let (room, applied) = (Arc::new(replica.room()?), replica.position());
            sights.push(Sight { room, applied, facts: log.facts()? });
        }
        let moment = Moment { now_ms: self.now_ms, placement: self.placement, sights };
        moment.compare_views()?;
        moment.ask(&self.runtime, &mut self.random)?;
        self.report.answers += 1;
        Ok(())
    }
}

// === impl House: the way in ===

impl House {
    fn now(&self) -> Minute {
        Minute::of_unix_millis(self.now_ms)
    }

    fn publish(&mut self) {
        for (at, publisher) in self.publishers.iter_mut().enumerate() {
            let random = &mut self.random;
            let fresh = if random.percent(60) { publisher.publish(self.now_ms, random) } else { None };
            let unacked: Vec<usize> =
                publisher.unacked().filter(|sequence| Some(*sequence) != fresh).collect();
            let again = unacked.into_iter().filter(|_| random.percent(25));
            for sequence in fresh.into_iter().chain(again) {
                publisher.copied(sequence);
                self.network.push((at, sequence));
            }
        }
    }

    /// Some of what is under way arrives, in any order; some of it will arrive again, long after its ack.
    fn deliver(&mut self) -> Result<(), Wrong> {
        for _ in 0..self.random.below(10) {
            if self.network.is_empty() {
                return Ok(());
            }
            let at = self.random.below(self.network.len());
            let sender = self.network[at];
            if self.random.percent(85) {
                self.network.swap_remove(at);
            } else {
                self.publishers[sender.0].copied(sender.1);
            }
            if self.random.percent(90) {
                let gate = self.random.below(FRONTENDS);
                self.request(gate, sender)?;
            }
        }
        Ok(())
    }

    /// One batch through one frontend, which may fall between two partitions.
    fn request(&mut self, gate: usize, sender: Sender) -> Result<(), Wrong> {
        if self.random.percent(1) {
            self.gate_skews_s[gate] = self.random.between(-5000, 5000); // the clock jumps
        }
        let (rows, parts) = match self.judge(sender, self.gate_skews_s[gate])? {
            Judged::Taken { rows, parts } => (rows, parts),
            Judged::NotNow => {
                self.not_now(sender);
                return Ok(());
            }
        };
        let mut tickets = BTreeSet::new();
        for (partition, record) in parts {
            if self.random.percent(5) {
                self.gates[gate].crash();
                self.report.frontend_crashes += 1;
                return Ok(());
            }
            self.tickets += 1;
            tickets.insert(self.tickets);
            self.partitions[partition as usize].log.append(record, Some(self.tickets));
        }
        self.report.requests += 1;
        self.gates[gate].wait(sender, rows, tickets.clone());
        if Bug::acks_early(self.bug) {
            tickets.into_iter().for_each(|ticket| self.durable(ticket));
        }
        Ok(())
    }

    fn judge(&self, (publisher, sequence): Sender, skew_s: i64) -> Result<Judged, Wrong> {
        let now_s = (self.now_ms / 1000).saturating_add_signed(skew_s);
        let batch = &self.publishers[publisher].ledger[sequence].batch;
        Gate::judge(&Bug::batch_as_seen(self.bug, batch, now_s), self.placement, now_s)
    }

    /// Nothing was taken. Who has never sent the batch before knows that all of it is refused; everybody else goes on.
    fn not_now(&mut self, (publisher, sequence): Sender) {
        self.report.not_now += 1;
        if self.publishers[publisher].ledger[sequence].copies == 1 && self.random.percent(85) {
            self.publishers[publisher].told(sequence, Vec::new());
        }
    }

    fn durable(&mut self, ticket: Ticket) {
        let complete = self.gates.iter_mut().find_map(|gate| gate.durable(ticket));
        if let Some(((publisher, sequence), rows)) = complete
            && self.random.percent(85)
        {
            self.publishers[publisher].told(sequence, rows);
        }
    }
}

// === impl House: logs and islands ===

impl House {
    /// Two owners with wrong clocks, each sure that it is the one.
    fn append_seals(&mut self, at: usize) {
        for owner in 0..REPLICAS {
            if self.random.percent(1) {
                let far = 600_000;
                self.partitions[at].skews_ms[owner] = self.random.between(-far, far); // the clock jumps
            }
            let partition = &mut self.partitions[at];
            let clock_ms = self.now_ms.saturating_add_signed(partition.skews_ms[owner] - GRACE_MS);
            if self.random.percent(15) {
                let complete = Minute::of_unix_millis(clock_ms).previous();
                partition.log.append(encode_seal(complete), None);
            }
            if let Some((late, sealed)) = partition.replicas[owner].late()
                && late > LATE_ROWS_MAX
                && self.random.percent(50)
            {
                partition.log.append(encode_seal(sealed), None);
            }
        }
    }

    fn weather_of_log(&mut self, at: usize) {
        let log = &mut self.partitions[at].log;
        if self.random.percent(1) {
            log.append(Bytes::from_static(b"\x07 no record"), None);
        }
        match self.random.below(100) {
            0..=69 => {
                let acks = log.sync();
                acks.failed
                    .iter()
                    .for_each(|ticket| self.gates.iter_mut().for_each(|gate| gate.failed(*ticket)));
                acks.durable.into_iter().for_each(|ticket| self.durable(ticket));
            }
            70..=74 => {
                log.crash(&mut self.random);
                self.report.log_crashes += 1;
            }
            _ => {} // the disk is slow
        }
    }

    fn step_replicas(&mut self, at: usize) -> Result<(), Wrong> {
        let Partition { log, replicas, .. } = &mut self.partitions[at];
        for replica in replicas {
            let records = self.random.below(12);
            replica.step(log, records, &mut self.random)?;
            if self.random.percent(30) {
                self.report.chores += u64::from(replica.upkeep(&mut self.random)?);
            }
            if self.random.percent(8) {
                replica.crash();
                self.report.island_crashes += 1;
            }
        }
        Ok(())
    }

    /// Sometimes: a crash between commit and release is a release that did not happen.
    fn release(&mut self, at: usize) -> Result<(), Wrong> {
        if !self.random.percent(50) {
            return Ok(());
        }
        let Partition { log, replicas, .. } = &mut self.partitions[at];
        let mut before = log.bounds().1;
        for replica in replicas {
            let applied = replica.position().filter(|_| Bug::releases_early(self.bug));
            before = before.min(applied.map_or_else(|| replica.needs_from(), Ok)?);
        }
        if before > log.bounds().0 {
            log.release(before)?;
        }
        Ok(())
    }
}

// === impl House: the end ===

impl House {
    /// Everybody is well again: what is unacknowledged is sent until it is, everything is sealed and applied.
    fn calm(&mut self) -> Result<(), Wrong> {
        for partition in &mut self.partitions {
            partition.log.sync();
        }
        self.now_ms += CALM_AFTER_MS;
        for at in 0..self.publishers.len() {
            for sequence in self.publishers[at].unacked().collect::<Vec<_>>() {
                let Judged::Taken { rows, parts } = self.judge((at, sequence), 0)? else {
                    return Err(Wrong("a batch is not taken although all clocks are right".to_owned()));
                };
                for (partition, record) in parts {
                    self.partitions[partition as usize].log.append_calmly(record);
                }
                self.publishers[at].told(sequence, rows);
            }
        }
        self.report.refused = self.publishers.iter().map(Publisher::refused).sum();
        let last = self.now().plus(20);
        for Partition { log, replicas, .. } in &mut self.partitions {
            log.append_calmly(encode_seal(last));
            log.append_calmly(encode_seal(last));
            for replica in replicas.iter_mut() {
                replica.drain(log)?;
                let (late, sealed) = replica.late().unwrap_or_default();
                if late > 0 {
                    log.append_calmly(encode_seal(sealed)); // a clock had jumped ahead: these rows were all late
                }
                replica.drain(log)?;
            }
            for replica in replicas {
                replica.drain(log)?;
            }
        }
        Ok(())
    }

    /// Every row that was acknowledged counts exactly once, and nothing else; replicas are equal to the byte.
    fn reckon(&mut self) -> Result<(), Wrong> {
        self.report.rows = oracle::acknowledged(&self.publishers).count() as u64;
        let truth = self.compare_with_ledgers()?;
        for replica in 0..REPLICAS {
            let (mut got, mut applied, mut dropped) = (oracle::Totals::new(), 0, 0);
            for Partition { log, replicas, .. } in &mut self.partitions {
                let replica = &mut replicas[replica];
                replica.island(log)?;
                if let Some(shown) = replica.room()?.shown(false) {
                    oracle::add_reading(&mut got, &**shown)?;
                }
                applied += replica.view.counters.rows_applied;
                dropped += replica.view.counters.rows_dropped;
            }
            oracle::compare(&got, &truth.cells)?;
            if (applied + dropped, dropped) != (self.report.rows, truth.dropped) {
                let rows = self.report.rows;
                return Err(Wrong(format!("{applied} rows applied, {dropped} dropped, {rows} acknowledged")));
            }
        }
        self.compare_replicas()?;
        self.compare_completeness(&truth)?;
        self.delete_one(truth.cells)?;
        self.compare_replicas()
    }

    /// One host goes, with all it had, and nothing else does.
    fn delete_one(&mut self, mut left: oracle::Totals) -> Result<(), Wrong> {
        let Some((_, host, _)) = left.keys().next().cloned() else { return Ok(()) };
        left.retain(|(_, one, _), _| *one != host);
        self.partitions.iter_mut().for_each(|partition| partition.log.append_calmly(delete_host(&host)));
        for replica in 0..REPLICAS {
            let mut got = oracle::Totals::new();
            for Partition { log, replicas, .. } in &mut self.partitions {
                replicas[replica].drain(log)?;
                if let Some(shown) = replicas[replica].room()?.shown(false) {
                    oracle::add_reading(&mut got, &**shown)?;
                }
            }
            oracle::compare(&got, &left)?;
        }
        Ok(())
    }

    /// What the logs say, which is what the publishers were told.
    fn compare_with_ledgers(&mut self) -> Result<Truth, Wrong> {
        let mut truth = Truth::default();
        for partition in &mut self.partitions {
            truth.extend(Truth::of(partition.log.facts()?));
        }
        let mut told = truth.cells.clone();
        told.retain(|(metric, _, _), _| metric != crate::publisher::TOTAL);
        oracle::compare(&told, &oracle::expected(&self.publishers))?;
        Ok(truth)
    }

    fn compare_replicas(&mut self) -> Result<(), Wrong> {
        for Partition { log, replicas, .. } in &mut self.partitions {
            let mut known = Vec::new();
            for replica in replicas.iter_mut() {
                let disk = oracle::dump(&replica.disk)?;
                let before = replica.island(log)?.image()?;
                replica.crash();
                replica.drain(log)?;
                if replica.island(log)?.image()? != before {
                    return Err(Wrong("a restart changes the state".to_owned()));
                }
                known.push((disk, before));
            }
            if known.windows(2).any(|two| two[0] != two[1]) {
                return Err(Wrong("replicas differ".to_owned()));
            }
        }
        Ok(())
    }

    /// Rows applied by account and minute are those that the logs hold.
    fn compare_completeness(&self, truth: &Truth) -> Result<(), Wrong> {
        for (minute, sent) in &truth.applied {
            let of = |partition: &Partition| {
                partition.replicas[0].view.rows_applied(crate::publisher::ACCOUNT, Minute(*minute))
            };
            let applied: u64 = self.partitions.iter().map(of).sum();
            if applied != *sent {
                return Err(Wrong(format!("minute {minute}: {applied} rows applied, {sent} in the logs")));
            }
        }
        Ok(())
    }
}

/// Every series of this host, whatever its metric.
fn delete_host(host: &str) -> Bytes {
    let matcher = v1::Matcher { dim: "host".into(), op: "=".into(), values: vec![host.into()] };
    let account = crate::publisher::ACCOUNT.into();
    let deletion = v1::Deletion { account, r#where: vec![matcher], ..v1::Deletion::default() };
    encode_delete(v1::Delete { deletions: vec![deletion] })
}
