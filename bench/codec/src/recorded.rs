//! The recordings in the folder SLUICE_DATA as minutes: count and sum of each series in each minute, series by series.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::columns::Numbers;

/// By series and minute.
type Minutes = BTreeMap<(String, i64), (u64, f64)>;

pub fn columns() -> Vec<(String, Numbers)> {
    let folder = std::env::var("SLUICE_DATA").unwrap_or_default();
    ["online-boutique", "cloudwatch"].into_iter().flat_map(|name| of(Path::new(&folder), name)).collect()
}

fn of(folder: &Path, name: &str) -> Vec<(String, Numbers)> {
    let path = folder.join(format!("{name}.jsonl.gz"));
    let Ok(file) = File::open(&path) else {
        eprintln!("SKIPPED: there is no recording {} (set SLUICE_DATA)", path.display());
        return Vec::new();
    };
    let mut minutes = Minutes::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let row: Value = serde_json::from_str(&line.expect("a readable recording")).expect("a line of JSON");
        let (Some(ts), Some(value)) = (row["ts"].as_f64(), row["value"].as_f64()) else { continue };
        let series = format!("{} {}", row["metric"], row["dims"]);
        let cell = minutes.entry((series, (ts / 60.0).floor() as i64)).or_default();
        *cell = (cell.0 + 1, cell.1 + value);
    }
    let counts = minutes.values().map(|(count, _)| *count as i64).collect();
    let sums = minutes.values().map(|(_, sum)| *sum).collect();
    let times = minutes.keys().map(|(_, minute)| minute * 60_000).collect();
    vec![
        (format!("{name}: counts"), Numbers::Ints(counts)),
        (format!("{name}: sums"), Numbers::Floats(sums)),
        (format!("{name}: minutes"), Numbers::Timestamps(times)),
    ]
}
