//! What a file may say, and what is said of one that cannot be.

use super::*;
use crate::notify::Notification;

#[test]
fn a_file_is_read() {
    let text = "
receivers:
  - name: ops
    webhook: https://hooks.example/T0/B0
    secret_file: /etc/sluice/ops.key
    where: [{dim: severity, value: critical}]
    group_by: [alertname]
    wait: 5s
    interval: 1m
    repeat: 2h
    resolved: false
  - name: chat
    webhook_file: chat.url
    body: {text: \"${status} ${group.alertname} in ${common.account}: ${firing} of ${receiver}\\n${alerts}\", n: 3, on: true, list: [a]}
    line: '${status} ${label.severity} ${annotation.summary}'
maintenance:
  - {name: weekend, where: [{dim: Region, value: WestUS}], weekdays: [sat, sun], from: '22:00', to: '02:00'}
  - {name: move, where: [{dim: alertname, op: exists}], from: '2026-12-01T10:00:00Z', to: '2026-12-01T12:00:00Z'}
";
    let file = NotifyFile::parse(text).unwrap();
    let [ops, chat] = &file.receivers[..] else { panic!("{file:?}") };
    assert_eq!(ops.target.url.as_deref(), Ok("https://hooks.example/T0/B0"));
    assert_eq!(
        (ops.wait_ms, ops.interval_ms, ops.repeat_ms, ops.resolved),
        (5_000, 60_000, 7_200_000, false)
    );
    assert_eq!(chat.target.url, Err("chat.url".to_owned()));
    assert_eq!(chat.group_by, ["account", "alertname", "severity"]);
    let [weekend, moved] = &file.maintenance[..] else { panic!("{file:?}") };
    assert_eq!(weekend.when, When::Weekly { weekdays: 0b110_0000, begins: 79_200, lasts: 14_400 });
    assert_eq!(moved.when, When::Once(1_796_119_200, 1_796_126_400));

    let expected = serde_json::json!({
        "text": "firing test in default: 1 of chat\nfiring none this is a test of the receiver, nothing is wrong",
        "n": 3, "on": true, "list": ["a"],
    });
    assert_eq!(Notification::sample(chat, 0).body, expected);
}

#[test]
fn the_default_form_is_alertmanagers() {
    let file = NotifyFile::parse("receivers: [{name: a, webhook: 'http://h/'}]").unwrap();
    let body = Notification::sample(&file.receivers[0], 0).body;
    let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "version",
            "groupKey",
            "truncatedAlerts",
            "status",
            "receiver",
            "groupLabels",
            "commonLabels",
            "commonAnnotations",
            "externalURL",
            "alerts"
        ]
    );
    assert_eq!(body["alerts"][0]["startsAt"], "1970-01-01T00:00:00Z");
    assert_eq!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
}

#[test]
fn what_cannot_be_is_named_with_its_place() {
    let of_receiver = |more: &str| format!("receivers: [{{name: a, webhook: 'http://h/', {more}}}]");
    check("recievers: []", "1:1: recievers: there is no such key (did you mean \"receivers\"?)");
    check("receivers: [{name: a}]", "webhook is missing");
    check("receivers: [{name: a, webhook: ftp://secret}]", "receivers[0].webhook: must be https://HOST/PATH");
    check("receivers: [{name: ../a, webhook: 'http://h/'}]", "must be of letters");
    check(
        "receivers: [{name: a, webhook: 'http://h/'}, {name: a, webhook: 'http://h/'}]",
        "\"a\" stands here twice",
    );
    check(&of_receiver("webhook_file: f"), "only one of webhook, webhook_file");
    check(&of_receiver("wait: soon"), "receivers[0].wait: is \"soon\", must be a time");
    check(&of_receiver("repeat: 10s"), "is 10s, must be from 60s to");
    check(&of_receiver("line: x"), "there is no body");
    check(&of_receiver("body: '${alert}'"), "did you mean \"alerts\"?");
    check(&of_receiver("where: [{dim: a, op: is}]"), "\"is\" is no operator");
    let of_maintenance = |more: &str| format!("maintenance: [{{name: a, {more}}}]");
    check(&of_maintenance("from: '1:00', to: '02:00'"), "where is missing");
    check(&of_maintenance("where: [], from: '01:00', to: '02:00'"), "this would keep everything quiet");
    let of_window = |more: &str| of_maintenance(&format!("where: [{{dim: a, op: exists}}], {more}"));
    check(&of_window("from: '1:00', to: '02:00'"), "must be a time of day in UTC");
    check(&of_window("from: '24:00', to: '02:00'"), "must be a time of day in UTC");
    check(&of_window("from: '01:00', to: '02:00', weekdays: [so]"), "\"so\" is no day");
    check(&of_window("from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z'"), "must be after from");
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let got = NotifyFile::parse(text).unwrap_err().to_string();
    assert!(got.contains(expected) && !got.contains("secret"), "{got}");
}
