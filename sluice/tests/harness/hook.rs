//! A receiver of webhooks: takes POSTs, answers as it is told to, hands over what it was sent.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use super::PATIENCE;

pub(crate) struct Hook {
    pub(crate) url: String,
    /// HTTP's, of answers from now on.
    pub(crate) status: Arc<AtomicU16>,
    posts: Receiver<Told>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Told {
    /// Names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Hook {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/told", listener.local_addr().unwrap());
        let (sender, posts) = channel();
        let status = Arc::new(AtomicU16::new(204));
        let answer = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                // Who hangs up in the middle was killed.
                let Some(told) = read(&mut stream) else { continue };
                let head = format!("HTTP/1.1 {} Said\r\n", answer.load(Ordering::Relaxed));
                let _hung_up = stream
                    .get_mut()
                    .write_all(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes());
                if sender.send(told).is_err() {
                    return;
                }
            }
        });
        Self { url, status, posts }
    }

    pub(crate) fn next(&self) -> Told {
        self.posts.recv_timeout(PATIENCE).expect("nobody was told")
    }

    /// What has come so far and was not looked at.
    pub(crate) fn rest(&self) -> Vec<Told> {
        self.posts.try_iter().collect()
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Told> {
    let (mut line, mut headers) = (String::new(), BTreeMap::new());
    while stream.read_line(&mut line).ok()? > 2 {
        if let Some((name, value)) = line.trim_end().split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        line.clear();
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    let text = String::from_utf8(body).unwrap();
    Some(Told { headers, body: serde_json::from_str(&text).unwrap(), text })
}
