//! The state machine of a rule: a fold over sealed minutes.
//!
//! In:    per minute a column of values by group, and whether the minute is complete; once each, in order.
//! Out:   transitions; what changed of the state, as bytes.
//! Kept:  the columns that the windows still need; 13 bytes a (tier, group), 4 a group.
//! Never: a clock, I/O, a hash. Groups are numbers from 0, and everything goes by column.

mod bytes;
mod column;
mod ring;
mod rule_state;
mod signal;
mod state;
mod tier;
mod verdict;

pub use bytes::{ColumnPiece, Pieces, StateBytesError};
pub use column::Column;
pub use rule_state::RuleState;
pub use state::{State, Transition, Turn};
pub use verdict::Verdict;
