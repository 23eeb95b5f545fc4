//! From a file to rules. `docs/alerts.md` shows every key.

use model::{Limits, Matcher, Sampling};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    ChangeKind, Comparison, Condition, Fingerprint, GroupBy, Operand, Quota, Rule, RuleSet, Signal, Template,
    Tier, account_limit, metric_setting,
};
use crate::fields::{At, Fields, minutes};
use crate::limits::{
    BASELINE_MINUTES_MAX, CHANGE_MINUTES_MAX, FORGET_MINUTES_DEFAULT, FORGET_MINUTES_MAX, FORGET_MINUTES_MIN,
    MATCHERS_MAX, NAME_BYTES_MAX, QUOTA_OF_MAX, RULES_MAX, STREAK_MAX, TEMPLATE_BYTES_MAX, TEXTS_MAX,
    TIERS_MAX, WINDOW_MINUTES_MAX,
};
use crate::problem::{Problem, Problems, instead_of};
use crate::yaml;

const RULE_KEYS: [&str; 17] = [
    "name",
    "account",
    "metric",
    "where",
    "by",
    "sampling",
    "window",
    "ratio_to",
    "change",
    "deviation",
    "absent_as",
    "non_negative",
    "forget",
    "tiers",
    "labels",
    "annotations",
    "description",
];
/// What changes nothing about a verdict.
const TEXT_KEYS: [&str; 3] = ["labels", "annotations", "description"];
const SAMPLINGS: [&str; 12] =
    ["sum", "count", "min", "max", "avg", "rate", "distinct", "p50", "p90", "p95", "p99", "p99.9"];
const OPERATORS: [&str; 8] = ["=", "!=", "in", "not in", "=~", "!~", "exists", "absent"];

/// A whole file.
pub(super) fn file(text: &str) -> Result<RuleSet, Problems> {
    let root = yaml::parse(text)?;
    let at = At::root(&root);
    let fields = at.fields(&["alerts", "metrics", "limits"])?;
    let [list, settings, limits] = ["alerts", "metrics", "limits"].map(|key| fields.get(key));
    if list.is_none() && settings.is_none() && limits.is_none() {
        return Err(fields.problem("alerts is missing, and so are metrics and limits").into());
    }
    let metrics = settings.map_or(Ok(Vec::new()), |list| metric_setting::metrics(&list));
    let limits = limits.map_or(Ok(Vec::new()), |list| account_limit::limits(&list));
    let rules = match list.map_or(Ok(Vec::new()), |list| list.list(RULES_MAX)) {
        Ok(list) => alerts(&list),
        Err(problem) => Err(problem.into()),
    };
    match (rules, metrics, limits) {
        (Ok(rules), Ok(metrics), Ok(limits)) => Ok(RuleSet { metrics, limits, ..rules }),
        (rules, metrics, limits) => {
            let found = [rules.err(), metrics.err(), limits.err()].into_iter().flatten();
            let mut problems: Vec<Problem> = found.flat_map(|Problems(found)| found).collect();
            problems.sort_by_key(|problem| (problem.line, problem.column));
            Err(Problems(problems))
        }
    }
}

/// The list under `alerts`.
pub(crate) fn alerts(list: &[At<'_>]) -> Result<RuleSet, Problems> {
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    for at in list {
        match rule(at) {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        let named = rules.iter().zip(list).map(|(rule, at)| {
            (
                rule,
                at.problem(format!("rule {:?} of account {:?} stands here twice", rule.name, rule.account)),
            )
        });
        problems.extend(RuleSet::check_names(named).err());
    }
    if problems.is_empty() { Ok(RuleSet { rules, ..RuleSet::default() }) } else { Err(Problems(problems)) }
}

fn rule(at: &At<'_>) -> Result<Rule, Problem> {
    let fields = at.fields(&RULE_KEYS)?;
    let name = fields.need("name")?.name(NAME_BYTES_MAX)?.to_owned();
    let account = or(fields.get("account"), "default".to_owned(), |at| {
        Ok(at.name(Limits::DEFAULT.account_bytes_max)?.to_owned())
    })?;
    let operand = operand(&fields)?;
    let by = or(fields.get("by"), GroupBy::Tuple, |at| group_by(&at))?;
    let window = or(fields.get("window"), 1, |at| window(&at, &operand))?;
    let signal = signal(&fields, window)?;
    let dims = match &by {
        GroupBy::Tuple => None,
        GroupBy::Dims(dims) => Some(dims.as_slice()),
    };
    let text_of = |key| or(fields.get(key), Vec::new(), |at| texts(&at, dims));
    let rule = Rule {
        absent_as: fields.get("absent_as").map(|at| at.number()).transpose()?,
        non_negative: or(fields.get("non_negative"), false, |at| at.flag())?,
        forget: or(fields.get("forget"), FORGET_MINUTES_DEFAULT, |at| {
            at.minutes(FORGET_MINUTES_MIN, FORGET_MINUTES_MAX)
        })?,
        tiers: tiers(&fields.need("tiers")?)?,
        labels: text_of("labels")?,
        annotations: text_of("annotations")?,
        fingerprint: Fingerprint(xxh3_128(at.node.canonical(&TEXT_KEYS).as_bytes())),
        place: (at.node.line, at.node.column),
        name,
        account,
        operand,
        by,
        window,
        signal,
    };
    check_forget(&fields, &rule)?;
    Ok(rule)
}

/// A series must not be forgotten before its silence is told.
fn check_forget(fields: &Fields<'_>, rule: &Rule) -> Result<(), Problem> {
    let silence = rule.tiers.iter().filter(|tier| tier.condition == Condition::NoData);
    match silence.map(|tier| tier.fire.of).max() {
        Some(most) if most >= rule.forget => Err(fields.problem(format!(
            "forget is {} minutes and a tier waits for {most} without data: it would never fire; make forget longer",
            rule.forget
        ))),
        _ => Ok(()),
    }
}

fn operand(fields: &Fields<'_>) -> Result<Operand, Problem> {
    Ok(Operand {
        metric: fields.need("metric")?.name(Limits::DEFAULT.metric_bytes_max)?.to_owned(),
        filter: or(fields.get("where"), Vec::new(), |at| {
            at.list(MATCHERS_MAX)?.iter().map(matcher).collect()
        })?,
        sampling: or(fields.get("sampling"), Sampling::Sum, |at| sampling(&at))?,
    })
}

fn sampling(at: &At<'_>) -> Result<Sampling, Problem> {
    let text = at.text()?;
    text.parse().map_err(|_| at.problem(format!("{text:?} is no sampling{}", instead_of(text, &SAMPLINGS))))
}

pub(crate) fn matcher(at: &At<'_>) -> Result<Matcher, Problem> {
    let fields = at.fields(&["dim", "op", "value", "values"])?;
    let dim = fields.need("dim")?.name(Limits::DEFAULT.name_bytes_max)?.to_owned();
    let op = or(fields.get("op"), "=", |at| {
        let op = at.text()?;
        if op == "==" || OPERATORS.contains(&op) {
            return Ok(op);
        }
        Err(at.problem(format!("{op:?} is no operator{}", instead_of(op, &OPERATORS))))
    })?;
    let values = match fields.one_of(&["value", "values"])? {
        None => Vec::new(),
        Some(at) if at.field.ends_with("values") => {
            let list = at.list(NAME_BYTES_MAX)?;
            list.iter().map(|one| Ok(one.text()?.to_owned())).collect::<Result<_, Problem>>()?
        }
        Some(at) => vec![at.text()?.to_owned()],
    };
    Matcher::new(dim, op, values).map_err(|why| at.problem(why.to_string()))
}

fn group_by(at: &At<'_>) -> Result<GroupBy, Problem> {
    if at.text().is_ok_and(|text| text == "*") {
        return Ok(GroupBy::Tuple);
    }
    let list = at.list(Limits::DEFAULT.dims_max).map_err(|problem| Problem {
        what: format!("{}, or \"*\" for each series by itself", problem.what),
        ..problem
    })?;
    let mut dims: Vec<String> = Vec::new();
    for one in &list {
        let dim = one.name(Limits::DEFAULT.name_bytes_max)?;
        if dims.iter().any(|have| have == dim) {
            return Err(one.problem(format!("{dim:?} stands twice")));
        }
        dims.push(dim.to_owned());
    }
    dims.sort();
    Ok(GroupBy::Dims(dims))
}

fn window(at: &At<'_>, operand: &Operand) -> Result<u32, Problem> {
    let window = at.minutes(1, WINDOW_MINUTES_MAX)?;
    let sketch = operand.sampling.needs_distinct() || operand.sampling.needs_distribution();
    if sketch && window > 1 {
        return Err(at.problem(format!(
            "is {window} minutes, must be 1m for {}: sketches are not merged over minutes here; say `for: M of N`",
            operand.sampling
        )));
    }
    Ok(window)
}

fn signal(fields: &Fields<'_>, window: u32) -> Result<Signal, Problem> {
    let Some(at) = fields.one_of(&["ratio_to", "change", "deviation"])? else { return Ok(Signal::Value) };
    if at.field.ends_with("ratio_to") {
        let below = operand(&at.fields(&["metric", "where", "sampling"])?)?;
        if window > 1 && (below.sampling.needs_distinct() || below.sampling.needs_distribution()) {
            return Err(at.problem(format!("{} needs a window of 1m", below.sampling)));
        }
        return Ok(Signal::Ratio(below));
    }
    if at.field.ends_with("deviation") {
        let over = at.fields(&["over"])?.need("over")?.minutes(3, BASELINE_MINUTES_MAX)?;
        return Ok(Signal::Deviation { over });
    }
    change(&at, window)
}

fn change(at: &At<'_>, window: u32) -> Result<Signal, Problem> {
    let fields = at.fields(&["against", "as"])?;
    let back = fields.need("against")?.minutes(window, CHANGE_MINUTES_MAX)?;
    let kind = or(fields.get("as"), ChangeKind::Percent, |at| match at.text()? {
        "difference" => Ok(ChangeKind::Difference),
        "percent" => Ok(ChangeKind::Percent),
        "factor" => Ok(ChangeKind::Factor),
        other => Err(at.problem(format!(
            "{other:?} is no kind of change{}",
            instead_of(other, &["difference", "percent", "factor"])
        ))),
    })?;
    Ok(Signal::Change { back, kind })
}

fn tiers(at: &At<'_>) -> Result<Vec<Tier>, Problem> {
    let list = at.list(TIERS_MAX)?;
    if list.is_empty() {
        return Err(at.problem("is empty: a rule needs at least one tier, with severity and when"));
    }
    let mut tiers: Vec<Tier> = Vec::new();
    for one in &list {
        let tier = tier(one)?;
        if tiers.iter().any(|have| have.severity == tier.severity) {
            return Err(one.problem(format!("severity {:?} stands twice", tier.severity)));
        }
        tiers.push(tier);
    }
    Ok(tiers)
}

fn tier(at: &At<'_>) -> Result<Tier, Problem> {
    let fields = at.fields(&["severity", "when", "for", "clear_when", "clear_for"])?;
    let severity = fields.need("severity")?.name(NAME_BYTES_MAX)?.to_owned();
    let when = fields.need("when")?;
    let clear = or(fields.get("clear_for"), Quota::ONCE, |at| quota(&at))?;
    if let Some(silence) = when.text()?.trim().strip_prefix("no data") {
        if let Some(at) = fields.one_of(&["for", "clear_when"])? {
            return Err(at.problem("has no place beside `when: no data for 5m`: data clears it"));
        }
        let fire = silent(&when, silence)?;
        return Ok(Tier { severity, condition: Condition::NoData, fire, clear });
    }
    let fire = comparison(&when)?;
    let clears = or(fields.get("clear_when"), fire.opposite(), |at| {
        let clears = comparison(&at)?;
        if overlap(fire, clears) {
            return Err(at.problem(format!(
                "{clears} holds for values that fire ({fire}): it would fire again at once"
            )));
        }
        Ok(clears)
    })?;
    let condition = Condition::Compare { fire, clear: clears };
    Ok(Tier { severity, condition, fire: or(fields.get("for"), Quota::ONCE, |at| quota(&at))?, clear })
}

/// Is there a value that fires and clears? Comparisons change only at their limits, so those and what lies just beside
/// them are all the values there are.
fn overlap(fire: Comparison, clears: Comparison) -> bool {
    let limits = [fire.limit, -fire.limit, clears.limit, -clears.limit, 0.0];
    let mut near = limits.iter().flat_map(|limit| [*limit, limit.next_down(), limit.next_up()]);
    near.any(|value| fire.holds(value) && clears.holds(value))
}

fn comparison(at: &At<'_>) -> Result<Comparison, Problem> {
    Comparison::parse(at.text()?).map_err(|why| at.problem(why))
}

/// ` for 5m`, or nothing, which is a minute.
fn silent(at: &At<'_>, text: &str) -> Result<Quota, Problem> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let of = match words[..] {
        [] => Some(1),
        ["for", span] => minutes(span),
        _ => None,
    };
    match of {
        Some(of @ 1..=STREAK_MAX) => Ok(Quota { hold: of, of }),
        _ => Err(at.problem(format!("{:?} must be `no data for 5m`, from 1m to {STREAK_MAX}m", at.text()?))),
    }
}

/// `3 of 5`, or `10m` for all of the last ten.
fn quota(at: &At<'_>) -> Result<Quota, Problem> {
    let text = at.text()?;
    let quota = match text.split_whitespace().collect::<Vec<_>>()[..] {
        [all] => minutes(all).map(|all| Quota { hold: all, of: all }),
        [hold, "of", of] => hold.parse().ok().zip(of.parse().ok()).map(|(hold, of)| Quota { hold, of }),
        _ => None,
    };
    let most = |quota: &Quota| if quota.hold == quota.of { STREAK_MAX } else { QUOTA_OF_MAX };
    match quota {
        Some(quota) if quota.hold >= 1 && quota.hold <= quota.of && quota.of <= most(&quota) => Ok(quota),
        _ => Err(at.problem(format!(
            "is {text:?}, must be M of N with M from 1 to N and N up to {QUOTA_OF_MAX}, or all of up to {STREAK_MAX}m"
        ))),
    }
}

fn texts(at: &At<'_>, dims: Option<&[String]>) -> Result<Vec<(String, Template)>, Problem> {
    let entries = at.entries(TEXTS_MAX)?;
    let text = |(name, at): (&str, At<'_>)| {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(at.problem(format!("a name has from 1 to {NAME_BYTES_MAX} bytes")));
        }
        let text = at.text()?;
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(
                at.problem(format!("has {} bytes, at most {TEMPLATE_BYTES_MAX} are taken", text.len()))
            );
        }
        Ok((name.to_owned(), Template::parse(text, dims).map_err(|why| at.problem(why))?))
    };
    entries.into_iter().map(text).collect()
}

/// What a key that may be left out says, or what it then means.
fn or<'a, T>(
    at: Option<At<'a>>,
    default: T,
    read: impl FnOnce(At<'a>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    at.map_or(Ok(default), read)
}
