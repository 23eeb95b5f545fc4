//! Keys of `Cf::State`. Numbers are big endian, so that keys sort as the numbers do.
//!
//! ```text
//! │ 'A' │ hour u32 │ account │                      rows applied by minute of that hour
//! │ 'C' │                                           the head (store::CHECKPOINT_KEY)
//! │ 'D' │ publisher u128 │ epoch u64 │ account │    dedup window of a publisher and what became of its rows
//! │ 'G' │ metric id u32 │                           the deleted series of a metric
//! │ 'O' │ minute u32 │                              an open minute
//! │ 'P' │ minute u32 │                              rows of a minute ahead of those that may be open
//! │ 'Q' │ seal's offset u64 │                       batches that the island put out at that seal; without one, what was lost
//! │ 'R' │                                           rule files
//! │ 'S' │ rule u128 │                               the alert states of a rule
//! │ 'T' │ rule u128 │ ring u8 │ minute u32 │          a minute that a rule's window still needs
//! │ 'U' │ local id u32 │                            the last point of a cumulative series
//! │ 'W' │ metric id u32 │                           up to which deletion upkeep has purged the disk
//! │ 'X' │ reason │ 0 │ account │ 0 │ metric │       dropped rows
//! ```

use alerts::Fingerprint;
use model::{Minute, PublisherId, Reason};
use partition_log::Offset;

use crate::accounting::{DropKey, HourKey};
use crate::dedup::PublisherKey;

pub(crate) const ACCOUNT_ROWS: u8 = b'A';
pub(crate) const PUBLISHER: u8 = b'D';
pub(crate) const DELETED: u8 = b'G';
pub(crate) const OPEN_MINUTE: u8 = b'O';
pub(crate) const AHEAD_MINUTE: u8 = b'P';
pub(crate) const OUTBOX: u8 = b'Q';
pub(crate) const RULES: u8 = b'R';
pub(crate) const ALERT_STATUS: u8 = b'S';
pub(crate) const ALERT_COLUMN: u8 = b'T';
pub(crate) const CUMULATIVE: u8 = b'U';
pub(crate) const WITNESS: u8 = b'L';
pub(crate) const PURGED: u8 = b'W';
pub(crate) const DROPS: u8 = b'X';

pub(crate) fn hour((hour, account): &HourKey) -> Vec<u8> {
    tagged(ACCOUNT_ROWS, &[&hour.to_be_bytes(), account.as_bytes()])
}

pub(crate) fn read_hour(key: &[u8]) -> Option<(u32, &str)> {
    let (hour, account) = key.get(1..)?.split_first_chunk()?;
    Some((u32::from_be_bytes(*hour), std::str::from_utf8(account).ok()?))
}

pub(crate) fn publisher((publisher, epoch, account): &PublisherKey) -> Vec<u8> {
    tagged(PUBLISHER, &[&publisher.0.to_be_bytes(), &epoch.to_be_bytes(), account.as_bytes()])
}

pub(crate) fn read_publisher(key: &[u8]) -> Option<PublisherKey> {
    let (publisher, rest) = key.get(1..)?.split_first_chunk()?;
    let (epoch, account) = rest.split_first_chunk()?;
    let account = std::str::from_utf8(account).ok()?.into();
    Some((PublisherId(u128::from_be_bytes(*publisher)), u64::from_be_bytes(*epoch), account))
}

pub(crate) fn minute(tag: u8, minute: Minute) -> Vec<u8> {
    tagged(tag, &[&minute.0.to_be_bytes()])
}

pub(crate) fn alert_status(rule: Fingerprint) -> Vec<u8> {
    tagged(ALERT_STATUS, &[&rule.0.to_be_bytes()])
}

pub(crate) fn alert_column(rule: Fingerprint, ring: u8, minute: Minute) -> Vec<u8> {
    tagged(ALERT_COLUMN, &[&rule.0.to_be_bytes(), &[ring], &minute.0.to_be_bytes()])
}

/// Ring and minute.
pub(crate) fn read_alert_column(key: &[u8]) -> Option<(u8, Minute)> {
    let (ring, minute) = key.get(1 + 16..)?.split_first()?;
    Some((*ring, Minute(u32::from_be_bytes(minute.try_into().ok()?))))
}

/// All columns of a rule are in `[from, to)`: there are far fewer than 255 rings.
pub(crate) fn alert_columns(rule: Fingerprint) -> (Vec<u8>, Vec<u8>) {
    let of = |ring: u8| tagged(ALERT_COLUMN, &[&rule.0.to_be_bytes(), &[ring]]);
    (of(0), of(u8::MAX))
}

pub(crate) fn put_out(seal: Offset) -> Vec<u8> {
    tagged(OUTBOX, &[&seal.to_be_bytes()])
}

/// The seal's offset; `None` of the key that has none.
pub(crate) fn read_put_out(key: &[u8]) -> Option<Offset> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// What is known of one series, or of one metric.
pub(crate) fn of_id(tag: u8, id: u32) -> Vec<u8> {
    tagged(tag, &[&id.to_be_bytes()])
}

/// The number of a minute, of a series or of a metric.
pub(crate) fn read_u32(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

pub(crate) fn drops((account, metric, reason): &DropKey) -> Vec<u8> {
    tagged(DROPS, &[reason.name().as_bytes(), &[0], &escaped(account), &[0], &escaped(metric)])
}

/// Names may hold any character: a NUL of theirs is followed by a byte that UTF-8 never has, so that it is not taken for
/// the one between two names.
fn escaped(name: &str) -> Vec<u8> {
    let escape = |byte: u8| std::iter::once(byte).chain((byte == 0).then_some(0xff));
    name.bytes().flat_map(escape).collect()
}

/// As the value names them.
pub(crate) fn drop_key(account: &str, metric: &str, reason: &str) -> Option<DropKey> {
    Some((account.into(), metric.into(), Reason::from_name(reason)?))
}

/// Everything under a tag is in `[tag, end)`.
pub(crate) fn end_of(tag: u8) -> [u8; 1] {
    [tag + 1]
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![tag];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_nuls_have_keys_of_their_own() {
        let key = |account: &str, metric: &str| drops(&(account.into(), metric.into(), Reason::TooOld));
        let keys = [key("a", "b"), key("a\0b", ""), key("a\0", "b"), key("a", "\0b"), key("", "a\0b")];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
