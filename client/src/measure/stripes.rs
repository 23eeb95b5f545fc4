//! Tables for dynamic dimensions, one a stripe of threads, so that threads do not wait for each other.

use std::cell::Cell as ThreadCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use model::Aggregate;
use parking_lot::Mutex;

use super::key::Key;
use super::registry::Series;
use super::table::{Cell, Table};
use crate::limits::DRAIN_CHUNK;

/// More stripes than this cost memory (a series has a cell in each stripe that records it) and win little.
const STRIPES_MAX: usize = 16;

/// Tables on cache lines of their own.
#[derive(Debug)]
pub(crate) struct Stripes<C>(Box<[Stripe<C>]>);

#[derive(Debug)]
#[repr(align(128))]
struct Stripe<C>(Mutex<Table<C>>);

// === impl Stripes ===

impl<C: Cell> Stripes<C> {
    /// As many as there are cores, a power of two.
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let stripes = cores.next_power_of_two().min(STRIPES_MAX);
        Self((0..stripes).map(|_| Stripe(Mutex::new(Table::default()))).collect())
    }

    /// False when this thread's stripe does not know the series: then it has to be inserted.
    #[inline]
    pub(crate) fn record(&self, key: Key, record: impl FnOnce(&mut C)) -> bool {
        let mut table = self.mine().lock();
        let Some(cell) = table.get(key) else { return false };
        record(cell);
        true
    }

    #[cold]
    pub(crate) fn insert(&self, key: Key, series: &Arc<Series>, record: impl FnOnce(&mut C)) {
        record(self.mine().lock().get_or_insert(key, series));
    }

    /// Takes what is in all cells, holding each lock only for a chunk of them.
    pub(crate) fn drain(&self, close: bool, mut out: impl FnMut(&Arc<Series>, Aggregate)) {
        for stripe in &self.0 {
            let mut from = Some(0);
            while let Some(at) = from {
                from = stripe.0.lock().drain(at, DRAIN_CHUNK, close, &mut out);
            }
        }
    }

    #[inline]
    fn mine(&self) -> &Mutex<Table<C>> {
        &self.0[thread_number() & (self.0.len() - 1)].0
    }
}

/// Threads are numbered as they come.
#[inline]
fn thread_number() -> usize {
    thread_local!(static NUMBER: ThreadCell<usize> = const { ThreadCell::new(usize::MAX) });
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
