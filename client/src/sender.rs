//! Sends batches that someone else has built: for load generators and relays, whose rows do not come from
//! instruments.
//!
//! In:   encoded batches with their stamps.
//! Out:  for each, the server's final answer.
//! Kept: nothing. What waits and how much is in flight is the caller's business.
//! Never: gives a batch up. Whoever no longer wants to wait drops the future, and then nobody knows whether the rows
//!        arrived.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::{PublisherId, Stamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::send::backoff;
use crate::send::transport::{Packet, Receipt, SendError, Transport, one_try};

/// Sends ready-made batches, each until it is answered. Cheap to clone; clones share a connection. Made by
/// [`Builder::build_sender`](crate::Builder::build_sender).
///
/// A publisher may have at most [`model::SEQUENCES_IN_FLIGHT_MAX`] sequences between its oldest unanswered batch and
/// its newest; the caller keeps to that.
#[derive(Clone)]
pub struct BatchSender {
    transport: Arc<dyn Transport>,
    try_timeout: Duration,
    first: Stamp,
}

/// What became of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How often it was sent.
    pub tries: u32,
    /// The server's answer, or in its words why it will never take this batch. After more than one try, rows of an
    /// answer with `only_this_try` may have been taken by a try whose answer was lost, and so may those of a batch that
    /// is not taken any more; all other refusals are of rows that no try has brought in.
    pub answer: Result<Receipt, String>,
}

// === impl BatchSender ===

impl BatchSender {
    pub(crate) fn new(transport: Arc<dyn Transport>, try_timeout: Duration, first: Stamp) -> Self {
        Self { transport, try_timeout, first }
    }

    /// The identity of the first batch: a publisher of its own. Further batches count its sequence up.
    #[must_use]
    pub fn first_stamp(&self) -> Stamp {
        self.first
    }

    /// Another publisher over the same connection.
    #[must_use]
    pub fn another(&self) -> Self {
        let first = Stamp { publisher: PublisherId(rand::random()), ..self.first };
        Self { transport: Arc::clone(&self.transport), first, ..*self }
    }

    /// Sends this batch, again and again with backoff, until the server accepts or refuses it. Needs a tokio runtime.
    pub async fn send(&self, packet: Packet) -> Delivery {
        let mut rng = None;
        let mut tries = 0;
        loop {
            tries += 1;
            match one_try(self.transport.as_ref(), packet.clone(), self.try_timeout).await {
                Ok(receipt) => return Delivery { tries, answer: Ok(receipt) },
                Err(SendError::Rejected { message }) => return Delivery { tries, answer: Err(message) },
                Err(SendError::Retry { after, message }) => {
                    tracing::debug!(stamp = %packet.stamp, %message, "a batch will be sent again");
                    let rng = rng.get_or_insert_with(|| StdRng::seed_from_u64(rand::random()));
                    tokio::time::sleep(backoff::delay(tries, after, rng)).await;
                }
            }
        }
    }
}

impl fmt::Debug for BatchSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSender").field("first", &self.first).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parking_lot::Mutex;

    use super::*;
    use crate::Client;
    use crate::send::transport::Sending;

    /// Answers as told, in order, and remembers what it was given.
    struct Script {
        answers: Mutex<Vec<Result<Receipt, SendError>>>,
        given: Mutex<Vec<Packet>>,
    }

    impl Transport for Script {
        fn publish(&self, packet: Packet, _: Duration) -> Sending {
            self.given.lock().push(packet);
            let answer = self.answers.lock().remove(0);
            Box::pin(async move { answer })
        }
    }

    /// The tries that one batch takes, and its answer.
    fn check(answers: Vec<Result<Receipt, SendError>>, expected: &Delivery) {
        let tries = answers.len();
        let script = Arc::new(Script { answers: Mutex::new(answers), given: Mutex::default() });
        let sender =
            Client::builder().transport(Arc::clone(&script) as Arc<dyn Transport>).build_sender().unwrap();
        let packet = Packet { stamp: sender.first_stamp(), rows: 2, request: Bytes::from_static(b"rows") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.block_on(sender.send(packet.clone())), *expected);
        assert_eq!(*script.given.lock(), vec![packet; tries]);
    }

    #[test]
    fn a_batch_is_sent_until_it_is_answered() {
        let retry = || Err(SendError::Retry { after: None, message: "away".to_owned() });
        let accepted = Receipt { accepted: 2, ..Receipt::default() };
        check(vec![Ok(accepted.clone())], &Delivery { tries: 1, answer: Ok(accepted.clone()) });
        check(vec![retry(), retry(), Ok(accepted.clone())], &Delivery { tries: 3, answer: Ok(accepted) });
    }

    #[test]
    fn a_rejected_batch_is_not_sent_again() {
        let rejected = Err(SendError::Rejected { message: "no such account".to_owned() });
        check(vec![rejected], &Delivery { tries: 1, answer: Err("no such account".to_owned()) });
    }
}
