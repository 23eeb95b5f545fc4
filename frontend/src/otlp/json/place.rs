//! Where a value stands, as a person writes it: `resourceMetrics[0].scopeMetrics[2].metrics[1].gauge`.

use std::fmt;

use model::{Reason, Refusal};

/// A way from the top, held on the stack of those who walk it: it costs nothing until a fault is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'p> {
    Top,
    Field(&'p Self, &'p str),
    Element(&'p Self, usize),
}

// === impl Place ===

impl Place<'_> {
    /// This value is no JSON of its kind.
    pub(super) fn refused(&self, why: impl fmt::Display) -> Refusal {
        Reason::Malformed.because(format!("{self} {why}"))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => f.write_str("the request"),
            Self::Field(Self::Top, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}
