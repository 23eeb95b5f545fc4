//! The codec of both gRPC doors: counts before it decodes.
//!
//! Generated servers decode with prost alone, so the doors make their servers by hand, from this.

use std::marker::PhantomData;

use bytes::Buf as _;
use prost::Message;
use tonic::Status;
use tonic::codec::{
    Codec, CompressionEncoding, DecodeBuf, Decoder, EnabledCompressionEncodings, EncodeBuf, Encoder,
};
use tonic::server::Grpc;

use super::{Refused, Shaped, from_protobuf};
use crate::publish::MESSAGE_BYTES_MAX;

/// Requests in, replies out.
#[derive(Debug)]
pub(crate) struct CountingCodec<In, Out>(PhantomData<(In, Out)>);

#[derive(Debug)]
pub(crate) struct Counting<In>(PhantomData<In>);

#[derive(Debug)]
pub(crate) struct Plain<Out>(PhantomData<Out>);

/// One call: gzip and zstd are understood, message sizes bounded, what they become too.
pub(crate) fn grpc<In, Out>() -> Grpc<CountingCodec<In, Out>>
where
    In: Shaped,
    Out: Message + 'static,
{
    let mut accepted = EnabledCompressionEncodings::default();
    accepted.enable(CompressionEncoding::Gzip);
    accepted.enable(CompressionEncoding::Zstd);
    Grpc::new(CountingCodec(PhantomData))
        .apply_compression_config(accepted, EnabledCompressionEncodings::default())
        .apply_max_message_size_config(Some(MESSAGE_BYTES_MAX), None)
}

impl<In: Shaped, Out: Message + 'static> Codec for CountingCodec<In, Out> {
    type Encode = Out;
    type Decode = In;
    type Encoder = Plain<Out>;
    type Decoder = Counting<In>;

    fn encoder(&mut self) -> Plain<Out> {
        Plain(PhantomData)
    }

    fn decoder(&mut self) -> Counting<In> {
        Counting(PhantomData)
    }
}

impl<In: Shaped> Decoder for Counting<In> {
    type Item = In;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<In>, Status> {
        // No copy: the buffer is split.
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(from_protobuf(bytes)?))
    }
}

impl<Out: Message + 'static> Encoder for Plain<Out> {
    type Item = Out;
    type Error = Status;

    fn encode(&mut self, item: Out, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(format!("the reply has no place: {error}")))
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        Self::invalid_argument(refused.to_string())
    }
}
