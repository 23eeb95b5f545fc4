//! What a start makes of the saved hints: the same as before, and of damaged ones what the dictionary has.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use std::ops::ControlFlow;

use aggregator::{Island, IslandLimits};
use hints_index::MetricIndex;
use model::{Aggregate, Minute, MinuteRange, Number, PublisherId, Scalars, Stamp};
use proto::{BatchBuilder, encode_rows, encode_seal};
use store::{Cf, Kv, KvBatch, MemoryKv};

const BASE: u32 = 60_000;

struct House {
    island: Island,
    disk: MemoryKv,
}

// === impl House ===

impl House {
    fn new() -> Self {
        Self { island: Island::new(IslandLimits::DEFAULT), disk: MemoryKv::new() }
    }

    /// A row of each of these series in this minute, which is sealed then.
    fn minute(&mut self, series: std::ops::Range<u32>, minute: u32) {
        let stamp = Stamp { publisher: PublisherId(7), epoch: 0, sequence: u64::from(minute) };
        let mut builder = BatchBuilder::new("acme").publisher(stamp);
        for one in series {
            let host = format!("host-{one}");
            builder.add(
                "cpu",
                [("host", &*host)],
                Minute(minute),
                &Aggregate::of(Scalars::of(Number::Int(1))),
            );
        }
        for record in [encode_rows(&[builder.build()]), encode_seal(Minute(minute))] {
            let applied = self.island.apply(self.island.position(), &record).unwrap();
            if let Some(checkpoint) = applied.checkpoint {
                self.disk.commit(checkpoint.batch).unwrap();
            }
        }
    }

    fn restart(&mut self) {
        self.island = Island::load(IslandLimits::DEFAULT, &*self.disk.snapshot()).unwrap();
    }

    fn with_metric<T>(&self, ask: impl FnOnce(&MetricIndex) -> T) -> T {
        ask(self.island.view().hints.metric("acme", "cpu").unwrap())
    }

    /// How many series certainly had data in these minutes, and how many ranges only the slabs can tell of.
    fn known(&self, from: u32, to: u32) -> (usize, usize) {
        let range = MinuteRange::new(Minute(BASE + from), Minute(BASE + to));
        self.with_metric(|metric| {
            let active = metric.select_active(&[], range);
            (active.clone().finish().len(), active.look_up().len())
        })
    }

    fn keys(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        self.disk
            .snapshot()
            .range(Cf::Hints, &[0], &[u8::MAX], &mut |key, _| {
                keys.push(key.to_vec());
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        keys
    }
}

/// Saved, new series, journal: an hour and a half of them.
fn house() -> House {
    let mut house = House::new();
    for minute in 0..90 {
        house.minute(0..5 + minute, BASE + minute);
    }
    house
}

#[test]
fn a_start_knows_what_was_known() {
    let mut house = house();
    let before = house.island.image().unwrap();
    house.restart();
    assert_eq!(house.island.image().unwrap(), before);
    assert_eq!((house.known(0, 60), house.known(60, 90)), ((64, 0), (94, 0)));
}

#[test]
fn what_is_damaged_is_rebuilt_and_saved_again() {
    for (at, key) in house().keys().into_iter().enumerate() {
        let mut house = house();
        let mut batch = KvBatch::new();
        let mut value = house.disk.get(Cf::Hints, &key).unwrap().unwrap();
        let middle = value.len() / 2;
        value[middle] ^= 1 << (at % 8);
        batch.put(Cf::Hints, key.clone(), value);
        house.disk.commit(batch).unwrap();
        house.restart();
        assert_eq!(house.with_metric(MetricIndex::len), 94, "{key:02x?}");
        assert_eq!(
            house.known(0, 60),
            (0, 1),
            "nothing is known of the past, and nothing claimed: {key:02x?}"
        );
        house.minute(0..10, BASE + 130);
        let before = house.island.image().unwrap();
        house.restart();
        assert_eq!(house.island.image().unwrap(), before, "{key:02x?}");
        assert_eq!(house.known(120, 180), (10, 0), "{key:02x?}");
    }
}

#[test]
fn a_disk_of_before_hints_were_saved_is_read() {
    let mut house = house();
    let mut batch = KvBatch::new();
    batch.delete_range(Cf::Hints, [0], [u8::MAX]);
    house.disk.commit(batch).unwrap();
    house.restart();
    assert_eq!((house.with_metric(MetricIndex::len), house.known(0, 90)), (94, (0, 1)));
}
