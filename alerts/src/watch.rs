//! All rules of one partition at work: what an island keeps of its alerts.
//!
//! In:    rule files with the minute from which they hold; each sealed minute once, in order.
//! Out:   transitions with the words of their group; what changed, for the checkpoint.
//! Kept:  by rule its members and its state. A rule that a new set repeats word for word keeps both.
//! Never: a minute twice. After a pause only the last [`CATCH_UP_MINUTES`] are evaluated one by one.

use std::sync::Arc;

use model::{Aggregate, LocalId, Minute, Sampling, Scalars, Sketches};

use xxhash_rust::xxh3::xxh3_64;

use crate::machine::{Column, Pieces, RuleState, State, StateBytesError, Transition, Turn};
use crate::members::{GroupName, Members, Readers};
use crate::rules::{Fingerprint, Rule, RuleSet, Signal};

/// Minutes that one seal evaluates after a pause, as many as a row may be late: what lies further back has closed
/// without anybody who could have acted on it.
pub const CATCH_UP_MINUTES: u32 = 60;

/// Rule files, as a record of the log holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFiles {
    /// The same for the same files; 0 of none at all.
    pub version: u64,
    /// The first minute that they are for.
    pub from: Minute,
    /// Name and text of each.
    pub files: Vec<(String, String)>,
}

/// Is given a series and its dimensions.
pub type EachSeries<'a> = &'a mut dyn FnMut(LocalId, &[(&str, &str)]);

/// What a partition tells of its series and of a minute's rows.
pub trait Partition {
    /// Series of a metric, without the first `skip`, by ascending id, with dimensions sorted by name.
    fn series(&self, account: &str, metric: &str, skip: usize, each: EachSeries<'_>);
    /// A series' row of the minute that closes; a count of 0 is none.
    fn row(&self, id: LocalId) -> (&Scalars, Option<&Sketches>);
    /// Rows of this metric that were dropped so far and may have been of a minute that closed.
    fn dropped(&self, account: &str, metric: &str) -> u64;
}

/// See the module.
#[derive(Debug, Default)]
pub struct Watch {
    files: RuleFiles,
    /// They hold from a minute on that is not sealed yet.
    next: Option<(RuleFiles, RuleSet)>,
    rules: Vec<Watched>,
    /// No checkpoint has these files yet.
    files_changed: bool,
    /// Pieces of rules that hold no more.
    gone: Vec<(Fingerprint, Vec<(u8, Minute)>)>,
}

/// One rule at work.
#[derive(Debug)]
struct Watched {
    members: Members,
    state: RuleState,
    /// Series of the operand's metric, and of the one that a ratio divides by, that were offered.
    offered: [usize; 2],
    /// Rows dropped until the last seal.
    dropped: u64,
}

/// What somebody has to be told, in words.
#[derive(Debug)]
pub struct Told<'a> {
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// What its group is called.
    pub group: GroupName<'a>,
    /// What became of it.
    pub transition: Transition,
}

/// What a checkpoint writes of the alerts.
#[derive(Debug, Default)]
pub struct WatchChanges {
    /// The files that hold and those that will, when they changed.
    pub files: Option<Vec<RuleFiles>>,
    /// By rule: rows dropped until now, and the state's pieces.
    pub rules: Vec<(Fingerprint, u64, Pieces)>,
    /// Rules whose status and these columns are to be deleted.
    pub gone: Vec<(Fingerprint, Vec<(u8, Minute)>)>,
}

/// A (rule, tier, group) that is not just ok.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// Which of its tiers.
    pub tier: usize,
    /// The group's number, and what it is called.
    pub number: u32,
    /// See `number`.
    pub group: GroupName<'a>,
    /// Its state.
    pub state: State,
    /// It fires since, whatever the state shows; or fired, when it resolved just now.
    pub fired: Option<Minute>,
    /// What was compared in the newest minute; NaN when there was nothing, or after a restart.
    pub value: f64,
}

// === impl RuleFiles ===

impl RuleFiles {
    /// Of these files, in the order of their names.
    #[must_use]
    pub fn new(mut files: Vec<(String, String)>) -> Self {
        files.sort();
        let mut bytes = Vec::new();
        for text in files.iter().flat_map(|(name, text)| [name, text]) {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        let version = if files.is_empty() { 0 } else { xxh3_64(&bytes).max(1) };
        Self { version, from: Minute(0), files }
    }

    /// All rules of these files.
    ///
    /// # Errors
    /// What is wrong, each line with the file's name before it.
    pub fn parse(&self) -> Result<RuleSet, String> {
        let mut all = RuleSet::default();
        for (name, text) in &self.files {
            let said = |why: &dyn std::fmt::Display| {
                why.to_string().lines().map(|line| format!("{name}:{line}")).collect::<Vec<_>>().join("\n")
            };
            let rules = RuleSet::parse(text).map_err(|why| said(&why))?;
            all.merge(rules).map_err(|why| said(&why))?;
        }
        Ok(all)
    }
}

// === impl Watch ===

impl Watch {
    /// The version that holds, or will from its minute on.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.next.as_ref().map_or(self.files.version, |(next, _)| next.version)
    }

    /// Takes a set of files that holds from its minute on. One that is the same as what holds changes nothing.
    ///
    /// # Errors
    /// When the files cannot be used; what held before holds on.
    pub fn take(&mut self, files: RuleFiles) -> Result<(), String> {
        if files.version == self.version() {
            return Ok(());
        }
        let rules = files.parse()?;
        self.next = Some((files, rules));
        self.files_changed = true;
        Ok(())
    }

    /// Evaluates the minutes after `sealed` through `minute`; `partition_of` gives the rows of each.
    pub fn close<'a, P: Partition + 'a>(
        &mut self,
        sealed: Option<Minute>,
        minute: Minute,
        partition_of: impl Fn(Minute) -> P,
        each: &mut dyn FnMut(Told<'_>),
    ) {
        let first = sealed.map_or(minute, Minute::next).max(minute.minus(CATCH_UP_MINUTES - 1));
        for at in (first.0..=minute.0).map(Minute) {
            let partition = partition_of(at);
            if self.next.as_ref().is_some_and(|(next, _)| next.from <= at) {
                self.turn_over(at, each);
            }
            self.rules.iter_mut().for_each(|watched| watched.close(at, &partition, each));
        }
    }

    /// The set that waited holds now.
    fn turn_over(&mut self, minute: Minute, each: &mut dyn FnMut(Told<'_>)) {
        let Some((files, set)) = self.next.take() else { return };
        let mut old: Vec<Watched> = std::mem::take(&mut self.rules);
        for rule in set.rules.into_iter().map(Arc::new) {
            let same = old.iter().position(|one| one.state.rule().fingerprint == rule.fingerprint);
            self.rules.push(match same {
                Some(at) => old.swap_remove(at).with(rule),
                None => Watched::new(rule),
            });
        }
        for watched in old {
            watched.end(minute, each);
            self.gone.push((watched.state.rule().fingerprint, watched.state.written_columns()));
        }
        (self.files, self.files_changed) = (files, true);
    }

    /// What changed since the last call.
    pub fn checkpoint(&mut self) -> WatchChanges {
        let files = std::mem::take(&mut self.files_changed).then(|| self.sets());
        let of = |watched: &mut Watched| {
            (watched.state.rule().fingerprint, watched.dropped, watched.state.checkpoint())
        };
        let rules = self.rules.iter_mut().map(of).collect();
        WatchChanges { files, rules, gone: std::mem::take(&mut self.gone) }
    }

    /// All of it, as if all had changed.
    #[must_use]
    pub fn whole(&self) -> WatchChanges {
        let of =
            |watched: &Watched| (watched.state.rule().fingerprint, watched.dropped, watched.state.whole());
        let files = (self.version() != 0).then(|| self.sets());
        WatchChanges { files, rules: self.rules.iter().map(of).collect(), gone: Vec::new() }
    }

    fn sets(&self) -> Vec<RuleFiles> {
        std::iter::once(&self.files).chain(self.next.as_ref().map(|(files, _)| files)).cloned().collect()
    }

    /// Back from what checkpoints have written. `pieces_of` finds a rule's dropped rows, status and columns; of a rule
    /// that held when no minute was sealed yet there is nothing.
    ///
    /// # Errors
    /// When a state is damaged.
    pub fn load<P: Partition>(
        files: Vec<RuleFiles>,
        partition: &P,
        mut pieces_of: impl FnMut(Fingerprint) -> Option<(u64, Vec<u8>, Vec<Vec<u8>>)>,
    ) -> Result<Self, StateBytesError> {
        let mut watch = Self::default();
        let mut files = files.into_iter();
        // A build that no longer reads what another wrote goes on without rules, until its owner brings it new ones.
        let Some((now, set)) = files.next().and_then(|files| Some((files.clone(), files.parse().ok()?)))
        else {
            return Ok(watch);
        };
        watch.next = files.next().and_then(|files| Some((files.clone(), files.parse().ok()?)));
        watch.files = now;
        for rule in set.rules.into_iter().map(Arc::new) {
            let mut watched = match pieces_of(rule.fingerprint) {
                None => Watched::new(rule),
                Some((dropped, status, columns)) => {
                    let columns = columns.iter().map(Vec::as_slice);
                    Watched {
                        dropped,
                        state: RuleState::load(Arc::clone(&rule), &status, columns)?,
                        ..Watched::new(rule)
                    }
                }
            };
            watched.offer(partition);
            watch.rules.push(watched);
        }
        Ok(watch)
    }

    /// Everything that is not just ok, by rule, tier and group.
    pub fn standing(&self) -> impl Iterator<Item = Standing<'_>> {
        self.rules.iter().flat_map(Watched::standing)
    }

    /// How many (rule, tier, group) there are.
    #[must_use]
    pub fn combinations(&self) -> u64 {
        let of = |watched: &Watched| (watched.state.groups() * watched.state.rule().tiers.len()) as u64;
        self.rules.iter().map(of).sum()
    }

    /// Series that found no room in their rule.
    #[must_use]
    pub fn unwatched(&self) -> u64 {
        self.rules.iter().map(|watched| watched.members.unwatched()).sum()
    }
}

// === impl Watched ===

impl Watched {
    fn new(rule: Arc<Rule>) -> Self {
        Self { members: Members::default(), state: RuleState::new(rule), offered: [0; 2], dropped: 0 }
    }

    /// The same rule with other texts.
    fn with(mut self, rule: Arc<Rule>) -> Self {
        self.state.reword(rule);
        self
    }

    fn close<P: Partition>(&mut self, minute: Minute, partition: &P, each: &mut dyn FnMut(Told<'_>)) {
        self.offer(partition);
        let rule = Arc::clone(self.state.rule());
        let dropped = partition.dropped(&rule.account, &rule.operand.metric);
        let complete = dropped == std::mem::replace(&mut self.dropped, dropped);
        let operand = column(self.members.operand(), rule.operand.sampling, complete, partition);
        let other = match &rule.signal {
            Signal::Ratio(below) => column(self.members.other(), below.sampling, complete, partition),
            Signal::Value | Signal::Change { .. } | Signal::Deviation { .. } => Column::default(),
        };
        let members = &self.members;
        self.state.close(minute, &operand, &other, &mut |transition| {
            if let Some(group) = members.name(transition.group) {
                each(Told { rule: &rule, group, transition });
            }
        });
    }

    /// New series, in order of their ids whichever metric they are of: groups are numbered alike after a restart.
    fn offer<P: Partition>(&mut self, partition: &P) {
        let rule = Arc::clone(self.state.rule());
        let Self { members, offered: [operand, below], .. } = self;
        let second = match &rule.signal {
            Signal::Ratio(second) if second.metric != rule.operand.metric => &second.metric,
            _ => {
                // One metric: its series come in order by themselves.
                return partition.series(&rule.account, &rule.operand.metric, *operand, &mut |id, dims| {
                    *operand += 1;
                    members.offer(&rule, id, &rule.account, &rule.operand.metric, dims);
                });
            }
        };
        let mut new = Vec::new();
        for (metric, offered) in [(&rule.operand.metric, operand), (second, below)] {
            partition.series(&rule.account, metric, *offered, &mut |id, dims| {
                *offered += 1;
                let owned = dims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                new.push((id, metric, owned.collect::<Vec<(String, String)>>()));
            });
        }
        new.sort_by_key(|(id, ..)| *id);
        for (id, metric, dims) in &new {
            let dims: Vec<(&str, &str)> = dims.iter().map(|(name, value)| (&**name, &**value)).collect();
            members.offer(&rule, *id, &rule.account, metric, &dims);
        }
    }

    /// The rule holds no more: what fires is over.
    fn end(&self, minute: Minute, each: &mut dyn FnMut(Told<'_>)) {
        let rule = self.state.rule();
        for standing in self.standing().filter(|one| one.fired.is_some() && one.state != State::Resolved) {
            let transition = Transition {
                tier: standing.tier as u8,
                group: standing.number,
                minute,
                from: standing.state,
                to: State::None,
                turn: Some(Turn::Gone),
                fired: standing.fired,
                value: f64::NAN,
            };
            each(Told { rule, group: standing.group, transition });
        }
    }

    fn standing(&self) -> impl Iterator<Item = Standing<'_>> {
        let groups = self.state.groups();
        let all = (0..self.state.rule().tiers.len())
            .flat_map(move |tier| (0..groups).map(move |group| (tier, group)));
        all.filter_map(|(tier, group)| {
            let (state, fired) = self.state.state(tier, group);
            let interesting = !matches!(state, State::None | State::Ok);
            let number = group as u32;
            let name = interesting.then(|| self.members.name(number)).flatten()?;
            let value = self.state.value(group);
            Some(Standing { value, rule: self.state.rule(), tier, number, group: name, state, fired })
        })
    }
}

/// What came in for each group.
fn column<P: Partition>(readers: &Readers, sampling: Sampling, complete: bool, partition: &P) -> Column {
    if sampling.needs_distinct() || sampling.needs_distribution() {
        return sketched(readers, sampling, complete, partition);
    }
    let mut column = Column::empty(complete);
    for (group, id) in readers.iter() {
        let (row, _) = partition.row(id);
        if row.count > 0 {
            column.add(group, sampling, row);
        }
    }
    column
}

/// The same of sketches, which are merged before anything is read off them.
fn sketched<P: Partition>(readers: &Readers, sampling: Sampling, complete: bool, partition: &P) -> Column {
    let mut merged: Vec<Option<Aggregate>> = Vec::new();
    for (group, id) in readers.iter() {
        let (row, sketches) = partition.row(id);
        if row.count == 0 {
            continue;
        }
        if merged.len() <= group {
            merged.resize(group + 1, None);
        }
        let row = Aggregate { scalars: *row, sketches: sketches.cloned().map(Box::new) };
        match &mut merged[group] {
            Some(all) => all.merge(&row),
            none => *none = Some(row),
        }
    }
    let read =
        |row: &Option<Aggregate>| row.as_ref().and_then(|row| sampling.read(row, 60)).unwrap_or(f64::NAN);
    Column { values: merged.iter().map(read).collect(), counts: Vec::new(), complete }
}
