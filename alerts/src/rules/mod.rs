//! What people want to be told: the rules of one or more files, checked in full.

mod account_limit;
mod comparison;
mod glob;
mod metric_setting;
mod parse;
mod placement;
mod rule;
mod rule_set;
mod template;

pub(crate) use parse::{alerts, matcher};

pub use account_limit::AccountLimit;
pub use comparison::{Comparison, Operator};
pub use glob::Glob;
pub use metric_setting::{KeepFor, MetricSetting};
pub use rule::{ChangeKind, Condition, Drift, Fingerprint, GroupBy, Operand, Quota, Rule, Signal, Tier};
pub use rule_set::RuleSet;
pub use template::Template;
