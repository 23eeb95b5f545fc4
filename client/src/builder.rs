//! How a client is set up.

use std::sync::Arc;
use std::time::Duration;

use model::{Limits, PublisherId, Stamp};

use crate::accounting::Refused;
use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::engine::{Engine, OnRetry, Settings};
use crate::limits::{
    DROP_TIMEOUT_DEFAULT, QUEUE_BYTES_MAX_DEFAULT, QUEUE_BYTES_MIN, SERIES_MAX_DEFAULT, TRY_TIMEOUT_DEFAULT,
};
use crate::refusals::{OnRefusal, Refusals};
use crate::send::grpc::{Compression, GrpcTransport};
use crate::send::heartbeat::Heartbeat;
use crate::send::outbox::Outbox;
use crate::send::press::Press;
use crate::send::transport::Transport;
use crate::sender::BatchSender;

/// Where `sluice serve` listens when nobody said otherwise.
pub const ENDPOINT_DEFAULT: &str = "http://127.0.0.1:4317";

/// Settings of a [`Client`].
pub struct Builder {
    endpoint: String,
    account: String,
    host: Option<String>,
    name: Option<String>,
    replay: bool,
    backfill: bool,
    heartbeats: bool,
    series_max: usize,
    queue_bytes_max: usize,
    try_timeout: Duration,
    drop_timeout: Duration,
    compression: Compression,
    on_refusal: Option<OnRefusal>,
    on_retry: Option<OnRetry>,
    clock: Arc<dyn Clock>,
    transport: Option<Arc<dyn Transport>>,
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Not a URL.
    #[error("endpoint `{endpoint}` is not a URL such as {ENDPOINT_DEFAULT}: {source}")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        source: tonic::transport::Error,
    },
    /// A host by itself, which would be tried in vain until the time is up.
    #[error(
        "endpoint `{endpoint}` does not begin with http:// or https://: give one such as {ENDPOINT_DEFAULT}"
    )]
    Scheme {
        /// As it was given.
        endpoint: String,
    },
    /// No name for an account.
    #[error("account `{account}` has {} bytes, must have 1 to {max}", account.len())]
    Account {
        /// As it was given.
        account: String,
        /// The most bytes it may have.
        max: usize,
    },
    /// No value for a dimension: every heartbeat would be refused.
    #[error("host has {given} bytes, must have at most {max}")]
    Host {
        /// As it was given.
        given: usize,
        /// The most bytes it may have.
        max: usize,
    },
    /// A queue that cannot hold a batch.
    #[error("queue_bytes_max is {given}, must be at least {QUEUE_BYTES_MIN}, the size of the largest batch")]
    Queue {
        /// As it was given.
        given: usize,
    },
    /// No series at all, or more than can be numbered.
    #[error("series_max is {given}, must be from 1 to {}", u32::MAX)]
    Series {
        /// As it was given.
        given: usize,
    },
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            endpoint: ENDPOINT_DEFAULT.to_owned(),
            account: proto::ACCOUNT_DEFAULT.to_owned(),
            host: None,
            name: None,
            replay: false,
            backfill: false,
            heartbeats: true,
            series_max: SERIES_MAX_DEFAULT,
            queue_bytes_max: QUEUE_BYTES_MAX_DEFAULT,
            try_timeout: TRY_TIMEOUT_DEFAULT,
            drop_timeout: DROP_TIMEOUT_DEFAULT,
            compression: Compression::default(),
            on_refusal: None,
            on_retry: None,
            clock: Arc::new(SystemClock),
            transport: None,
        }
    }
}

// === impl Builder ===

impl Builder {
    /// The server's gRPC address. Default: [`ENDPOINT_DEFAULT`].
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Whose measurements these are. Default: `default`.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// The heartbeat's `host` dimension. Default: the machine's name.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Replays recorded input under a name that stays the same: the same input, recorded by one thread in the same
    /// order with the same settings, gives the same batches, and the server applies each of them once however often it is
    /// run, for each account. A batch holds rows of one minute, so that the server takes or refuses it for its age as a
    /// whole. Includes [`Builder::replay`]. Not for a live publisher: its second life would repeat the sequences of the
    /// first one and be taken for a retry. Default: a random identity for each client.
    #[must_use]
    pub fn publisher_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// For input that says itself when it was measured ([`Client::record_at`], [`Client::publish_at`]): no minute is
    /// closed by the clock, and a full queue makes the caller wait (a minute a batch at most) instead of dropping the
    /// oldest rows. Heartbeats are written by [`Client::finish`]. Default: off.
    #[must_use]
    pub fn replay(mut self, replay: bool) -> Self {
        self.replay = replay;
        self
    }

    /// Rows may be as old as the server's retention instead of an hour. Default: off.
    #[must_use]
    pub fn backfill(mut self, backfill: bool) -> Self {
        self.backfill = backfill;
        self
    }

    /// Declares each minute how many rows were built, so that an answer can say what is missing. Default: on.
    #[must_use]
    pub fn heartbeats(mut self, heartbeats: bool) -> Self {
        self.heartbeats = heartbeats;
        self
    }

    /// Series that are told apart; measurements of further ones go to the row `__overflow__=true` of their metric.
    /// Default: [`SERIES_MAX_DEFAULT`].
    #[must_use]
    pub fn series_max(mut self, series: usize) -> Self {
        self.series_max = series;
        self
    }

    /// Bytes of batches that may wait while the server is away; beyond that the oldest are dropped and counted. Up
    /// to 8 batches in flight come on top. Default: [`QUEUE_BYTES_MAX_DEFAULT`].
    #[must_use]
    pub fn queue_bytes_max(mut self, bytes: usize) -> Self {
        self.queue_bytes_max = bytes;
        self
    }

    /// How long one try of one batch may take. Default: [`TRY_TIMEOUT_DEFAULT`].
    #[must_use]
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// How long the drop of the last [`Client`] may wait for answers. Default: [`DROP_TIMEOUT_DEFAULT`].
    #[must_use]
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// How batches are packed. Default: [`Compression::Auto`].
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Called on the client's thread with each kind of refusal in each answer; must not wait. Default: a `tracing`
    /// warning once a minute.
    #[must_use]
    pub fn on_refusal(mut self, call: impl Fn(&Refused) + Send + Sync + 'static) -> Self {
        self.on_refusal = Some(Box::new(call));
        self
    }

    /// Called on the client's thread with why a batch is sent again, each time; must not wait. Default: nobody hears of
    /// it but by [`Client::accounting`].
    #[must_use]
    pub fn on_retry(mut self, call: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Box::new(call));
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another way to the server than gRPC, for tests and simulation.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The client. Its thread starts and its connection is made when there is something to send, so a server that is
    /// away is no error here.
    ///
    /// # Errors
    /// When a setting cannot be.
    pub fn build(mut self) -> Result<Client, BuildError> {
        self.check()?;
        let transport = self.carrier()?;
        let first = self.first_stamp();
        let host = self.host.take().unwrap_or_else(host_name);
        let heartbeat = self.heartbeats.then(|| Heartbeat::new(first.publisher, &host));
        let press = Press::new(&self.account, self.backfill, first, heartbeat);
        let outbox = Outbox::new(self.queue_bytes_max, rand::random());
        let settings = Settings {
            clock: self.clock,
            transport,
            try_timeout: self.try_timeout,
            replay: self.replay || self.name.is_some(),
            on_retry: self.on_retry,
        };
        let engine = Engine::new(settings, Refusals::new(self.on_refusal), self.series_max, press, outbox);
        Ok(Client::new(engine, first, self.drop_timeout))
    }

    /// A sender of ready-made batches instead of a client: takes endpoint, compression, transport and time-out from
    /// here, and a publisher's identity of its own.
    ///
    /// # Errors
    /// When a setting cannot be.
    pub fn build_sender(mut self) -> Result<BatchSender, BuildError> {
        self.check()?;
        let transport = self.carrier()?;
        Ok(BatchSender::new(transport, self.try_timeout, self.first_stamp()))
    }

    fn check(&self) -> Result<(), BuildError> {
        let max = Limits::DEFAULT.account_bytes_max;
        if self.account.is_empty() || self.account.len() > max {
            return Err(BuildError::Account { account: self.account.clone(), max });
        }
        let (given, max) = (self.host.as_ref().map_or(0, String::len), Limits::DEFAULT.value_bytes_max);
        if given > max {
            return Err(BuildError::Host { given, max });
        }
        if self.queue_bytes_max < QUEUE_BYTES_MIN {
            return Err(BuildError::Queue { given: self.queue_bytes_max });
        }
        if self.series_max == 0 || u32::try_from(self.series_max).is_err() {
            return Err(BuildError::Series { given: self.series_max });
        }
        Ok(())
    }

    /// The transport that was given, or gRPC.
    fn carrier(&mut self) -> Result<Arc<dyn Transport>, BuildError> {
        if let Some(transport) = self.transport.take() {
            return Ok(transport);
        }
        let endpoint = || self.endpoint.clone();
        let transport = GrpcTransport::new(&self.endpoint, self.compression)
            .map_err(|source| BuildError::Endpoint { endpoint: endpoint(), source })?;
        if !["http://", "https://"].iter().any(|scheme| self.endpoint.starts_with(scheme)) {
            return Err(BuildError::Scheme { endpoint: endpoint() });
        }
        Ok(Arc::new(transport))
    }

    fn first_stamp(&self) -> Stamp {
        match &self.name {
            // The same input for another account is other rows.
            Some(name) => {
                let publisher = PublisherId::named(&format!("{}\0{name}", self.account));
                Stamp { publisher, epoch: 0, sequence: 0 }
            }
            None => {
                let nanos = self.clock.now().as_nanos();
                let epoch = u64::try_from(nanos).unwrap_or(u64::MAX).max(1);
                Stamp { publisher: PublisherId(rand::random()), epoch, sequence: 0 }
            }
        }
    }
}

/// Never empty; the kernel's bound of 64 bytes is far below that of a dimension.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
