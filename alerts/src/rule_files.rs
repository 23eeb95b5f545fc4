//! Rule files as a log holds them: names and texts, and from when on.

use model::Minute;
use xxhash_rust::xxh3::xxh3_64;

use crate::rules::RuleSet;

/// Rule files, as a record of the log holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFiles {
    /// The same for the same files; 0 of none at all.
    pub version: u64,
    /// The first minute that they are for.
    pub from: Minute,
    /// Name and text of each.
    pub files: Vec<(String, String)>,
}

// === impl RuleFiles ===

impl RuleFiles {
    /// Of these files, in the order of their names.
    #[must_use]
    pub fn new(mut files: Vec<(String, String)>) -> Self {
        files.sort();
        let mut bytes = Vec::new();
        for text in files.iter().flat_map(|(name, text)| [name, text]) {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        let version = if files.is_empty() { 0 } else { xxh3_64(&bytes).max(1) };
        Self { version, from: Minute(0), files }
    }

    /// All rules of these files.
    ///
    /// # Errors
    /// What is wrong, each line with the file's name before it.
    pub fn parse(&self) -> Result<RuleSet, String> {
        let mut all = RuleSet::default();
        for (name, text) in &self.files {
            let said = |why: &dyn std::fmt::Display| {
                why.to_string().lines().map(|line| format!("{name}:{line}")).collect::<Vec<_>>().join("\n")
            };
            let rules = RuleSet::parse(text).map_err(|why| said(&why))?;
            all.merge(rules).map_err(|why| said(&why))?;
        }
        Ok(all)
    }
}
