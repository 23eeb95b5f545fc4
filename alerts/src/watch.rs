//! All rules of one partition at work: what an island keeps of its alerts.
//!
//! In:    rule files with the minute from which they hold; each sealed minute once, in order.
//! Out:   transitions with the words of their group; what changed, for the checkpoint.
//! Kept:  by rule its members and its state. A rule that a new set repeats word for word keeps both.
//! Never: a minute twice. After a pause only the last [`CATCH_UP_MINUTES`] are evaluated one by one.

use std::sync::Arc;

use model::Minute;

use crate::RuleFiles;
use crate::machine::{Pieces, StateBytesError};
use crate::rules::{Fingerprint, RuleSet};
use crate::watched::{Partition, SavedRule, Standing, Told, Watched};

/// Minutes that one seal evaluates after a pause, as many as a row may be late: what lies further back has closed
/// without anybody who could have acted on it.
pub const CATCH_UP_MINUTES: u32 = 60;

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

    /// Back from what checkpoints have written when `sealed` was the newest minute that was sealed. `saved_of` finds what
    /// there is of a rule; of one that held when no minute was sealed yet there is nothing.
    ///
    /// # Errors
    /// When a state is damaged, or speaks of minutes that were not sealed.
    pub fn load<P: Partition>(
        files: Vec<RuleFiles>,
        sealed: Option<Minute>,
        partition: &P,
        mut saved_of: impl FnMut(Fingerprint) -> Option<SavedRule>,
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
            let mut watched = match saved_of(rule.fingerprint) {
                None => Watched::new(rule),
                Some(saved) => Watched::load(rule, &saved, sealed)?,
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
