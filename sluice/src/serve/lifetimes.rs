//! How long metrics are kept: what the rule files say, and `--retention-days` where they say nothing.
//!
//! In:   the settings of each good set of files. Out: a metric's retention, for upkeep.
//! Never: a deletion before the files were read and are good: until then everything is kept.

use std::sync::atomic::{AtomicU64, Ordering};

use aggregator::Retentions;
use alerts::MetricSetting;
use model::Retention;
use parking_lot::RwLock;

/// See the module.
pub(crate) struct Lifetimes {
    /// What is kept of metrics that no file names.
    elsewhere: Retention,
    /// `None` until the files have been read.
    settings: RwLock<Option<Vec<MetricSetting>>>,
    version: AtomicU64,
}

// === impl Lifetimes ===

impl Lifetimes {
    pub(crate) fn new(elsewhere: Retention) -> Self {
        Self { elsewhere, settings: RwLock::default(), version: AtomicU64::new(0) }
    }

    /// From now on these hold.
    pub(crate) fn hold(&self, settings: Vec<MetricSetting>) {
        let mut held = self.settings.write();
        if held.as_ref() != Some(&settings) {
            *held = Some(settings);
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// There are no files. What held before holds on.
    pub(crate) fn hold_none(&self) {
        if self.settings.read().is_none() {
            self.hold(Vec::new());
        }
    }
}

impl Retentions for Lifetimes {
    fn of(&self, account: &str, metric: &str) -> Retention {
        let settings = self.settings.read();
        let Some(settings) = &*settings else { return Retention::uniform(Retention::MOST_MINUTES) };
        let first = settings.iter().find(|setting| setting.is_for(account, metric));
        first.map_or(self.elsewhere, |setting| setting.retention.or(self.elsewhere))
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use alerts::RuleSet;

    use super::*;

    #[test]
    fn nothing_goes_before_the_files_are_read_and_then_the_first_match_counts() {
        let elsewhere = Retention::uniform(1_000_000);
        let lifetimes = Lifetimes::new(elsewhere);
        let hours = |metric| lifetimes.of("default", metric).hours / 60;
        assert_eq!((lifetimes.of("a", "m").days, lifetimes.version()), (Retention::MOST_MINUTES, 0));
        let text = "metrics:\n  - {metric: 'http.*', retention: {minutes: 2h, hours: 30h, days: 99d}}\n  - {metric: 'h*', \
                    retention: {hours: 40h}}\n";
        lifetimes.hold(RuleSet::parse(text).unwrap().metrics);
        assert_eq!((hours("http.x"), hours("host"), lifetimes.version()), (30, 40, 1));
        assert_eq!(lifetimes.of("a", "cpu"), elsewhere);
        lifetimes.hold(RuleSet::parse(text).unwrap().metrics);
        lifetimes.hold_none();
        assert_eq!((hours("http.x"), lifetimes.version()), (30, 1));
    }
}
