//! The series of one metric, by position.

use std::sync::Arc;

use model::{LocalId, Matcher, MetricId, Minute, MinuteRange};
use roaring::RoaringBitmap;

use crate::activity::Activity;
use crate::bits::Bits;
use crate::postings::CHUNKS;
use crate::selection::Gather;
use crate::shortlist::Shortlist;
use crate::verdict::Verdict;
use crate::{CHUNK, Dim, HintsError, LocalIds, Selection, ValueId};

/// All series of one metric of one account within a partition.
#[derive(Clone, Debug)]
pub struct MetricIndex {
    name: Arc<str>,
    metric_id: MetricId,
    /// Changes when a series comes.
    pub(crate) columns: Arc<Columns>,
    /// Changes at every seal.
    pub(crate) activity: Activity,
    pub(crate) saved: Saved,
    /// Positions of deleted series. Whoever owns the index knows them, and deletes them again after a load.
    gone: Arc<RoaringBitmap>,
}

/// What the series are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    /// Ascending; the index is the position.
    pub(crate) ids: LocalIds,
    /// Sorted by name.
    pub(crate) dims: Vec<Dim>,
}

/// How much of it lies on disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Saved {
    pub(crate) series: usize,
    /// Values of each dimension, by slot.
    pub(crate) values: Vec<usize>,
}

/// Series that had data in a range, as far as the index knows. Who asks finds out about the others.
#[derive(Clone, Debug)]
pub struct Active {
    selected: Selection,
    /// These had.
    yes: RoaringBitmap,
    /// These may have had, in `look_up`.
    unsure: RoaringBitmap,
    look_up: Vec<MinuteRange>,
}

/// Blocks hold up to 1,024 series: of more than this part of them, hardly one would be left out.
const FEW_PART: usize = 8;

// === impl Active ===

impl Active {
    /// The series that fulfil the conditions, whenever they had data.
    #[must_use]
    pub fn selected(&self) -> &Selection {
        &self.selected
    }

    /// Where rows tell what the index cannot; nowhere when it knows everything.
    #[must_use]
    pub fn look_up(&self) -> &[MinuteRange] {
        &self.look_up
    }

    /// There is a row of the series at this position in [`Active::look_up`].
    pub fn found(&mut self, position: u32) {
        if self.unsure.remove(position) {
            self.yes.insert(position);
        }
    }

    /// There is a row of the series at this position that no seal has taken yet.
    pub fn came(&mut self, position: u32) {
        if self.selected.contains(position) {
            self.yes.insert(position);
        }
    }

    /// The series to look up, ascending; nothing when they are so many that naming them saves no reading.
    #[must_use]
    pub fn unsure_ids(&self, index: &MetricIndex) -> Option<Vec<LocalId>> {
        let are_few = self.unsure.len() <= (index.len() / FEW_PART) as u64;
        are_few.then(|| self.unsure.iter().map(|position| index.local_ids().get(position)).collect())
    }

    /// Nothing is left to look up.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.unsure.is_empty()
    }

    /// Those that had data, when all has been looked up.
    #[must_use]
    pub fn finish(self) -> Selection {
        Selection::Some(self.yes)
    }
}

// === impl MetricIndex ===

impl MetricIndex {
    pub(crate) fn new(name: &str, metric_id: MetricId) -> Self {
        let (columns, activity, saved, gone) = <_>::default();
        Self { name: name.into(), metric_id, columns, activity, saved, gone }
    }

    /// The metric's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The metric's id within the partition, which its slabs are stored under.
    #[must_use]
    pub fn metric_id(&self) -> MetricId {
        self.metric_id
    }

    /// Local ids, ascending; the index is the position.
    #[must_use]
    pub fn local_ids(&self) -> &LocalIds {
        &self.columns.ids
    }

    /// How many series; positions are `0..len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.ids.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.ids.is_empty()
    }

    /// All dimensions that any series of the metric has, sorted by name.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        &self.columns.dims
    }

    /// A dimension by its name; `None` when no series has it.
    #[must_use]
    pub fn dim(&self, name: &str) -> Option<&Dim> {
        self.columns.find(name).ok().map(|at| &self.columns.dims[at])
    }

    /// Where a series stands; `None` when it is not one of this metric.
    #[must_use]
    pub fn position_of(&self, id: LocalId) -> Option<u32> {
        self.columns.ids.position_of(id)
    }

    /// Name and value of every dimension that the series at this position has, sorted by name.
    pub fn dims_of(&self, position: u32) -> impl Iterator<Item = (&str, &str)> {
        self.dims()
            .iter()
            .map(move |dim| (dim.name(), dim.value_at(position)))
            .filter(|(_, value)| !value.is_empty())
    }

    /// Bytes that it occupies, itself included; what clones share is counted in each.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.columns.heap_bytes() + self.activity.heap_bytes()
    }
}

// === impl MetricIndex: deletion ===

impl MetricIndex {
    /// The series at this position was deleted: it is in no selection any more. Blocks may name it until they are
    /// written anew.
    #[must_use]
    pub fn is_deleted(&self, position: u32) -> bool {
        self.gone.contains(position)
    }

    /// Series that are not deleted and have had no sealed row since this minute. One of which is not known when it had
    /// some is not among them.
    #[must_use]
    pub fn idle_since(&self, before: Minute) -> Vec<LocalId> {
        let mut idle = Vec::new();
        for (chunk, all) in self.chunks() {
            let Some(activity) = self.activity.chunks.get(chunk) else { continue };
            let mut had = activity.ever.bits();
            had.intersect(&all);
            let positions = had.iter().filter(|at| activity.last.get(*at) < before.0);
            idle.extend(positions.map(|at| self.columns.ids.get((chunk * CHUNK + at) as u32))); // 32 bits wide
        }
        idle
    }

    /// Is it known of hours before this minute's which series had data in them?
    #[must_use]
    pub fn knows_before(&self, minute: Minute) -> bool {
        let hour = minute.0 / 60;
        let covers = |oldest: u32| {
            self.activity.doubted.iter().any(|hours| hours.start <= oldest && hour <= hours.end)
        };
        self.activity.oldest.is_some_and(|oldest| oldest < hour && !covers(oldest))
    }

    pub(crate) fn delete(&mut self, ids: impl Iterator<Item = LocalId>) {
        let positions: Vec<u32> = ids.filter_map(|id| self.position_of(id)).collect();
        Arc::make_mut(&mut self.gone).extend(positions);
    }
}

// === impl MetricIndex: selections ===

impl MetricIndex {
    /// The whole metric.
    #[must_use]
    pub fn all(&self) -> Selection {
        if self.gone.is_empty() {
            return Selection::All(u32::try_from(self.len()).unwrap_or(u32::MAX)); // no more than LocalIds
        }
        let mut gather = Gather::default();
        self.chunks().for_each(|(chunk, all)| gather.push(chunk, &all));
        Selection::Some(gather.finish())
    }

    /// The series that fulfil every condition. An absent dimension reads as the empty string.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher]) -> Selection {
        let verdicts = self.verdicts(matchers);
        if verdicts.iter().all(|verdict| matches!(verdict, Verdict::Each(true))) {
            return self.all();
        }
        let mut gather = Gather::default();
        self.each_chosen(&verdicts, |chunk, chosen| gather.push(chunk, chosen));
        Selection::Some(gather.finish())
    }

    /// Of those, the ones that had data in the range, as far as rows are sealed.
    #[must_use]
    pub fn select_active(&self, matchers: &[Matcher], range: MinuteRange) -> Active {
        let (verdicts, mut plan) = (self.verdicts(matchers), self.activity.plan(range));
        let (mut selected, mut yes, mut unsure) = <(Gather, Gather, Gather)>::default();
        self.each_chosen(&verdicts, |chunk, chosen| {
            let (active, open) = self.activity.decide(chunk, chosen, &mut plan);
            selected.push(chunk, chosen);
            yes.push(chunk, &active);
            unsure.push(chunk, &open);
        });
        let (selected, yes, unsure) = (Selection::Some(selected.finish()), yes.finish(), unsure.finish());
        let look_up = if unsure.is_empty() { Vec::new() } else { plan.to_look_up() };
        Active { selected, yes, unsure, look_up }
    }

    /// Calls `each` with the chunks that have series which fulfil every condition, and with those.
    fn each_chosen(&self, verdicts: &[Verdict<'_>], mut each: impl FnMut(usize, &Bits)) {
        let (mut buffer, chunks) = (Vec::new(), self.len().div_ceil(CHUNK));
        for block in 0..chunks.div_ceil(CHUNKS) {
            let list = Shortlist::of(verdicts, block);
            for chunk in block * CHUNKS..chunks.min((block + 1) * CHUNKS) {
                let Some(mut bits) = self.listed(chunk, &list) else { continue };
                chosen(&list.left, chunk, &mut bits, &mut buffer);
                if !bits.is_empty() {
                    each(chunk, &bits);
                }
            }
        }
    }

    /// The positions of a chunk that are on the list and not deleted; `None` when there are none.
    fn listed(&self, chunk: usize, list: &Shortlist<'_>) -> Option<Bits> {
        let Some(mut bits) = list.chunk(chunk) else { return Some(self.all_of(chunk)) };
        if bits.is_empty() {
            return None;
        }
        bits.subtract(&self.gone_of(chunk));
        Some(bits)
    }

    /// Each chunk, and which of its positions are series that are not deleted.
    fn chunks(&self) -> impl Iterator<Item = (usize, Bits)> + use<'_> {
        (0..self.len().div_ceil(CHUNK)).map(|chunk| (chunk, self.all_of(chunk)))
    }

    fn all_of(&self, chunk: usize) -> Bits {
        let mut all = Bits::below(CHUNK.min(self.len() - chunk * CHUNK));
        all.subtract(&self.gone_of(chunk));
        all
    }

    fn gone_of(&self, chunk: usize) -> Bits {
        let (first, mut gone) = (chunk * CHUNK, Bits::NONE);
        if !self.gone.is_empty() {
            let positions = first as u32..(first + CHUNK) as u32; // positions are 32 bits wide
            self.gone.range(positions).for_each(|position| gone.insert(position as usize - first));
        }
        gone
    }

    /// The strictest first: it leaves the least to the others.
    fn verdicts(&self, matchers: &[Matcher]) -> Vec<Verdict<'_>> {
        let mut verdicts: Vec<Verdict<'_>> =
            matchers.iter().map(|matcher| Verdict::of(matcher, self.dim(&matcher.dim))).collect();
        verdicts.sort_by(|one, other| one.part().total_cmp(&other.part()));
        verdicts
    }
}

/// Keeps the positions of a chunk that fulfil these conditions.
fn chosen(verdicts: &[&Verdict<'_>], chunk: usize, bits: &mut Bits, buffer: &mut Vec<ValueId>) {
    for verdict in verdicts {
        if bits.is_empty() {
            return;
        }
        verdict.apply(chunk, bits, buffer);
    }
}

// === impl MetricIndex: growth ===

impl MetricIndex {
    /// Is this a series that may be inserted next?
    pub(crate) fn check(&self, metric_id: MetricId, local_id: LocalId) -> Result<(), HintsError> {
        let metric = || self.name.to_string();
        if metric_id != self.metric_id {
            return Err(HintsError::MetricId { metric: metric(), have: self.metric_id, got: metric_id });
        }
        match self.columns.ids.last() {
            Some(newest) if newest >= local_id => {
                Err(HintsError::Order { metric: metric(), newest, got: local_id })
            }
            _ => Ok(()),
        }
    }

    /// A series that was checked.
    pub(crate) fn push<'a>(&mut self, local_id: LocalId, dims: impl Iterator<Item = (&'a str, &'a str)>) {
        Arc::make_mut(&mut self.columns).push(local_id, dims);
    }
}

// === impl Columns ===

impl Columns {
    fn push<'a>(&mut self, local_id: LocalId, dims: impl Iterator<Item = (&'a str, &'a str)>) {
        let at = self.ids.len() % CHUNK;
        let mut guess = 0;
        for (name, value) in dims.filter(|(_, value)| !value.is_empty()) {
            let dim = self.dim_at(name, guess);
            self.dims[dim].set(at, value);
            guess = dim + 1;
        }
        if self.ids.push(local_id) {
            self.dims.iter_mut().for_each(Dim::seal);
        }
    }

    /// Where the dimension is, made when it is not there. Series come with their names sorted, so the one after the
    /// last is the best guess.
    fn dim_at(&mut self, name: &str, guess: usize) -> usize {
        if self.dims.get(guess).is_some_and(|dim| dim.name() == name) {
            return guess;
        }
        self.find(name).unwrap_or_else(|at| {
            let slot = u16::try_from(self.dims.len()).expect("HintsIndex::insert has checked it");
            self.dims.insert(at, Dim::new(name, slot, self.ids.len() / CHUNK));
            at
        })
    }

    pub(crate) fn find(&self, name: &str) -> Result<usize, usize> {
        self.dims.binary_search_by(|dim| dim.name().cmp(name))
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.ids.heap_bytes()
            + self.dims.capacity() * size_of::<Dim>()
            + self.dims.iter().map(Dim::heap_bytes).sum::<usize>()
    }
}
