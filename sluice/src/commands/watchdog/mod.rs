//! `sluice watchdog`: says loudly when the canaries stop. A process of its own, best on a machine of its own: it needs
//! nothing of the pipeline but one page over HTTP, and nothing else needs it.
//!
//! In:   `GET /v1/canary`, every few seconds. Out: lines on stderr, a webhook.
//! Kept: since when it is bad.

mod judge;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use judge::{Judge, Look, Say, look};
use serde_json::{Value, json};

use crate::cli::WatchdogArgs;
use crate::exit::Exit;
use crate::read::AskError;
use crate::serve::unix_now;
use crate::{read, signals, webhook};

const EVERY_MIN: Duration = Duration::from_secs(1);
/// A minute is judged some seconds after its end, and at the latest 90 s after.
const PATIENCE_MIN: Duration = Duration::from_secs(150);
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &WatchdogArgs) -> anyhow::Result<Exit> {
    let (every, patience): (Duration, Duration) = (*args.every, *args.patience);
    check(args, every, patience).map_err(AskError::Call)?;
    if args.once {
        return Ok(once(args, patience));
    }
    watch(args, every, patience)
}

fn check(args: &WatchdogArgs, every: Duration, patience: Duration) -> Result<(), String> {
    if every < EVERY_MIN {
        return Err(format!("--every is {}, must be at least 1s", args.every));
    }
    if patience < PATIENCE_MIN {
        let why = "a minute is judged up to 90 s after its end";
        return Err(format!("--patience is {}, must be at least 150s: {why}", args.patience));
    }
    args.webhook.as_deref().map_or(Ok(()), |url| webhook::check("--webhook", url))
}

/// For a timer of the system's: one look, and the exit status says how it is. Doubt is not well.
fn once(args: &WatchdogArgs, patience: Duration) -> Exit {
    match seen(&args.server, patience) {
        Look::Well => {
            eprintln!("well: {}", args.server);
            Exit::Good
        }
        Look::Doubtful(why) | Look::Bad(why) => {
            eprintln!("BAD: {}: {why}", args.server);
            Exit::Bad
        }
    }
}

fn watch(args: &WatchdogArgs, every: Duration, patience: Duration) -> anyhow::Result<Exit> {
    let (began, mut judge, stop) = (Instant::now(), Judge::new(patience), signals::receiver()?);
    eprintln!("watching {} every {}, patient for {}", args.server, args.every, args.patience);
    loop {
        let look = seen(&args.server, patience);
        if let Some(say) = judge.see(began.elapsed(), look) {
            tell(args, &say);
        }
        if stop.recv_timeout(every) != Err(mpsc::RecvTimeoutError::Timeout) {
            return Ok(Exit::Good);
        }
    }
}

fn seen(server: &str, patience: Duration) -> Look {
    let page = read::get(server, "/v1/canary");
    look(page.as_ref().map_err(ToString::to_string), unix_now(), patience)
}

/// First where it cannot fail.
fn tell(args: &WatchdogArgs, say: &Say) {
    let (line, body) = match say {
        Say::Bad { why, lasts } => (
            format!("BAD: {}: {why} (for {} s)", args.server, lasts.as_secs()),
            body(args, "firing", why, *lasts),
        ),
        Say::Well { after } => (
            format!("well again: {} (after {} s)", args.server, after.as_secs()),
            body(args, "resolved", "", *after),
        ),
    };
    eprintln!("{} {line}", humantime::format_rfc3339_seconds(std::time::SystemTime::now()));
    let Some(url) = &args.webhook else { return };
    if let Err(why) = webhook::post(url, &body, WEBHOOK_TIMEOUT) {
        eprintln!("the webhook was not told: {why}");
    }
}

fn body(args: &WatchdogArgs, status: &str, why: &str, lasts: Duration) -> Value {
    json!({"status": status, "server": args.server, "why": why, "seconds": lasts.as_secs()})
}
