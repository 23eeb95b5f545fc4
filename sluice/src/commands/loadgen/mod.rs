//! `sluice loadgen`: open-loop load, and a check of every total.
//!
//! In:   flags. Out: a progress line on a terminal; what became of every row; every total that is wrong.
//! Kept: nothing. Never: another way to the server than a publisher's and a reader's.

mod print;
mod totals;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use client::{BatchSender, Client, QueryClient, SystemClock};
use indicatif::ProgressBar;
use loadgen::{IN_FLIGHT_MAX, Load, Options, Outcome, PUBLISHERS_MAX, Plan};

use self::totals::Verdict;
use crate::cli::LoadgenArgs;
use crate::exit::Exit;
use crate::read::AskError;
use crate::{progress, signals};

/// How often the progress line changes.
const REPORT_EVERY: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &LoadgenArgs) -> anyhow::Result<Exit> {
    let (plan, options) = plan(args).map_err(|error| AskError::Call(format!("{error:#}")))?;
    // One thread is enough: a row costs about 130 ns of it, the network and the oracle included (dev profile).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let outcome = runtime.block_on(send(args, &plan, &options))?;
    let verdict = args.verify.then(|| totals::verify(args, &plan, &outcome)).transpose()?;
    print::print(args, &plan, &outcome, verdict.as_ref());
    Ok(if complain(args, &outcome, verdict.as_ref()) { Exit::Bad } else { Exit::Good })
}

/// What the flags mean, checked before anything is sent.
fn plan(args: &LoadgenArgs) -> anyhow::Result<(Plan, Options)> {
    if !(1..=PUBLISHERS_MAX).contains(&args.publishers) {
        bail!("--publishers is {}, must be from 1 to {PUBLISHERS_MAX}", args.publishers);
    }
    if !(1..=IN_FLIGHT_MAX).contains(&args.in_flight) {
        bail!("--in-flight is {}, must be from 1 to {IN_FLIGHT_MAX}", args.in_flight);
    }
    let plan = Plan::new(Load {
        seed: args.seed,
        series: args.series,
        buckets: args.buckets,
        batch_rows: args.batch,
        rate: args.rate,
        duration: *args.duration,
        floats: args.floats,
        run: args.run.clone().unwrap_or_else(run_name),
    })?;
    let options = Options {
        in_flight_max: args.in_flight,
        behind_max: *args.patience,
        drain_max: *args.patience,
        report_every: REPORT_EVERY,
        oracle: args.verify,
    };
    Ok((plan, options))
}

/// Another one for each run, so that a run's totals are its own.
fn run_name() -> String {
    format!("{:x}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())
}

async fn send(args: &LoadgenArgs, plan: &Plan, options: &Options) -> anyhow::Result<Outcome> {
    let senders = (0..args.publishers).map(|_| sender(args)).collect::<Result<Vec<_>, _>>()?;
    // A server that is away is found out now, not when the run gives up.
    QueryClient::connect(&args.endpoint.endpoint, &args.endpoint.account).await?;
    let bar = progress::rows(plan.rows());
    let account = &args.endpoint.account;
    let outcome =
        loadgen::run(plan, account, senders, options, &SystemClock, signals::wait(), |now| show(&bar, now))
            .await;
    bar.finish_and_clear();
    Ok(outcome)
}

fn sender(args: &LoadgenArgs) -> Result<BatchSender, AskError> {
    let builder = Client::builder().endpoint(&args.endpoint.endpoint).account(&args.endpoint.account);
    builder.build_sender().map_err(|error| AskError::Call(error.to_string()))
}

fn show(bar: &ProgressBar, now: &loadgen::Progress) {
    bar.set_position(now.acked);
    let mut message = format!("{:.0} rows/s, p99 {:.1} ms", now.rate, now.p99_ms);
    if now.refused > 0 {
        message += &format!(", {} refused", now.refused);
    }
    if now.behind >= Duration::from_secs(1) {
        message += &format!(", {:.1} s behind", now.behind.as_secs_f64());
    }
    bar.set_message(message);
}

/// Says on stderr what is wrong, if anything is.
fn complain(args: &LoadgenArgs, outcome: &Outcome, verdict: Option<&Verdict>) -> bool {
    let complaints: Vec<String> = print::complaints(args, outcome)
        .into_iter()
        .chain(verdict.into_iter().flat_map(Verdict::complaints))
        .collect();
    complaints.iter().for_each(|complaint| eprintln!("error: {complaint}"));
    !complaints.is_empty()
}
