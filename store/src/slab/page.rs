//! A page: the minutes of an hour of up to 1,024 series, series by series; or those of a day, of few series.

use model::{Aggregate, LocalId};

use crate::StoreError;

use super::directory::DirectoryWriter;
use super::minutes::PageMinutes;
use super::rows::Rows;

/// A page that is being built. Cleared, it keeps its buffers for the next.
#[derive(Debug, Default)]
pub struct PageBlock {
    minutes: PageMinutes,
    rows: Rows,
}

// === impl PageBlock ===

impl PageBlock {
    /// Series of one page: 61,440 points, which decode in less than a millisecond.
    pub const SERIES_MAX: usize = 1024;
    /// A page whose sketches take so much is full, however few its series.
    pub const SKETCH_BYTES_MAX: usize = 8 << 20;

    /// No series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many series, each as often as it was pushed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.minutes.series.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.minutes.series.is_empty()
    }

    /// Nothing more should be pushed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= Self::SERIES_MAX || self.rows.sketch_bytes() >= Self::SKETCH_BYTES_MAX
    }

    /// Forgets all series.
    pub fn clear(&mut self) {
        self.minutes.clear();
        self.rows.clear();
    }

    /// The rows of the next series and hour (0 to 23), for the page of a day. Each has some, and both ascend.
    pub fn push_hour(&mut self, id: LocalId, hour: u8, rows: &[(u8, Aggregate)]) {
        debug_assert!(!rows.is_empty(), "BUG: an hour without rows is left out");
        self.minutes.hours.push(hour);
        self.push(id, rows);
    }

    /// The next series, with its rows by minute of the hour (0 to 59), ascending and each once. Without rows it is
    /// left out. Ids ascend; [`PageBlock::encode`] refuses what does not.
    pub fn push(&mut self, id: LocalId, rows: &[(u8, Aggregate)]) {
        debug_assert!(rows.array_windows().all(|[(one, _), (other, _)]| one < other), "BUG: minutes ascend");
        debug_assert!(rows.last().is_none_or(|(minute, _)| *minute < 60), "BUG: an hour has 60 minutes");
        let mask = rows.iter().fold(0, |mask, (minute, _)| mask | 1 << minute);
        if mask != 0 {
            self.minutes.series.push(id);
            self.minutes.masks.push(mask);
            rows.iter().for_each(|(_, row)| self.rows.push(&row.scalars, row.distinct(), row.distribution()));
        }
    }

    /// The bytes of the page.
    ///
    /// # Errors
    /// When ids do not ascend, or the page is too large for one value of the store.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        self.minutes.check_order()?;
        let mut out = DirectoryWriter::new(self.rows.len());
        self.rows.put(&self.minutes.lengths(), &mut out);
        self.minutes.put(&mut out);
        out.finish()
    }
}
