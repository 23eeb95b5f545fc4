//! The lives of silences and acknowledgements.

use serde_json::json;

use super::*;
use crate::texts::Texts;

fn filter(conditions: serde_json::Value) -> Result<Filter, String> {
    serde_json::from_value(conditions).map_err(|why| why.to_string())
}

fn slow() -> Filter {
    filter(json!([{"dim": "alertname", "op": "=", "values": ["slow"]}])).unwrap()
}

fn alert(name: &str) -> AlertName {
    let labels = Texts::from([("alertname".to_owned(), name.to_owned())]);
    AlertName { labels, starts_at: "2026-01-01T00:00:00Z".to_owned() }
}

fn silence(starts: u64, ends: u64) -> Silence {
    Silence { r#where: slow(), starts, ends, by: "ada".into(), comment: "moving".into() }
}

fn firing(names: &[&str]) -> Firing {
    Firing { alerts: names.iter().map(|name| (alert(name), Texts::new())).collect(), all: true }
}

#[test]
fn a_silence_begins_and_ends() {
    let mut quiet = Quiet::default();
    let id = quiet.add(silence(100, 200), 50).unwrap();
    let silenced = |quiet: &Quiet, now| quiet.silenced(&alert("slow"), now).map(|(id, _)| id);
    assert_eq!([99, 100, 199, 200].map(|now| silenced(&quiet, now)), [None, Some(id), Some(id), None]);
    assert!(quiet.silenced(&alert("other"), 150).is_none());
    assert_eq!(quiet.end(id, 150).unwrap().state(150), SilenceState::Over);
    assert_eq!(silenced(&quiet, 150), None);
    assert!(quiet.end(id, 151).is_none() && quiet.end(id + 1, 151).is_none());
    // One that has not begun does not begin any more.
    let id = quiet.add(silence(300, 400), 200).unwrap();
    assert_eq!(quiet.end(id, 250).unwrap().state(350), SilenceState::Over);
}

#[test]
fn what_cannot_be_is_named() {
    let mut quiet = Quiet::default();
    let refused = |quiet: &mut Quiet, silence: Silence| quiet.add(silence, 100).unwrap_err().to_string();
    assert!(refused(&mut quiet, silence(100, 100)).starts_with("ends is 100, which is not after"));
    assert!(refused(&mut quiet, silence(10, 90)).starts_with("ends is 90"));
    let far = refused(&mut quiet, silence(100, 101 + SILENCE_SECONDS_MAX));
    assert!(far.contains("at most 31622400"), "{far}");
    let long = Silence { comment: "x".repeat(1_025), ..silence(100, 200) };
    assert!(refused(&mut quiet, long).starts_with("comment has 1025 bytes, at most 1024"));
    for _ in 0..SILENCES_MAX {
        quiet.add(silence(100, 200), 100).unwrap();
    }
    assert!(refused(&mut quiet, silence(100, 200)).contains("at most 1000 are kept"));
    assert!(filter(json!([])).unwrap_err().contains("where has 0 conditions"));
    assert!(filter(json!([{"dim": "a", "op": "=~", "values": ["("]}])).unwrap_err().contains("regular"));
    assert!(filter(json!([{"dim": "a", "op": "is", "values": ["b"]}])).unwrap_err().contains("operator"));
}

#[test]
fn an_acknowledgement_ends_with_its_alert() {
    let mut quiet = Quiet::default();
    let by = Acknowledged { at: 100, by: "ada".into(), comment: String::new() };
    assert_eq!(quiet.acknowledge(&firing(&["slow", "other"]), &slow(), &by), Ok(1));
    assert_eq!(quiet.acknowledged(&alert("slow")), Some(&by));
    assert_eq!(quiet.acknowledged(&alert("other")), None);
    assert!(!quiet.tidy(&Firing { all: false, ..firing(&[]) }, 100), "it may only be out of sight");
    assert!(quiet.tidy(&firing(&["other"]), 100));
    assert_eq!(quiet.acknowledged(&alert("slow")), None);
}

#[test]
fn what_ended_long_ago_is_forgotten_and_the_rest_is_saved() {
    let mut quiet = Quiet::default();
    let id = quiet.add(silence(100, 200), 100).unwrap();
    quiet
        .acknowledge(
            &firing(&["slow"]),
            &slow(),
            &Acknowledged { at: 1, by: "a".into(), comment: "b".into() },
        )
        .unwrap();
    let saved = serde_json::to_vec(&quiet).unwrap();
    let mut loaded: Quiet = serde_json::from_slice(&saved).unwrap();
    assert_eq!(serde_json::to_vec(&loaded).unwrap(), saved);
    assert_eq!(loaded.silenced(&alert("slow"), 150).map(|(id, _)| id), Some(id));
    assert!(!loaded.tidy(&firing(&["slow"]), 199 + SILENCES_KEPT_SECONDS));
    assert!(loaded.tidy(&firing(&["slow"]), 200 + SILENCES_KEPT_SECONDS));
    assert_eq!(loaded.silences().count(), 0);
    assert_eq!(loaded.add(silence(300, 400), 300), Ok(id + 1), "numbers are not used twice");
}
