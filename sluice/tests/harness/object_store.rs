//! Where backups go in tests: a directory, or a real S3 API on loopback.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Env, PATIENCE, free_port, python_with};

const BUCKET: &str = "sluice-test";

/// A place for objects; an S3 server ends with it.
pub(crate) struct ObjectStore {
    pub(crate) url: String,
    pub(crate) env: Env,
    server: Option<Child>,
    /// Where a directory's objects are files.
    dir: Option<std::path::PathBuf>,
}

impl ObjectStore {
    pub(crate) fn directory(dir: &Path) -> Self {
        let url = format!("file://{}", dir.display());
        Self { url, env: Env::new(), server: None, dir: Some(dir.to_owned()) }
    }

    /// moto from PyPI, which speaks S3 over HTTP, in a virtual environment of its own.
    pub(crate) fn s3() -> Self {
        let python = python_with("moto", &["moto[server]"]);
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let server = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let store = Self {
            url: format!("s3://{BUCKET}/some/prefix"),
            env: vec![
                ("AWS_ENDPOINT_URL", endpoint.clone()),
                ("AWS_ACCESS_KEY_ID", "test".into()),
                ("AWS_SECRET_ACCESS_KEY", "test".into()),
                ("AWS_REGION", "us-east-1".into()),
            ],
            server: Some(server),
            dir: None,
        };
        let began = Instant::now();
        while ureq::put(format!("{endpoint}/{BUCKET}")).send_empty().is_err() {
            assert!(began.elapsed() < PATIENCE, "the S3 server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        store
    }

    /// How many objects have this in their names.
    pub(crate) fn count(&self, part: &str) -> usize {
        if let Some(dir) = &self.dir {
            let files = if dir.is_dir() { self.files() } else { Vec::new() };
            return files.iter().filter(|file| file.to_string_lossy().contains(part)).count();
        }
        let endpoint = &self.env.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL").unwrap().1;
        let mut listed = ureq::get(format!("{endpoint}/{BUCKET}?list-type=2")).call().unwrap();
        let listed = listed.body_mut().read_to_string().unwrap();
        listed
            .split("<Key>")
            .skip(1)
            .filter(|key| key.split('<').next().is_some_and(|key| key.contains(part)))
            .count()
    }

    /// The S3 server ends; what it held is gone.
    pub(crate) fn go_away(&mut self) {
        let mut server = self.server.take().expect("only of an S3 server");
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// The files of a directory's objects.
    pub(crate) fn files(&self) -> Vec<std::path::PathBuf> {
        fn below(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { below(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        below(self.dir.as_ref().expect("only of a directory"), &mut found);
        found.sort();
        found
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ended_already = server.kill();
            let _status = server.wait();
        }
    }
}
