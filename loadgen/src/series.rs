//! What the series are called: a shop in eight regions, whose hosts each answer sixteen calls.
//!
//! A series is a number below the plan's. Metric, call and host are its digits, so different numbers are different
//! series; region, service and bucket follow from them.

/// The metrics, by `series % 4`.
pub const METRICS: [&str; 4] =
    ["Loadgen.Requests", "Loadgen.LatencyMs", "Loadgen.ResponseBytes", "Loadgen.CpuPercent"];

/// The dimension whose values are few, so that few queries read all totals.
pub const BUCKET: &str = "Bucket";

/// The dimension that keeps one run's series apart from another's.
pub const RUN: &str = "Run";

const REGIONS: [&str; 8] = [
    "EastUS",
    "WestUS",
    "NorthEurope",
    "WestEurope",
    "SoutheastAsia",
    "JapanEast",
    "BrazilSouth",
    "AustraliaEast",
];
const SERVICES: [&str; 10] =
    ["frontend", "cart", "checkout", "payment", "shipping", "catalog", "search", "ads", "email", "currency"];
const APIS: [&str; 16] = [
    "GetCart",
    "AddItem",
    "EmptyCart",
    "PlaceOrder",
    "Charge",
    "Refund",
    "GetQuote",
    "ShipOrder",
    "ListProducts",
    "GetProduct",
    "Search",
    "GetAds",
    "SendMail",
    "Convert",
    "Login",
    "Health",
];

/// Which of [`METRICS`].
pub(crate) fn metric_of(series: u64) -> usize {
    index(series % METRICS.len() as u64)
}

/// Which bucket.
pub(crate) fn bucket_of(series: u64, buckets: u32) -> usize {
    index(series / METRICS.len() as u64 % u64::from(buckets))
}

/// A bucket's name.
pub(crate) fn bucket_name(bucket: usize) -> String {
    format!("b{bucket:03}")
}

/// The dimensions, by name.
pub(crate) fn dims_of(series: u64, buckets: u32, run: &str) -> [(&'static str, String); 6] {
    let tuple = series / METRICS.len() as u64;
    let api = APIS[index(tuple % APIS.len() as u64)];
    let host = tuple / APIS.len() as u64;
    let region = REGIONS[index(host % REGIONS.len() as u64)];
    let service = SERVICES[index(host / REGIONS.len() as u64 % SERVICES.len() as u64)];
    [
        ("Api", api.to_owned()),
        (BUCKET, bucket_name(bucket_of(series, buckets))),
        ("Host", format!("{service}-{host:06}")),
        ("Region", region.to_owned()),
        (RUN, run.to_owned()),
        ("Service", service.to_owned()),
    ]
}

fn index(small: u64) -> usize {
    usize::try_from(small).expect("a remainder of a small number")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn different_numbers_are_different_series() {
        let all: HashSet<_> =
            (0..20_000).map(|series| (metric_of(series), dims_of(series, 1_000, "r"))).collect();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn dimensions_are_sorted_and_buckets_few() {
        let names: Vec<_> = dims_of(7, 10, "r").iter().map(|(name, _)| *name).collect();
        assert!(names.is_sorted());
        let buckets: BTreeSet<_> = (0..1_000).map(|series| dims_of(series, 10, "r")[1].1.clone()).collect();
        assert_eq!(buckets.into_iter().collect::<Vec<_>>(), (0..10).map(bucket_name).collect::<Vec<_>>());
    }
}
