//! The transport over gRPC: one HTTP/2 connection that is made when it is first needed, and again when it broke.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use proto::v1;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::pushback::retry_after;
use super::transport::{Packet, Receipt, SendError, Sending, ServerTimes, Transport};

const PATH: &str = "/sluice.v1.Publish/Publish";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that died in silence is found out within the two together.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How batches are packed on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// zstd, except to this machine, where bytes cost less than packing them.
    #[default]
    Auto,
    /// As they are.
    None,
    /// zstd.
    Zstd,
}

#[derive(Debug)]
pub(crate) struct GrpcTransport {
    endpoint: Endpoint,
    compress: bool,
    /// Made inside of the runtime.
    channel: OnceLock<Channel>,
}

// === impl GrpcTransport ===

impl GrpcTransport {
    /// # Errors
    /// When the URL is none.
    pub(crate) fn new(url: &str, compression: Compression) -> Result<Self, tonic::transport::Error> {
        let endpoint = endpoint(url)?;
        let compress = match compression {
            Compression::None => false,
            Compression::Zstd => true,
            Compression::Auto => !is_loopback(endpoint.uri().host().unwrap_or_default()),
        };
        Ok(Self { endpoint, compress, channel: OnceLock::new() })
    }

    fn grpc(&self) -> Grpc<Channel> {
        let grpc = Grpc::new(self.channel.get_or_init(|| self.endpoint.connect_lazy()).clone());
        if self.compress { grpc.send_compressed(CompressionEncoding::Zstd) } else { grpc }
    }
}

impl Transport for GrpcTransport {
    fn publish(&self, packet: Packet, timeout: Duration) -> Sending {
        let mut grpc = self.grpc();
        Box::pin(async move {
            grpc.ready().await.map_err(|error| retry(None, format!("cannot connect: {}", causes(&error))))?;
            let mut request = Request::new(packet.request);
            request.set_timeout(timeout);
            match grpc.unary(request, PathAndQuery::from_static(PATH), RawCodec).await {
                Ok(reply) => Ok(receipt(reply.into_inner())),
                Err(status) => Err(failure(&status)),
            }
        })
    }
}

/// What both clients use.
pub(crate) fn endpoint(url: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(url.to_owned())?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn receipt(reply: v1::PublishReply) -> Receipt {
    let micros = |micros| Duration::from_micros(u64::from(micros));
    let times = ServerTimes { frontend: micros(reply.frontend_us), log: micros(reply.log_us) };
    let mut receipt = Receipt { times, ..Receipt::default() };
    for batch in reply.batches {
        receipt.accepted += batch.accepted;
        receipt.only_this_try |= batch.only_this_try;
        for (reason, rows) in batch.refused_by_reason {
            *receipt.refused.entry(reason).or_default() += rows;
        }
        for refusal in batch.refusals {
            receipt.messages.entry(refusal.reason).or_insert(refusal.message);
        }
    }
    receipt
}

fn retry(after: Option<Duration>, message: String) -> SendError {
    SendError::Retry { after, message }
}

/// A repetition does no harm, since the island knows the stamp; so everything is tried again but what says that the
/// request itself is at fault.
fn failure(status: &Status) -> SendError {
    let message = format!("{}: {}", status.code(), status.message());
    match status.code() {
        Code::InvalidArgument
        | Code::Unimplemented
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange => SendError::Rejected { message },
        _ => retry(retry_after(status), message),
    }
}

/// The whole chain: tonic's own text is "transport error", and the cause says which.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Requests are bytes already.
#[derive(Clone, Copy, Debug, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = v1::PublishReply;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(bytes.len());
        out.put(bytes);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = v1::PublishReply;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<v1::PublishReply>, Status> {
        let reply = v1::PublishReply::decode(bytes.copy_to_bytes(bytes.remaining()));
        reply.map(Some).map_err(|error| Status::internal(format!("the reply cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_requests_own_faults_are_final() {
        let fails = |code| matches!(failure(&Status::new(code, "x")), SendError::Rejected { .. });
        let retried = [
            Code::Unavailable,
            Code::ResourceExhausted,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::Cancelled,
            Code::Unknown,
            Code::Internal,
        ];
        assert!(retried.into_iter().all(|code| !fails(code)));
        assert!([Code::InvalidArgument, Code::Unimplemented, Code::OutOfRange].into_iter().all(fails));
    }

    #[test]
    fn this_machine_gets_bytes_as_they_are() {
        let packs = |url| GrpcTransport::new(url, Compression::Auto).unwrap().compress;
        assert!(!packs("http://127.0.0.1:4317") && !packs("http://localhost:1") && !packs("http://[::1]:1"));
        assert!(packs("http://10.0.0.1:4317") && packs("http://sluice.example"));
        assert!(GrpcTransport::new("not a url", Compression::Auto).is_err());
    }
}
