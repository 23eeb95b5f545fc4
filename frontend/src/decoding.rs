//! From bytes to messages, with memory bounded by a multiple of the bytes.
//!
//! In:    a request as it stands on the wire, unpacked, at most [`crate::publish::MESSAGE_BYTES_MAX`] long.
//! Out:   the message; or a refusal that names what there is too much of.
//! Kept:  nothing.
//! Never: allocates before it has counted. Two bytes are an empty message on the wire and hundreds in memory, so the
//!        cap on bytes alone would let 16 MiB become gigabytes.
//!
//! ```text
//! bytes ─▶ wire::scan · json::scan (no allocation, depth ≤ 100 · 128) ─▶ prost · serde_json ─▶ message
//!              │ counts against `limits`
//!              └▶ Refused
//! ```

pub(crate) mod codec;
pub(crate) mod json;
pub mod limits;
pub(crate) mod otlp;
pub(crate) mod publish;
pub(crate) mod wire;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use prost::bytes::Buf;
use thiserror::Error;

use limits::Kind;
use wire::Shape;

/// Why a request is not decoded. It will be refused again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// It would take more memory than one request may.
    #[error("the request has more than {} {}: split it", .0.max(), .0.name())]
    TooMany(Kind),
    /// It nests deeper than any healthy request.
    #[error("the request nests deeper than {max} levels: flatten its values")]
    TooDeep {
        /// Levels that are taken.
        max: usize,
    },
    /// It is no such message.
    #[error("the request is no {name}: {detail}")]
    Malformed {
        /// The message that was expected.
        name: &'static str,
        /// What the decoder said.
        detail: String,
    },
}

/// A message whose wire form can be counted.
pub(crate) trait Shaped: Message + Default + 'static {
    /// As the client's developer knows it.
    const NAME: &'static str;
    /// Where its memory goes.
    const SHAPE: &'static Shape;
}

/// Counts, then decodes protobuf.
pub(crate) fn from_protobuf<M: Shaped>(bytes: impl Buf + AsRef<[u8]>) -> Result<M, Refused> {
    wire::scan(bytes.as_ref(), M::SHAPE).map_err(|stop| stop.refused(M::NAME))?;
    M::decode(bytes).map_err(|error| malformed::<M>(&error))
}

/// Counts, then decodes JSON.
pub(crate) fn from_json(bytes: &[u8]) -> Result<ExportMetricsServiceRequest, Refused> {
    json::scan(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| malformed::<ExportMetricsServiceRequest>(&error))
}

fn malformed<M: Shaped>(error: &dyn std::error::Error) -> Refused {
    Refused::Malformed { name: M::NAME, detail: error.to_string() }
}

#[cfg(test)]
mod tests;
