//! How much one `read` returns: what fits, but at least one record.

/// Counts down the bytes of one read.
pub(crate) struct Budget {
    left: usize,
    is_first: bool,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { left: bytes_max, is_first: true }
    }

    /// Whether one more record of `bytes` may go along. The first always may: a reader must get on.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        // An empty record costs a byte, so that no number of them is free.
        let cost = bytes.max(1);
        let fits = self.is_first || cost <= self.left;
        self.left = self.left.saturating_sub(cost);
        self.is_first = false;
        fits
    }
}
