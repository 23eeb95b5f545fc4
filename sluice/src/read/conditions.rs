//! `--where 'Region=WestUS,Api=~Get.*,Sku!=Free'` as the matchers of the JSON API.
//!
//! A condition is `Dim OP value`, `Dim in (a,b)`, `Dim not in (a,b)`, `Dim exists` or `Dim absent`. Conditions are separated
//! by commas; a comma within parentheses, or behind a backslash, belongs to the condition.

use serde_json::{Value, json};

use super::AskError;

/// All conditions of one flag.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, AskError> {
    split(text).iter().filter(|part| !part.trim().is_empty()).map(|part| one(part.trim())).collect()
}

/// At commas that are neither escaped nor within parentheses or brackets.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut escaped) = (vec![String::new()], 0_i32, false);
    for c in text.chars() {
        match c {
            ',' if escaped => {
                parts.last_mut().map(String::pop);
            }
            ',' if depth <= 0 => {
                parts.push(String::new());
                continue;
            }
            '(' | '[' | '{' if !escaped => depth += 1,
            ')' | ']' | '}' if !escaped => depth -= 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn one(text: &str) -> Result<Value, AskError> {
    for word in ["exists", "absent"] {
        if let Some(dim) = text.strip_suffix(word).filter(|dim| dim.ends_with(' ')) {
            return Ok(json!({"dim": dim.trim(), "op": word, "values": []}));
        }
    }
    // `not in` before `in`, the two-letter operators before `=`.
    for op in [" not in ", " in "] {
        if let Some((dim, list)) = text.split_once(op) {
            return listed(text, dim, op.trim(), list.trim());
        }
    }
    let at = text.find(['=', '!']).ok_or_else(|| wrong(text))?;
    let (dim, rest) = text.split_at(at);
    let op =
        ["=~", "!~", "!=", "="].into_iter().find(|op| rest.starts_with(op)).ok_or_else(|| wrong(text))?;
    if dim.trim().is_empty() {
        return Err(wrong(text));
    }
    Ok(json!({"dim": dim.trim(), "op": op, "values": [rest[op.len()..].trim()]}))
}

fn listed(text: &str, dim: &str, op: &str, list: &str) -> Result<Value, AskError> {
    let inner = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(|| wrong(text))?;
    let values: Vec<&str> = inner.split(',').map(str::trim).collect();
    Ok(json!({"dim": dim.trim(), "op": op, "values": values}))
}

fn wrong(text: &str) -> AskError {
    AskError::Call(format!(
        "cannot read the condition {text:?}: write Dim=value, Dim!=value, Dim=~regex, Dim!~regex, Dim in (a,b), Dim not in (a,b), Dim exists or Dim absent"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        check("Region=WestUS,Api=~Get.*,Sku!=Free", "Region = WestUS; Api =~ Get.*; Sku != Free");
        check("Api!~a|b", "Api !~ a|b");
        check("A in (x, y),B not in (z)", "A in x y; B not in z");
        check("A exists, B absent", "A exists ; B absent ");
        check("A=~(a,b),B=c", "A =~ (a,b); B = c");
        check(r"A=a\,b", "A = a,b");
        check("A=", "A = ");
        check("", "");
        check("A=b=c", "A = b=c");
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for text in ["Region", "=x", "A in x", "A ! b"] {
            assert!(parse(text).unwrap_err().to_string().contains("cannot read the condition"), "{text}");
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let show = |m: &Value| {
            let values: Vec<&str> =
                m["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
            format!("{} {} {}", m["dim"].as_str().unwrap(), m["op"].as_str().unwrap(), values.join(" "))
        };
        assert_eq!(parse(text).unwrap().iter().map(show).collect::<Vec<_>>().join("; "), expected);
    }
}
