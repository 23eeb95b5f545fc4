//! What travels: the messages and services of `sluice.v1`, and the two ways to touch a batch.
//!
//! In:    rows, one by one ([`BatchBuilder`]); bytes from a peer or a log ([`v1`], [`decode_record`]).
//! Out:   batches by columns; columns as slices ([`BatchColumns`], [`BatchView`]); log records as bytes.
//! Kept:  nothing.
//! Never: rebuilds rows. A batch is read as it came, and a log record is the wire's batch.
//!
//! Wire types stop at the doors of the rooms; what they mean is in `model`.

#![warn(missing_docs)]

mod builder;
mod columns;
mod intern;
mod record;
pub mod rpc;
mod view;

pub use builder::BatchBuilder;
pub use columns::{BatchColumns, Row};
pub use record::{
    Record, RecordError, decode_record, encode_delete, encode_delivered, encode_rows, encode_rules,
    encode_seal,
};
pub use view::BatchView;

/// Generated from `proto/proto/sluice/v1/*.proto`, where each field is described.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    reason = "generated; the .proto files are the documents"
)]
pub mod v1 {
    tonic::include_proto!("sluice.v1");

    /// All of `sluice.v1` as an encoded `FileDescriptorSet`, for gRPC reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("sluice.v1.descriptor");
}

pub use v1::FILE_DESCRIPTOR_SET;

/// The account of those who name none.
pub const ACCOUNT_DEFAULT: &str = "default";
