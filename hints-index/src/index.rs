//! The metrics of every account.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{LocalId, MetricId};

use crate::{HintsError, MetricIndex};

type Metrics = BTreeMap<Arc<str>, Arc<MetricIndex>>;
type Accounts = BTreeMap<Arc<str>, Arc<Metrics>>;

/// All series of a partition. A clone is a snapshot: later inserts do not show in it.
#[derive(Clone, Debug, Default)]
pub struct HintsIndex {
    accounts: Arc<Accounts>,
    metrics: usize,
    series: u64,
}

// === impl HintsIndex ===

impl HintsIndex {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a new series in. Local ids ascend within a metric; names are unique within `dims`, best sorted; an empty
    /// value is an absent dimension.
    ///
    /// # Errors
    /// When the series is not a new one, or a dimension's values take more than 4 GiB. Nothing has changed then.
    pub fn insert<'a, D>(
        &mut self,
        account: &str,
        metric: &str,
        metric_id: MetricId,
        local_id: LocalId,
        dims: D,
    ) -> Result<(), HintsError>
    where
        D: IntoIterator<Item = (&'a str, &'a str)>,
        D::IntoIter: Clone,
    {
        let dims = dims.into_iter();
        if let Some(have) = self.metric(account, metric) {
            have.check(metric_id, local_id, dims.clone())?;
        }
        Arc::make_mut(self.entry(account, metric, metric_id)).push(local_id, dims);
        self.series += 1;
        Ok(())
    }

    /// The accounts that have a series, sorted.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(|name| &**name)
    }

    /// The metrics of an account, sorted by name.
    pub fn metrics(&self, account: &str) -> impl Iterator<Item = (&str, &Arc<MetricIndex>)> {
        self.accounts
            .get(account)
            .into_iter()
            .flat_map(|metrics| metrics.iter().map(|(name, index)| (&**name, index)))
    }

    /// A metric by its name.
    #[must_use]
    pub fn metric(&self, account: &str, name: &str) -> Option<&Arc<MetricIndex>> {
        self.accounts.get(account)?.get(name)
    }

    /// How many metrics, over all accounts.
    #[must_use]
    pub fn metric_count(&self) -> usize {
        self.metrics
    }

    /// How many series, over all accounts.
    #[must_use]
    pub fn series_count(&self) -> u64 {
        self.series
    }

    /// Bytes that it occupies; what clones share is counted in each.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let each = |metrics: &Arc<Metrics>| {
            metrics.values().map(|metric| metric.memory_bytes() + NODE_BYTES).sum::<usize>()
        };
        self.accounts.iter().map(|(name, metrics)| NODE_BYTES + name.len() + each(metrics)).sum()
    }

    /// The metric, made when it is not there. Only what a clone also holds is copied, and of the metrics that do not
    /// change only the references.
    fn entry(&mut self, account: &str, metric: &str, metric_id: MetricId) -> &mut Arc<MetricIndex> {
        let accounts = Arc::make_mut(&mut self.accounts);
        if !accounts.contains_key(account) {
            accounts.insert(account.into(), Arc::default());
        }
        let metrics = accounts.get_mut(account).map(Arc::make_mut).expect("it was inserted just above");
        if !metrics.contains_key(metric) {
            metrics.insert(metric.into(), Arc::new(MetricIndex::new(metric, metric_id)));
            self.metrics += 1;
        }
        metrics.get_mut(metric).expect("it was inserted just above")
    }
}

/// A key and a reference in a B-tree that is three quarters full, and two reference counts.
const NODE_BYTES: usize = 64;
