//! What fires, by its name.

use std::collections::BTreeMap;

use model::Matcher;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::texts::Texts;

/// An alert from the minute in which it fired to the one in which it is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertName {
    /// As [`crate::Rule::label_texts`] has them.
    pub labels: Texts,
    /// The minute in which it fired, as RFC 3339.
    pub starts_at: String,
}

/// What fires, with its annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// All that is known of.
    pub alerts: BTreeMap<AlertName, Texts>,
    /// No more does. Else one that is not among them may not be seen just now, and is not over.
    pub all: bool,
}

// === impl AlertName ===

impl AlertName {
    /// The same each time that these labels fire: 16 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut bytes = Vec::new();
        for text in self.labels.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        format!("{:016x}", xxh3_64(&bytes))
    }

    /// Do its labels fulfil all of these? A label that is not there is empty.
    #[must_use]
    pub fn is_in(&self, filter: &[Matcher]) -> bool {
        filter.iter().all(|one| one.matches(self.labels.get(&one.dim).map_or("", String::as_str)))
    }
}
