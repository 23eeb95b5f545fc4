//! `sluice rules test`: sample series in, the states that each minute must bring out. `docs/alerts.md` has the format.

mod expect;
mod parse;
mod run;
mod script;

pub use expect::{Mismatch, Outcome};
pub use parse::TestFile;
