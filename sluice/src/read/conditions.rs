//! `--where 'Region=WestUS,Api=~Get.*,Sku!=Free'` as the matchers of the JSON API.
//!
//! A condition is `Dim OP value`, `Dim in (a,b)`, `Dim not in (a,b)`, `Dim exists` or `Dim absent`. Conditions are separated
//! by commas; a comma within parentheses, or behind a backslash, belongs to the condition. What stands first decides: in
//! `City=Made in China` that is `=`.

use serde_json::{Value, json};

use super::AskError;

/// All conditions of one flag.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, AskError> {
    split(text)?.iter().filter(|part| !part.trim().is_empty()).map(|part| one(part.trim())).collect()
}

/// At commas that are neither escaped nor within parentheses or brackets.
fn split(text: &str) -> Result<Vec<String>, AskError> {
    let (mut parts, mut depth, mut escaped, mut kept) = (vec![String::new()], 0_i32, false, false);
    for c in text.chars() {
        match c {
            ',' if escaped && depth <= 0 => {
                parts.last_mut().map(String::pop);
            }
            ',' if escaped => {} // a list is split once more
            ',' if depth <= 0 => {
                (depth, kept) = (0, false);
                parts.push(String::new());
                continue;
            }
            ',' => kept = true,
            '(' | '[' | '{' if !escaped => depth += 1,
            ')' | ']' | '}' if !escaped => depth -= 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    if depth > 0 && kept {
        let open = parts.last().map(String::as_str).unwrap_or_default();
        return Err(AskError::Call(format!(
            "a parenthesis is not closed in {open:?}, so its commas separate nothing: close it, or put that condition last"
        )));
    }
    Ok(parts)
}

fn one(text: &str) -> Result<Value, AskError> {
    let at = text.find(['=', '!']).unwrap_or(text.len());
    let (dim, rest) = text.split_at(at);
    if let Some((dim, _)) = dim.split_once(" in ") {
        let list = text[dim.len() + " in ".len()..].trim();
        return match dim.strip_suffix(" not") {
            Some(dim) => listed(text, dim, "not in", list),
            None => listed(text, dim, "in", list),
        };
    }
    for word in ["exists", "absent"] {
        if let Some(dim) = text.strip_suffix(word).filter(|dim| dim.ends_with(' ') && rest.is_empty()) {
            return Ok(json!({"dim": dim.trim(), "op": word, "values": []}));
        }
    }
    // The two-letter operators before `=`.
    let op =
        ["=~", "!~", "!=", "="].into_iter().find(|op| rest.starts_with(op)).ok_or_else(|| wrong(text))?;
    if dim.trim().is_empty() {
        return Err(wrong(text));
    }
    Ok(json!({"dim": dim.trim(), "op": op, "values": [rest[op.len()..].trim()]}))
}

fn listed(text: &str, dim: &str, op: &str, list: &str) -> Result<Value, AskError> {
    let inner = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(|| wrong(text))?;
    let values: Vec<String> = split(inner)?.iter().map(|value| value.trim().to_owned()).collect();
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
        check("City=Made in China,Error=file exists", "City = Made in China; Error = file exists");
        check("A in (x=1,y),B not in (not in,a)", "A in x=1 y; B not in not in a");
        check(r"A in (a\,b,c)", "A in a,b c");
        check("B=c,A=f(", "B = c; A = f(");
        check("A=f),B=(c,d)", "A = f); B = (c,d)");
    }

    #[test]
    fn what_is_no_condition_is_named() {
        for text in ["Region", "=x", "A in x", "A ! b"] {
            assert!(parse(text).unwrap_err().to_string().contains("cannot read the condition"), "{text}");
        }
        assert!(parse("A=f(,B=c").unwrap_err().to_string().contains("is not closed in \"A=f(,B=c\""));
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
