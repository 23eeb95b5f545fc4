//! The JSON API's words, and what they mean in `sluice.v1`. An unknown field is refused by its name.

mod reply;
mod request;

pub(crate) use reply::{DimensionsJson, HealthJson, HintsJson, MetricsJson, SeriesJson, TopJson};
pub use request::{Condition, Object, objects};
pub(crate) use request::{DimensionsBody, HintsBody, MetricsBody, SeriesBody, TopBody};
