//! The alerts of a partition: evaluated as a minute closes, kept in the checkpoint, shown in the view.
//!
//! In:    Rules records; the cells of the minutes that a Seal closes.
//! Out:   states of the checkpoint; [`AlertsView`]; every transition, into the outbox.
//! Kept:  an `alerts::Watch`.
//! Never: late rows. A verdict speaks of what was there at the seal.

use std::sync::Arc;

use alerts::{
    ColumnPiece, EachSeries, Fingerprint, GroupName, Partition, Rule, RuleFiles, SavedRule, Standing, State,
    Watch, WatchChanges,
};
use model::{Dims, LocalId, Minute, Reason, Scalars, Sketches};
use partition_log::Offset;
use proto::v1;
use store::{Cf, KvBatch, KvSnapshot};

use crate::accounting::{DropCounters, OTHER};
use crate::island::Island;
use crate::open_minutes::Cells;
use crate::recover::each;
use crate::series_table::SeriesTable;
use crate::state_bytes::{StateReader, StateWriter};
use crate::transitions::Transitions;
use crate::{StateError, state_keys};

/// Alerts of a partition that are shown; what is beyond is counted. At about 300 B each this is 3 MB.
const SHOWN_MAX: usize = 10_000;

/// What readers see of a partition's alerts, as of its last seal.
#[derive(Clone, Debug, Default)]
pub struct AlertsView {
    /// Which rule files hold, or will from their minute on; 0 of none.
    pub version: u64,
    /// Everything that is not just ok: what fires first, then by rule, tier and group.
    pub shown: Vec<Alert>,
    /// How many more there are.
    pub left_out: usize,
    /// How many (rule, tier, group) are evaluated.
    pub combinations: u64,
    /// Series that found no room in their rule.
    pub unwatched: u64,
}

/// A (rule, tier, group) that is not just ok.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Which of its tiers.
    pub tier: usize,
    /// What its group is called.
    pub dims: Dims,
    /// Its state.
    pub state: State,
    /// Since when it fires; or fired, when it resolved just now.
    pub fired: Option<Minute>,
    /// What was compared in the newest minute; NaN when there was nothing, or after a restart.
    pub value: f64,
}

/// One closed minute of a partition.
struct Closed<'a> {
    series: &'a SeriesTable,
    cells: Option<&'a Cells>,
    drops: &'a DropCounters,
}

// === impl Alert ===

impl Alert {
    /// Somebody has been told that it fires, and not that it is over.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.fired.is_some() && self.state != State::Resolved
    }
}

// === impl Closed ===

impl Partition for Closed<'_> {
    fn series(&self, account: &str, metric: &str, skip: usize, each: EachSeries<'_>) {
        let Some(metric) = self.series.hints().metric(account, metric) else { return };
        let mut dims = Vec::new();
        for position in u32::try_from(skip).unwrap_or(u32::MAX)..metric.len() as u32 {
            dims.clear();
            dims.extend(metric.dims_of(position));
            each(metric.local_ids().get(position), &dims);
        }
    }

    fn row(&self, id: LocalId) -> (&Scalars, Option<&Sketches>) {
        match self.cells {
            Some(cells) => (cells.get(id), cells.sketches(id)),
            None => (Cells::NOTHING, None),
        }
    }

    /// Without rows that lay too far ahead: they were of no minute that closes now.
    fn dropped(&self, account: &str, metric: &str) -> u64 {
        // There may be ten thousand counters, and a thousand rules ask at each seal.
        let of = |account: &str, metric: &str| -> u64 {
            let first = (account.into(), metric.into(), Reason::ALL[0]);
            let counters = self
                .drops
                .range(first..)
                .take_while(|((of, name, _), _)| (&**of, &**name) == (account, metric));
            counters.filter(|((.., reason), _)| *reason != Reason::TooFarAhead).map(|(_, rows)| rows).sum()
        };
        of(account, metric) + of(account, "") + of(OTHER, OTHER)
    }
}

// === impl Island ===

impl Island {
    /// A record that changes the rules; the error says why it is skipped.
    pub(crate) fn rules(&mut self, rules: v1::Rules) -> Result<(), String> {
        let files = rules.files.into_iter().map(|file| (file.name, file.text)).collect();
        self.watch.take(RuleFiles { version: rules.version, from: Minute(rules.from_minute), files })
    }

    /// Which rule files hold, or will from their minute on; 0 of none.
    #[must_use]
    pub fn rules_version(&self) -> u64 {
        self.watch.version()
    }

    /// Evaluates what the Seal at this offset closes.
    pub(crate) fn evaluate(
        &mut self,
        seal: Offset,
        sealed: Option<Minute>,
        minute: Minute,
        closed: &[(Minute, Cells)],
    ) {
        let (series, drops) = (&self.series, &*self.books.drops);
        let of = |at: Minute| Closed {
            series,
            drops,
            cells: closed.iter().find(|(minute, _)| *minute == at).map(|(_, cells)| cells),
        };
        let mut transitions = Transitions::default();
        self.watch.close(sealed, minute, of, &mut |told| {
            transitions.add(&told, || words(series, told.rule, told.group));
        });
        self.outbox.put(seal, transitions.finish());
        self.alerts = Arc::new(self.alerts_view());
    }

    /// Rules and their states as the checkpoint has them. The dictionary must be loaded.
    pub(crate) fn load_alerts(&mut self, snapshot: &dyn KvSnapshot) -> Result<(), StateError> {
        let Some(value) = snapshot.get(Cf::State, &[state_keys::RULES])? else { return Ok(()) };
        let files = decode_files(StateReader::new(&[state_keys::RULES], &value)?)?;
        let series = Closed { series: &self.series, cells: None, drops: &self.books.drops };
        let mut failed = Ok(());
        let watch = Watch::load(files, self.sealed_through, &series, |rule| {
            load_rule(snapshot, rule).unwrap_or_else(|why| {
                failed = Err(why);
                None
            })
        });
        failed?;
        self.watch = watch.map_err(|why| StateError::Contradiction(why.to_string()))?;
        self.alerts = Arc::new(self.alerts_view());
        Ok(())
    }

    fn alerts_view(&self) -> AlertsView {
        let mut view = AlertsView {
            version: self.watch.version(),
            combinations: self.watch.combinations(),
            unwatched: self.watch.unwatched(),
            ..AlertsView::default()
        };
        for firing in [true, false] {
            let fires = |one: &Standing<'_>| one.fired.is_some() && one.state != State::Resolved;
            for one in self.watch.standing().filter(|one| fires(one) == firing) {
                if view.shown.len() < SHOWN_MAX {
                    view.shown.push(self.alert(&one));
                } else {
                    view.left_out += 1;
                }
            }
        }
        view
    }

    fn alert(&self, one: &Standing<'_>) -> Alert {
        let dims = words(&self.series, one.rule, one.group).unwrap_or_default();
        Alert {
            rule: Arc::clone(one.rule),
            tier: one.tier,
            dims,
            state: one.state,
            fired: one.fired,
            value: one.value,
        }
    }
}

/// What a group is called.
fn words(series: &SeriesTable, rule: &Rule, group: GroupName<'_>) -> Option<Dims> {
    let id = match group {
        GroupName::Words(words) => return Some(words.clone()),
        GroupName::Series(id) => id,
    };
    let metric = series.hints().metric(&rule.account, &rule.operand.metric)?;
    let dims = metric.dims_of(metric.position_of(id)?);
    Dims::new(dims.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()).ok()
}

/// First what is gone: a rule that comes back writes anew what is deleted here.
pub(crate) fn put(changes: WatchChanges, batch: &mut KvBatch) {
    for (rule, columns) in changes.gone {
        batch.delete(Cf::State, state_keys::alert_status(rule));
        for (ring, minute) in columns {
            batch.delete(Cf::State, state_keys::alert_column(rule, ring, minute));
        }
    }
    if let Some(files) = changes.files {
        batch.put(Cf::State, [state_keys::RULES], encode_files(&files));
    }
    for (rule, dropped, pieces) in changes.rules {
        let mut status = StateWriter::new();
        status.u64(dropped).bytes(&pieces.status);
        batch.put(Cf::State, state_keys::alert_status(rule), status.finish());
        for (ring, minute) in pieces.delete {
            batch.delete(Cf::State, state_keys::alert_column(rule, ring, minute));
        }
        for piece in pieces.put {
            let mut column = StateWriter::new();
            column.bytes(&piece.bytes);
            batch.put(Cf::State, state_keys::alert_column(rule, piece.ring, piece.minute), column.finish());
        }
    }
}

fn load_rule(snapshot: &dyn KvSnapshot, rule: Fingerprint) -> Result<Option<SavedRule>, StateError> {
    let key = state_keys::alert_status(rule);
    let Some(value) = snapshot.get(Cf::State, &key)? else { return Ok(None) };
    let mut value = StateReader::new(&key, &value)?;
    let (dropped, status) = (value.u64()?, value.bytes()?.to_vec());
    value.end()?;
    let mut columns = Vec::new();
    let (from, to) = state_keys::alert_columns(rule);
    each(snapshot, &from, &to, &mut |key, value| {
        let (ring, minute) = state_keys::read_alert_column(key).ok_or_else(|| StateError::bad_key(key))?;
        let mut value = StateReader::new(key, value)?;
        columns.push(ColumnPiece { ring, minute, bytes: value.bytes()?.to_vec() });
        value.end()
    })?;
    Ok(Some(SavedRule { dropped, status, columns }))
}

fn encode_files(sets: &[RuleFiles]) -> Vec<u8> {
    let mut out = StateWriter::new();
    for set in sets {
        out.u64(set.version).u32(set.from.0).u32(set.files.len() as u32);
        for (name, text) in &set.files {
            out.bytes(name.as_bytes()).bytes(text.as_bytes());
        }
    }
    out.finish()
}

fn decode_files(mut value: StateReader<'_>) -> Result<Vec<RuleFiles>, StateError> {
    let mut sets = Vec::new();
    while !value.is_empty() {
        let (version, from, count) = (value.u64()?, Minute(value.u32()?), value.u32()?);
        let mut files = Vec::new();
        for _ in 0..count {
            files.push((value.text()?.to_owned(), value.text()?.to_owned()));
        }
        sets.push(RuleFiles { version, from, files });
    }
    Ok(sets)
}
