//! What an insert may and may not do.

use std::sync::Arc;

use hints_index::{HintsError, HintsIndex};

#[test]
fn a_metric_that_does_not_change_is_shared_with_the_clone() {
    let mut index = HintsIndex::new();
    index.insert("default", "Cpu", 0, 0, [("Host", "a")]).unwrap();
    index.insert("default", "Memory", 1, 1, [("Host", "a")]).unwrap();
    let clone = index.clone();
    index.insert("default", "Cpu", 0, 2, [("Host", "b")]).unwrap();
    let of = |index: &HintsIndex, metric| Arc::clone(index.metric("default", metric).unwrap());
    assert!(Arc::ptr_eq(&of(&index, "Memory"), &of(&clone, "Memory")));
    assert_eq!((of(&index, "Cpu").len(), of(&clone, "Cpu").len()), (2, 1));
    assert!(clone.metric("other", "Cpu").is_none());
}

#[test]
fn a_new_dimension_costs_old_series_nothing_and_old_dimensions_new_series_nothing() {
    let mut index = HintsIndex::new();
    for id in 0..1000 {
        index.insert("default", "Cpu", 0, id, [("Host", "a")]).unwrap();
    }
    index.insert("default", "Cpu", 0, 1000, [("Disk", "sda")]).unwrap();
    let metric = index.metric("default", "Cpu").unwrap();
    let ids = [("Host", 1000), ("Disk", 999), ("Disk", 1000)];
    assert_eq!(ids.map(|(dim, at)| metric.dim(dim).unwrap().value_id(at)), [0, 0, 1]);
    assert_eq!(metric.dims().iter().map(|dim| dim.name()).collect::<Vec<_>>(), ["Disk", "Host"]);
}

#[test]
fn what_is_no_new_series_is_refused_and_changes_nothing() {
    let mut index = HintsIndex::new();
    index.insert("default", "Cpu", 0, 3, [("Host", "a")]).unwrap();
    let twice = index.insert("default", "Cpu", 0, 3, [("Host", "b")]);
    assert_eq!(twice, Err(HintsError::Order { metric: "Cpu".into(), newest: 3, got: 3 }));
    let other_id = index.insert("default", "Cpu", 8, 4, [("Host", "b")]);
    assert_eq!(other_id, Err(HintsError::MetricId { metric: "Cpu".into(), have: 0, got: 8 }));
    assert_eq!((index.series_count(), index.metric_count()), (1, 1));
    let new = index.insert("default", "Memory", 8, 4, [("Host", "b")]);
    assert_eq!(new, Err(HintsError::MetricId { metric: "Memory".into(), have: 1, got: 8 }));
    assert_eq!(index.metric("default", "Cpu").unwrap().dim("Host").unwrap().values().len(), 1);
}

#[test]
fn memory_is_told_and_small() {
    let mut index = HintsIndex::new();
    assert_eq!(index.memory_bytes(), 0);
    for id in 0..100_000_u32 {
        let host = format!("host-{}", id % 100);
        index.insert("default", "Cpu", 0, id, [("Host", host.as_str()), ("Zone", "z")]).unwrap();
    }
    // 7 bits a host, nine in a word, and of the one whole block where each host is; nothing for ids and zone. At most a
    // chunk is open, at 4 bytes in three columns.
    let (bytes, least) = (index.memory_bytes(), 100_000 * 8 / 9 + 2 * 65_536);
    assert!((least..least + 4096 * 12 * 2).contains(&bytes), "{bytes}");
}

#[test]
fn an_insert_beside_a_clone_copies_the_open_chunk_and_no_more() {
    let mut index = HintsIndex::new();
    let insert = |index: &mut HintsIndex, id: u32| {
        let host = format!("host-{id}");
        index.insert("default", "Cpu", 0, id, [("Host", host.as_str())]).unwrap();
    };
    (0..10_000).for_each(|id| insert(&mut index, id));
    let clone = index.clone();
    (10_000..20_000).for_each(|id| insert(&mut index, id));
    for (index, len) in [(&clone, 10_000), (&index, 20_000)] {
        let metric = index.metric("default", "Cpu").unwrap();
        assert_eq!((metric.len(), metric.dim("Host").unwrap().values().len()), (len, len));
        for at in (0..len as u32).step_by(997) {
            assert_eq!(metric.dims_of(at).collect::<Vec<_>>(), [("Host", format!("host-{at}").as_str())]);
        }
    }
}
