//! Against Debian's Alertmanager, and against receivers that misbehave.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use super::*;

const ALERTMANAGER: &str = "/usr/bin/prometheus-alertmanager";

fn posts(names: &[&str]) -> Firing {
    let one = |name: &&str| {
        let labels =
            Texts::from([("alertname".to_owned(), (*name).to_owned()), ("severity".into(), "bad".into())]);
        (AlertName { labels, starts_at: "2026-01-01T00:00:00Z".to_owned() }, Texts::new())
    };
    Firing { alerts: names.iter().map(one).collect(), all: true }
}

fn named(due: &Due) -> String {
    due.iter()
        .map(|(name, _, fires)| format!("{}{}", if *fires { "+" } else { "-" }, name.labels["alertname"]))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn what_is_over_is_told_until_it_is_taken_and_what_fires_is_repeated() {
    let mut book = Book::default();
    let due = book.due(&posts(&["a", "b"]), false);
    assert_eq!(named(&due), "+a +b");
    book.taken(due);
    assert_eq!(named(&book.due(&posts(&["a", "b"]), false)), "");
    assert_eq!(named(&book.due(&posts(&["a", "b"]), true)), "+a +b");
    assert_eq!(named(&book.due(&posts(&["b", "c"]), false)), "-a +c");
    assert_eq!(named(&book.due(&posts(&["b", "c"]), false)), "-a +c", "it was not taken yet");
    let due = book.due(&posts(&["b", "c"]), false);
    book.taken(due);
    assert_eq!(named(&book.due(&posts(&["b", "c"]), false)), "");
    let some = Firing { all: false, ..posts(&["b", "d"]) };
    assert_eq!(named(&book.due(&some, false)), "+d", "c may only have lost its place");
}

#[tokio::test]
async fn alertmanager_shows_what_fires_and_not_what_is_over() {
    let Some(server) = Alertmanager::start() else { return };
    let url = format!("http://127.0.0.1:{}/api/v2/alerts", server.port);
    let mut book = Book::default();
    for _retry in 0..2 {
        // The same twice is one alert.
        let due = Book::default().due(&posts(&["a", "b"]), true);
        send(&url, due, SystemTime::now(), &mut book).await.unwrap();
    }
    assert_eq!(server.active(), ["a", "b"]);
    let due = book.due(&posts(&["b"]), false);
    send(&url, due, SystemTime::now(), &mut book).await.unwrap();
    assert_eq!(server.active(), ["b"]);
}

#[tokio::test]
async fn a_receiver_that_misbehaves_is_tried_again_and_harms_nothing() {
    let endless = format!("HTTP/1.1 500 no\r\ncontent-length: 99999999\r\n\r\n{}", "x".repeat(1 << 20));
    for (reply, said) in [
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "302"),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy", "busy"),
        ("not http at all\r\n\r\n", "http"),
        (&endless, "500"),
    ] {
        let (mut book, url) = (Book::default(), answering(reply));
        let due = book.due(&posts(&["a"]), false);
        let why = send(&url, due, SystemTime::now(), &mut book).await.unwrap_err();
        assert!(why.to_lowercase().contains(said), "{why}");
        assert_eq!(named(&book.due(&posts(&["a"]), false)), "+a", "it is due still");
    }
}

/// A server that says this to whoever connects.
fn answering(reply: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, reply) = (listener.local_addr().unwrap(), reply.to_owned());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _read = stream.read(&mut request);
        let _hung_up = stream.write_all(reply.as_bytes());
    });
    format!("http://{address}/api/v2/alerts")
}

struct Alertmanager {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Alertmanager {
    fn start() -> Option<Self> {
        if !Path::new(ALERTMANAGER).exists() {
            eprintln!("SKIPPED: no {ALERTMANAGER}; apt-get install prometheus-alertmanager");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.yml");
        std::fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(ALERTMANAGER)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, _dir: dir };
        let begun = Instant::now();
        while ureq::get(format!("http://127.0.0.1:{port}/-/ready")).call().is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "alertmanager does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn active(&self) -> Vec<String> {
        let url = format!("http://127.0.0.1:{}/api/v2/alerts?active=true", self.port);
        let alerts: Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
        let mut names: Vec<String> = alerts
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
