//! A body of the receiver's own: a tree of JSON whose words have gaps.
//!
//! ```yaml
//! body: {text: "${status}: ${group.alertname}\n${alerts}", channel: "#ops"}
//! line: "${status} ${label.Api}: ${annotation.summary}"      # once an alert, in ${alerts}
//! ```

use serde_json::{Map, Number, Value};

use super::message::{Entry, News};
use crate::fields::At;
use crate::limits::TEMPLATE_BYTES_MAX;
use crate::problem::Problem;
use crate::rules::Template;
use crate::yaml::{Kind, Node};

const BODY_WORDS: [&str; 5] = ["status", "receiver", "alerts", "firing", "resolved"];
const LINE_WORDS: [&str; 2] = ["status", "since"];
const LINE_DEFAULT: &str =
    "${status}: ${label.alertname} ${label.severity} since ${since} ${annotation.summary}";

/// What a receiver wants instead of Alertmanager's form.
#[derive(Clone, Debug)]
pub struct BodyTemplate {
    tree: Tree,
    line: Template,
}

#[derive(Clone, Debug)]
enum Tree {
    Text(Template),
    /// A number, true, false or null.
    Other(Value),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

// === impl BodyTemplate ===

impl BodyTemplate {
    pub(super) fn read(body: &At<'_>, line: Option<&At<'_>>) -> Result<Self, Problem> {
        let line = match line {
            Some(at) => template(at, at.text()?, &LINE_WORDS, &["label", "annotation"])?,
            None => Template::of(LINE_DEFAULT, &LINE_WORDS, &["label", "annotation"])
                .map_err(|why| body.problem(why))?,
        };
        Ok(Self { tree: tree(body, body.node)?, line })
    }

    pub(super) fn fill(&self, news: &News<'_>) -> Value {
        let lines: Vec<String> = news.entries.iter().map(|one| self.line(one)).collect();
        let firing = news.entries.iter().filter(|one| one.ends_at.is_none()).count();
        let mut common = news.common(|one| &one.annotations);
        common.extend(news.common(|one| &one.name.labels));
        let word = |name: &str| match name {
            "status" => news.status().to_owned(),
            "receiver" => news.receiver.name.clone(),
            "firing" => firing.to_string(),
            "resolved" => (news.entries.len() - firing).to_string(),
            _ => lines.join("\n"),
        };
        let of = |kind: &str, name: &str| {
            let texts = if kind == "group" { news.group } else { &common };
            texts.get(name).cloned()
        };
        self.tree.fill(&|template| template.fill(word, |kind, name| of(kind, name)))
    }

    fn line(&self, one: &Entry) -> String {
        let word = |name: &str| match name {
            "status" => one.status().to_owned(),
            _ => one.name.starts_at.clone(),
        };
        self.line.fill(word, |kind, name| {
            let texts = if kind == "label" { &one.name.labels } else { &one.annotations };
            texts.get(name).cloned()
        })
    }
}

// === impl Tree ===

impl Tree {
    fn fill(&self, words: &dyn Fn(&Template) -> String) -> Value {
        match self {
            Self::Text(template) => Value::String(words(template)),
            Self::Other(value) => value.clone(),
            Self::List(list) => list.iter().map(|one| one.fill(words)).collect(),
            Self::Map(map) => Value::Object(
                map.iter().map(|(key, one)| (key.clone(), one.fill(words))).collect::<Map<_, _>>(),
            ),
        }
    }
}

fn tree(body: &At<'_>, node: &Node) -> Result<Tree, Problem> {
    Ok(match &node.kind {
        Kind::Scalar { text, plain: true } => match literal(text) {
            Some(value) => Tree::Other(value),
            None => Tree::Text(template(&body.within(node), text, &BODY_WORDS, &["group", "common"])?),
        },
        Kind::Scalar { text, .. } => {
            Tree::Text(template(&body.within(node), text, &BODY_WORDS, &["group", "common"])?)
        }
        Kind::List(list) => Tree::List(list.iter().map(|one| tree(body, one)).collect::<Result<_, _>>()?),
        Kind::Map(map) => {
            let entry = |one: &crate::yaml::Entry| Ok((one.key.clone(), tree(body, &one.value)?));
            Tree::Map(map.iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

/// What a word without quotes is, when it is no text.
fn literal(text: &str) -> Option<Value> {
    match text {
        "" | "null" | "~" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => text.parse().ok().map(|number: Number| Value::Number(number)),
    }
}

fn template(at: &At<'_>, text: &str, words: &[&str], kinds: &[&str]) -> Result<Template, Problem> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(at.problem(format!("has {} bytes, at most {TEMPLATE_BYTES_MAX} are taken", text.len())));
    }
    Template::of(text, words, kinds).map_err(|why| at.problem(why))
}
