//! Wrong calls and bad input, from outside: one line that says what to do, a fitting exit status, and nothing lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

mod harness;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use harness::{Server, free_port, json_of, sluice, stderr, unix_now};
use proto::v1::PublishRequest;
use proto::v1::publish_client::PublishClient;
use serde_json::{Value, json};

#[test]
fn a_wrong_call_ends_with_2() {
    check(&["top"], 2, "METRIC");
    check(&["topp"], 2, "unrecognized subcommand");
    check(&["top", "cpu", "--last", "soon"], 2, "--last");
    check(&["top", "cpu", "--from", "soon"], 2, "RFC 3339");
    check(&["top", "cpu", "--where", "Region"], 2, "cannot read the condition \"Region\"");
    check(&["top", "cpu", "--pivot", "Memory"], 2, "METRIC:SAMPLING");
    check(&["publish"], 2, "FILE");
    check(&["publish", "--as", "distribution", "--bounds", "5,1", "-"], 2, "bound 2 is not above");
    check(&["publish", "--as", "distribution", "--bounds", "-1,x", "-"], 2, "\"x\" is no number");
    check(&["publish", "--bounds", "5", "-"], 2, "--as");
}

#[test]
fn what_cannot_be_done_ends_with_1_and_says_why() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    check(&["top", "cpu", "--server", &nobody], 1, "is `sluice serve` running there?");
    check(&["publish", "/no/such/file"], 1, "cannot read /no/such/file");
    let ports = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    let nowhere = [&["serve", "--data", "/proc/nothing"], &ports[..]].concat();
    check(&nowhere, 1, "cannot make the data directory /proc/nothing");
    check(&["serve", "--grpc", "0.0.0.0:4317"], 1, "loopback only");
    check(&["serve", "--partitions", "0"], 1, "partitions is 0, must be from 1");
    check(&["serve", "--config", "/no/such.toml"], 1, "cannot read /no/such.toml");
    check(&["inspect", "/no/such/dir"], 2, "/no/such/dir");
}

#[test]
fn a_port_and_a_data_directory_have_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("one"), &["--partitions", "1"]);
    let data = |name: &str| dir.path().join(name).display().to_string();
    let address = |port: u16| format!("127.0.0.1:{port}");
    let free = address(free_port());

    let taken = address(server.http);
    check(
        &["serve", "--data", &data("two"), "--grpc", &free, "--http", &taken],
        1,
        "stop whoever uses that port",
    );
    assert!(!Path::new(&data("two")).exists(), "a call that failed leaves nothing behind");
    check(&["serve", "--data", &data("one"), "--grpc", &free], 1, "in use by another server");
    let mut server = server;
    assert_eq!(server.stop(), Some(0));
    let other_layout = ["serve", "--data", &data("one"), "--partitions", "4", "--spread", "4"];
    check(&other_layout, 1, "was made with partitions=1, which cannot be changed to partitions=4");

    std::fs::create_dir(data("newer")).unwrap();
    std::fs::write(
        Path::new(&data("newer")).join("layout.json"),
        r#"{"format":99,"partitions":1,"spread":1}"#,
    )
    .unwrap();
    check(&["serve", "--data", &data("newer")], 1, "newer version (format 99");
}

#[test]
fn a_log_that_is_not_the_checkpoints_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path(), &["--partitions", "1", "--grace-ms", "200"]);
    server.wait_sealed(60); // something is sealed, so there is a checkpoint
    assert_eq!(server.stop(), Some(0));
    for file in std::fs::read_dir(dir.path().join("partition-0000/log")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    server.respawn();
    let health = server.wait_health(|health| health["partitions"][0]["state"] == "failed");
    assert!(health["partitions"][0]["detail"].as_str().unwrap().contains("beyond the end"), "{health}");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(async {
        let mut client = PublishClient::connect(server.endpoint()).await.unwrap();
        let mut batch = proto::BatchBuilder::new("default");
        let minute = model::Minute::of_unix_seconds(i64::try_from(unix_now()).unwrap()).unwrap();
        batch.add(
            "m",
            [("a", "b")],
            minute,
            &model::Aggregate::of(model::Scalars::of(model::Number::Int(1))),
        );
        client.publish(PublishRequest { batches: vec![batch.build()] }).await.unwrap_err()
    });
    assert_eq!(
        refused.code(),
        tonic::Code::Unavailable,
        "acknowledged what a restored log would not hold: {refused}"
    );
}

#[test]
fn bad_lines_are_named_and_good_ones_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "1"]);
    let (now, long) = (unix_now(), "x".repeat(2000));
    let file = write(&[
        &json!({"ts": now, "metric": "good", "dims": {"a": "b"}, "value": 5}),
        &json!({"ts": now + 3600, "metric": "good", "dims": {"a": "b"}, "value": 1}),
        &json!({"ts": now - 90_000, "metric": "good", "dims": {"a": "b"}, "value": 1}),
        &json!({"ts": now, "metric": "good", "dims": {"a": long}, "value": 1}),
        &json!({"ts": now, "metric": "", "value": 1}),
    ]);
    let endpoint = server.endpoint();
    let output =
        sluice(&["publish", "--format", "json", "--endpoint", &endpoint, file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "some were refused");
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["read"], &line["accepted"]), (&json!(5), &json!(1)), "{line}");
    let refused = json!({"dimension_value": 1, "metric_name": 1, "too_far_ahead": 1, "too_old": 1});
    assert_eq!(line["refused"], refused, "{line}");
    assert_eq!(server.values("good", "sum", now / 60 * 60 - 7200, now / 60 * 60 + 120)["a=b"], 5.0);

    let nonsense = write_text(&format!("{}\nnonsense\n", json!({"ts": now, "metric": "good", "value": 7})));
    let output = sluice(&["publish", "--endpoint", &endpoint, nonsense.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("line 2 is not JSON"), "{}", stderr(&output));
}

#[test]
fn a_wrong_question_is_answered_with_the_field_and_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "1"]);
    let ask = |body: Value| {
        let (status, answer) = server.post("/v1/top", &body);
        let error = &answer["error"];
        (status, format!("{} {}", error["message"].as_str().unwrap(), error["hint"].as_str().unwrap()))
    };
    let (status, said) = ask(json!({"metric": "cpu", "from": 0, "to": 61}));
    assert!(status == 400 && said.contains("to"), "{said}");
    let (status, said) = ask(json!({"metric": "cpu", "from": 0, "to": 60, "rankk": "sum"}));
    assert!(status == 400 && said.contains("rankk"), "{said}");
    let (status, said) = ask(json!({"metric": "cpu", "from": 0, "to": 60, "rank": "median"}));
    assert!(status == 400 && said.contains("p99.9"), "{said}");
}

#[test]
fn every_error_of_the_json_api_has_one_shape() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "1"]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = |path: &str| format!("{}{path}", server.url());
    let post =
        |path: &str, form: &str, body: &str| agent.post(url(path)).content_type(form).send(body).unwrap();
    let (text, json) = ("text/plain", "application/json");
    let packed = |path: &str| {
        let call = agent.post(url(path)).content_type(json).header("content-encoding", "gzip");
        call.send(&[0x1f, 0x8b, 8, 0][..]).unwrap()
    };
    let get = |path: &str| agent.get(url(path)).call().unwrap();
    let no_pattern = r#"{"metric":"m","where":[{"dim":"a","op":"=~","values":["("]}]}"#;
    for (mut response, status, code) in [
        (get("/v1/nothing"), 404, "not_found"),
        (get("/nothing"), 404, "not_found"),
        (get("/v1/top"), 405, "method_not_allowed"),
        (get("/v1/delete"), 405, "method_not_allowed"),
        (post("/v1/alerts", json, "{}"), 405, "method_not_allowed"),
        (post("/v1/delete", text, r#"{"metric":"m"}"#), 415, "unsupported_media_type"),
        (post("/v1/admin/backup", text, "{}"), 415, "unsupported_media_type"),
        (post("/v1/delete", json, "nonsense"), 400, "invalid_argument"),
        (post("/v1/delete", json, r#"{"metrik":"m"}"#), 400, "invalid_argument"),
        (post("/v1/delete", json, no_pattern), 400, "invalid_argument"),
        (post("/v1/admin/backup", json, "{}"), 400, "invalid_argument"),
        (post("/v1/admin/backup", json, r#"{"to":"file:///x","keep":0}"#), 400, "invalid_argument"),
        (post("/v1/admin/backup", json, r#"{"to":"file:///proc/none"}"#), 500, "backup_failed"),
        (post("/v1/admin/backup", json, r#"["file:///proc/none"]"#), 400, "invalid_argument"),
        (post("/v1/top", json, r#"["","m",[],"sum",10,"top",[],0,60]"#), 400, "invalid_argument"),
        (
            post("/v1/top", json, r#"{"metric":"m","from":0,"to":60,"pivot":[["m"]]}"#),
            400,
            "invalid_argument",
        ),
        (
            post("/v1/top", json, r#"{"metric":"m","from":0,"to":60,"where":[["a","exists"]]}"#),
            400,
            "invalid_argument",
        ),
        (
            post("/v1/top", json, r#"{"metric":"m","from":0,"to":60,"step_seconds":0}"#),
            400,
            "invalid_argument",
        ),
        (
            post("/v1/top", json, r#"{"metric":"m","from":0,"to":60,"by":["a","b","a"]}"#),
            400,
            "invalid_argument",
        ),
        (post("/v1/delete", json, r#"["","m"]"#), 400, "invalid_argument"),
        (post("/v1/delete", json, r#"{"metric":"m","where":[["a","exists"]]}"#), 400, "invalid_argument"),
        (packed("/v1/top"), 415, "unsupported_media_type"),
        (packed("/v1/delete"), 415, "unsupported_media_type"),
    ] {
        let answer: Value = response.body_mut().read_json().unwrap();
        let error = &answer["error"];
        assert_eq!((response.status().as_u16(), error["code"].as_str()), (status, Some(code)), "{answer}");
        let is_said = |field: &str| error[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_said("message") && is_said("hint"), "{answer}");
    }
}

/// To who accepts lines, as `sluice backup` does, too.
#[test]
fn a_backup_that_fails_at_once_has_its_status_in_lines_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "1"]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let call = agent.post(format!("{}/v1/admin/backup", server.url())).content_type("application/json");
    let call = call.header("accept", "application/x-ndjson");
    let mut answer = call.send(r#"{"to":"file:///proc/none"}"#).unwrap();
    let said: Value = answer.body_mut().read_json().unwrap();
    assert_eq!((answer.status().as_u16(), &said["error"]["code"]), (500, &json!("backup_failed")), "{said}");
    let refused = sluice(&["backup", "--to", "file:///proc/none", "--server", &server.url()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("/proc/none"), "{}", stderr(&refused));
}

#[test]
fn a_pivot_that_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "2"]);
    let line = format!(r#"{{"ts":{},"metric":"cpu","dims":{{"host":"a"}},"value":3}}"#, unix_now());
    let file = dir.path().join("lines.json");
    std::fs::write(&file, line).unwrap();
    let published = sluice(&["publish", "--endpoint", &server.endpoint(), file.to_str().unwrap()]);
    assert!(published.status.success(), "{}", stderr(&published));
    server.wait_applied();
    let url = server.url();
    let words =
        ["top", "cpu", "--by", "host", "--include-open", "--pivot", "Nope:avg", "--pivot", "Nope:max"];
    let answer = sluice(&[&words[..], &["--format", "json", "--server", &url]].concat());
    let said: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(answer.status.code(), Some(0));
    assert_eq!(said["rows"][0]["pivot"]["Nope:avg"], Value::Null);
    let note = "account default has no metric Nope: /v1/metrics/list has those that it has";
    assert_eq!(said["warnings"], json!([note]));
    assert_eq!(stderr(&answer).matches(note).count(), 1);
}

/// The first word comes at once; this test ends the command then, for it would try on for two minutes.
#[test]
fn a_server_that_is_not_there_is_said_at_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["publish", "--endpoint", &endpoint, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.starts_with(&format!("note: {endpoint} does not take what is sent (")), "{said}");
    assert!(said.contains("trying again, until 120 s after the last line is read"), "{said}");
}

#[test]
fn what_is_not_there_is_said_with_the_way_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let no_rules = dir.path().join("none").display().to_string();
    let server = Server::start(&dir.path().join("data"), &["--partitions", "1", "--rules", &no_rules]);
    let url = server.url();
    for (words, said) in [
        (&["delete", "Nope", "--yes"][..], "has no series of a metric Nope: `sluice metrics"),
        (&["delete", "Nope", "--where", "a=b"], "has no series of Nope with a=b: `sluice hints Nope"),
        (&["delete", "Nope", "--where", ""], "--where names no condition"),
        (&["alerts"], "there are no rules"),
    ] {
        let output = sluice(&[words, &["--server", &url]].concat());
        assert!(stderr(&output).contains(said), "{words:?}: {}", stderr(&output));
    }
    check(&["top", "Nope", "--where", "a=~(", "--server", &url], 1, r"write \( for a parenthesis");
}

#[test]
fn another_server_is_told_from_ours() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "1"]);
    for command in [&["health"][..], &["top", "cpu"], &["hints", "cpu", "--of", "a"]] {
        let ask = |url: &str, said: &str| check(&[command, &["--server", url]].concat(), 1, said);
        ask(&server.endpoint(), "is it the HTTP port of `sluice serve`");
        ask(
            &stranger("200 OK", "<html>a proxy</html>"),
            "answered 200 OK, and that is no JSON; is it the HTTP port",
        );
        ask(&stranger("502 Bad Gateway", "<html></html>"), "answered 502 Bad Gateway, and that is no JSON");
        ask(
            &stranger("404 Not Found", "{\"detail\":\"no\"}"),
            "answered 404 Not Found, and that is no answer of sluice",
        );
        ask("http://no-such-host.invalid:4318", "cannot reach http://no-such-host.invalid:4318");
        ask("nonsense", "nonsense");
    }
}

/// An HTTP server of somebody else's, for one request.
fn stranger(status: &'static str, body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _read = std::io::Read::read(&mut peer, &mut request).unwrap();
        // Closing with unread bytes would be a reset.
        let length = body.len();
        write!(peer, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        drop(std::io::copy(&mut peer, &mut std::io::sink()));
    });
    url
}

#[test]
fn foreign_names_and_pages_are_not_answered_on_any_path() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--partitions", "1", "--http-hosts", "sluice.example"]);
    let status = |path: &str, header: (&str, &str)| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(format!("{}{path}", server.url())).header(header.0, header.1);
        request.send_empty().unwrap().status().as_u16()
    };
    for path in ["/", "/v1/top", "/v1/metrics", "/metrics", "/healthz", "/nothing"] {
        assert_eq!(status(path, ("host", "evil.example")), 421, "{path}");
        assert_eq!(status(path, ("origin", "http://evil.example")), 403, "{path}");
        assert!(![421, 403].contains(&status(path, ("host", "sluice.example"))), "{path}");
    }
}

#[test]
fn a_shift_makes_another_input_of_a_named_one() {
    let file = write_text("");
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let words = ["publish", "--endpoint", &endpoint, "--id", "a", file.path().to_str().unwrap()];
    assert!(!stderr(&sluice(&words)).contains("--shift-to-now"));
    let output = sluice(&[&words[..], &["--shift-to-now"]].concat());
    assert!(stderr(&output).contains("note: --shift-to-now moves by how late it is"), "{}", stderr(&output));
}

#[test]
fn the_configuration_says_where_each_value_comes_from() {
    let answer = json_of(&sluice(&["config", "--grace-ms", "7", "--format", "json"]));
    assert_eq!(answer["grace_ms"], json!({"value": "7", "from": "flag --grace-ms"}));
    assert_eq!(answer["http"]["from"], "default");
}

#[track_caller]
fn check(words: &[&str], status: i32, said: &str) {
    let output = sluice(words);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
    assert!(text.contains(said), "{words:?}: {text}");
    if status == 1 {
        assert_eq!(text.trim_end().lines().count(), 1, "{words:?}: one line: {text}");
    }
}

fn write(lines: &[&Value]) -> tempfile::NamedTempFile {
    write_text(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())
}

fn write_text(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}
