//! What carries a batch to the server: one small trait, so that tests can own the weather.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use model::Stamp;

/// A batch, encoded once: every try sends the same bytes under the same stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who, and which batch.
    pub stamp: Stamp,
    /// How many rows are in it.
    pub rows: u64,
    /// An encoded `sluice.v1.PublishRequest` with one batch.
    pub request: Bytes,
}

/// The server's answer: accepted rows are durable, the others are refused for good, and are so in every try unless
/// `only_this_try` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Rows that are in the log.
    pub accepted: u64,
    /// Rows that are not, by reason.
    pub refused: BTreeMap<String, u64>,
    /// By reason the first refusal in the server's words; of reasons that come late in a batch there is none.
    pub messages: BTreeMap<String, String>,
    /// The refusal is of this try alone, for the batch's age: if it was sent before, that try may have been taken.
    pub only_this_try: bool,
    /// Where the time went in the server, as it says itself.
    pub times: ServerTimes,
}

/// What a publish request took within the server that answered it; zero when it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTimes {
    /// Until its rows were judged, hashed and handed to the logs.
    pub frontend: Duration,
    /// From then on until they were durable.
    pub log: Duration,
}

/// Why a try did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Worth another try; nobody knows whether the rows arrived.
    #[error("{message}")]
    Retry {
        /// Not before this time has passed, says the server.
        after: Option<Duration>,
        /// For a person.
        message: String,
    },
    /// It will never be taken.
    #[error("{message}")]
    Rejected {
        /// For a person.
        message: String,
    },
}

/// A boxed future, so that the trait can be a `dyn`.
pub type Sending = Pin<Box<dyn Future<Output = Result<Receipt, SendError>> + Send>>;

/// Carries batches. Called on the client's own thread inside a tokio runtime; up to
/// [`IN_FLIGHT_MAX`](crate::IN_FLIGHT_MAX) calls are open at once.
pub trait Transport: Send + Sync + 'static {
    /// One try. The client gives up on it after `timeout`.
    fn publish(&self, packet: Packet, timeout: Duration) -> Sending;
}

/// One try, given up after `timeout`.
pub(crate) async fn one_try(
    transport: &dyn Transport,
    packet: Packet,
    timeout: Duration,
) -> Result<Receipt, SendError> {
    tokio::time::timeout(timeout, transport.publish(packet, timeout)).await.unwrap_or_else(|_| {
        Err(SendError::Retry { after: None, message: format!("no answer within {timeout:?}") })
    })
}
