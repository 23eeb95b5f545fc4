//! The strings of a batch as text, where they are.

use proto::BatchColumns;

/// Of each string of the table its text; `None` where it is not UTF-8.
pub(super) fn texts<'a>(columns: &BatchColumns<'a>) -> Vec<Option<&'a str>> {
    let strings = 0..u32::try_from(columns.string_count()).unwrap_or(u32::MAX);
    let blob = &columns.batch().string_bytes;
    if blob.is_ascii() {
        // Nearly always, and then no string can end within a character.
        let text = std::str::from_utf8(blob).unwrap_or_default();
        let mut rest = text;
        return columns
            .batch()
            .string_len
            .iter()
            .map(|len| {
                let (string, after) = rest.split_at_checked(*len as usize)?;
                rest = after;
                Some(string)
            })
            .collect();
    }
    strings.map(|string| std::str::from_utf8(columns.string_bytes(string)).ok()).collect()
}
