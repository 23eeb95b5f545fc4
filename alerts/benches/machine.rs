//! Row 15 of the targets: how long a minute's close takes for 6 M (rule, series) combinations, a JSON line for each
//! kind of rule. `cargo bench -p alerts`. CPU time of this one thread from the operating system.
//!
//! `checkpoint_*` is what the state then costs to write, before the store. Gathering the column from the island's cells is measured with it, for the island does that at the seal too.

use std::sync::Arc;

use alerts::{Column, Members, Pieces, Rule, RuleSet, RuleState, Transition};
use model::{Minute, Number, Scalars};

const SERIES: u32 = 1_000_000;
/// Rules of each kind, so that there are 6 M combinations.
const RULES: usize = 6;
const MINUTES: u32 = 5;

fn main() {
    let rows: Vec<Scalars> = (0..SERIES).map(row).collect();
    bench("a threshold", "sampling: sum", "when: '> 995', for: 3 of 5", &rows);
    bench("an average over five minutes", "sampling: avg, window: 5m", "when: '> 330', for: 3 of 5", &rows);
    bench("no data, nobody silent", "sampling: count", "when: no data for 5m", &rows);
    bench("everything fires and clears by turns", "sampling: sum", "when: '> -1'", &rows);
}

fn row(series: u32) -> Scalars {
    let value = i64::from(series.wrapping_mul(2_654_435_761) % 1_000);
    Scalars::new(3, Number::Int(value), Number::Int(value / 3), Number::Int(value / 3 + 1))
}

/// Transitions are counted, as whoever queues notifications would look at each.
fn bench(kind: &str, signal: &str, tier: &str, rows: &[Scalars]) {
    let rule = rule(signal, tier);
    let members = members(&rule);
    let mut states: Vec<RuleState> = (0..RULES).map(|_| RuleState::new(Arc::clone(&rule))).collect();
    let (mut seconds, mut transitions) = (Vec::new(), 0_u64);
    for minute in 1..=MINUTES + 1 {
        // Every other minute all values clear the last kind, so that all of it turns.
        let low = tier.contains("-1") && minute % 2 == 0;
        let begun = Cpu::now();
        for state in &mut states {
            let mut column = Column::empty(true);
            for (group, id) in members.operand().iter() {
                let row = if low { &LOW } else { &rows[id as usize] };
                column.add(group, rule.operand.sampling, row);
            }
            let each: &mut dyn FnMut(Transition) = &mut |_| transitions += 1;
            state.close(Minute(minute), &column, &Column::default(), each);
        }
        let closed = begun.seconds();
        let bytes: usize = states.iter_mut().map(|state| bytes_of(&state.checkpoint())).sum();
        if minute > 1 {
            seconds.push((closed, begun.seconds() - closed, bytes));
        }
    }
    seconds.sort_by(|one, other| one.0.total_cmp(&other.0));
    line(kind, seconds[seconds.len() / 2], transitions);
}

/// A sum that clears `> -1`.
const LOW: Scalars =
    Scalars { count: 1, sum: -2_i64 as u64, min: -2_i64 as u64, max: -2_i64 as u64, kinds: model::Kinds(0) };

fn rule(signal: &str, tier: &str) -> Arc<Rule> {
    let text = format!("alerts: [{{name: r, metric: m, {signal}, tiers: [{{severity: a, {tier}}}]}}]");
    Arc::new(RuleSet::parse(&text).expect("the rule is good").rules.remove(0))
}

fn members(rule: &Rule) -> Members {
    let mut members = Members::default();
    for id in 0..SERIES {
        members.offer(rule, id, "default", "m", &[("Vm", "a")]);
    }
    members
}

fn bytes_of(pieces: &Pieces) -> usize {
    pieces.status.len() + pieces.put.iter().map(|piece| piece.bytes.len()).sum::<usize>()
}

/// Nanoseconds that this thread has run.
struct Cpu(u64);

impl Cpu {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts them");
        Self(
            stat.split(' ')
                .next()
                .and_then(|ns| ns.parse().ok())
                .expect("the first word is the time on a CPU"),
        )
    }

    fn seconds(&self) -> f64 {
        (Self::now().0 - self.0) as f64 / 1e9
    }
}

#[allow(clippy::print_stdout, reason = "a benchmark prints")]
fn line(kind: &str, (seconds, checkpoint, bytes): (f64, f64, usize), transitions: u64) {
    let combinations = u64::from(SERIES) * RULES as u64;
    println!(
        "{{\"row\":15,\"stage\":\"alerts: {kind}\",\"combinations\":{combinations},\"figure\":{seconds:.3},\"unit\":\"s of one core\",\"ns_each\":{:.1},\"transitions\":{transitions},\"checkpoint_seconds\":{checkpoint:.3},\"checkpoint_bytes\":{bytes}}}",
        seconds * 1e9 / combinations as f64
    );
}
