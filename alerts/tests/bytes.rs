//! The state as bytes: golden of version 1, and what damage does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where it is")]

use std::sync::Arc;

use alerts::{Column, ColumnPiece, Pieces, Rule, RuleSet, RuleState};
use model::Minute;

#[test]
fn golden_bytes_of_version_1() {
    let pieces = pieces();
    let status = "01 0b000000 03000000 01 01000000 01000000 0a000000 \
                  01000000 00000000 83 00000000 00000000 0b000000";
    assert_eq!(hex(&pieces.status), status.split_whitespace().collect::<String>());
    let [column] = pieces.put.as_slice() else { panic!("{pieces:?}") };
    assert_eq!((column.ring, column.minute), (0, Minute(11)));
    let golden = "01 00 0b000000 03 03000000 0000000000002440 000000000000f87f 000000000000f03f \
                  0000000000000040 0000000000000000 000000000000f03f";
    assert_eq!(hex(&column.bytes), golden.split_whitespace().collect::<String>());
    assert_eq!(pieces.delete, []);
}

#[test]
fn every_cut_is_an_error_and_no_flipped_bit_a_panic() {
    let (rule, pieces) = (rule(), pieces());
    let load = |status: &[u8], column: &[u8]| {
        let piece = ColumnPiece { bytes: column.to_vec(), ..pieces.put[0].clone() };
        RuleState::load(Arc::clone(&rule), status, [&piece])
    };
    let column = &pieces.put[0].bytes;
    assert!(load(&pieces.status, column).is_ok());
    for cut in 0..pieces.status.len() {
        assert!(load(&pieces.status[..cut], column).is_err(), "status cut at {cut}");
    }
    for cut in 0..column.len() {
        assert!(load(&pieces.status, &column[..cut]).is_err(), "column cut at {cut}");
    }
    for bit in 0..pieces.status.len() * 8 {
        let mut bad = pieces.status.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(mut state) = load(&bad, column) {
            let next = state.through().unwrap_or_default().plus(1);
            state.close(next, &Column::empty(true), &Column::default(), &mut |_| {});
        }
    }
}

#[test]
fn bytes_of_another_version_or_rule_are_refused() {
    let pieces = pieces();
    let mut later = pieces.status.clone();
    later[0] = 2;
    let why = RuleState::load(rule(), &later, []).unwrap_err().to_string();
    assert!(why.contains("is of a version that this program does not read"), "{why}");
    let two = Arc::new(parse("{severity: a, when: '> 5'}, {severity: b, when: no data}"));
    let why = RuleState::load(two, &pieces.status, []).unwrap_err().to_string();
    assert!(why.contains("is of a rule with other tiers"), "{why}");
}

/// Ten and eleven: a group that fires, one that falls silent (its window still holds something), one that is new.
fn pieces() -> Pieces {
    let mut state = RuleState::new(rule());
    let column = |values: &[f64], counts: &[f64]| Column {
        values: values.to_vec(),
        counts: counts.to_vec(),
        complete: true,
    };
    state.close(Minute(10), &column(&[4.0, 1.0], &[1.0, 1.0]), &Column::default(), &mut |_| {});
    state.checkpoint();
    let second = column(&[10.0, -f64::NAN, 1.0], &[2.0, 0.0, 1.0]);
    state.close(Minute(11), &second, &Column::default(), &mut |_| {});
    let mut pieces = state.checkpoint();
    assert_eq!(pieces.delete, [(0, Minute(10))]);
    pieces.delete.clear();
    pieces
}

fn rule() -> Arc<Rule> {
    Arc::new(parse("{severity: a, when: '> 4.5'}"))
}

fn parse(tiers: &str) -> Rule {
    let text = format!("alerts: [{{name: r, metric: m, sampling: avg, window: 2m, tiers: [{tiers}]}}]");
    RuleSet::parse(&text).unwrap().rules.remove(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
