//! The query client: asks over gRPC what was published.

use std::time::Duration;

use model::{MinuteRange, PublisherId};
use proto::v1;
use proto::v1::query_client::QueryClient as Generated;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::send::grpc::endpoint;
use crate::send::pushback::retry_after;

/// Answers with many rows and points are larger than gRPC's default of 4 MiB.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// Asks the server. Cheap to clone; clones share a connection.
#[derive(Clone, Debug)]
pub struct QueryClient {
    generated: Generated<Channel>,
    account: String,
    timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Not a URL, or nobody there.
    #[error("cannot reach {endpoint}: {source}: is `sluice serve` running there?")]
    Unreachable {
        /// As it was given.
        endpoint: String,
        /// What went wrong.
        source: tonic::transport::Error,
    },
    /// The server's answer is an error.
    #[error("{}", status.message())]
    Refused {
        /// In full.
        status: Box<Status>,
        /// The server asks to come back after this time.
        retry_after: Option<Duration>,
    },
}

// === impl QueryError ===

impl QueryError {
    /// The kind of error, when it is the server's.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Unreachable { .. } => None,
            Self::Refused { status, .. } => Some(status.code()),
        }
    }
}

impl From<Status> for QueryError {
    fn from(status: Status) -> Self {
        let retry_after = retry_after(&status);
        Self::Refused { status: Box::new(status), retry_after }
    }
}

// === impl QueryClient ===

impl QueryClient {
    /// Connects. A request that names no account asks for `account`.
    ///
    /// # Errors
    /// When nobody answers at `url`.
    pub async fn connect(url: &str, account: &str) -> Result<Self, QueryError> {
        let failed = |source| QueryError::Unreachable { endpoint: url.to_owned(), source };
        let channel = endpoint(url).map_err(failed)?.connect().await.map_err(failed)?;
        let generated = Generated::new(channel).max_decoding_message_size(REPLY_BYTES_MAX);
        Ok(Self { generated, account: account.to_owned(), timeout: Duration::from_secs(60) })
    }

    /// How long an answer may take. Default: a minute.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The top (or bottom) N groups of a metric.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn top(&mut self, mut ask: v1::TopRequest) -> Result<v1::TopReply, QueryError> {
        self.fill(&mut ask.account);
        Ok(self.generated.top(timed(self.timeout, ask)).await?.into_inner())
    }

    /// Values over time.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn series(&mut self, mut ask: v1::SeriesRequest) -> Result<v1::SeriesReply, QueryError> {
        self.fill(&mut ask.account);
        Ok(self.generated.series(timed(self.timeout, ask)).await?.into_inner())
    }

    /// Which values of a dimension exist, given selections.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn hints(&mut self, mut ask: v1::HintsRequest) -> Result<v1::HintsReply, QueryError> {
        self.fill(&mut ask.account);
        Ok(self.generated.hints(timed(self.timeout, ask)).await?.into_inner())
    }

    /// Which metrics have data in these minutes.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn metrics(
        &mut self,
        minutes: MinuteRange,
        prefix: &str,
    ) -> Result<v1::MetricsReply, QueryError> {
        let ask = v1::MetricsRequest {
            account: self.account.clone(),
            from: minutes.from.unix_seconds(),
            to: minutes.to.unix_seconds(),
            prefix: prefix.to_owned(),
            include_open: true,
        };
        Ok(self.generated.metrics(timed(self.timeout, ask)).await?.into_inner())
    }

    /// Which dimensions a metric has in these minutes.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn dimensions(
        &mut self,
        metric: &str,
        minutes: MinuteRange,
    ) -> Result<v1::DimensionsReply, QueryError> {
        let ask = v1::DimensionsRequest {
            account: self.account.clone(),
            metric: metric.to_owned(),
            from: minutes.from.unix_seconds(),
            to: minutes.to.unix_seconds(),
            include_open: true,
        };
        Ok(self.generated.dimensions(timed(self.timeout, ask)).await?.into_inner())
    }

    /// What the islands have applied of one life of a publisher, and how many of its rows were duplicates.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn publisher_account(
        &mut self,
        publisher: PublisherId,
        epoch: u64,
    ) -> Result<v1::PublisherAccountReply, QueryError> {
        let publisher = publisher.0.to_be_bytes().to_vec();
        let ask = v1::PublisherAccountRequest { publisher, epoch };
        Ok(self.generated.publisher_account(timed(self.timeout, ask)).await?.into_inner())
    }

    /// How the server is.
    ///
    /// # Errors
    /// The server's, or no answer in time.
    pub async fn health(&mut self) -> Result<v1::HealthReply, QueryError> {
        Ok(self.generated.health(timed(self.timeout, v1::HealthRequest {})).await?.into_inner())
    }

    fn fill(&self, account: &mut String) {
        if account.is_empty() {
            account.clone_from(&self.account);
        }
    }
}

fn timed<T>(timeout: Duration, ask: T) -> Request<T> {
    let mut request = Request::new(ask);
    request.set_timeout(timeout);
    request
}
