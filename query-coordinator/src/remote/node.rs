//! A node that owns partitions: its name, its address, a connection, and whether it was silent.
//!
//! In:   what the table of owners says. Out: clients of its worker.
//! Kept: one connection, made when it is needed and made again when it breaks.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use proto::v1::worker_client::WorkerClient;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::limits::{CONNECT_WAIT, HEDGE_AFTER, LEASE_MESSAGE_BYTES_MAX, SILENT_FOR};

/// A peer that does not answer a ping is gone.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers may be large; of one that nobody reads on, as much waits at the worker's end.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

pub(super) type Client = WorkerClient<Channel>;

/// See the module.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) address: String,
    channel: Result<Channel, String>,
    silent_until: Mutex<Option<Instant>>,
}

/// Somebody waits for a word of a node. When he gives up, and not just because he lost interest, the node was silent.
pub(super) struct Waiting<'a> {
    node: &'a Node,
    since: Instant,
}

// === impl Node ===

impl Node {
    pub(super) fn new(name: &str, address: &str) -> Self {
        let channel = connect(address).map_err(|why| format!("its address is {address:?}: {why}"));
        let (name, address) = (name.to_owned(), address.to_owned());
        Self { name, address, channel, silent_until: Mutex::default() }
    }

    pub(super) fn client(&self) -> Result<Client, Status> {
        let channel = self.channel.clone().map_err(Status::unavailable)?;
        let max = LEASE_MESSAGE_BYTES_MAX;
        Ok(WorkerClient::new(channel).max_decoding_message_size(max).max_encoding_message_size(max))
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent_until.lock().is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn wait_for(&self) -> Waiting<'_> {
        Waiting { node: self, since: Instant::now() }
    }
}

/// Nothing is asked yet.
fn connect(address: &str) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_WAIT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    Ok(endpoint.connect_lazy())
}

/// What is wrong, with its causes: tonic's own words are "transport error".
pub(super) fn words(status: &Status) -> String {
    let mut words = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(why) = cause {
        words = format!("{words}: {why}");
        cause = why.source();
    }
    words
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} at {}", self.name, self.address)
    }
}

// === impl Waiting ===

impl Waiting<'_> {
    /// A word, or a failure to reach it.
    pub(super) fn heard(self, is_good: bool) {
        *self.node.silent_until.lock() = (!is_good).then(|| Instant::now() + SILENT_FOR);
        std::mem::forget(self);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.since.elapsed() >= HEDGE_AFTER {
            *self.node.silent_until.lock() = Some(Instant::now() + SILENT_FOR);
        }
    }
}
