//! `--shift-to-now`: all timestamps move by the same whole number of minutes, so that the newest falls into the last full
//! minute. The input is read twice; standard input is spooled to a temporary file for that.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use model::{Minute, Reason, Refusal};
use tempfile::NamedTempFile;

use super::input::Input;
use super::measurement::Kept;
use crate::cli::PublishArgs;

/// The inputs, with standard input in a file that lives as long as this.
pub(crate) struct Spooled {
    pub(crate) files: Vec<PathBuf>,
    _file: NamedTempFile,
}

/// Standard input as a file, where it is named and has to be read twice.
pub(crate) fn spooled(args: &PublishArgs) -> anyhow::Result<Option<Spooled>> {
    if !args.shift_to_now || !args.files.iter().any(|file| file == Path::new("-")) {
        return Ok(None);
    }
    let mut file = NamedTempFile::new().context("cannot make a temporary file for standard input")?;
    io::copy(&mut io::stdin().lock(), &mut file)
        .context("cannot spool standard input to a temporary file")?;
    let path = file.path().to_owned();
    let named = |name: &PathBuf| if name == Path::new("-") { path.clone() } else { name.clone() };
    Ok(Some(Spooled { files: args.files.iter().map(named).collect(), _file: file }))
}

/// By how many minutes everything moves.
pub(crate) fn to_now(files: &[PathBuf], kept: &Kept) -> anyhow::Result<i64> {
    let mut newest: Option<Minute> = None;
    for file in files {
        let mut input = Input::open(file, kept, |_| {})?;
        while let Some(measurement) = input.next()? {
            newest = newest.max(Some(measurement.minute));
        }
    }
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).context("the clock of this machine is before 1970")?;
    let last_full = i64::try_from(now.as_secs() / 60)? - 1;
    Ok(newest.map_or(0, |newest| last_full - i64::from(newest.0)))
}

/// The minute, moved.
pub(crate) fn apply(minute: Minute, by: i64) -> Result<Minute, Refusal> {
    let moved = u32::try_from(i64::from(minute.0) + by);
    moved.map(Minute).map_err(|_| {
        Reason::TooOld
            .because(format!("minute {minute} moved by {by} is before 1970: leave out --shift-to-now"))
    })
}
