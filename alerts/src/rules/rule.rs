//! One rule: what is looked at, what is compared with what, and who is told how.

use std::fmt;

use model::{Matcher, Sampling};

use super::{Comparison, Template};
use crate::limits::groups_max;

/// What makes two rules the same to the state that was kept for one of them: everything but the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

/// One rule of a file.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Unique in its account.
    pub name: String,
    /// Whose series.
    pub account: String,
    /// What is read.
    pub operand: Operand,
    /// What makes one alert.
    pub by: GroupBy,
    /// Minutes that one evaluation looks at.
    pub window: u32,
    /// What is made of the operand before it is compared.
    pub signal: Signal,
    /// What a minute without rows counts as, when it is not just that.
    pub absent_as: Option<f64>,
    /// The measurements are never below 0, so late ones can only raise a sum.
    pub non_negative: bool,
    /// Minutes without data after which a group is forgotten.
    pub forget: u32,
    /// By severity as the file has them; at least one.
    pub tiers: Vec<Tier>,
    /// Labels of its alerts.
    pub labels: Vec<(String, Template)>,
    /// Annotations of its alerts.
    pub annotations: Vec<(String, Template)>,
    /// See [`Fingerprint`].
    pub fingerprint: Fingerprint,
    /// Line and column of its file, from 1.
    pub place: (usize, usize),
}

/// One number a minute and group.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Of which metric.
    pub metric: String,
    /// Of which of its series: those that all of these match.
    pub filter: Vec<Matcher>,
    /// Which number.
    pub sampling: Sampling,
}

/// What makes one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Each series by itself.
    Tuple,
    /// The series that agree in these dimensions; none is one group of everything.
    Dims(Vec<String>),
}

/// What is made of the operand before it is compared.
#[derive(Clone, Debug)]
pub enum Signal {
    /// Nothing.
    Value,
    /// It is divided by this, over the same group and window.
    Ratio(Operand),
    /// It is held against itself this many minutes before.
    Change {
        /// Minutes before.
        back: u32,
        /// How.
        kind: ChangeKind,
    },
    /// Its distance from the mean of its own last values, in standard deviations of them.
    Deviation {
        /// How many values before.
        over: u32,
    },
}

/// How now is held against before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// now − before
    Difference,
    /// 100 · (now − before) / |before|
    Percent,
    /// now / before
    Factor,
}

/// One severity of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// What it is called.
    pub severity: String,
    /// What is asked each minute.
    pub condition: Condition,
    /// How often it must hold to fire.
    pub fire: Quota,
    /// How often the opposite, or the clearing comparison, must hold to clear.
    pub clear: Quota,
}

/// What is asked each minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// A comparison of the signal.
    Compare {
        /// What fires.
        fire: Comparison,
        /// What clears.
        clear: Comparison,
    },
    /// Nothing came in.
    NoData,
}

/// At least `hold` of the last `of` evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// M.
    pub hold: u32,
    /// N.
    pub of: u32,
}

/// Where data that is still missing can move a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Only up.
    Up,
    /// Only down.
    Down,
    /// Anywhere.
    Any,
}

// === impl Rule ===

impl Rule {
    /// How many groups there is room for on one partition. Series beyond are not watched, and counted.
    #[must_use]
    pub fn groups_max(&self) -> usize {
        let columns = match self.signal {
            Signal::Value => self.window - 1,
            Signal::Ratio(_) => 2 * (self.window - 1),
            Signal::Change { back, .. } => self.window - 1 + back,
            Signal::Deviation { over } => self.window - 1 + over,
        };
        let counts = if self.operand.sampling == Sampling::Avg { 2 } else { 1 };
        groups_max(columns * counts)
    }

    /// Minutes before one that its verdict may depend on: its window, what that is held against, and M of N. An alert that fires since
    /// before is not among them.
    #[must_use]
    pub fn looks_back(&self) -> u32 {
        let against = match self.signal {
            Signal::Value | Signal::Ratio(_) => 0,
            Signal::Change { back, .. } => back,
            Signal::Deviation { over } => over,
        };
        let turns = self.tiers.iter().map(|tier| tier.fire.of.max(tier.clear.of)).max().unwrap_or_default();
        self.window - 1 + against + turns
    }

    /// Where late data can move what this rule compares.
    #[must_use]
    pub fn drift(&self) -> Drift {
        if !matches!(self.signal, Signal::Value) {
            return Drift::Any;
        }
        match self.operand.sampling {
            Sampling::Count | Sampling::Max | Sampling::Distinct => Drift::Up,
            Sampling::Min => Drift::Down,
            Sampling::Sum | Sampling::Rate if self.non_negative => Drift::Up,
            Sampling::Sum | Sampling::Rate | Sampling::Avg | Sampling::Percentile(_) => Drift::Any,
        }
    }
}

// === impl Quota ===

impl Quota {
    /// One evaluation is enough.
    pub const ONCE: Self = Self { hold: 1, of: 1 };
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.hold, self.of)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
