//! Minutes in a line: `100 600x3 _ 100`.

use crate::limits::TEST_MINUTES_MAX;

/// One word a minute, `wordxN` for N of them.
pub(super) fn minutes<T: Clone>(
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut minutes = Vec::new();
    for word in text.split_whitespace() {
        let (one, times) = match word.rsplit_once('x') {
            Some((one, times)) if !one.is_empty() && times.bytes().all(|digit| digit.is_ascii_digit()) => {
                (one, times.parse().map_err(|_| format!("{word:?} repeats no number of times"))?)
            }
            _ => (word, 1),
        };
        let one = read(one)?;
        if minutes.len() + times > TEST_MINUTES_MAX {
            return Err(format!("has more than {TEST_MINUTES_MAX} minutes"));
        }
        minutes.extend(std::iter::repeat_n(one, times));
    }
    Ok(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_a_minute() {
        let read = |text: &str| minutes(text, |word| Ok(word.to_owned())).map(|minutes| minutes.join(" "));
        assert_eq!(read("a bx2 _").unwrap(), "a b b _");
        assert_eq!(read("  "), Ok(String::new()));
        assert_eq!(read("maxx2 x xx1 x3").unwrap(), "max max x x x3");
        assert!(read("ax99999").unwrap_err().contains("more than"));
        assert!(read("ax99999999999999999999999").unwrap_err().contains("no number"));
    }
}
