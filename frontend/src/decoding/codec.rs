//! The codec of both gRPC doors: counts, and takes the memory, before it decodes.
//!
//! Generated servers decode with prost alone, so the doors make their servers by hand, from this.

use std::marker::PhantomData;

use bytes::Buf as _;
use prost::Message;
use tonic::Status;
use tonic::codec::{
    Codec, CompressionEncoding, DecodeBuf, Decoder, EnabledCompressionEncodings, EncodeBuf, Encoder,
};
use tonic::codegen::{Body, http};
use tonic::server::Grpc;

use super::arrival::{Arrival, Arriving};
use super::memory::{Charged, Memory};
use super::{Shaped, from_protobuf};
use crate::publish::MESSAGE_BYTES_MAX;

/// Requests in, replies out.
#[derive(Debug)]
pub(crate) struct CountingCodec<In, Out> {
    memory: Memory,
    arrival: Arrival,
    types: PhantomData<(In, Out)>,
}

#[derive(Debug)]
pub(crate) struct Counting<In> {
    memory: Memory,
    arrival: Arrival,
    message: PhantomData<In>,
}

#[derive(Debug)]
pub(crate) struct Plain<Out>(PhantomData<Out>);

/// One call, and its request: gzip and zstd are understood, message sizes bounded, what they become too.
pub(crate) fn grpc<In, Out, B>(
    memory: &Memory,
    request: http::Request<B>,
) -> (Grpc<CountingCodec<In, Out>>, http::Request<Arriving<B>>)
where
    In: Shaped,
    Out: Message + 'static,
    B: Body,
{
    let arrival = Arrival::new(memory);
    let request = request.map(|body| Arriving::new(body, arrival.clone()));
    let codec = CountingCodec { memory: memory.clone(), arrival, types: PhantomData };
    let mut accepted = EnabledCompressionEncodings::default();
    accepted.enable(CompressionEncoding::Gzip);
    accepted.enable(CompressionEncoding::Zstd);
    let grpc = Grpc::new(codec)
        .apply_compression_config(accepted, EnabledCompressionEncodings::default())
        .apply_max_message_size_config(Some(MESSAGE_BYTES_MAX), None);
    (grpc, request)
}

impl<In: Shaped, Out: Message + 'static> Codec for CountingCodec<In, Out> {
    type Encode = Out;
    type Decode = Charged<In>;
    type Encoder = Plain<Out>;
    type Decoder = Counting<In>;

    fn encoder(&mut self) -> Plain<Out> {
        Plain(PhantomData)
    }

    fn decoder(&mut self) -> Counting<In> {
        Counting { memory: self.memory.clone(), arrival: self.arrival.clone(), message: PhantomData }
    }
}

impl<In: Shaped> Decoder for Counting<In> {
    type Item = Charged<In>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Charged<In>>, Status> {
        // No copy: the buffer is split.
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let decoded = from_protobuf(bytes, &self.memory);
        self.arrival.decoded();
        Ok(Some(decoded?))
    }
}

impl<Out: Message + 'static> Encoder for Plain<Out> {
    type Item = Out;
    type Error = Status;

    fn encode(&mut self, item: Out, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(format!("the reply has no place: {error}")))
    }
}
