//! Drives the real binary from outside: starts it on free ports, asks it over HTTP, kills it.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod hook;
pub(crate) mod object_store;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Start, recovery and seals are waited for this long; nothing is asserted about how long they take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) grpc: u16,
    pub(crate) http: u16,
    data: PathBuf,
    flags: Vec<String>,
    env: Env,
}

/// Environment variables beside those of the test.
pub(crate) type Env = Vec<(&'static str, String)>;

impl Server {
    /// On free ports, with these further flags.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        Self::start_in(data, flags, &Env::new())
    }

    /// The same, with an environment.
    pub(crate) fn start_in(data: &Path, flags: &[&str], env: &Env) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::run(data, free_port(), free_port(), flags, env.clone())
    }

    pub(crate) fn start_on(data: &Path, grpc: u16, http: u16, flags: Vec<String>) -> Self {
        Self::run(data, grpc, http, flags, Env::new())
    }

    fn run(data: &Path, grpc: u16, http: u16, flags: Vec<String>, env: Env) -> Self {
        let child = spawn(data, grpc, http, &flags, &env);
        let mut server = Self { child, grpc, http, data: data.to_owned(), flags, env };
        server.wait_ready();
        server
    }

    /// Started by another program, which becomes it, as `strace -D` does. A restart is one without.
    pub(crate) fn start_under(under: &[&str], data: &Path, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (grpc, http, env) = (free_port(), free_port(), Env::new());
        let mut command = Command::new(under[0]);
        command.args(&under[1..]).arg(env!("CARGO_BIN_EXE_sluice"));
        let child = serve(&mut command, data, grpc, http, &flags, &env);
        let mut server = Self { child, grpc, http, data: data.to_owned(), flags, env };
        server.wait_ready();
        server
    }

    /// As soon as it answers, ready or not; `None` when it ends instead.
    pub(crate) fn start_or_end(data: &Path, flags: &[&str]) -> Option<Self> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (grpc, http, env) = (free_port(), free_port(), Env::new());
        let child = spawn(data, grpc, http, &flags, &env);
        let mut server = Self { child, grpc, http, data: data.to_owned(), flags, env };
        let began = Instant::now();
        while !http_ok(&format!("{}/healthz", server.url())) {
            if let Some(status) = server.child.try_wait().unwrap() {
                assert!(status.code().is_some(), "the server was not asked to die: {status}");
                return None;
            }
            assert!(began.elapsed() < PATIENCE, "the server neither answers nor ends");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    /// kill -9, as early as the caller likes.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same ports and does not wait.
    pub(crate) fn respawn(&mut self) {
        self.child = spawn(&self.data, self.grpc, self.http, &self.flags, &self.env);
    }

    pub(crate) fn restart(&mut self) {
        self.respawn();
        self.wait_ready();
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    pub(crate) fn wait_ready(&mut self) {
        let url = format!("{}/readyz", self.url());
        let began = Instant::now();
        while !http_ok(&url) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended while it started: {status}");
            }
            assert!(began.elapsed() < PATIENCE, "the server is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// POST to the JSON API: status and answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.post(format!("{}{path}", self.url())).send_json(body).unwrap();
        (response.status().as_u16(), response.body_mut().with_config().limit(1 << 30).read_json().unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let mut response = ureq::get(format!("{}{path}", self.url())).call().unwrap();
        response.body_mut().read_json().unwrap()
    }

    /// Every series of a metric by one sampling, over `[from, to)` minutes and the open ones: `Dim=value,…` → value.
    pub(crate) fn values(
        &self,
        metric: &str,
        rank: &str,
        from: u64,
        to: u64,
    ) -> std::collections::BTreeMap<String, f64> {
        self.wait_applied();
        let request = json!({"metric": metric, "by": ["*"], "rank": rank, "n": 10_000, "from": from, "to": to, "include_open": true});
        let (status, answer) = self.post("/v1/top", &request);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["others"]["groups"], 0, "more series than one answer takes");
        assert_eq!(
            answer["completeness"]["partitions"]["asked"], answer["completeness"]["partitions"]["answered"],
            "{answer}"
        );
        let rows = answer["rows"].as_array().unwrap().iter();
        rows.map(|row| (tuple(&row["dims"]), row["rank"].as_f64().unwrap())).collect()
    }

    /// Waits until every partition has sealed `minute` (unix seconds of its start).
    pub(crate) fn wait_sealed(&self, minute: u64) {
        self.wait_partitions("sealed the minute", |p| p["sealed_through"].as_u64().unwrap_or(0) >= minute);
    }

    /// Waits until every partition has applied what is in its log, which is some milliseconds after the ack.
    pub(crate) fn wait_applied(&self) {
        self.wait_partitions("applied its log", |p| p["state"] == "serving" && p["lag_records"] == 0);
    }

    /// Waits until the server answers and its health is as wanted.
    pub(crate) fn wait_health(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            if http_ok(&format!("{}/healthz", self.url())) {
                let health = self.get("/v1/health");
                if wanted(&health) {
                    return health;
                }
            }
            assert!(began.elapsed() < PATIENCE, "the server does not get there");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_partitions(&self, what: &str, done: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let health = self.get("/v1/health");
            if health["partitions"].as_array().unwrap().iter().all(&done) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "not every partition has {what}: {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Runs `sluice` with these words and waits for its end.
pub(crate) fn sluice(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluice")).args(words).env("SLUICE_LOG", "warn").output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// `a=1,b=2`, by name.
pub(crate) fn tuple(dims: &Value) -> String {
    let mut pairs: Vec<String> = dims
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap()))
        .collect();
    pairs.sort();
    pairs.join(",")
}

/// No two tests of a process get the same, though nobody may have bound the first yet.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// The folder with the recorded data, or a loud word that it is not there.
pub(crate) fn recorded_data() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("SLUICE_DATA").map_or(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no folder {} with recorded data; set SLUICE_DATA", folder.display());
    None
}

/// What an environment variable says, or else this: how often, or which moments.
pub(crate) fn number<T: std::str::FromStr>(variable: &str, default: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A virtual environment with these PyPI packages, made once and kept in the cache; its python.
pub(crate) fn python_with(name: &str, packages: &[&str]) -> PathBuf {
    let cache = std::env::var_os("SLUICE_CACHE")
        .map_or_else(|| std::env::temp_dir().join("sluice-cache"), PathBuf::from);
    let venv = cache.join(format!("venv-{name}"));
    let python = venv.join("bin/python");
    let done = venv.join("done");
    if std::fs::read_to_string(&done).is_ok_and(|list| list == packages.join(" ")) {
        return python;
    }
    must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages),
    );
    std::fs::write(done, packages.join(" ")).unwrap();
    python
}

/// Runs it, and shows what it said when it fails.
pub(crate) fn must(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        stderr(&output)
    );
    output
}

fn spawn(data: &Path, grpc: u16, http: u16, flags: &[String], env: &Env) -> Child {
    serve(&mut Command::new(env!("CARGO_BIN_EXE_sluice")), data, grpc, http, flags, env)
}

fn serve(command: &mut Command, data: &Path, grpc: u16, http: u16, flags: &[String], env: &Env) -> Child {
    command
        .arg("serve")
        .arg("--data")
        .arg(data)
        .args(["--grpc", &format!("127.0.0.1:{grpc}"), "--http", &format!("127.0.0.1:{http}")])
        .args(flags)
        .env("SLUICE_CANARY", "false") // tests count what they publish themselves; a flag wins
        .envs(env.iter().cloned())
        .env("SLUICE_LOG", std::env::var("SLUICE_LOG").unwrap_or_else(|_| "error".into()))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

fn http_ok(url: &str) -> bool {
    ureq::get(url).call().is_ok_and(|response| response.status().is_success())
}
