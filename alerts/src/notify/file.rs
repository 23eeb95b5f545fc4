//! The file of receivers and maintenance: `docs/notifications.md` shows every key.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use model::Matcher;

use super::alert::AlertName;
use super::body::BodyTemplate;
use super::maintenance::{Maintenance, When};
use crate::fields::{At, Fields};
use crate::limits::{
    INTERVAL_SECONDS_MAX, MAINTENANCE_MAX, MATCHERS_MAX, NAME_BYTES_MAX, RECEIVERS_MAX, REPEAT_SECONDS_MAX,
    REPEAT_SECONDS_MIN, URL_BYTES_MAX, WAIT_SECONDS_MAX,
};
use crate::problem::{Problem, Problems, instead_of};
use crate::rules::matcher;
use crate::texts::Texts;
use crate::yaml;

const RECEIVER_KEYS: [&str; 13] = [
    "name",
    "webhook",
    "webhook_file",
    "secret_file",
    "ca_file",
    "where",
    "group_by",
    "wait",
    "interval",
    "repeat",
    "resolved",
    "body",
    "line",
];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_SECONDS: u64 = 86_400;

/// Who is told, and when nobody is.
#[derive(Clone, Debug, Default)]
pub struct NotifyFile {
    /// Names are unique.
    pub receivers: Vec<Receiver>,
    /// Names are unique.
    pub maintenance: Vec<Maintenance>,
}

/// One who is told.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Letters, digits, `-` and `_`: it names a file.
    pub name: String,
    /// Where.
    pub target: Target,
    /// Of which alerts: those whose labels fulfil all of these.
    pub filter: Vec<Matcher>,
    /// Labels by which alerts are told together.
    pub group_by: Vec<String>,
    /// How long news waits for other news of its group.
    pub wait_ms: u64,
    /// Between two notifications of news of one group.
    pub interval_ms: u64,
    /// After which time what fires still is told again.
    pub repeat_ms: u64,
    /// Is it told what is over?
    pub resolved: bool,
    /// Instead of Alertmanager's form.
    pub body: Option<BodyTemplate>,
}

/// Where a receiver listens. Files are read when something is sent, so that a secret is changed without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it is, or the file that holds it, for an address can be a secret.
    pub url: Result<String, String>,
    /// The file of the key that signs.
    pub secret_file: Option<String>,
    /// Certificates that are trusted instead of the public ones.
    pub ca_file: Option<String>,
}

// === impl NotifyFile ===

impl NotifyFile {
    /// Reads the file.
    ///
    /// # Errors
    /// All that is wrong with it, of each entry the first thing.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let root = yaml::parse(text)?;
        let at = At::root(&root);
        let fields = at.fields(&["receivers", "maintenance"])?;
        let mut problems = Vec::new();
        let file = Self {
            receivers: entries(fields.get("receivers"), RECEIVERS_MAX, receiver, &mut problems),
            maintenance: entries(fields.get("maintenance"), MAINTENANCE_MAX, maintenance, &mut problems),
        };
        if problems.is_empty() {
            problems.extend(twice(fields.get("receivers"), file.receivers.iter().map(|one| &one.name)));
            problems.extend(twice(fields.get("maintenance"), file.maintenance.iter().map(|one| &one.name)));
        }
        if problems.is_empty() { Ok(file) } else { Err(Problems(problems)) }
    }

    /// The maintenance that keeps an alert quiet.
    #[must_use]
    pub fn maintained(&self, alert: &AlertName, unix_seconds: u64) -> Option<&Maintenance> {
        self.maintenance.iter().find(|one| one.covers(alert, unix_seconds))
    }
}

fn entries<T>(
    list: Option<At<'_>>,
    most: usize,
    read: impl Fn(&At<'_>) -> Result<T, Problem>,
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    let list = list.map_or(Ok(Vec::new()), |list| list.list(most)).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    list.iter().filter_map(|at| read(at).map_err(|problem| problems.push(problem)).ok()).collect()
}

fn twice<'a>(list: Option<At<'_>>, names: impl Iterator<Item = &'a String>) -> Option<Problem> {
    let (at, mut seen) = (list?, BTreeSet::new());
    let name = names.into_iter().find(|name| !seen.insert(name.as_str()))?;
    Some(at.problem(format!("{name:?} stands here twice")))
}

// === impl Receiver ===

impl Receiver {
    /// What an alert is grouped by.
    #[must_use]
    pub fn group(&self, alert: &AlertName) -> Texts {
        let label = |name: &String| alert.labels.get_key_value(name);
        self.group_by.iter().filter_map(label).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn receiver(at: &At<'_>) -> Result<Receiver, Problem> {
    let fields = at.fields(&RECEIVER_KEYS)?;
    let name = fields.need("name")?;
    let text = name.name(NAME_BYTES_MAX)?;
    if !text.bytes().all(|one| one.is_ascii_alphanumeric() || one == b'-' || one == b'_') {
        return Err(name.problem(format!("is {text:?}, must be of letters, digits, - and _")));
    }
    let line = fields.get("line");
    let body = match (fields.get("body"), &line) {
        (Some(body), line) => Some(BodyTemplate::read(&body, line.as_ref())?),
        (None, Some(line)) => return Err(line.problem("is for ${alerts} of a body, and there is no body")),
        (None, None) => None,
    };
    Ok(Receiver {
        name: text.to_owned(),
        target: target(&fields)?,
        filter: filter(fields.get("where"))?,
        group_by: group_by(fields.get("group_by"))?,
        wait_ms: milliseconds(fields.get("wait"), 2, 0, WAIT_SECONDS_MAX)?,
        interval_ms: milliseconds(fields.get("interval"), 30, 0, INTERVAL_SECONDS_MAX)?,
        repeat_ms: milliseconds(fields.get("repeat"), 4 * 3_600, REPEAT_SECONDS_MIN, REPEAT_SECONDS_MAX)?,
        resolved: fields.get("resolved").map_or(Ok(true), |at| at.flag())?,
        body,
    })
}

fn target(fields: &Fields<'_>) -> Result<Target, Problem> {
    let file = |key: &str| fields.get(key).map(|at| Ok(at.name(URL_BYTES_MAX)?.to_owned())).transpose();
    let url = match fields.one_of(&["webhook", "webhook_file"])? {
        None => return Err(fields.problem("webhook is missing, and so is webhook_file")),
        Some(at) if at.field.ends_with("_file") => Err(at.name(URL_BYTES_MAX)?.to_owned()),
        Some(at) => Ok(check_url(at.name(URL_BYTES_MAX)?).map_err(|why| at.problem(why))?.to_owned()),
    };
    Ok(Target { url, secret_file: file("secret_file")?, ca_file: file("ca_file")? })
}

/// An address that a notification can be sent to. What is wrong does not repeat it: it can be a secret.
///
/// # Errors
/// Without a scheme or a host.
pub fn check_url(url: &str) -> Result<&str, String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !url.contains(char::is_whitespace) => {
            Ok(url)
        }
        _ => Err("must be https://HOST/PATH or http://HOST:PORT/PATH".to_owned()),
    }
}

fn filter(at: Option<At<'_>>) -> Result<Vec<Matcher>, Problem> {
    at.map_or(Ok(Vec::new()), |at| at.list(MATCHERS_MAX)?.iter().map(matcher).collect())
}

fn group_by(at: Option<At<'_>>) -> Result<Vec<String>, Problem> {
    let Some(at) = at else {
        return Ok(["account", "alertname", "severity"].map(str::to_owned).to_vec());
    };
    at.list(MATCHERS_MAX)?.iter().map(|one| Ok(one.name(NAME_BYTES_MAX)?.to_owned())).collect()
}

fn milliseconds(at: Option<At<'_>>, default: u64, least: u64, most: u64) -> Result<u64, Problem> {
    let Some(at) = at else { return Ok(default * 1_000) };
    let text = at.text()?;
    let time = humantime::parse_duration(text)
        .map_err(|why| at.problem(format!("is {text:?}, must be a time as 10s, 5m or 4h: {why}")))?;
    if time.as_secs() < least || time.as_secs() > most {
        return Err(at.problem(format!("is {text}, must be from {least}s to {most}s")));
    }
    Ok(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

// === maintenance ===

fn maintenance(at: &At<'_>) -> Result<Maintenance, Problem> {
    let fields = at.fields(&["name", "where", "weekdays", "from", "to"])?;
    let filter = filter(Some(fields.need("where")?))?;
    if filter.is_empty() {
        return Err(at.problem(
            "where is empty: this would keep everything quiet; say at least {dim: alertname, op: exists}",
        ));
    }
    Ok(Maintenance {
        name: fields.need("name")?.name(NAME_BYTES_MAX)?.to_owned(),
        filter,
        when: when(&fields)?,
    })
}

fn when(fields: &Fields<'_>) -> Result<When, Problem> {
    let (from, to) = (fields.need("from")?, fields.need("to")?);
    if fields.get("weekdays").is_none() && from.text()?.contains('T') {
        let (begins, ends) = (moment(&from)?, moment(&to)?);
        return if begins < ends {
            Ok(When::Once(begins, ends))
        } else {
            Err(to.problem("must be after from"))
        };
    }
    let (begins, ends) = (time_of_day(&from)?, time_of_day(&to)?);
    // The same time is a whole day; an earlier one is tomorrow's.
    let lasts = if ends > begins { ends - begins } else { ends + DAY_SECONDS - begins };
    Ok(When::Weekly { weekdays: weekdays(fields.get("weekdays"))?, begins, lasts })
}

fn moment(at: &At<'_>) -> Result<u64, Problem> {
    let text = at.text()?;
    let time = humantime::parse_rfc3339_weak(text).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    time.map(|since| since.as_secs())
        .ok_or_else(|| at.problem(format!("is {text:?}, must be a time in UTC as 2026-12-01T22:00:00Z")))
}

fn time_of_day(at: &At<'_>) -> Result<u64, Problem> {
    let text = at.text()?;
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let number = |text: &str| text.parse::<u64>().ok();
    match parts.and_then(|(hour, minute)| Some((number(hour)?, number(minute)?))) {
        Some((hour, minute)) if hour < 24 && minute < 60 => Ok(hour * 3_600 + minute * 60),
        _ => Err(at.problem(format!("is {text:?}, must be a time of day in UTC as \"22:00\""))),
    }
}

fn weekdays(at: Option<At<'_>>) -> Result<u8, Problem> {
    let Some(at) = at else { return Ok(0x7f) };
    let mut days = 0;
    for one in at.list(WEEKDAYS.len())? {
        let text = one.text()?;
        let day = WEEKDAYS.iter().position(|day| *day == text);
        let wrong = || one.problem(format!("{text:?} is no day{}", instead_of(text, &WEEKDAYS)));
        days |= 1 << day.ok_or_else(wrong)?;
    }
    if days == 0 { Err(at.problem("is empty: leave it out for every day")) } else { Ok(days) }
}

#[cfg(test)]
mod tests;
