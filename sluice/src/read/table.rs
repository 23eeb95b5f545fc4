//! Rows for people (aligned, as wide as the terminal) and for programs (CSV, or the answer itself).

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use crate::cli::Format;

/// What a column that was shortened ends with.
const CUT: char = '…';
/// A column is not shortened below this: less says nothing.
const WIDTH_MIN: usize = 8;
const GAP: usize = 2;

/// Cells by row; numbers are aligned to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Lines below the table, for people only.
    foot: Vec<String>,
}

// === impl Table ===

impl Table {
    pub(crate) fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub(crate) fn foot(&mut self, line: impl Into<String>) {
        self.foot.push(line.into());
    }

    /// Writes to stdout. A reader that went away (`| head`) is no error.
    pub(crate) fn print(&self, format: Format, answer: &Value) {
        let text = match format {
            Format::Table => self.aligned(terminal_width()),
            Format::Csv => self.csv(),
            Format::Json => format!("{answer}\n"),
        };
        let _reader_went_away = std::io::stdout().write_all(text.as_bytes());
    }

    fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in std::iter::once(&self.head).chain(&self.rows) {
            if writer.write_record(row).is_err() {
                break;
            }
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn aligned(&self, terminal: usize) -> String {
        self.visible().aligned_as_it_is(terminal)
    }

    /// Names are whatever somebody published: nothing of them may steer the terminal, or break a line.
    fn visible(&self) -> Self {
        let all = |cells: &Vec<String>| cells.iter().map(|cell| visible(cell)).collect();
        Self { head: all(&self.head), rows: self.rows.iter().map(all).collect(), foot: all(&self.foot) }
    }

    fn aligned_as_it_is(&self, terminal: usize) -> String {
        let widths = self.widths(terminal);
        let numeric: Vec<bool> = (0..self.head.len()).map(|column| self.is_numeric(column)).collect();
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate().take(widths.len()) {
                let cell = shorten(cell, widths[column]);
                let pad = " ".repeat(widths[column] - cell.chars().count());
                line += &if numeric[column] { pad + &cell } else { cell + &pad };
                line += &" ".repeat(GAP);
            }
            text += line.trim_end();
            text.push('\n');
        }
        self.foot.iter().for_each(|line| text += &format!("{line}\n"));
        text
    }

    /// As wide as the widest cell; when all together are wider than the terminal, the widest give way.
    fn widths(&self, terminal: usize) -> Vec<usize> {
        let cells = |column: usize| {
            std::iter::once(&self.head).chain(&self.rows).filter_map(move |row| row.get(column))
        };
        let mut widths: Vec<usize> = (0..self.head.len())
            .map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0))
            .collect();
        loop {
            let total: usize = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            let Some(widest) =
                widths.iter_mut().max().filter(|widest| total > terminal && **widest > WIDTH_MIN)
            else {
                return widths;
            };
            *widest -= 1;
        }
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut cells =
            self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some()
            && cells.all(|cell| cell.replace(',', "").trim_end_matches('%').parse::<f64>().is_ok())
    }
}

/// Control characters, and those that turn the direction of writing, as escapes.
fn visible(cell: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    cell.chars().fold(String::with_capacity(cell.len()), |mut text, c| {
        if steers(c) {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
        text
    })
}

fn shorten(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(1)).chain([CUT]).collect()
}

/// Of stdout; `COLUMNS` where that is no terminal, else unbounded.
fn terminal_width() -> usize {
    if std::io::stdout().is_terminal()
        && let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(usize::MAX)
}

/// A number as a person reads it: whole ones whole, others with enough digits.
pub(crate) fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(_) if value.is_i64() || value.is_u64() => value.to_string(),
        None => String::new(),
        Some(float) if is_plain(float) => format!("{float:.0}"),
        Some(float) if !(1e-4..1e15).contains(&float.abs()) => format!("{float:.6e}"),
        Some(float) if float.abs() >= 1000.0 => format!("{float:.1}"),
        Some(float) if float.abs() >= 1.0 => format!("{float:.3}"),
        Some(float) => format!("{float:.6}"),
    }
}

/// A number as a program reads it: all of its digits.
pub(crate) fn exact(value: &Value) -> String {
    match value.as_f64() {
        None => String::new(),
        Some(float) if value.is_f64() && is_plain(float) => format!("{float:.0}"),
        Some(_) => value.to_string(),
    }
}

fn is_plain(float: f64) -> bool {
    float.fract() == 0.0 && float.abs() < 1e15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_fit() {
        let mut table = Table::new(["name", "value"]);
        table.row(["a", "5"]);
        table.row(["a-long-name-of-something", "1234"]);
        assert_eq!(
            table.aligned(200),
            "name                      value\na                             5\na-long-name-of-something   1234\n"
        );
        assert_eq!(table.aligned(20), "name           value\na                  5\na-long-name-…   1234\n");
        assert_eq!(table.csv(), "name,value\na,5\na-long-name-of-something,1234\n");
    }

    #[test]
    fn numbers_for_people() {
        let show = |value: f64| number(&Value::from(value));
        assert_eq!(
            (show(3.0), show(1234.56), show(1.5), show(0.001)),
            ("3".into(), "1234.6".into(), "1.500".into(), "0.001000".into())
        );
        assert_eq!(number(&Value::Null), "");
        assert_eq!(number(&Value::from(i64::MAX)), "9223372036854775807");
        assert_eq!((show(1e308), show(2e-300)), ("1.000000e308".into(), "2.000000e-300".into()));
    }

    #[test]
    fn numbers_for_programs() {
        let show = |value: f64| exact(&Value::from(value));
        let shown = [3.0, 1234.5678901, 2e-300, 1e308].map(show);
        assert_eq!(shown, ["3", "1234.5678901", "2e-300", "1e+308"]);
        assert_eq!(
            (exact(&Value::from(u64::MAX)), exact(&Value::Null)),
            (u64::MAX.to_string(), String::new())
        );
    }

    #[test]
    fn names_steer_no_terminal() {
        let mut table = Table::new(["a\nb"]);
        table.row(["\u{1b}[2J\u{202e}é"]);
        table.foot("others: \u{1b}[2J");
        assert_eq!(table.aligned(200), "a\\nb\n\\u{1b}[2J\\u{202e}é\nothers: \\u{1b}[2J\n");
        assert_eq!(table.csv(), "\"a\nb\"\n\u{1b}[2J\u{202e}é\n");
    }
}
