//! What may be said of a (rule, tier, group), and how it changes.

use std::fmt;

use model::Minute;

/// The states of `sluice alerts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Not seen since the rule holds, or forgotten.
    #[default]
    None = 0,
    /// The condition does not hold.
    Ok = 1,
    /// It holds, not often enough yet.
    Pending = 2,
    /// It held often enough, and has not cleared.
    Firing = 3,
    /// It cleared in this minute.
    Resolved = 4,
    /// There is nothing to compare.
    NoData = 5,
    /// What is missing could turn the verdict.
    Unknown = 6,
}

/// A new state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// Which tier of the rule.
    pub tier: u8,
    /// Which group.
    pub group: u32,
    /// In which minute.
    pub minute: Minute,
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// What somebody has to be told.
    pub turn: Option<Turn>,
    /// The minute in which it fired: that of this turn, or of the alert that goes on or ends here.
    pub fired: Option<Minute>,
    /// What was compared; NaN when there was nothing.
    pub value: f64,
}

/// What somebody has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It fires.
    Fired,
    /// It is over.
    Cleared,
    /// It is over because its series was forgotten.
    Gone,
}

// === impl Turn ===

impl Turn {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Cleared => "cleared",
            Self::Gone => "gone",
        }
    }
}

// === impl State ===

impl State {
    /// In order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Ok, Self::Pending, Self::Firing, Self::Resolved, Self::NoData, Self::Unknown];

    /// By its number.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::NoData => "nodata",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
