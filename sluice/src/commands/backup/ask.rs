//! A running server is asked for a backup, and answers line by line.

use std::io::{BufRead as _, BufReader};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::take::{Request, Step, Taken, Watch};
use crate::read::AskError;

/// A refusal is a line or two.
const REFUSAL_BYTES_MAX: u64 = 64 << 10;

/// One line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    Step(Step),
    Taken(Taken),
    /// In the shape that every error has.
    Error(Failure),
}

/// Why there is no backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    /// With everything that a person needs to know.
    pub(crate) message: String,
    pub(crate) hint: String,
}

// === impl Failure ===

impl Failure {
    pub(crate) const CODE: &'static str = "backup_failed";

    pub(crate) fn of(why: &anyhow::Error) -> Self {
        let hint = "ask again when that is mended: what was sent is not sent again";
        Self { code: Self::CODE.to_owned(), message: format!("{why:#}"), hint: hint.to_owned() }
    }
}

pub(super) fn server(server: &str, request: &Request, watch: Watch<'_>) -> anyhow::Result<Taken> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("{}/v1/admin/backup", server.trim_end_matches('/'));
    let answer = agent.post(&url).header("accept", "application/x-ndjson").send_json(request);
    let answer = answer.with_context(|| {
        format!("cannot reach {server}: start the server, or copy a stopped one's directory with --data DIR")
    })?;
    let status = answer.status();
    if !status.is_success() {
        let mut body = answer.into_body();
        let said = body.with_config().limit(REFUSAL_BYTES_MAX).read_json().unwrap_or_default();
        bail!(AskError::refused(&said).map_or_else(
            || anyhow!("{server} answered {status}: is it the HTTP port of `sluice serve`, of this version?"),
            anyhow::Error::from
        ));
    }
    let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
    loop {
        let line = lines.next().transpose().context("the server ended in the middle of the backup")?;
        let line = line.context("the server ended in the middle of the backup: run it again, it goes on")?;
        match serde_json::from_str(&line).with_context(|| format!("{server} is no server of this version"))? {
            Line::Step(step) => watch(step)?,
            Line::Taken(taken) => return Ok(taken),
            Line::Error(Failure { message, hint, .. }) => bail!(AskError::Refused { message, hint }),
        }
    }
}
