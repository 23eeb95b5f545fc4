//! `sluice agent`: this machine's own metrics, through the client SDK like anybody's.
//!
//! In:   what the kernel says, every few seconds. Out: measurements.
//! Kept: the last reading of each counter.

mod machine;
mod processes;

use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use client::Client;
use sysinfo::{Disks, Networks, System};

use crate::cli::AgentArgs;
use crate::exit::Exit;
use crate::read::AskError;
use crate::signals;

const EVERY_MIN: Duration = Duration::from_millis(200);
const EVERY_MAX: Duration = Duration::from_secs(60);
/// For the last rows, when the word to end has come; a server that is away is not waited for longer.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<Exit> {
    let every: Duration = *args.every;
    if !(EVERY_MIN..=EVERY_MAX).contains(&every) {
        let why = "must be from 200ms to 1m, so that each minute has a reading";
        return Err(AskError::Call(format!("--every is {}: {why}", args.every)).into());
    }
    let client = Client::builder().endpoint(&args.endpoint.endpoint).account(&args.endpoint.account).build();
    let client = client.context("cannot publish")?;
    let host = System::host_name().unwrap_or_else(|| "unknown".to_owned());
    let stop = signals::receiver()?;
    tracing::info!(endpoint = args.endpoint.endpoint, host, every = %args.every, "publishing this machine");

    let mut readings = Readings::new(&client, &host, args.processes);
    while stop.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
        readings.take(every);
    }
    let accounting = client.finish(FINISH_TIMEOUT);
    eprintln!(
        "published {} measurements in {} rows, {} of them durable",
        accounting.measurements, accounting.rows, accounting.accepted
    );
    Ok(if accounting.is_complete() { Exit::Good } else { Exit::Bad })
}

/// What is read, and where it goes.
struct Readings {
    system: System,
    disks: Disks,
    networks: Networks,
    machine: machine::Instruments,
    processes: processes::Instruments,
}

impl Readings {
    fn new(client: &Client, host: &str, processes_max: usize) -> Self {
        let mut system = System::new();
        machine::refresh(&mut system);
        processes::refresh(&mut system);
        Self {
            system,
            disks: Disks::new_with_refreshed_list(),
            networks: Networks::new_with_refreshed_list(),
            machine: machine::Instruments::new(client, host),
            processes: processes::Instruments::new(client, host, processes_max),
        }
    }

    fn take(&mut self, every: Duration) {
        machine::refresh(&mut self.system);
        processes::refresh(&mut self.system);
        self.disks.refresh(true);
        self.networks.refresh(true);
        self.machine.record(&self.system, &self.disks, &self.networks);
        self.processes.record(&self.system, every);
    }
}
