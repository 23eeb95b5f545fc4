//! How rows become batches, and batches get to the server once.
//!
//! In:   drained rows, in order.
//! Out:  requests, and what became of them.
//! Kept: one batch that is being filled, a bounded queue, up to 8 batches in flight.
//! Never: the same stamp with other bytes; more sequences outstanding than an island remembers.

pub(crate) mod backoff;
pub(crate) mod grpc;
pub(crate) mod heartbeat;
pub(crate) mod outbox;
pub(crate) mod press;
pub(crate) mod pushback;
pub(crate) mod transport;
