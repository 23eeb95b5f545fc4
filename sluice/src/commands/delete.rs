//! `sluice delete`: series of a metric, or all of an account, for good.
//!
//! In:   flags. Out: how many series it is for; with `--yes` they are gone when it returns.
//! Never: deletes without `--yes`.

use serde_json::{Value, json};

use crate::cli::DeleteArgs;
use crate::exit::Exit;
use crate::read::{AskError, Table, conditions_of, format_or_default, post};

pub(crate) fn run(args: &DeleteArgs) -> Result<Exit, AskError> {
    let answer = post(&args.server, "/v1/delete", &request(args)?).inspect_err(|why| {
        if args.yes && matches!(why, AskError::Unreachable { .. } | AskError::Strange { .. }) {
            eprintln!(
                "note: it may have been applied all the same: run it again, which changes nothing more"
            );
        }
    })?;
    let series = answer["series"].as_u64().unwrap_or_default();
    let under_way = answer["under_way"].as_bool() == Some(true);
    let done = match (args.yes, under_way) {
        (false, _) => "no: --yes deletes them",
        (true, false) => "yes",
        (true, true) => "under way: in the log, not yet applied everywhere; see sluice health",
    };
    let mut table = Table::new(["series", "deleted"]);
    table.row([series.to_string(), done.to_owned()]);
    table.print(format_or_default(args.format), &answer);
    if series == 0 {
        eprintln!("note: {}", nothing_is_meant(args));
    } else if !args.yes {
        eprintln!("{series} series would be deleted with all their rows; nothing was: say --yes to do it");
    }
    Ok(Exit::Good)
}

/// Nothing has that name, or nothing fulfils the conditions.
fn nothing_is_meant(args: &DeleteArgs) -> String {
    let account = account_of(args);
    match args.metric.as_deref() {
        None => format!("account {account} has no series"),
        Some(metric) if args.conditions.is_none() => format!(
            "account {account} has no series of a metric {metric}: `sluice metrics --account {account} --last 365d` lists those that have data"
        ),
        Some(metric) => format!(
            "account {account} has no series of {metric} with {}: `sluice hints {metric} --account {account} --of DIM` lists the values of a dimension",
            args.conditions.as_deref().unwrap_or_default()
        ),
    }
}

fn account_of(args: &DeleteArgs) -> &str {
    args.account.as_deref().unwrap_or(proto::ACCOUNT_DEFAULT)
}

fn request(args: &DeleteArgs) -> Result<Value, AskError> {
    if args.everything && args.account.is_none() {
        return Err(AskError::Call("--everything needs --account NAME".to_owned()));
    }
    if args.metric.is_none() && !args.everything {
        return Err(AskError::Call("name a METRIC, or --account NAME --everything".to_owned()));
    }
    Ok(json!({
        "account": account_of(args),
        "metric": args.metric.as_deref().unwrap_or_default(),
        "where": conditions(args)?,
        "everything": args.everything,
        "dry_run": !args.yes,
    }))
}

/// An empty `--where` is a variable that was not set, and not the wish for all of a metric.
fn conditions(args: &DeleteArgs) -> Result<Vec<Value>, AskError> {
    let Some(text) = &args.conditions else { return Ok(Vec::new()) };
    let conditions = conditions_of(text)?;
    if conditions.is_empty() {
        let why = "--where names no condition: leave it out if all series of the metric are meant";
        return Err(AskError::Call(why.to_owned()));
    }
    Ok(conditions)
}
