//! Progress bars on stderr; none when that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Bytes of the inputs; a spinner when nobody knows how many there are.
pub(crate) fn bytes(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    // The template is a constant; were it wrong, the default style is still a progress bar.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Rows of a run.
pub(crate) fn rows(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} rows {msg} {eta} left");
    match style {
        Ok(style) => ProgressBar::new(total).with_style(style),
        Err(_) => ProgressBar::new(total),
    }
}
