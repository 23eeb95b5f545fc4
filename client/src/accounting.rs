//! Where every measurement and every row went.

use std::collections::BTreeMap;

/// Counts since the client was built. After [`Client::finish`](crate::Client::finish) these hold:
/// `rows == accepted + refused + dropped + unconfirmed`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// Measurements that are in rows.
    pub measurements: u64,
    /// Measurements that never became part of a row, by reason: a NaN, a name that is too long.
    pub refused_measurements: BTreeMap<String, u64>,
    /// Those among `measurements` whose series had no room and which are in an overflow row.
    pub overflowed: u64,
    /// Rows that were built, heartbeats included.
    pub rows: u64,
    /// Those among `rows` that are the heartbeat's own.
    pub heartbeat_rows: u64,
    /// Rows that are durable on the server. (A row that the server knew already counts, too.)
    pub accepted: u64,
    /// Rows that the server refused, by reason; none of them is on the server.
    pub refused: BTreeMap<String, u64>,
    /// Rows that were given up: the queue was full, or the server will not take the batch ever.
    pub dropped: u64,
    /// Rows in tries after the first.
    pub retried: u64,
    /// Rows that wait for an answer, or came again too late for one: they may be on the server or not.
    pub unconfirmed: u64,
}

/// Rows that the server will not take: given to `on_refusal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub rows: u64,
    /// Why, as it is counted; `rejected` when it is the batch as a whole.
    pub reason: String,
    /// For a person: field, limit and way out. Empty when the server said no more than the reason.
    pub message: String,
}

// === impl Accounting ===

impl Accounting {
    /// All rows that were built are durable.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rows == self.accepted
    }
}
