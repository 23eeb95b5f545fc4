//! The words of an alert: its labels, which name it, and its annotations, which explain it.

use std::collections::BTreeMap;

use model::{Dims, Minute};

use crate::rules::{Rule, Template};

/// Name and value.
pub type Texts = BTreeMap<String, String>;

// === impl Rule ===

impl Rule {
    /// What names an alert of this rule: `alertname`, `account`, `severity`, the dimensions of its group, and the rule's
    /// own labels, which win. The same from the minute in which it fires to that in which it ends, for values that
    /// change do not belong into labels.
    #[must_use]
    pub fn label_texts(&self, tier: usize, dims: &Dims) -> Texts {
        let mut texts: Texts =
            dims.pairs().iter().map(|(name, value)| (label_name(name), value.clone())).collect();
        texts.insert("alertname".into(), self.name.clone());
        texts.insert("account".into(), self.account.clone());
        texts.insert("severity".into(), self.severity(tier).to_owned());
        for (name, template) in &self.labels {
            texts.insert(label_name(name), self.fill(template, tier, dims, None));
        }
        texts.retain(|_, value| !value.is_empty());
        texts
    }

    /// What explains it now.
    #[must_use]
    pub fn annotation_texts(&self, tier: usize, dims: &Dims, minute: Minute, value: f64) -> Texts {
        let text = |(name, template): &(String, Template)| {
            (label_name(name), self.fill(template, tier, dims, Some((minute, value))))
        };
        self.annotations.iter().map(text).collect()
    }

    /// What a tier is called.
    #[must_use]
    pub fn severity(&self, tier: usize) -> &str {
        self.tiers.get(tier).map_or("", |tier| &tier.severity)
    }

    fn fill(&self, template: &Template, tier: usize, dims: &Dims, now: Option<(Minute, f64)>) -> String {
        let word = |name: &str| match (name, now) {
            ("rule", _) => self.name.clone(),
            ("account", _) => self.account.clone(),
            ("metric", _) => self.operand.metric.clone(),
            ("severity", _) => self.severity(tier).to_owned(),
            ("minute", Some((minute, _))) => minute.unix_seconds().to_string(),
            ("value", Some((_, value))) if !value.is_nan() => value.to_string(),
            _ => String::new(),
        };
        template.fill(word, |_, name| dims.get(name).map(str::to_owned))
    }
}

/// What Alertmanager takes as a label's name: letters, digits and underscores, no digit first.
fn label_name(name: &str) -> String {
    let sound = |(at, one): (usize, char)| {
        let takes = one.is_ascii_alphabetic() || one == '_' || (at > 0 && one.is_ascii_digit());
        if takes { one } else { '_' }
    };
    name.chars().enumerate().map(sound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSet;

    #[test]
    fn labels_name_and_annotations_explain() {
        let text = "alerts: [{name: slow, account: shop, metric: m, labels: {team: '${dim.Api}-team'}, \
                    annotations: {text: '${dim.Api} ${value} ${severity} ${minute}'}, \
                    tiers: [{severity: bad, when: '> 1'}]}]";
        let rule = RuleSet::parse(text).unwrap().rules.remove(0);
        let dims = Dims::from_iter([("Api", "Get"), ("0-host.name", "a")]);
        let labels = rule.label_texts(0, &dims);
        let expected = [
            ("Api", "Get"),
            ("__host_name", "a"),
            ("account", "shop"),
            ("alertname", "slow"),
            ("severity", "bad"),
            ("team", "Get-team"),
        ];
        assert!(labels.iter().map(|(name, value)| (&**name, &**value)).eq(expected), "{labels:?}");
        let explained = rule.annotation_texts(0, &dims, Minute(1), 2.5);
        assert_eq!(explained["text"], "Get 2.5 bad 60");
        assert_eq!(rule.annotation_texts(0, &dims, Minute(1), f64::NAN)["text"], "Get  bad 60");
    }
}
