//! Why there is no answer. What is merely missing is never an error: see `completeness`.

use thiserror::Error;

/// A query that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// A field of the request cannot be meant.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as it is called in the request.
        field: String,
        /// What is wrong, with the limit.
        message: String,
        /// The way out.
        hint: String,
    },
    /// More rows than one query may read.
    #[error("the query reads more than {max} points (series × minutes)")]
    TooManyPoints {
        /// The limit.
        max: u64,
    },
    /// More groups than one query may make.
    #[error("the query makes {groups} groups or values, at most {max} fit")]
    TooManyGroups {
        /// At least so many.
        groups: u64,
        /// The limit.
        max: u64,
    },
    /// More merged sketches than one query may hold.
    #[error("the query holds more than {max} bytes of distributions and distinct sketches")]
    TooManySketches {
        /// The limit.
        max: u64,
    },
    /// More bytes than the nodes that own the partitions may send for one query.
    #[error("the partitions send more than {max} bytes")]
    TooManyBytes {
        /// The limit.
        max: u64,
    },
    /// More points than one answer may have.
    #[error("the answer has {points} points (rows × metrics × steps), at most {max} fit")]
    TooLargeAnswer {
        /// So many.
        points: u64,
        /// The limit.
        max: u64,
    },
    /// Too many queries at once.
    #[error("{queries} queries are at work and {waiting} wait")]
    Busy {
        /// The limit of those at work.
        queries: usize,
        /// The limit of those that wait.
        waiting: usize,
    },
    /// The way through the house is broken; our fault.
    #[error("BUG: {0}")]
    Bug(String),
}

// === impl QueryError ===

impl QueryError {
    /// A field that cannot be meant.
    pub fn invalid(field: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), message: message.into(), hint: hint.into() }
    }

    /// One word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid_argument",
            Self::TooManyPoints { .. } => "too_many_points",
            Self::TooManyGroups { .. } => "too_many_groups",
            Self::TooManySketches { .. } => "too_many_sketches",
            Self::TooManyBytes { .. } => "too_many_bytes",
            Self::TooLargeAnswer { .. } => "too_large_answer",
            Self::Busy { .. } => "busy",
            Self::Bug(_) => "internal",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Invalid { hint, .. } => hint,
            Self::TooManyPoints { .. } => "ask for a shorter range or a metric with fewer series",
            Self::TooManyGroups { .. } | Self::TooManyBytes { .. } => {
                "group by fewer dimensions or filter with `where`"
            }
            Self::TooManySketches { .. } => {
                "group by fewer dimensions, filter with `where`, or rank by a sampling that needs no sketch"
            }
            Self::TooLargeAnswer { .. } => {
                "ask for fewer rows, fewer pivots, a shorter range or a longer step"
            }
            Self::Busy { .. } => "ask again in a second",
            Self::Bug(_) => "tell the maintainers; the server's log says more",
        }
    }
}
