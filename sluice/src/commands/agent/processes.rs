//! Cpu, memory and disk of each process: the busiest by name and pid, all others as one.

use std::cmp::Reverse;
use std::time::Duration;

use client::{Client, Counter, Value};
use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, ThreadKind, UpdateKind};

use super::machine::bytes;

/// The name and pid under which all others stand.
const OTHERS: &str = "__other__";

/// One instrument a metric.
pub(super) struct Instruments {
    host: String,
    processes_max: usize,
    cpu_ms: Counter,
    memory: Value,
    disk_read: Counter,
    disk_written: Counter,
}

pub(super) fn refresh(system: &mut System) {
    let what = ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .with_disk_usage()
        .with_exe(UpdateKind::OnlyIfNotSet);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
}

impl Instruments {
    pub(super) fn new(client: &Client, host: &str, processes_max: usize) -> Self {
        Self {
            host: host.to_owned(),
            processes_max,
            cpu_ms: client.counter("process.cpu_ms"),
            memory: client.value("process.memory_bytes"),
            disk_read: client.counter("process.disk_read_bytes"),
            disk_written: client.counter("process.disk_written_bytes"),
        }
    }

    pub(super) fn record(&self, system: &System, every: Duration) {
        let mut processes: Vec<&Process> = system
            .processes()
            .values()
            .filter(|process| process.thread_kind() != Some(ThreadKind::Userland))
            .collect();
        processes.sort_by_key(|process| Reverse((cpu_ms(process, every), process.memory())));
        for (at, process) in processes.into_iter().enumerate() {
            if at < self.processes_max {
                let (name, pid) = (process.name().to_string_lossy(), process.pid().to_string());
                self.record_one(&name, &pid, process, every);
            } else {
                self.record_one(OTHERS, OTHERS, process, every);
            }
        }
    }

    fn record_one(&self, name: &str, pid: &str, process: &Process, every: Duration) {
        let dims = [("host", self.host.as_str()), ("name", name), ("pid", pid)];
        self.cpu_ms.add(cpu_ms(process, every), &dims);
        self.memory.record_int(bytes(process.memory()), &dims);
        let disk = process.disk_usage();
        self.disk_read.add(disk.read_bytes, &dims);
        self.disk_written.add(disk.written_bytes, &dims);
    }
}

/// Cpu time since the last reading; `cpu_usage` is percent of one core since then.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a minute of all cores has few digits"
)]
fn cpu_ms(process: &Process, every: Duration) -> u64 {
    (f64::from(process.cpu_usage()) / 100.0 * every.as_millis() as f64).round().max(0.0) as u64
}
