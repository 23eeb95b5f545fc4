//! How much an account may send.

/// Of what, and how much a second; absent is without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Rows.
    pub rows_per_second: Option<f64>,
    /// What the rows' counts add up to.
    pub measurements_per_second: Option<f64>,
    /// Bytes of batches as they are on the wire, unpacked.
    pub bytes_per_second: Option<f64>,
}
