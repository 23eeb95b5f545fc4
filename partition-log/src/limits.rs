//! The limits of a log, in one place, with their arithmetic.

/// The largest record: one micro-batch of a frontend. 16 MiB is 100,000 wide rows; more at once only makes acks late.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
