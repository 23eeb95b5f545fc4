//! Real brokers, by `deploy/kafka/kafka.sh`. The tests of `sluice` use this file, too.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A cluster on loopback; it ends when dropped.
pub(crate) struct Brokers {
    dir: tempfile::TempDir,
    pub(crate) addresses: String,
}

impl Brokers {
    /// `None`, and a loud word, unless `SLUICE_TEST_CLUSTER` asks for it.
    pub(crate) fn start(brokers: usize) -> Option<Self> {
        if std::env::var_os("SLUICE_TEST_CLUSTER").is_none() {
            eprintln!("SKIPPED: needs Apache Kafka; `make test-cluster` runs it");
            return None;
        }
        let mut cluster = Self { addresses: String::new(), dir: tempfile::tempdir().unwrap() };
        cluster.addresses = cluster.run("start", &[&brokers.to_string()]);
        Some(cluster)
    }

    /// SIGKILL for one; the first is 1.
    pub(crate) fn kill(&self, broker: usize) {
        self.run("kill", &[&broker.to_string()]);
    }

    /// Starts what is down.
    pub(crate) fn restart(&self) {
        self.run("start", &[]);
    }

    fn run(&self, verb: &str, rest: &[&str]) -> String {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka/kafka.sh");
        let mut command = Command::new(script);
        command.arg(verb).arg(self.dir.path()).args(rest).stderr(Stdio::inherit());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", output.status);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        self.run("stop", &[]);
    }
}
