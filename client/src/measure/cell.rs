//! A cell that one thread records into and the drain reads: no lock, no read-modify-write instruction.
//!
//! In:   measurements, by the one thread that holds the [`Pen`].
//! Out:  what came in since it was last looked at, by [`Reader`].
//! Kept: two slots, one for each of two generations.
//! Never: a measurement lost or counted twice, whatever the threads' timing.
//!
//! A swap as a lock costs 6 ns on the machine where plain stores cost 2.5; so the writer takes no lock:
//! - A *sequence lock* makes a slot readable as a whole: odd while the writer is inside, and the reader tries again.
//! - At the close of a minute the reader asks for the next *generation*; the writer, at its next measurement, sees that,
//!   clears the other slot, writes the generation on it and goes on there. Slots are cleared by the writer alone.
//! - The writer may see the wish a moment late and put a straggler into the slot that was read already. The reader looks
//!   at that slot again at the next drain and hands out the *difference*, for the same minute as before, with the min and
//!   max of the whole slot. Merged with the earlier row that is exact: min and max of a minute do not mind a repetition.
//! - The reader asks for generation g + 1 only when it has seen the writer in g: then g - 1 is final, and once it was
//!   read its slot may be cleared.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, fence};
use std::thread;
use std::time::Duration;

use model::{Kinds, Minute, Number, Scalars};

/// Looks at a slot that is being written before the reader leaves it for the next drain. A writer is inside for
/// nanoseconds, unless the scheduler took its core away.
const LOOKS_MAX: u32 = 500;

/// On cache lines of its own: two threads' cells never share one.
#[derive(Debug)]
#[repr(align(128))]
struct Cell {
    /// The generation that the reader asks for.
    wanted: AtomicU32,
    /// Generation g is in slot g mod 2.
    slots: [Slot; 2],
}

#[derive(Debug, Default)]
struct Slot {
    /// Odd while the writer is inside.
    version: AtomicU32,
    generation: AtomicU32,
    kinds: AtomicU8,
    count: AtomicU64,
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
}

/// The writing end. `Send`, not `Sync`, not `Clone`: whoever has it is the only writer.
#[derive(Debug)]
pub(crate) struct Pen {
    cell: Arc<Cell>,
    /// A `Cell` may move to another thread and may not be seen by two.
    one_writer: std::marker::PhantomData<std::cell::Cell<()>>,
}

/// The reading end, of which there is one, too.
#[derive(Debug)]
pub(crate) struct Reader {
    cell: Arc<Cell>,
    taken: [Taken; 2],
}

/// What was handed out of a slot, and for which generation and minute.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    generation: Option<u32>,
    minute: Minute,
    scalars: Scalars,
}

/// A new cell's two ends.
pub(crate) fn cell() -> (Pen, Reader) {
    let cell = Arc::new(Cell::default());
    let reader = Reader { cell: Arc::clone(&cell), taken: Default::default() };
    (Pen { cell, one_writer: std::marker::PhantomData }, reader)
}

// === impl Pen ===

impl Pen {
    /// Records one measurement.
    #[inline]
    pub(crate) fn record(&self, value: Number) {
        // Acquire: what the reader read before it asked comes before what we clear.
        let wanted = self.cell.wanted.load(Acquire);
        let slot = &self.cell.slots[(wanted & 1) as usize];
        if slot.generation.load(Relaxed) != wanted {
            slot.store(wanted, &Scalars::default());
        }
        slot.record(wanted, value);
    }
}

// === impl Cell ===

impl Default for Cell {
    fn default() -> Self {
        let slots = <[Slot; 2]>::default();
        slots[1].generation.store(u32::MAX, Relaxed); // generation 1 has not begun
        Self { wanted: AtomicU32::new(0), slots }
    }
}

// === impl Slot ===

impl Slot {
    #[inline]
    fn record(&self, generation: u32, value: Number) {
        if let Number::Int(value) = value
            && self.kinds.load(Relaxed) == 0
            && let count @ 1.. = self.count.load(Relaxed)
            && let Some(sum) = self.sum.load(Relaxed).cast_signed().checked_add(value)
        {
            let version = self.enter();
            self.count.store(count.saturating_add(1), Relaxed);
            self.sum.store(sum.cast_unsigned(), Relaxed);
            if value < self.min.load(Relaxed).cast_signed() {
                self.min.store(value.cast_unsigned(), Relaxed);
            }
            if value > self.max.load(Relaxed).cast_signed() {
                self.max.store(value.cast_unsigned(), Relaxed);
            }
            self.leave(version);
            return;
        }
        self.record_mixed(generation, value);
    }

    /// The first measurement, floats, an overflow.
    fn record_mixed(&self, generation: u32, value: Number) {
        let mut scalars = self.load();
        scalars.record(value);
        self.store(generation, &scalars);
    }

    #[inline]
    fn enter(&self) -> u32 {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        // Nobody may see a store from inside and not this one.
        fence(Release);
        version
    }

    #[inline]
    fn leave(&self, version: u32) {
        self.version.store(version.wrapping_add(2), Release);
    }

    fn store(&self, generation: u32, scalars: &Scalars) {
        let version = self.enter();
        self.generation.store(generation, Relaxed);
        self.kinds.store(scalars.kinds.0, Relaxed);
        self.count.store(scalars.count, Relaxed);
        self.sum.store(scalars.sum, Relaxed);
        self.min.store(scalars.min, Relaxed);
        self.max.store(scalars.max, Relaxed);
        self.leave(version);
    }

    fn load(&self) -> Scalars {
        Scalars {
            count: self.count.load(Relaxed),
            sum: self.sum.load(Relaxed),
            min: self.min.load(Relaxed),
            max: self.max.load(Relaxed),
            kinds: Kinds(self.kinds.load(Relaxed)),
        }
    }

    /// The slot and its generation as they were between two measurements; `None` when the writer stays inside.
    fn snapshot(&self) -> Option<(u32, Scalars)> {
        for look in 0..LOOKS_MAX {
            let before = self.version.load(Acquire);
            let seen = (self.generation.load(Relaxed), self.load());
            fence(Acquire);
            if before & 1 == 0 && self.version.load(Relaxed) == before {
                return Some(seen);
            }
            wait(look);
        }
        None
    }
}

/// Spins for a writer that is running, sleeps for one that is not.
fn wait(look: u32) {
    match look {
        0..100 => std::hint::spin_loop(),
        100..150 => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(200)),
    }
}

// === impl Reader ===

impl Reader {
    /// Hands out what came in since it was last asked: for `minute`, except stragglers, which belong to the minute
    /// before. `close`: what comes in from now on belongs to the next minute.
    pub(crate) fn drain(&mut self, minute: Minute, close: bool, mut out: impl FnMut(Minute, Scalars)) {
        let wanted = self.cell.wanted.load(Relaxed);
        // In this order: when the writer is seen in the new slot, what is read of the old one after that is final.
        let arrived = self.take(wanted & 1, minute, &mut out) == Some(wanted);
        let old_read = self.take(wanted.wrapping_add(1) & 1, minute, &mut out).is_some();
        if close && arrived && old_read {
            // Release: what we have read comes before what the writer clears.
            self.cell.wanted.store(wanted.wrapping_add(1), Release);
        }
    }

    /// Hands out what is new in a slot. The slot's generation; `None` when it could not be read: next time then.
    fn take(&mut self, slot: u32, minute: Minute, out: &mut impl FnMut(Minute, Scalars)) -> Option<u32> {
        let (generation, now) = self.cell.slots[slot as usize].snapshot()?;
        let taken = &mut self.taken[slot as usize];
        if now.count > 0 && taken.generation != Some(generation) {
            *taken = Taken { generation: Some(generation), minute, scalars: Scalars::default() };
        }
        if now.count > taken.scalars.count && taken.generation == Some(generation) {
            out(taken.minute, difference(&now, &taken.scalars));
            taken.scalars = now;
        }
        Some(generation)
    }

    /// The writer is gone: what can still be drained is all that will ever be.
    pub(crate) fn is_orphan(&mut self) -> bool {
        // `get_mut` acquires: the writer's last measurement is visible after it.
        Arc::get_mut(&mut self.cell).is_some()
    }
}

/// What `now` has more than `before`, which was read from the same slot earlier: a row that could have been measured by
/// itself. The min and max are those of `now`; of one measurement they are the measurement.
fn difference(now: &Scalars, before: &Scalars) -> Scalars {
    if before.count == 0 {
        return *now;
    }
    match now.count - before.count {
        1 => Scalars::of(added(now, before)),
        count => {
            let mut more = Scalars::new(count, sum_added(now, before, count), now.min(), now.max());
            more.kinds.0 |= now.kinds.0 & Kinds::OVERFLOWED;
            more
        }
    }
}

/// The one measurement: exactly, when it is a new least or greatest or an integer; else somewhere between those.
fn added(now: &Scalars, before: &Scalars) -> Number {
    let (min, max) = (now.min(), now.max());
    match sum_added(now, before, 1) {
        _ if min != before.min() => min,
        _ if max != before.max() => max,
        Number::Int(value) => Number::Int(value),
        Number::Float(value) => match Number::from_f64(value) {
            Some(value) if value.total_cmp(min).is_gt() && value.total_cmp(max).is_lt() => value,
            _ if value <= min.to_f64() => min,
            _ => max,
        },
    }
}

/// The difference of two rounded sums may leave what so many measurements can add up to, most where few are added to
/// many; so it is held there, which is nearer to the truth.
fn sum_added(now: &Scalars, before: &Scalars, count: u64) -> Number {
    if let (Number::Int(now), Number::Int(before)) = (now.sum(), before.sum())
        && let Some(sum) = now.checked_sub(before)
    {
        return Number::Int(sum);
    }
    let (least, most) = (now.min().to_f64() * count as f64, now.max().to_f64() * count as f64);
    let sum = (now.sum().to_f64() - before.sum().to_f64()).max(least).min(most);
    Number::Float(sum.clamp(f64::MIN, f64::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn fold(rows: &mut BTreeMap<Minute, Scalars>, minute: Minute, scalars: Scalars) {
        rows.entry(minute).or_default().merge(&scalars);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Record(i64),
        Flush,
        Close,
    }

    proptest! {
        /// One after the other: every measurement is in its minute, exactly.
        #[test]
        fn a_measurement_is_in_its_minute(steps in prop::collection::vec(prop_oneof![
            4 => (-1000_i64..1000).prop_map(Step::Record), 1 => Just(Step::Flush), 2 => Just(Step::Close)], 0..80)) {
            let (pen, mut reader) = cell();
            let (mut rows, mut expected, mut minute) = (BTreeMap::new(), BTreeMap::new(), Minute(10));
            for step in steps {
                match step {
                    Step::Record(value) => {
                        pen.record(Number::Int(value));
                        fold(&mut expected, minute, Scalars::of(Number::Int(value)));
                    }
                    Step::Flush => reader.drain(minute, false, |m, s| fold(&mut rows, m, s)),
                    Step::Close => {
                        reader.drain(minute, true, |m, s| fold(&mut rows, m, s));
                        minute = minute.next();
                    }
                }
            }
            reader.drain(minute, true, |m, s| fold(&mut rows, m, s));
            prop_assert_eq!(rows, expected);
        }

        /// Part of a slot was handed out already: the rest is a row that any door takes, and together they are all of it.
        #[test]
        fn each_part_of_a_slot_is_a_row_of_its_own(values in prop::collection::vec(prop_oneof![
            any::<i64>().prop_map(Number::Int), (-1000..1000_i64).prop_map(Number::Int),
            (-1e18..1e18_f64).prop_map(Number::Float), (0.0..1.0_f64).prop_map(Number::Float), Just(Number::Float(0.1)),
        ], 1..20), flushes in prop::collection::vec(any::<bool>(), 20)) {
            let (pen, mut reader) = cell();
            let (mut expected, mut all, mut rows) = (Scalars::default(), Scalars::default(), Vec::new());
            for (value, flush) in values.iter().zip(flushes) {
                pen.record(*value);
                expected.record(*value);
                if flush {
                    reader.drain(Minute(1), false, |_, scalars| rows.push(scalars));
                }
            }
            reader.drain(Minute(1), true, |_, scalars| rows.push(scalars));
            for row in &rows {
                prop_assert_eq!((row.check(), row.check_sum()), (Ok(()), Ok(())), "{:?}", row);
                all.merge(row);
            }
            prop_assert_eq!((all.count, all.min(), all.max()), (expected.count, expected.min(), expected.max()));
            let scale: f64 = values.iter().map(|value| value.to_f64().abs()).sum();
            prop_assert!((all.sum().to_f64() - expected.sum().to_f64()).abs() <= 1e-14 * scale);
        }

        #[test]
        fn floats_and_overflows_are_what_scalars_make_of_them(values in prop::collection::vec(
            prop_oneof![any::<i64>().prop_map(Number::Int), (-1e9..1e9_f64).prop_map(Number::Float)], 1..30)) {
            let (pen, mut reader) = cell();
            let mut expected = Scalars::default();
            for value in values {
                pen.record(value);
                expected.record(value);
            }
            let mut got = Vec::new();
            reader.drain(Minute(1), true, |_, scalars| got.push(scalars));
            prop_assert_eq!(got, vec![expected]);
        }
    }

    #[test]
    fn threads_lose_nothing_while_minutes_close() {
        const EACH: i64 = 400_000;
        let (pen, mut reader) = cell();
        let writer = thread::spawn(move || (1..=EACH).for_each(|value| pen.record(Number::Int(value))));
        let (mut all, mut minute) = (BTreeMap::new(), Minute(0));
        loop {
            let last = reader.is_orphan();
            reader.drain(minute, minute.0 % 3 != 0, |m, s| fold(&mut all, m, s));
            minute = minute.next();
            if last {
                break;
            }
        }
        writer.join().unwrap();
        let mut total = Scalars::default();
        all.values().for_each(|scalars| total.merge(scalars));
        assert_eq!((total.count, total.sum()), (EACH as u64, Number::Int(EACH * (EACH + 1) / 2)));
        assert_eq!((total.min(), total.max()), (Number::Int(1), Number::Int(EACH)));
    }
}
