//! The limits of a log, in one place, with their arithmetic.

/// The largest record: one micro-batch of a frontend. 16 MiB is 100,000 wide rows; more at once only makes acks late.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// Appends that may wait for the disk. A disk that syncs in 2 ms takes 500 groups a second, so 1,024 waiting
/// single appends are at most two seconds behind even when nothing can be grouped.
pub const QUEUE_RECORDS_MAX: usize = 1_024;

/// Bytes that may wait for the disk: 160 ms at 200 MB/s. Beyond that an ack is too late to be worth its memory.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// What one write and one fsync take at most, unless a single record is larger. At 400 MB/s a full group takes
/// 10 ms, so an ack that waits for the group before it and its own waits 20 ms.
pub const GROUP_BYTES_MAX: usize = 4 << 20;

/// What a reader of Kafka fetches ahead: as much as an island reads at once.
pub const READ_AHEAD_BYTES_MAX: usize = 4 << 20;

/// A segment is as long as this at most. It is what `release` can free, and what an open has to scan: 0.1 s.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Recent records that are kept in memory, so that an island which keeps up never reads the disk.
pub const TAIL_BYTES_MAX: usize = 32 << 20;

/// One index entry per so many bytes of a segment: 1,024 entries of 16 bytes for a full one, and a read
/// in the middle skips at most this much.
pub const INDEX_EVERY_BYTES: u64 = 64 << 10;

/// A scan holds the last segment in memory, so no configuration may make it larger than this.
pub const SEGMENT_BYTES_CEILING: u64 = 1 << 30;

const _: () = assert!(QUEUE_BYTES_MAX >= 2 * RECORD_BYTES_MAX, "the largest record must fit beside another");
const _: () = assert!(SEGMENT_BYTES_MAX as usize >= 2 * (GROUP_BYTES_MAX + RECORD_BYTES_MAX));
const _: () = assert!(TAIL_BYTES_MAX >= QUEUE_BYTES_MAX, "one full queue must not push its own head out");
const _: () = assert!(RECORD_BYTES_MAX < u32::MAX as usize, "the frame has 32 bits for a length");
