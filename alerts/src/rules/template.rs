//! Texts with gaps: `${dim.Api} is slow: ${value}`.

use crate::problem::instead_of;

/// A text with gaps that an alert fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// One of [`GAPS`].
    Gap(String),
    /// The value of a dimension; nothing when absent.
    Dim(String),
}

/// What a gap may name beside `dim.NAME`.
const GAPS: [&str; 6] = ["rule", "account", "metric", "severity", "value", "minute"];

// === impl Template ===

impl Template {
    /// Reads a text. `dims` are those that an alert will have, `None` when it has all of its series.
    pub(crate) fn parse(text: &str, dims: Option<&[String]>) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or("${ is not closed by }")?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(gap(name, dims)?);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// Fills the gaps; `of` knows the words, `dim` the dimensions.
    pub fn fill<'a>(&self, of: impl Fn(&str) -> String, dim: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(words) => text.push_str(words),
                Piece::Gap(name) => text.push_str(&of(name)),
                Piece::Dim(name) => text.push_str(dim(name).unwrap_or_default()),
            }
        }
        text
    }
}

fn gap(name: &str, dims: Option<&[String]>) -> Result<Piece, String> {
    match name.strip_prefix("dim.") {
        Some(dim) => match dims {
            Some(dims) if !dims.iter().any(|have| have == dim) => {
                let known: Vec<&str> = dims.iter().map(String::as_str).collect();
                Err(format!("${{{name}}} is no dimension that the rule groups by{}", instead_of(dim, &known)))
            }
            _ => Ok(Piece::Dim(dim.to_owned())),
        },
        None if GAPS.contains(&name) => Ok(Piece::Gap(name.to_owned())),
        None => Err(format!("${{{name}}} is nothing that an alert knows{}", {
            let mut known = GAPS.to_vec();
            known.push("dim.NAME");
            instead_of(name, &known)
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled() {
        let template = Template::parse("${dim.Api} at ${value}${dim.None}!", None).unwrap();
        let filled = template.fill(|name| format!("<{name}>"), |dim| (dim == "Api").then_some("Get"));
        assert_eq!(filled, "Get at <value>!");
        assert_eq!(Template::parse("", None).unwrap().fill(|_| String::new(), |_| None), "");
        assert_eq!(Template::parse("$5 {x}", None).unwrap().fill(|_| String::new(), |_| None), "$5 {x}");
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
