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
    assert_eq!(metric.column("Host").unwrap().len(), 1000);
    assert_eq!(
        (metric.value_id("Host", 1000), metric.value_id("Disk", 999), metric.value_id("Disk", 1000)),
        (0, 0, 1)
    );
    assert_eq!(metric.dims().iter().map(|dim| dim.name()).collect::<Vec<_>>(), ["Disk", "Host"]);
}

#[test]
fn what_is_no_new_series_is_refused_and_changes_nothing() {
    let mut index = HintsIndex::new();
    index.insert("default", "Cpu", 7, 3, [("Host", "a")]).unwrap();
    let twice = index.insert("default", "Cpu", 7, 3, [("Host", "b")]);
    assert_eq!(twice, Err(HintsError::Order { metric: "Cpu".into(), newest: 3, got: 3 }));
    let other_id = index.insert("default", "Cpu", 8, 4, [("Host", "b")]);
    assert_eq!(other_id, Err(HintsError::MetricId { metric: "Cpu".into(), have: 7, got: 8 }));
    assert_eq!((index.series_count(), index.metric_count()), (1, 1));
    assert_eq!(index.metric("default", "Cpu").unwrap().column("Host"), Some(&[1][..]));
}

#[test]
fn memory_is_told_and_grows_with_the_series() {
    let mut index = HintsIndex::new();
    assert_eq!(index.memory_bytes(), 0);
    let mut last = 0;
    for id in 0..10_000_u32 {
        let host = format!("host-{}", id % 100);
        index.insert("default", "Cpu", 0, id, [("Host", host.as_str()), ("Zone", "z")]).unwrap();
        assert!(index.memory_bytes() >= last);
        last = index.memory_bytes();
    }
    // 4 bytes a series and column, three columns, an eighth idle; 101 values.
    assert!((10_000 * 12..10_000 * 14 + 101 * 64).contains(&last), "{last}");
}
