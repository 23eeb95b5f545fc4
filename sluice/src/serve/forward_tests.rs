//! Over logs that lose acks, append twice and refuse, and with a memory that is lost now and then.

use aggregator::{Island, IslandLimits};
use model::{Aggregate, Limits, Minute, Number, Placement, Scalars};
use partition_log::{Faults, FaultyLog, MemoryLog, PartitionLog};
use proto::{BatchBuilder, encode_rows, encode_rules, encode_seal};

use super::*;

const PARTITIONS: u32 = 3;
const RULES: &str = "alerts:
  - {name: hot, metric: m, tiers: [{severity: a, when: '> 5', for: 2 of 3}]}
  - {name: hot, account: other, metric: m, tiers: [{severity: a, when: '> 5'}]}
";

#[tokio::test]
async fn every_transition_arrives_once_whatever_the_logs_do() {
    for seed in 0..20 {
        check(seed).await;
    }
}

async fn check(seed: u64) {
    let put_out = put_out();
    let rows: u64 = put_out.iter().map(|one| one.rows()).sum();
    assert!(rows > 100, "{rows}");
    let faults = Faults { ack_lost: 100, duplicated: 100, refused: 200, ..Faults::NONE };
    let logs: Vec<Arc<FaultyLog<MemoryLog>>> = (0..PARTITIONS)
        .map(|partition| Arc::new(FaultyLog::new(MemoryLog::new(), faults, seed * 10 + u64::from(partition))))
        .collect();
    let doors = logs.iter().map(|log| Arc::clone(log) as Arc<dyn PartitionLog>).collect();
    let placement = Placement::new(PARTITIONS, PARTITIONS).unwrap();
    let frontend = Frontend::new(placement, Limits::DEFAULT, doors).unwrap();
    let (mut arrived, mut tries) = (None, 0);
    while arrived != put_out.last().map(|newest| newest.seal) {
        arrived = forward(&frontend, 1, &put_out, arrived).await.or(arrived);
        tries += 1;
        // A crash: what has arrived is only known to the logs.
        if tries % 4 == 0 && tries < 40 {
            arrived = None;
        }
    }
    assert!(tries > 4, "nothing went wrong");
    let applied: u64 = logs.iter().map(|log| applied(&**log)).sum();
    assert_eq!(applied, rows, "seed {seed}");
}

/// What an island puts out over an hour: 20 series that go up and down.
fn put_out() -> Arc<[Arc<PutOut>]> {
    let (mut island, mut offset) = (Island::new(IslandLimits::DEFAULT), 0..);
    let mut apply = |record| island.apply(offset.next().unwrap(), &record).unwrap();
    let files = vec![v1::RuleFile { name: "r.yaml".into(), text: RULES.into() }];
    apply(encode_rules(v1::Rules { version: 1, from_minute: 0, files }));
    let first = u32::try_from(unix_now() / 60).unwrap() - 70;
    for minute in (first..first + 60).map(Minute) {
        for account in ["default", "other"] {
            let mut batch = BatchBuilder::new(account);
            for series in 0..20_u32 {
                let value = Number::Int(i64::from((minute.0 * 3 + series * 5) % 11));
                let host = series.to_string();
                batch.add("m", [("host", &*host)], minute, &Aggregate::of(Scalars::of(value)));
            }
            apply(encode_rows(&[batch.build()]));
        }
        apply(encode_seal(minute));
    }
    island.view().put_out
}

/// Rows of transitions that the island behind this log applies.
fn applied(log: &dyn PartitionLog) -> u64 {
    let mut island = Island::new(IslandLimits::DEFAULT);
    let entries = log.read(0, usize::MAX, Duration::ZERO).unwrap();
    assert_eq!(entries.len() as u64, log.end());
    for entry in entries {
        island.apply(entry.offset, &entry.record).unwrap();
    }
    let counters = island.counters();
    assert!(counters.balanced() && counters.rows_dropped == 0, "{counters:?}");
    counters.rows_applied
}
