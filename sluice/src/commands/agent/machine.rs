//! Cpu, memory, disks, network and load of the whole machine.

use client::{Client, Counter, Value};
use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, Networks, System};

/// One instrument a metric.
pub(super) struct Instruments {
    host: String,
    cpu_busy: Value,
    memory_used: Value,
    memory_available: Value,
    swap_used: Value,
    load: Value,
    disk_used: Value,
    disk_read: Counter,
    disk_written: Counter,
    received: Counter,
    transmitted: Counter,
    network_errors: Counter,
}

pub(super) fn refresh(system: &mut System) {
    system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_cpu_usage());
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
}

impl Instruments {
    pub(super) fn new(client: &Client, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            cpu_busy: client.value("cpu.busy_percent"),
            memory_used: client.value("memory.used_bytes"),
            memory_available: client.value("memory.available_bytes"),
            swap_used: client.value("swap.used_bytes"),
            load: client.value("load.average"),
            disk_used: client.value("disk.used_bytes"),
            disk_read: client.counter("disk.read_bytes"),
            disk_written: client.counter("disk.written_bytes"),
            received: client.counter("network.received_bytes"),
            transmitted: client.counter("network.transmitted_bytes"),
            network_errors: client.counter("network.errors"),
        }
    }

    pub(super) fn record(&self, system: &System, disks: &Disks, networks: &Networks) {
        let host = ("host", self.host.as_str());
        for cpu in system.cpus() {
            self.cpu_busy.record(f64::from(cpu.cpu_usage()), &[host, ("cpu", cpu.name())]);
        }
        self.memory_used.record_int(bytes(system.used_memory()), &[host]);
        self.memory_available.record_int(bytes(system.available_memory()), &[host]);
        self.swap_used.record_int(bytes(system.used_swap()), &[host]);
        let load = System::load_average();
        for (over, value) in [("1m", load.one), ("5m", load.five), ("15m", load.fifteen)] {
            self.load.record(value, &[host, ("over", over)]);
        }
        self.record_disks(disks);
        self.record_networks(networks);
    }

    fn record_disks(&self, disks: &Disks) {
        for disk in disks {
            let mount = disk.mount_point().to_string_lossy();
            let dims = [("host", self.host.as_str()), ("mount", mount.as_ref())];
            self.disk_used
                .record_int(bytes(disk.total_space().saturating_sub(disk.available_space())), &dims);
            let usage = disk.usage();
            self.disk_read.add(usage.read_bytes, &dims);
            self.disk_written.add(usage.written_bytes, &dims);
        }
    }

    fn record_networks(&self, networks: &Networks) {
        for (interface, data) in networks {
            let dims = [("host", self.host.as_str()), ("interface", interface.as_str())];
            self.received.add(data.received(), &dims);
            self.transmitted.add(data.transmitted(), &dims);
            self.network_errors.add(data.errors_on_received() + data.errors_on_transmitted(), &dims);
        }
    }
}

/// No machine has 2^63 bytes of anything.
pub(super) fn bytes(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
