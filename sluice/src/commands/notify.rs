//! `sluice notify`: how receivers do, their file, and a try.

use alerts::{Notification, NotifyFile};
use anyhow::bail;
use serde_json::Value;

use crate::cli::{NotifyArgs, NotifyCommand, NotifyTryArgs};
use crate::exit::Exit;
use crate::read::{AskError, Table, format_or_default, get, now};
use crate::serve::notify::courier::send_now;
use crate::serve::notify::receivers::read;

pub(crate) fn run(args: &NotifyArgs) -> anyhow::Result<Exit> {
    match &args.command {
        NotifyCommand::Status(server) => {
            let answer = get(&server.server, "/v1/notify")?;
            table(&answer).print(format_or_default(server.format), &answer);
            if let Some(why) = answer["refused"].as_str() {
                eprintln!("note: the file of receivers cannot be used, and what held before holds on: {why}");
            }
            Ok(Exit::Good)
        }
        NotifyCommand::Check { file } => match read(file) {
            Ok(NotifyFile { receivers, maintenance }) => {
                println!(
                    "{}: {} receivers, {} maintenance windows",
                    file.display(),
                    receivers.len(),
                    maintenance.len()
                );
                Ok(Exit::Good)
            }
            Err(why) => {
                eprintln!("{why}");
                Ok(Exit::Bad)
            }
        },
        NotifyCommand::Try(args) => attempt(args),
    }
}

/// The receiver's own form, address and key, with an alert that is none.
fn attempt(args: &NotifyTryArgs) -> anyhow::Result<Exit> {
    let file = read(&args.file).map_err(anyhow::Error::msg)?;
    let Some(receiver) = file.receivers.iter().find(|one| one.name == args.receiver) else {
        let names: Vec<&str> = file.receivers.iter().map(|one| one.name.as_str()).collect();
        let why = format!(
            "there is no receiver {:?} in {}: it has {}",
            args.receiver,
            args.file.display(),
            names.join(", ")
        );
        return Err(AskError::Call(why).into());
    };
    let notification = Notification::sample(receiver, now() * 1_000);
    if args.dry_run {
        println!("{}", serde_json::to_string_pretty(&notification.body)?);
        return Ok(Exit::Good);
    }
    if let Err(why) = send_now(&receiver.target, &notification) {
        bail!("{} was not told: {why}", receiver.name);
    }
    println!("{} took it ({})", receiver.name, notification.id);
    Ok(Exit::Good)
}

fn table(answer: &Value) -> Table {
    let mut table =
        Table::new(["receiver", "told firing", "taken", "failed", "given up", "failing since", "why"]);
    for one in answer["receivers"].as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let count = |key: &str| one[key].as_u64().unwrap_or_default().to_string();
        let since = one["failing_since"].as_u64().map_or_else(String::new, |since| {
            let since = std::time::UNIX_EPOCH + std::time::Duration::from_secs(since);
            humantime::format_rfc3339_seconds(since).to_string()
        });
        table.row([
            text("name"),
            count("told_firing"),
            count("taken"),
            count("failed"),
            count("given_up"),
            since,
            text("why"),
        ]);
    }
    table
}
