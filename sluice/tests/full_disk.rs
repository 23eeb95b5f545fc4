//! A disk that fills up and is emptied again, under the real binary: a tmpfs where the log lies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Server, sluice, stderr, unix_now};

/// A tmpfs, taken away when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "sluice-test"]).arg(at);
        let output = mount.output().unwrap();
        if !output.status.success() {
            eprintln!("SKIPPED: cannot mount a tmpfs, which takes root: {}", stderr(&output).trim());
            return None;
        }
        Some(Self(at.to_owned()))
    }

    fn resize(&self, size: &str) {
        harness::must(Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0));
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _a_test_that_failed_leaves_it = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_shows_at_once_and_ends_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("partition-0000/log");
    std::fs::create_dir_all(&log).unwrap();
    let Some(disk) = Tmpfs::mount(&log, "64k") else { return };
    // No seal comes in between: the log stands still because of us alone.
    let server = Server::start(dir.path(), &["--partitions", "1", "--grace-ms", "60000"]);
    let minute = unix_now() / 60 * 60;
    let mut publish = publisher(&server, minute);

    let acknowledged = (0..1_000).take_while(|_| publish()).count() as u64;
    assert!(acknowledged < 1_000, "64 KiB took all of it");
    let ready =
        ureq::get(format!("{}/readyz", server.url())).config().http_status_as_error(false).build().call();
    let mut ready = ready.unwrap();
    let line = ready.body_mut().read_to_string().unwrap();
    assert_eq!(ready.status(), 503, "{line}");
    assert!(
        line.contains("partition 0 is read-only") && line.contains("free space on the disk of"),
        "{line}"
    );
    assert_eq!(server.get("/v1/health")["partitions"][0]["state"], "read-only");
    let table = sluice(&["health", "--format", "table", "--server", &server.url()]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("read-only"), "{table:?}");

    disk.resize("64m");
    assert!(publish(), "there is room again");
    assert_eq!(server.get("/v1/health")["partitions"][0]["state"], "serving");
    let values = server.values("m", "count", minute, minute + 60);
    assert_eq!(values["a=b"], (acknowledged + 1) as f64, "exactly what was acknowledged");
    drop(server);
}

/// Sends one batch a call, of one row that counts and some weight; whether it was acknowledged.
fn publisher(server: &Server, minute: u64) -> impl FnMut() -> bool + use<> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut client =
        runtime.block_on(proto::v1::publish_client::PublishClient::connect(server.endpoint())).unwrap();
    let minute = model::Minute::of_unix_seconds(i64::try_from(minute).unwrap()).unwrap();
    let one = model::Aggregate::of(model::Scalars::of(model::Number::Int(1)));
    let weight = "w".repeat(1_000);
    move || {
        let mut batch = proto::BatchBuilder::new("default");
        batch.add("m", [("a", "b")], minute, &one);
        batch.add("weight", [("a", weight.as_str())], minute, &one);
        let request = proto::v1::PublishRequest { batches: vec![batch.build()] };
        match runtime.block_on(client.publish(request)) {
            Ok(_) => true,
            Err(refused) => {
                assert_eq!(refused.code(), tonic::Code::Unavailable, "{refused}");
                assert!(refused.message().contains("has no room"), "{refused}");
                false
            }
        }
    }
}
