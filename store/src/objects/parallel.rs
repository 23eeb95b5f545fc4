//! A few transfers at once.

use parking_lot::Mutex;

/// Calls `each` with every item, at most `threads` at once, in order of their start. After the first failure nothing
/// further is started, and that failure is the result.
///
/// # Errors
/// The first that `each` returned.
pub fn in_parallel<T: Send, E: Send>(
    threads: usize,
    items: impl IntoIterator<Item = T, IntoIter: Send>,
    each: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (items, failed) = (Mutex::new(items.into_iter()), Mutex::new(None));
    let next = || failed.lock().is_none().then(|| items.lock().next()).flatten();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = next() {
                    if let Err(why) = each(item) {
                        failed.lock().get_or_insert(why);
                    }
                }
            });
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn every_item_once() {
        let sum = AtomicU32::new(0);
        let done = in_parallel(3, 1..=100, |item| {
            sum.fetch_add(item, Ordering::Relaxed);
            Ok::<(), ()>(())
        });
        assert_eq!((done, sum.into_inner()), (Ok(()), 5050));
    }

    #[test]
    fn nothing_starts_after_a_failure() {
        let started = AtomicU32::new(0);
        let done = in_parallel(1, 0..100, |item| {
            started.fetch_add(1, Ordering::Relaxed);
            if item == 3 { Err("three") } else { Ok(()) }
        });
        assert_eq!((done, started.into_inner()), (Err("three"), 4));
    }
}
