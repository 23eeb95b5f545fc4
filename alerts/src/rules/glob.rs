//! Names by example: `*` stands for any characters or none, `?` for one, anything else for itself.

use std::fmt;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, "{one}"))
    }
}

// === impl Glob ===

impl Glob {
    /// Every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// Takes as long as both are, multiplied, at the most: it goes back to the last star only.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (&self.0, name.chars().collect::<Vec<_>>());
        let (mut at, mut in_name) = (0, 0);
        // Behind the last star, and where what it stands for ends.
        let mut star: Option<(usize, usize)> = None;
        while in_name < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    at += 1;
                    star = Some((at, in_name));
                }
                Some(one) if *one == '?' || *one == name[in_name] => {
                    at += 1;
                    in_name += 1;
                }
                _ => {
                    let Some((behind, end)) = star else { return false };
                    star = Some((behind, end + 1));
                    (at, in_name) = (behind, end + 1);
                }
            }
        }
        pattern[at..].iter().all(|one| *one == '*')
    }
}

#[cfg(test)]
mod tests {
    use model::Matcher;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_questions() {
        for (pattern, name, expected) in [
            ("http.latency", "http.latency", true),
            ("http.latency", "http.latency2", false),
            ("http.*", "http.latency", true),
            ("http.*", "http.", true),
            ("http.*", "httpx", false),
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("h?tp", "http", true),
            ("*.latency", "a.latency.latency", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("é?", "éü", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_regular_expression(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            let regex = pattern.replace('*', ".*").replace('?', ".");
            let matcher = Matcher::new("d", "=~", vec![regex]).unwrap();
            prop_assert_eq!(Glob::new(&pattern).matches(&name), matcher.matches(&name));
        }
    }
}
