//! Reads a range of keys past what cannot be read.
//!
//! RocksDB keeps keys and values in blocks with a checksum each. Where one does not fit, a cursor ends, and nobody knows
//! which keys the block held. So the next key that can be read is searched for, first in steps that double, then by
//! halves, at most 256 seeks for keys of up to 16 bytes. What stands alone between two damaged blocks may be passed over
//! with them; it counts as lost, which it says.

use std::ops::ControlFlow;

use crate::kv::Each;
use crate::{Cf, KvSnapshot, StoreError};

/// What [`range_past_damage`] calls with a stretch that cannot be read: its first key, the next one that can be, and why.
pub type Lost<'a> = &'a mut dyn FnMut(&[u8], &[u8], StoreError) -> Result<(), StoreError>;

/// Calls `each` as [`KvSnapshot::range`] does, and `damaged` for every stretch that could not be read. `damaged` may give
/// the error back, which ends the walk with it.
///
/// # Errors
/// What `each` or `damaged` returned.
pub fn range_past_damage(
    snapshot: &dyn KvSnapshot,
    cf: Cf,
    from: &[u8],
    to: &[u8],
    each: Each<'_>,
    damaged: Lost<'_>,
) -> Result<(), StoreError> {
    let mut from = from.to_vec();
    loop {
        let (mut last, mut refused) = (None::<Vec<u8>>, false);
        let read = snapshot.range(cf, &from, to, &mut |key, value| {
            last.get_or_insert_default().clear();
            last.get_or_insert_default().extend_from_slice(key);
            each(key, value).inspect_err(|_| refused = true)
        });
        match read {
            Ok(()) => return Ok(()),
            // A disk that does not answer cannot be passed over.
            Err(why) if refused || !why.is_damage() => return Err(why),
            Err(why) => {
                let stuck = last.map_or_else(|| from.clone(), |last| after(&last));
                let next = next_readable(snapshot, cf, &stuck, to);
                damaged(&stuck, &next, why)?;
                from = next;
            }
        }
    }
}

/// The least key after `stuck` from which a cursor can start, `to` at the latest.
fn next_readable(snapshot: &dyn KvSnapshot, cf: Cf, stuck: &[u8], to: &[u8]) -> Vec<u8> {
    let (low, end) = (number(stuck), number(to));
    let reads = |at: u128| {
        let mut probe = |_: &[u8], _: &[u8]| Ok(ControlFlow::Break(()));
        snapshot.range(cf, &at.to_be_bytes(), to, &mut probe).is_ok()
    };
    let (mut bad, mut good) = (low, end);
    for step in (0..u128::BITS).map(|bits| 1_u128 << bits) {
        match low.checked_add(step).filter(|at| *at < end) {
            Some(at) if reads(at) => {
                good = at;
                break;
            }
            Some(at) => bad = at,
            None => break,
        }
    }
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if reads(middle) { good = middle } else { bad = middle }
    }
    if good >= end { to.to_vec() } else { good.to_be_bytes().to_vec() }
}

/// The first key after this one.
fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first 16 bytes as a number that sorts as the key does.
fn number(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let len = key.len().min(16);
    bytes[..len].copy_from_slice(&key[..len]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys 0 to 999 of 16 bytes, of which some stretches cannot be read.
    struct Bad(Vec<(u128, u128)>);

    impl KvSnapshot for Bad {
        fn get(&self, _cf: Cf, _key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(None)
        }

        fn range(&self, _cf: Cf, from: &[u8], to: &[u8], each: Each<'_>) -> Result<(), StoreError> {
            // A cursor after key n begins at n + 1, whatever follows the 16 bytes.
            let first = number(from) + u128::from(from.len() > 16);
            for key in first..number(to).min(1_000) {
                if self.0.iter().any(|(from, to)| (*from..*to).contains(&key)) {
                    return Err(StoreError::damaged("a block", "its checksum"));
                }
                if each(&key.to_be_bytes(), b"")?.is_break() {
                    return Ok(());
                }
            }
            Ok(())
        }
    }

    #[test]
    fn what_is_not_damaged_is_read_once_and_in_order() {
        check(vec![], "0..1000", 0);
        check(vec![(0, 1)], "1..1000", 1);
        check(vec![(10, 40), (500, 501), (700, 900)], "0..10 40..500 501..700 900..1000", 3);
        check(vec![(990, 1000)], "0..990", 1);
        check(vec![(0, 1000)], "", 1);
    }

    #[test]
    fn what_stands_alone_between_two_damaged_blocks_may_be_lost_with_them() {
        check(vec![(10, 40), (41, 42)], "0..10 42..1000", 1);
    }

    #[track_caller]
    fn check(bad: Vec<(u128, u128)>, expected: &str, lost: usize) {
        let (mut seen, mut stretches) = (Vec::<std::ops::Range<u128>>::new(), 0);
        let (from, to) = (0_u128.to_be_bytes(), 1_000_u128.to_be_bytes());
        let each: Each<'_> = &mut |key, _| {
            let key = number(key);
            match seen.last_mut() {
                Some(run) if run.end == key => run.end += 1,
                _ => seen.push(key..key + 1),
            }
            Ok(ControlFlow::Continue(()))
        };
        let mut damaged = |_: &[u8], _: &[u8], _| {
            stretches += 1;
            Ok(())
        };
        range_past_damage(&Bad(bad), Cf::Slabs, &from, &to, each, &mut damaged).unwrap();
        let seen: Vec<String> = seen.iter().map(|run| format!("{}..{}", run.start, run.end)).collect();
        assert_eq!((seen.join(" ").as_str(), stretches), (expected, lost));
    }

    #[test]
    fn what_the_caller_says_ends_the_walk() {
        let (from, to) = (0_u128.to_be_bytes(), 1_000_u128.to_be_bytes());
        let mut stop = |_: &[u8], _: &[u8]| Err(StoreError::Crashed);
        let walked = range_past_damage(&Bad(vec![]), Cf::Slabs, &from, &to, &mut stop, &mut |_, _, _| Ok(()));
        assert_eq!(walked, Err(StoreError::Crashed));
        let mut go_on = |_: &[u8], _: &[u8]| Ok(ControlFlow::Continue(()));
        let walked =
            range_past_damage(&Bad(vec![(5, 6)]), Cf::Slabs, &from, &to, &mut go_on, &mut |_, _, why| {
                Err(why)
            });
        assert_eq!(walked, Err(StoreError::damaged("a block", "its checksum")));
    }
}
