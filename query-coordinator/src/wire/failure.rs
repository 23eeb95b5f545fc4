//! Why a job ended without an answer.

use proto::v1;

use crate::QueryError;
use crate::budget::JobError;
use crate::partition::PartitionError;

/// The partition's fault.
const PARTITION: &str = "partition";
const CANCELLED: &str = "cancelled";
/// Longer words are cut: they are for people.
const WORDS_BYTES_MAX: usize = 4 << 10;

pub(crate) fn failure(why: &JobError) -> v1::JobFailure {
    let message = cut(why.to_string());
    let (code, got, max) = match why {
        JobError::Partition(_) => (PARTITION, 0, 0),
        JobError::Cancelled => (CANCELLED, 0, 0),
        JobError::Query(QueryError::TooManyGroups { groups, max }) => ("too_many_groups", *groups, *max),
        JobError::Query(
            why @ (QueryError::TooManyPoints { max }
            | QueryError::TooManySketches { max }
            | QueryError::TooManyBytes { max }),
        ) => (why.code(), 0, *max),
        JobError::Query(why) => (why.code(), 0, 0),
    };
    v1::JobFailure { code: code.to_owned(), message, got, max }
}

/// `node` is who said so.
pub(crate) fn failed(failure: v1::JobFailure, node: &str) -> JobError {
    let v1::JobFailure { code, message, got, max } = failure;
    match code.as_str() {
        PARTITION => PartitionError::Elsewhere(format!("{node}: {}", cut(message))).into(),
        CANCELLED => PartitionError::Elsewhere(format!("{node}: it ran out of time")).into(),
        "too_many_points" => QueryError::TooManyPoints { max }.into(),
        "too_many_groups" => QueryError::TooManyGroups { groups: got, max }.into(),
        "too_many_sketches" => QueryError::TooManySketches { max }.into(),
        "too_many_bytes" => QueryError::TooManyBytes { max }.into(),
        _ => PartitionError::Elsewhere(format!("{node}: {code}: {}", cut(message))).into(),
    }
}

fn cut(mut words: String) -> String {
    words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
    words
}
