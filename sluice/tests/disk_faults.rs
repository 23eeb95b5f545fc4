//! Disks that fail under the real binary: EIO on write and on fsync (`strace -e inject`), a disk that is read-only.
//! What was acknowledged is there afterwards, once; what was not is refused by name; queries go on meanwhile. A full
//! disk is in `full_disk.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says where it is"
)]

mod harness;

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Server, unix_now};
use model::{Aggregate, Minute, Number, Scalars};
use proto::BatchBuilder;
use proto::v1::PublishRequest;
use proto::v1::publish_client::PublishClient;

/// No seal comes in between: the log fails because of us alone.
const FLAGS: [&str; 4] = ["--partitions", "1", "--grace-ms", "60000"];
const BATCHES_MAX: u64 = 500;

#[test]
fn eio_on_fsync_stops_the_log_for_good() {
    under_strace("fdatasync:error=EIO:when=20+");
}

#[test]
fn eio_on_write_stops_the_log_for_good() {
    under_strace("pwrite64:error=EIO:when=20+");
}

fn under_strace(inject: &str) {
    let inject = format!("inject={inject}");
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
    if !Command::new(strace[0]).args(&strace[1..]).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no strace that may inject faults here: apt-get install strace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_under(&strace, dir.path(), &FLAGS);
    fails_and_comes_back(server);
}

#[test]
fn a_read_only_disk_is_refused_in_one_line_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(dir.path()) else { return };
    let server = Server::start(dir.path(), &FLAGS);
    let mut acknowledged = publisher(&server);
    assert!(acknowledged());
    drop((server, acknowledged)); // a mount with files open for writing does not turn
    disk.remount("ro");
    let refused = harness::sluice(&["serve", "--data", dir.path().to_str().unwrap()]);
    let said = harness::stderr(&refused);
    assert!(refused.status.code() == Some(1) && said.contains("cannot write"), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    disk.remount("rw");
    let server = Server::start(dir.path(), &FLAGS);
    assert_eq!(rows(&server), 1.0);
    drop(server);
}

/// Publishes until the disk fails. From then on every batch is refused, and nobody is told that all is well.
fn fails_and_comes_back(mut server: Server) {
    let mut publish = publisher(&server);
    let acknowledged = (0..BATCHES_MAX).take_while(|_| publish()).count() as u64;
    assert!((1..BATCHES_MAX).contains(&acknowledged), "{acknowledged} batches until the disk failed");
    assert!((0..20).all(|_| !publish()), "it is never tried again");
    let health = server.wait_health(|health| health["partitions"][0]["state"] != "serving");
    let detail = health["partitions"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("Input/output error"), "{health}");
    let ready =
        ureq::get(format!("{}/readyz", server.url())).config().http_status_as_error(false).build().call();
    assert_eq!(ready.unwrap().status(), 503);
    server.kill();
    server.restart();
    let rows = rows(&server);
    // The batch at which it failed may have become durable without an ack; none after it.
    assert!(
        (acknowledged as f64..=acknowledged as f64 + 1.0).contains(&rows),
        "{acknowledged} acked, {rows} there"
    );
}

fn rows(server: &Server) -> f64 {
    let minute = unix_now() / 60 * 60;
    server.values("disk.m", "count", minute - 600, minute + 120)["a=b"]
}

/// Sends one batch of one row a call; whether it was acknowledged.
fn publisher(server: &Server) -> impl FnMut() -> bool + use<> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut client = runtime.block_on(PublishClient::connect(server.endpoint())).unwrap();
    let minute = Minute::of_unix_seconds(i64::try_from(unix_now()).unwrap()).unwrap();
    let one = Aggregate::of(Scalars::of(Number::Int(1)));
    move || {
        let mut batch = BatchBuilder::new("default");
        batch.add("disk.m", [("a", "b")], minute, &one);
        runtime.block_on(client.publish(PublishRequest { batches: vec![batch.build()] })).is_ok()
    }
}

/// A tmpfs, taken away when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "sluice-test"]).arg(at).output().unwrap();
        if !mounted.status.success() {
            eprintln!(
                "SKIPPED: cannot mount a tmpfs, which takes root: {}",
                harness::stderr(&mounted).trim()
            );
            return None;
        }
        Some(Self(at.to_owned()))
    }

    fn remount(&self, how: &str) {
        harness::must(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0));
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _a_test_that_failed_leaves_it = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
