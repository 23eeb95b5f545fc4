//! Texts with gaps: `${dim.Api} is slow: ${value}`.

use crate::problem::instead_of;

/// A text with gaps that an alert fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// One of the words that are known.
    Gap(String),
    /// `KIND.NAME`, as the value of a dimension; nothing when absent.
    Of(String, String),
}

/// What a gap may name beside `dim.NAME`.
const GAPS: [&str; 6] = ["rule", "account", "metric", "severity", "value", "minute"];

// === impl Template ===

impl Template {
    /// A text of a rule. `dims` are those that an alert will have, `None` when it has all of its series.
    pub(crate) fn parse(text: &str, dims: Option<&[String]>) -> Result<Self, String> {
        let template = Self::of(text, &GAPS, &["dim"])?;
        let Some(dims) = dims else { return Ok(template) };
        let missing = |piece: &Piece| match piece {
            Piece::Of(_, dim) if !dims.contains(dim) => Some(dim.clone()),
            _ => None,
        };
        match template.0.iter().find_map(missing) {
            None => Ok(template),
            Some(dim) => {
                let known: Vec<&str> = dims.iter().map(String::as_str).collect();
                Err(format!(
                    "${{dim.{dim}}} is no dimension that the rule groups by{}",
                    instead_of(&dim, &known)
                ))
            }
        }
    }

    /// A text whose gaps are these words, or `KIND.NAME` with one of these kinds.
    pub(crate) fn of(text: &str, words: &[&str], kinds: &[&str]) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or("${ is not closed by }")?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(gap(name, words, kinds)?);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// Fills the gaps; `word` knows the words, `of` what is of a kind.
    pub(crate) fn fill(
        &self,
        word: impl Fn(&str) -> String,
        of: impl Fn(&str, &str) -> Option<String>,
    ) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(words) => text.push_str(words),
                Piece::Gap(name) => text.push_str(&word(name)),
                Piece::Of(kind, name) => text.push_str(&of(kind, name).unwrap_or_default()),
            }
        }
        text
    }
}

fn gap(name: &str, words: &[&str], kinds: &[&str]) -> Result<Piece, String> {
    match name.split_once('.') {
        Some((kind, of)) if kinds.contains(&kind) => Ok(Piece::Of(kind.to_owned(), of.to_owned())),
        None if words.contains(&name) => Ok(Piece::Gap(name.to_owned())),
        _ => {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("{kind}.NAME")).collect();
            let known: Vec<&str> = words.iter().copied().chain(kinds.iter().map(String::as_str)).collect();
            Err(format!("${{{name}}} is nothing that an alert knows{}", instead_of(name, &known)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled() {
        let template = Template::parse("${dim.Api} at ${value}${dim.None}!", None).unwrap();
        let filled =
            template.fill(|name| format!("<{name}>"), |_, dim| (dim == "Api").then(|| "Get".to_owned()));
        assert_eq!(filled, "Get at <value>!");
        assert_eq!(Template::parse("", None).unwrap().fill(|_| String::new(), |_, _| None), "");
        assert_eq!(Template::parse("$5 {x}", None).unwrap().fill(|_| String::new(), |_, _| None), "$5 {x}");
    }

    #[test]
    fn what_no_alert_knows_is_named() {
        let check = |text: &str, expected: &str| {
            let got = Template::parse(text, Some(&["Api".to_owned()])).unwrap_err();
            assert!(got.contains(expected), "{got}");
        };
        check("${valeu}", "did you mean \"value\"?");
        check("${dim.Region}", "no dimension that the rule groups by: use Api");
        check("${dim.api}", "did you mean \"Api\"?");
        check("${value", "not closed");
    }
}
