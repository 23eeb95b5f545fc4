//! From bytes to messages, with memory bounded by a multiple of the bytes.
//!
//! In:    a request as it stands on the wire, unpacked, at most [`crate::publish::MESSAGE_BYTES_MAX`] long.
//! Out:   the message; or a refusal that names what there is too much of.
//! Kept:  nothing.
//! Never: allocates before it has counted and, for all requests of the process together, before [`Memory`] has room.
//!        Two bytes are an empty message on the wire and hundreds in memory, so the cap on bytes alone would let 16 MiB
//!        become gigabytes.
//!
//! ```text
//! bytes ─▶ wire::scan · json::scan (no allocation, depth ≤ 100 · 128) ─▶ prost · otlp::json ─▶ message
//!              │ counts against `limits`, then takes what it comes to from `memory`
//!              └▶ Refused
//! ```

pub(crate) mod arrival;
pub(crate) mod codec;
pub(crate) mod json;
pub mod limits;
pub mod memory;
pub(crate) mod otlp;
pub(crate) mod publish;
pub(crate) mod wire;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use prost::bytes::Buf;
use thiserror::Error;

use limits::{Counts, Kind};
pub use memory::Memory;
use memory::{Charged, Of};
use wire::Shape;

/// Why a request is not decoded. All but the last will be refused again.
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
    /// Others take all there is. Nothing was taken of it.
    #[error("requests in work take all of publish_memory_mib ({} MiB): send it again in a second", .bytes_max >> 20)]
    NoMemory {
        /// What there is.
        bytes_max: usize,
    },
}

/// A message whose wire form can be counted.
pub(crate) trait Shaped: Message + Default + 'static {
    /// As the client's developer knows it.
    const NAME: &'static str;
    /// Where its memory goes.
    const SHAPE: &'static Shape;
}

/// Counts, takes the memory, then decodes protobuf.
pub(crate) fn from_protobuf<M: Shaped>(
    bytes: impl Buf + AsRef<[u8]>,
    memory: &Memory,
) -> Result<Charged<M>, Refused> {
    let counts = wire::scan(bytes.as_ref(), M::SHAPE).map_err(|stop| stop.refused(M::NAME))?;
    let malformed =
        |error: prost::DecodeError| Refused::Malformed { name: M::NAME, detail: error.to_string() };
    charged(memory, &counts, bytes.remaining(), || M::decode(bytes).map_err(malformed))
}

/// Counts, takes the memory, then reads JSON.
pub(crate) fn from_json<M>(
    bytes: &[u8],
    memory: &Memory,
    read: impl FnOnce(&[u8]) -> Result<M, String>,
) -> Result<Charged<M>, Refused> {
    let counts = json::scan(bytes)?;
    let name = ExportMetricsServiceRequest::NAME;
    let read = || read(bytes).map_err(|detail| Refused::Malformed { name, detail });
    charged(memory, &counts, bytes.len(), read)
}

fn charged<M>(
    memory: &Memory,
    counts: &Counts,
    bytes: usize,
    decode: impl FnOnce() -> Result<M, Refused>,
) -> Result<Charged<M>, Refused> {
    let mut taken = memory.nothing(Of::Decoded);
    taken.grow(counts.decoded_bytes(bytes))?;
    Ok(Charged { message: decode()?, taken })
}

#[cfg(test)]
mod tests;
