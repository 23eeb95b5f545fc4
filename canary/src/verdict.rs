//! What the canary thinks of a partition's minute.

use std::fmt;

/// One partition, one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was acknowledged is in the answer, exactly, and nothing else is.
    Right,
    /// It says what differs.
    Wrong(String),
    /// Something was acknowledged, and the answer has nothing of this partition.
    Missing,
    /// Nothing was acknowledged, or it is not known whether all of it was: it says why.
    Unknown(String),
}

// === impl Verdict ===

impl Verdict {
    /// The word of the API and of the series.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong(_) => "wrong",
            Self::Missing => "missing",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What is to be said beside the word; empty when it says all.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Wrong(detail) | Self::Unknown(detail) => detail,
            Self::Right | Self::Missing => "",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.detail().is_empty() { Ok(()) } else { write!(f, ": {}", self.detail()) }
    }
}
