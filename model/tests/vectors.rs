//! What must never change: hashes and bytes that `vectors.py` computed with another language and another XXH3.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use model::{
    Bounds, Dims, Distinct, Distribution, MetricHash, Number, Placement, PublisherId, SeriesHash, SeriesKey,
    element_hash, metric_hash,
};
use serde_json::Value;

fn vectors(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).expect("JSON");
    let some = all[of].as_array().expect("a list").clone();
    assert!(!some.is_empty());
    some
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_else(|| panic!("{name} of {of}"))
}

fn int(of: &Value, name: &str) -> u32 {
    u32::try_from(of[name].as_u64().expect(name)).expect(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Short ones are there in full, of long ones the length and the hash.
#[track_caller]
fn check_bytes(bytes: &[u8], expected: &Value) {
    if expected["bytes"].is_string() {
        assert_eq!(hex(bytes), text(expected, "bytes"));
    } else {
        let hash = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes));
        assert_eq!(
            (bytes.len(), hash.as_str()),
            (int(expected, "length") as usize, text(expected, "xxh3_128"))
        );
    }
}

#[test]
fn series() {
    for one in vectors("series") {
        let pair = |two: &Value| (two[0].as_str().unwrap().to_owned(), two[1].as_str().unwrap().to_owned());
        let dims = Dims::new(one["dims"].as_array().unwrap().iter().map(pair).collect()).unwrap();
        let (account, metric) = (text(&one, "account").to_owned(), text(&one, "metric").to_owned());
        let key = SeriesKey { account, metric, dims };
        assert_eq!(key.hash().to_string(), text(&one, "series_hash"));
        assert_eq!(key.metric_hash().to_string(), text(&one, "metric_hash"));
        assert_eq!(metric_hash(&key.account, &key.metric), key.metric_hash());
        let mut canonical = Vec::new();
        let pairs = key.dims.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str()));
        model::series_hash(&key.account, &key.metric, pairs, &mut canonical);
        assert_eq!(hex(&canonical), text(&one, "canonical"));
    }
}

#[test]
fn publishers() {
    for one in vectors("publishers") {
        assert_eq!(PublisherId::named(text(&one, "name")).to_string(), text(&one, "id"));
    }
}

#[test]
fn placements() {
    for one in vectors("placements") {
        let metric = MetricHash(u64::from_str_radix(text(&one, "metric_hash"), 16).unwrap());
        let series = SeriesHash(u128::from_str_radix(text(&one, "series_hash"), 16).unwrap());
        let placement = Placement::new(int(&one, "partitions"), int(&one, "spread")).unwrap();
        assert_eq!(placement.partition_of(metric, series), int(&one, "partition"), "{one}");
    }
}

#[test]
fn elements() {
    for one in vectors("elements") {
        assert_eq!(format!("{:016x}", element_hash(text(&one, "text"))), text(&one, "hash"));
    }
}

#[test]
fn numbers_as_elements() {
    for one in vectors("numbers") {
        let mut as_number = Distinct::default();
        as_number.observe_number(Number::Float(text(&one, "float").parse().unwrap()));
        let mut as_hash = Distinct::default();
        as_hash.observe_hash(u64::from_str_radix(text(&one, "hash"), 16).unwrap());
        assert_eq!(as_number, as_hash, "{one}");
    }
}

#[test]
fn distinct_sketches() {
    for one in vectors("distinct") {
        let mut sketch = Distinct::new(u8::try_from(int(&one, "precision")).unwrap()).unwrap();
        (int(&one, "first")..int(&one, "end"))
            .for_each(|number| sketch.observe_number(i64::from(number).into()));
        one["extra"].as_array().unwrap().iter().for_each(|element| sketch.observe(element.as_str().unwrap()));
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        check_bytes(&bytes, &one);
        assert_eq!(Distinct::decode(&bytes), Ok(sketch));
    }
}

#[test]
fn distributions() {
    for one in vectors("distributions") {
        check_distribution(Distribution::new(), &one);
    }
}

#[test]
fn distributions_in_bounds() {
    for one in vectors("bounded") {
        let bounds = one["bounds"].as_array().unwrap().iter().map(|bound| bound.as_str().unwrap());
        let bounds: Vec<f64> = bounds.map(|bound| bound.parse().unwrap()).collect();
        let sketch = check_distribution(Distribution::with_bounds(Bounds::new(bounds).unwrap()), &one);
        assert_eq!(hex(&encoded(&sketch.to_automatic())), text(&one, "converted"));
    }
}

/// Records what the vector says, and gives it back once its bytes are right.
#[track_caller]
fn check_distribution(mut sketch: Distribution, vector: &Value) -> Distribution {
    for record in vector["records"].as_array().unwrap() {
        let (value, count) = (record[1].as_str().unwrap(), record[2].as_str().unwrap());
        sketch.record_n(value.parse().unwrap(), count.parse().unwrap());
    }
    let bytes = encoded(&sketch);
    check_bytes(&bytes, vector);
    assert_eq!(Distribution::decode(&bytes).as_ref(), Ok(&sketch));
    sketch
}

fn encoded(sketch: &Distribution) -> Vec<u8> {
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    bytes
}
