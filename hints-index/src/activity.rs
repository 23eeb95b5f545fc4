//! When the series of a metric had data: by hour, and each one's first and last minute.
//!
//! In:    the positions that a seal brought rows of, by minute, late ones too.
//! Out:   which of some series had data in a range: yes, no, or only the slabs can tell.
//! Kept:  per chunk the set of each hour, equal ones of consecutive hours once; first and last minute in a few bits.
//!        A chunk whose series are always there costs 32 bytes however long it lives.
//! Never: a wrong yes or no. What it cannot know (*doubted* hours) it says it cannot.
//!
//! ```text
//! range            11:20 ├──────────────┤ 13:10
//! hours         │    11    │    12    │    13    │
//!                    edge      whole     edge
//! ```
//!
//! A series that is in the set of a whole hour has data. At an edge its first and last minute decide, unless it was
//! there both before and after the range's part of that hour: that is looked up in the slabs.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use model::{Minute, MinuteRange};

use crate::CHUNK;
use crate::bits::Bits;
use crate::packed::Packed;
use crate::set::{ARC_BYTES, Set};

/// Minutes of an hour.
const HOUR: u32 = 60;

/// Of one metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Activity {
    /// By chunk; shorter than the metric when no series of the last chunks had data yet.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Hours of which nothing is known. Ascending, apart.
    pub(crate) doubted: Vec<Range<u32>>,
    /// No set is of an hour before this one.
    pub(crate) oldest: Option<u32>,
    pub(crate) unsaved: Unsaved,
}

/// What has changed since the last save.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Unsaved {
    pub(crate) chunks: BTreeSet<u32>,
    pub(crate) hours: BTreeSet<u32>,
    pub(crate) doubts: bool,
    /// Hours whose sets are gone and may be saved. Not a range: a clock that jumps a century ahead must not make a
    /// million keys of it.
    pub(crate) gone: BTreeSet<u32>,
}

/// Of one chunk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunk {
    /// The positions that ever had data.
    pub(crate) ever: Set,
    /// By position, a whole chunk; any number where there never was data.
    pub(crate) first: Packed,
    pub(crate) last: Packed,
    /// Ascending, apart; equal neighbours are one.
    hours: Vec<Hours>,
}

/// Consecutive hours with the same set.
#[derive(Clone, Debug, PartialEq)]
struct Hours {
    from: u32,
    to: u32,
    set: Set,
}

/// How a range is answered.
#[derive(Debug)]
pub(crate) struct Plan {
    whole: Vec<Range<u32>>,
    edges: Vec<Edge>,
    doubted: Vec<MinuteRange>,
}

/// A part of an hour.
#[derive(Debug)]
struct Edge {
    range: MinuteRange,
    /// Some series could not be decided.
    is_open: bool,
}

// === impl Activity ===

impl Activity {
    /// These positions of a chunk had data in this minute.
    pub(crate) fn note(&mut self, chunk: usize, minute: Minute, bits: &Bits) {
        let hour = minute.0 / HOUR;
        let known = !self.is_doubted(hour);
        let at = self.chunk_mut(chunk);
        at.stretch(minute, bits);
        let adds = known && at.add(hour, bits);
        self.unsaved.chunks.insert(chunk as u32); // positions are 32 bits wide
        if adds {
            self.unsaved.hours.insert(hour);
            self.oldest = Some(self.oldest.map_or(hour, |oldest| oldest.min(hour)));
        }
    }

    /// A chunk, made when it is not there.
    pub(crate) fn chunk_mut(&mut self, chunk: usize) -> &mut Chunk {
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, Arc::default);
        }
        Arc::make_mut(&mut self.chunks[chunk])
    }

    /// From now on as if nothing had ever been saved.
    pub(crate) fn forget_saved(&mut self) {
        let hours =
            self.chunks.iter().flat_map(|chunk| &chunk.hours).flat_map(|run| run.from..run.to).collect();
        let chunks = (0_u32..).zip(&self.chunks).filter(|(_, chunk)| chunk.ever != Set::NONE);
        self.unsaved = Unsaved {
            hours,
            chunks: chunks.map(|(at, _)| at).collect(),
            doubts: !self.doubted.is_empty(),
            gone: BTreeSet::new(),
        };
    }

    /// Of these hours nothing is known any more, whatever was noted or will be.
    pub(crate) fn doubt(&mut self, hours: Range<u32>) {
        if hours.is_empty()
            || self.doubted.iter().any(|have| have.start <= hours.start && hours.end <= have.end)
        {
            return;
        }
        let touches = |have: &Range<u32>| have.start <= hours.end && hours.start <= have.end;
        let (near, mut apart): (Vec<_>, Vec<_>) = self.doubted.drain(..).partition(touches);
        apart.push(near.into_iter().fold(hours, |all, one| all.start.min(one.start)..all.end.max(one.end)));
        apart.sort_unstable_by_key(|hours| hours.start);
        self.doubted = apart;
        self.unsaved.doubts = true;
    }

    /// Drops the sets of hours before this one, which are doubted from then on.
    pub(crate) fn forget_before(&mut self, hour: u32) {
        let Some(oldest) = self.oldest.filter(|oldest| *oldest < hour) else { return };
        for chunk in
            self.chunks.iter_mut().filter(|chunk| chunk.hours.first().is_some_and(|run| run.from < hour))
        {
            let runs = chunk.hours.iter().take_while(|run| run.from < hour);
            self.unsaved.gone.extend(runs.flat_map(|run| run.from..run.to.min(hour)));
            Arc::make_mut(chunk).forget_before(hour);
        }
        self.oldest = self.chunks.iter().filter_map(|chunk| Some(chunk.hours.first()?.from)).min();
        self.unsaved.hours = self.unsaved.hours.split_off(&hour);
        self.doubt(oldest..hour);
    }

    pub(crate) fn plan(&self, range: MinuteRange) -> Plan {
        let mut plan = Plan { whole: Vec::new(), edges: Vec::new(), doubted: Vec::new() };
        let mut from = range.from.0;
        for hours in &self.doubted {
            let doubted = range.from.0.max(hours.start.saturating_mul(HOUR))
                ..range.to.0.min(hours.end.saturating_mul(HOUR));
            if !doubted.is_empty() {
                plan.know(from..doubted.start);
                plan.doubted.push(MinuteRange::new(Minute(doubted.start), Minute(doubted.end)));
                from = doubted.end;
            }
        }
        plan.know(from..range.to.0);
        plan
    }

    /// Which of these positions of a chunk had data, and which may have had some.
    pub(crate) fn decide(&self, chunk: usize, asked: &Bits, plan: &mut Plan) -> (Bits, Bits) {
        let (mut yes, mut unsure) = (Bits::NONE, Bits::NONE);
        if let Some(chunk) = self.chunks.get(chunk) {
            chunk.decide_whole(asked, &plan.whole, &mut yes);
            for edge in &mut plan.edges {
                edge.is_open |= chunk.decide_edge(asked, edge.range, &mut yes, &mut unsure);
            }
        }
        if !plan.doubted.is_empty() {
            unsure.union(asked);
        }
        unsure.subtract(&yes);
        (yes, unsure)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let chunk = |chunk: &Arc<Chunk>| ARC_BYTES + size_of::<Chunk>() + chunk.heap_bytes();
        self.chunks.capacity() * size_of::<Arc<Chunk>>()
            + self.chunks.iter().map(chunk).sum::<usize>()
            + self.doubted.capacity() * size_of::<Range<u32>>()
    }

    fn is_doubted(&self, hour: u32) -> bool {
        self.doubted.iter().any(|hours| hours.contains(&hour))
    }
}

// === impl Plan ===

impl Plan {
    /// What only the slabs can tell.
    pub(crate) fn to_look_up(&self) -> Vec<MinuteRange> {
        let edges = self.edges.iter().filter(|edge| edge.is_open).map(|edge| edge.range);
        self.doubted.iter().copied().chain(edges).collect()
    }

    /// Minutes of hours that are not doubted.
    fn know(&mut self, minutes: Range<u32>) {
        if minutes.is_empty() {
            return;
        }
        let whole = minutes.start.div_ceil(HOUR)..minutes.end / HOUR;
        if whole.start > whole.end {
            return self.edge(minutes); // within one hour
        }
        self.edge(minutes.start..whole.start.saturating_mul(HOUR));
        self.edge(whole.end * HOUR..minutes.end);
        if !whole.is_empty() {
            self.whole.push(whole);
        }
    }

    fn edge(&mut self, minutes: Range<u32>) {
        if !minutes.is_empty() {
            let range = MinuteRange::new(Minute(minutes.start), Minute(minutes.end));
            self.edges.push(Edge { range, is_open: false });
        }
    }
}

// === impl Chunk ===

impl Default for Chunk {
    fn default() -> Self {
        let nothing = Packed::constant(0, CHUNK);
        Self { ever: Set::NONE, first: nothing.clone(), last: nothing, hours: Vec::new() }
    }
}

impl Chunk {
    /// Each series' first and last minute.
    fn stretch(&mut self, minute: Minute, bits: &Bits) {
        let (minute, mut ever) = (minute.0, self.ever.bits());
        let (mut missing, mut new) = (ever, *bits);
        missing.subtract(bits);
        new.subtract(&ever);
        if missing.is_empty() && new.is_empty() && minute >= self.last.bound() {
            // All of them, later than ever before: the usual minute.
            self.last = Packed::constant(minute, CHUNK);
            return;
        }
        let (mut first, mut last) = (Vec::new(), Vec::new());
        self.first.unpack(&mut first);
        self.last.unpack(&mut last);
        for at in bits.iter() {
            let is_new = new.contains(at);
            first[at] = if is_new { minute } else { first[at].min(minute) };
            last[at] = if is_new { minute } else { last[at].max(minute) };
        }
        ever.union(bits);
        fill(&mut first, &ever);
        fill(&mut last, &ever);
        (self.first, self.last, self.ever) = (Packed::of(&first), Packed::of(&last), Set::of(&ever));
    }

    /// Did that change anything?
    pub(crate) fn add(&mut self, hour: u32, bits: &Bits) -> bool {
        let at = self.hours.partition_point(|run| run.to <= hour);
        let run = self.hours.get(at).filter(|run| run.from <= hour).cloned();
        let old = run.as_ref().map_or(Bits::NONE, |run| run.set.bits());
        let mut all = old;
        all.union(bits);
        if all == old {
            return false;
        }
        let mut parts = vec![Hours { from: hour, to: hour + 1, set: Set::of(&all) }];
        if let Some(run) = &run {
            parts.insert(0, Hours { to: hour, ..run.clone() });
            parts.push(Hours { from: hour + 1, ..run.clone() });
            parts.retain(|part| part.from < part.to);
        }
        self.hours.splice(at..at + usize::from(run.is_some()), parts);
        self.hours.dedup_by(|next, before| {
            let joins = before.to == next.from && before.set == next.set;
            before.to = if joins { next.to } else { before.to };
            joins
        });
        true
    }

    pub(crate) fn set_of(&self, hour: u32) -> Option<&Set> {
        let at = self.hours.partition_point(|run| run.to <= hour);
        self.hours.get(at).filter(|run| run.from <= hour).map(|run| &run.set)
    }

    fn forget_before(&mut self, hour: u32) {
        self.hours.retain_mut(|run| {
            run.from = run.from.max(hour);
            run.from < run.to
        });
    }

    fn decide_whole(&self, asked: &Bits, whole: &[Range<u32>], yes: &mut Bits) {
        for hours in whole {
            let first = self.hours.partition_point(|run| run.to <= hours.start);
            for run in self.hours[first..].iter().take_while(|run| run.from < hours.end) {
                yes.union(&run.set.bits());
            }
        }
        yes.intersect(asked);
    }

    /// A part of one hour. True when that left some unsure.
    fn decide_edge(&self, asked: &Bits, range: MinuteRange, yes: &mut Bits, unsure: &mut Bits) -> bool {
        let Some(set) = self.set_of(range.from.0 / HOUR) else { return false };
        let mut left = set.bits();
        left.intersect(asked);
        left.subtract(yes);
        let mut is_open = false;
        for at in left.iter() {
            let (first, last) = (Minute(self.first.get(at)), Minute(self.last.get(at)));
            if range.contains(first) || range.contains(last) {
                yes.insert(at);
            } else if first < range.from && range.to <= last {
                unsure.insert(at);
                is_open = true;
            }
        }
        is_open
    }

    fn heap_bytes(&self) -> usize {
        self.ever.heap_bytes()
            + self.first.heap_bytes()
            + self.last.heap_bytes()
            + self.hours.capacity() * size_of::<Hours>()
            + self.hours.iter().map(|run| run.set.heap_bytes()).sum::<usize>()
    }
}

/// Where nothing was ever noted stands what costs no bits: a number that stands elsewhere too.
fn fill(minutes: &mut [u32], ever: &Bits) {
    let Some(any) = ever.iter().next() else { return };
    let mut never = Bits::below(CHUNK);
    never.subtract(ever);
    let any = minutes[any];
    never.iter().for_each(|at| minutes[at] = any);
}
