//! What a cluster needs of Kafka beside the log, on real brokers: who owns what, a table that all see, topics as they must be.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod kafka;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka::brokers::Brokers;
use kafka::wait;
use partition_log::KafkaConfig;
use partition_log::kafka::{KafkaTable, Kind, Membership, Owner, create_topic};

#[derive(Default)]
struct Owned(Mutex<BTreeSet<u32>>);

impl Owner for Owned {
    fn assigned(&self, partitions: &[u32]) {
        self.0.lock().unwrap().extend(partitions);
    }
    fn revoked(&self, partitions: &[u32]) {
        self.0.lock().unwrap().retain(|owned| !partitions.contains(owned));
    }
}

impl Owned {
    fn now(&self) -> BTreeSet<u32> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn partitions_are_owned_once_in_a_zone_and_move_only_when_they_must() {
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "owned", 6);
    let join = |group: &str, member: &str| {
        let owned = Arc::new(Owned::default());
        (Membership::join(&config, group, member, Arc::clone(&owned) as Arc<dyn Owner>).unwrap(), owned)
    };
    let (first, firsts) = join("zone-a", "a-1"); // before the topic is there
    make(&config, Kind::Log { retention: Duration::from_secs(3_600) });
    wait("the first owns all", || firsts.now() == (0..6).collect());

    let (second, seconds) = join("zone-a", "a-2");
    wait("they share", || firsts.now().len() == 3 && seconds.now().len() == 3);
    assert!(firsts.now().is_disjoint(&seconds.now()));
    let (_other_zone, others) = join("zone-b", "b-1");
    wait("another zone has its own", || others.now().len() == 6);

    // One that comes back under its name within its session finds what it had, and nobody else has moved.
    let (before, kept) = (seconds.now(), firsts.now());
    drop(second);
    assert_eq!(seconds.now(), BTreeSet::new(), "it gave them up itself");
    let (second, seconds) = join("zone-a", "a-2");
    wait("it has them again", || seconds.now() == before);
    assert_eq!(firsts.now(), kept);

    // One that stays away is done without.
    drop(second);
    wait("the other has them", || firsts.now() == (0..6).collect());
    drop(first);
}

#[test]
fn a_table_holds_the_newest_row_of_each_key() {
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "table", 1);
    let table = KafkaTable::open(&config).unwrap(); // before the topic is there
    make(&config, Kind::Table);
    let put = |table: &KafkaTable, key: &str, value: Option<&str>| {
        let (sender, receiver) = std::sync::mpsc::channel();
        table.put(key, value.map(str::as_bytes), Box::new(move |put| drop(sender.send(put))));
        receiver.recv().unwrap().unwrap()
    };
    let first = put(&table, "a", Some("1"));
    put(&table, "b", Some("2"));
    let last = put(&table, "a", Some("3"));
    assert!(first < last, "places tell which is later");
    let shows = |table: &KafkaTable| {
        table
            .rows()
            .into_iter()
            .map(|(key, row)| (key, String::from_utf8(row.value).unwrap()))
            .collect::<Vec<_>>()
    };
    let both = vec![("a".to_owned(), "3".to_owned()), ("b".to_owned(), "2".to_owned())];
    wait("it shows its own rows", || shows(&table) == both);
    let other = KafkaTable::open(&config).unwrap();
    wait("another reads them all", || shows(&other) == both);
    put(&table, "b", None);
    wait("a row that was removed is gone", || shows(&other) == both[..1]);
    brokers.kill(1);
    assert_eq!(shows(&other), both[..1], "the last known state stays");
    brokers.restart();
    put(&other, "c", Some("4"));
    wait("it goes on", || shows(&table).len() == 2);
}

#[test]
fn topics_are_made_once_with_what_they_need() {
    let Some(brokers) = Brokers::start(1) else { return };
    let config = KafkaConfig::new(&brokers.addresses, "made", 3);
    assert!(make(&config, Kind::Log { retention: Duration::from_secs(3_600) }));
    assert!(!make(&config, Kind::Log { retention: Duration::from_secs(3_600) }), "it is there");
    let log = kafka::open(&config);
    let largest = vec![7; partition_log::limits::RECORD_BYTES_MAX];
    assert_eq!(partition_log::append_blocking(&log, largest.into()), Ok(0));
}

fn make(config: &KafkaConfig, kind: Kind) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(create_topic(config, kind, 1)).unwrap()
}
