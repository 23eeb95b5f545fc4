//! `sluice publish`: measurements from files, pre-aggregated as a client does, with one accounting line at the end.
//!
//! In:   files of measurements. Out: batches through the client SDK; what became of every line.
//! Kept: what the SDK keeps. Never: a line that is lost without a word.

mod applied;
mod input;
mod measurement;
mod shift;

use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::{Accounting, Client};
use model::{Aggregate, Number, Refusal, Scalars, Sketches};
use serde_json::{Value as Json, json};

use self::input::Input;
use self::measurement::{Kept, Measurement, Value};
use crate::cli::{As, PublishArgs};
use crate::exit::Exit;
use crate::progress;
use crate::read::{Table, format_or_default, number};

/// How long the server may take to make the last batches durable.
const FINISH_TIMEOUT: Duration = Duration::from_secs(120);
/// Different refusals that are told on stderr one by one; all are counted.
const REFUSALS_SHOWN: usize = 5;

pub(crate) fn run(args: &PublishArgs) -> anyhow::Result<Exit> {
    if args.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        bail!("standard input (-) is named twice: name it once");
    }
    let spooled = shift::spooled(args)?;
    let files = spooled.as_ref().map_or(args.files.clone(), |spooled| spooled.files.clone());
    if args.shift_to_now && args.id.is_some() {
        eprintln!(
            "note: --shift-to-now moves by how late it is, so that --id knows this input again only within the same minute"
        );
    }
    let kept = Kept { what: args.kept, bounds: args.bounds.clone() };
    let shift = if args.shift_to_now { shift::to_now(&files, &kept)? } else { 0 };

    input::check(&files)?; // before a server is waited for
    let trouble = Trouble::new(&args.endpoint.endpoint);
    let client = client(args, &trouble)?;
    let before = applied::ask(&args.endpoint, &client).inspect_err(|why| trouble.say(why)).ok();
    let mut sums = Sums::default();
    let sent = send(&files, &kept, shift, &client, &mut sums);
    let accounting = client.finish(FINISH_TIMEOUT);
    let duplicate = applied::duplicates(&args.endpoint, &client, before, accounting.accepted);
    print(args, &sums, &accounting, duplicate);
    if sent.is_err() && args.id.is_some() && accounting.accepted > 0 {
        eprintln!(
            "note: what stands before that line is published; publish the rest under another --id, for this one knows these rows again by their order"
        );
    }
    sent?;
    Ok(verdict(&accounting))
}

/// Lines read, and measurements that no server would take.
#[derive(Default)]
struct Sums {
    read: u64,
    shown: usize,
}

fn client(args: &PublishArgs, trouble: &Arc<Trouble>) -> anyhow::Result<Client> {
    let trouble = Arc::clone(trouble);
    let mut builder = Client::builder()
        .endpoint(&args.endpoint.endpoint)
        .account(&args.endpoint.account)
        .backfill(args.backfill)
        // The accounting line says what was read and what became of it; heartbeats would declare minutes long past.
        .heartbeats(false)
        .series_max(usize::try_from(u32::MAX)?)
        .on_retry(move |why| trouble.say(why))
        .replay(true);
    if let Some(name) = &args.id {
        builder = builder.publisher_name(name);
    }
    builder.build().context("cannot publish")
}

/// Tells once that the server does not take what is sent; what becomes of it in the end, the accounting line says.
struct Trouble {
    endpoint: String,
    once: Once,
}

impl Trouble {
    fn new(endpoint: &str) -> Arc<Self> {
        Arc::new(Self { endpoint: endpoint.to_owned(), once: Once::new() })
    }

    fn say(&self, why: &str) {
        self.once.call_once(|| {
            eprintln!(
                "note: {} does not take what is sent ({why}): trying again, until {} s after the last line is read",
                self.endpoint,
                FINISH_TIMEOUT.as_secs()
            );
        });
    }
}

fn send(files: &[PathBuf], kept: &Kept, shift: i64, client: &Client, sums: &mut Sums) -> anyhow::Result<()> {
    let bar = progress::bytes(input::bytes(files));
    for file in files {
        let counted = bar.clone();
        let mut input = Input::open(file, kept, move |bytes| counted.inc(bytes))?;
        while let Some(measurement) = input.next()? {
            sums.read += 1;
            if let Err(refusal) = publish(client, &measurement, shift) {
                sums.show(&input, &refusal);
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

impl Sums {
    fn show(&mut self, input: &Input, refusal: &Refusal) {
        self.shown += 1;
        if self.shown <= REFUSALS_SHOWN {
            eprintln!("refused: {}: {refusal}", input.position());
        }
    }
}

fn publish(client: &Client, measurement: &Measurement, shift: i64) -> Result<(), Refusal> {
    let minute = shift::apply(measurement.minute, shift)?;
    let dims: Vec<(&str, &str)> =
        measurement.dims.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.publish_at(&measurement.metric, &dims, minute, &aggregate(measurement))
}

fn aggregate(measurement: &Measurement) -> Aggregate {
    let mut sketches = Sketches::default();
    let number = match (&measurement.value, measurement.kept.what) {
        (Value::Merged(scalars), _) => return Aggregate::of(*scalars),
        (Value::Number(number), As::Value) => return Aggregate::of(Scalars::of(*number)),
        (Value::Number(number), As::Distribution) => {
            sketches.record(number.to_f64(), measurement.kept.bounds.as_ref());
            *number
        }
        (Value::Number(number), As::Distinct) => {
            sketches.distinct.get_or_insert_default().observe_number(*number);
            *number
        }
        // A text has no magnitude: it is counted, and adds nothing to the sum.
        (Value::Text(text), _) => {
            sketches.distinct.get_or_insert_default().observe(text);
            Number::Int(0)
        }
    };
    Aggregate { scalars: Scalars::of(number), sketches: Some(Box::new(sketches)) }
}

/// One line that accounts for everything.
fn print(args: &PublishArgs, sums: &Sums, accounting: &Accounting, duplicate: Option<u64>) {
    let mut refused = accounting.refused.clone();
    for (reason, measurements) in &accounting.refused_measurements {
        *refused.entry(reason.clone()).or_default() += measurements;
    }
    let accepted = accounting.accepted - duplicate.unwrap_or(0).min(accounting.accepted);
    let mut line = json!({
        "read": sums.read, "rows": accounting.rows, "accepted": accepted, "duplicate": duplicate, "refused": refused,
    });
    for (name, rows) in [("dropped", accounting.dropped), ("unconfirmed", accounting.unconfirmed)] {
        if rows > 0 {
            line[name] = Json::from(rows);
        }
    }
    let fields = line.as_object().into_iter().flatten();
    let mut table = Table::new(fields.clone().map(|(name, _)| name.clone()));
    table.row(fields.map(|(_, value)| if value.is_object() { reasons(value) } else { number(value) }));
    table.print(format_or_default(args.format), &line);
}

fn reasons(refused: &Json) -> String {
    let reasons = refused.as_object().into_iter().flatten().map(|(reason, rows)| format!("{reason}: {rows}"));
    Some(reasons.collect::<Vec<_>>().join(", "))
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "0".to_owned())
}

/// Rows that were refused have been named; rows that nobody confirmed are a failure.
fn verdict(accounting: &Accounting) -> Exit {
    let lost = accounting.dropped + accounting.unconfirmed;
    if lost > 0 {
        eprintln!(
            "error: {lost} rows are not confirmed: start the server, and run this again with --id so that nothing counts twice"
        );
        return Exit::Bad;
    }
    let refused = !(accounting.refused.is_empty() && accounting.refused_measurements.is_empty());
    if refused { Exit::Bad } else { Exit::Good }
}
