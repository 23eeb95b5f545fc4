//! OTLP to rows, case by case.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use frontend::otlp::{Converted, convert};
use model::Distribution;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use proto::BatchView;

/// Converts one metric, given as OTLP/JSON, of a resource `service.name=shop` and a scope `lib`.
fn converted(metric: &str) -> Converted {
    let json = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}},
        {{"key":"clash","value":{{"stringValue":"resource"}}}}]}},
        "scopeMetrics":[{{"scope":{{"name":"lib","version":"1.2"}},"metrics":[{metric}]}}]}}]}}"#
    );
    let request: ExportMetricsServiceRequest = serde_json::from_str(&json).unwrap();
    convert(&request, "a")
}

/// Rows as `metric{own dims} count sum min..max p50 [start@time]`, then what was rejected.
#[track_caller]
fn check(metric: &str, expected: &str) {
    let out = converted(metric);
    let mut said: Vec<String> = out.batches.iter().flat_map(rows).collect();
    said.extend(out.rejected.by_reason().map(|(reason, points)| format!("!{reason} {points}")));
    if out.without_value > 0 {
        said.push(format!("none {}", out.without_value));
    }
    assert_eq!(said.join("\n"), expected.replace("\n        ", "\n").trim());
}

fn rows(batch: &proto::v1::Batch) -> Vec<String> {
    let view = BatchView::new(batch).unwrap();
    (0..view.rows()).map(|at| row(&view, at)).collect()
}

fn row(view: &BatchView<'_>, at: usize) -> String {
    let row = view.row(at);
    let common = ["service.name", "otel.scope.name", "clash"];
    let dims: Vec<String> = view
        .dims(row.series)
        .filter(|(name, value)| !common.contains(name) || !["shop", "lib", "resource"].contains(value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let numbers = row.scalars;
    let mut said = format!(
        "{}{{{}}} {} {} {}..{}",
        view.metric(row.series),
        dims.join(","),
        numbers.count,
        numbers.sum(),
        numbers.min(),
        numbers.max()
    );
    if let Some((_, bytes)) = view.distribution().find(|(of, _)| *of as usize == at) {
        let distribution = Distribution::decode(bytes).unwrap();
        let p50 = distribution.percentile(50.0).unwrap_or_default();
        said += &format!(" p50={p50:.1} of {}", distribution.count());
    }
    if let Some((_, start, time)) = view.cumulative().find(|(of, ..)| *of as usize == at) {
        said += &format!(" {start}@{time}");
    }
    said
}

/// One data point's fields beside its time, in a metric of this kind.
fn metric(kind: &str, point: &str) -> String {
    let (kind, more) = kind.split_once(' ').unwrap_or((kind, ""));
    let more = match more {
        "delta" => r#","aggregationTemporality":1,"isMonotonic":true"#,
        "total" => r#","aggregationTemporality":2,"isMonotonic":true"#,
        "updown" => r#","aggregationTemporality":2"#,
        _ => "",
    };
    // Histograms know no isMonotonic, and unknown fields are ignored.
    format!(
        r#"{{"name":"m","{kind}":{{"dataPoints":[{{"startTimeUnixNano":"5","timeUnixNano":"120000000000",{point}}}]{more}}}}}"#
    )
}

#[test]
fn readings_deltas_and_totals() {
    check(&metric("gauge", r#""asInt":"7""#), "m{} 1 7 7..7");
    check(&metric("gauge", r#""asDouble":7.5"#), "m{} 1 7.5 7.5..7.5");
    check(&metric("gauge", r#""asDouble":300.0"#), "m{} 1 300 300..300");
    check(&metric("sum delta", r#""asInt":"7""#), "m{} 1 7 7..7");
    check(&metric("sum total", r#""asInt":"7""#), "m{} 1 7 7..7 5@120000000000");
    check(&metric("sum updown", r#""asInt":"-7""#), "m{} 1 -7 -7..-7");
}

#[test]
fn what_is_no_measurement_is_rejected() {
    check(&metric("sum", r#""asInt":"7""#), "!unsupported 1");
    check(&metric("gauge", r#""flags":0"#), "!malformed 1");
    check(&metric("gauge", r#""flags":1"#), "none 1");
    check(r#"{"name":"m"}"#, "!unsupported 1");
    check(r#"{"name":"m","gauge":{"dataPoints":[{"asInt":"7"}]}}"#, "!too_old 1");
}

#[test]
fn nan_and_infinity_are_rejected() {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
    use opentelemetry_proto::tonic::metrics::v1::{
        Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    };
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let point = NumberDataPoint {
            time_unix_nano: 120_000_000_000,
            value: Some(Value::AsDouble(value)),
            ..NumberDataPoint::default()
        };
        let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
        let metric = Metric { name: "m".to_owned(), data, ..Metric::default() };
        let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let out = convert(&ExportMetricsServiceRequest { resource_metrics: vec![resource] }, "");
        assert_eq!((out.batches.len(), out.points, out.rejected.points), (0, 1, 1));
        assert_eq!(out.rejected.messages, [format!("\"m\": not_finite: the value is {value}: leave it out")]);
    }
}

#[test]
fn a_histogram_is_counts_at_midpoints() {
    // Buckets (-inf, 0], (0, 10], (10, 20], (20, inf).
    let point = |rest: &str| format!(r#""count":"4","sum":50,"explicitBounds":[0,10,20],{rest}"#);
    let check = |kind: &str, rest: &str, expected: &str| check(&metric(kind, &point(rest)), expected);
    check("histogram delta", r#""bucketCounts":["0","1","2","1"]"#, "m{} 4 50 0..20 p50=15.0 of 4");
    check("histogram delta", r#""bucketCounts":["0","1","3","0"]"#, "m{} 4 50 0..20 p50=15.0 of 4");
    check(
        "histogram delta",
        r#""bucketCounts":["0","4","0","0"],"min":7,"max":9"#,
        "m{} 4 50 7..9 p50=7.0 of 4",
    );
    // Where the buckets do not go with the sum, the sum is right.
    check(
        "histogram total",
        r#""bucketCounts":["0","4","0","0"],"min":7,"max":9"#,
        "m{} 4 50 0..12.5 p50=5.0 of 4 5@120000000000",
    );
    check("histogram delta", r#""bucketCounts":["0","1","2","2"]"#, "!malformed 1");
    check("histogram delta", r#""bucketCounts":["1","2","1"]"#, "!malformed 1");
    check("histogram", r#""bucketCounts":["0","1","2","1"]"#, "!unsupported 1");
}

/// Rows whose sum could not be theirs are refused, so none is made that way of what is right.
#[test]
fn a_histograms_ends_go_with_its_sum() {
    let bounds = r#""explicitBounds":[10,20],"count":"2""#;
    let kinds = ["histogram delta", "histogram total"];
    for (buckets, sum, expected) in
        [("[2,0,0]", 5, "2.5..10"), ("[0,0,2]", 50, "20..25"), ("[0,2,0]", 30, "10..20")]
    {
        for kind in kinds {
            let out = converted(&metric(kind, &format!(r#"{bounds},"bucketCounts":{buckets},"sum":{sum}"#)));
            let (row, said) = (out.batches[0].clone(), rows(&out.batches[0])[0].clone());
            assert!(said.contains(&format!("m{{}} 2 {sum} {expected} ")), "{said}");
            assert_eq!(BatchView::new(&row).unwrap().row(0).scalars.check_sum(), Ok(()));
        }
    }
    let point = format!(r#"{bounds},"bucketCounts":[2,0,0],"sum":5,"max":4"#);
    check(&metric("histogram delta", &point), "m{} 2 5 2.5..4 p50=4.0 of 2");
    let point = format!(r#"{bounds},"bucketCounts":[0,2,0],"min":12,"max":13"#);
    check(&metric("histogram delta", &point), "m{} 2 26 12..13 p50=13.0 of 2");
}

#[test]
fn a_histogram_of_one_or_none() {
    let of = |count: u8| {
        format!(
            r#""count":"{count}","sum":{},"explicitBounds":[10],"bucketCounts":["{count}","0"]"#,
            3 * count
        )
    };
    check(&metric("histogram delta", &of(1)), "m{} 1 3 3..3 p50=10.0 of 1");
    check(&metric("histogram total", &of(0)), "");
    let bounds = r#""count":"1","sum":3,"explicitBounds":[10,10],"bucketCounts":["1","0","0"]"#;
    check(&metric("histogram delta", bounds), "!malformed 1");
}

#[test]
fn a_histogram_without_buckets() {
    let point = r#""count":"4","sum":50"#;
    check(&metric("histogram delta", point), "m{} 4 50 12.5..12.5");
    check(
        &metric("histogram total", point),
        "m_count{} 1 4 4..4 5@120000000000
        m_sum{} 1 50 50..50 5@120000000000",
    );
    check(&metric("histogram delta", r#""count":"4","bucketCounts":["4"]"#), "!unsupported 1");
}

#[test]
fn an_exponential_histogram_is_counts_at_midpoints() {
    // Scale 0: (1, 2], (2, 4], (4, 8]; its negative; zero.
    let point = r#""count":"7","sum":9,"scale":0,"zeroCount":"1",
        "positive":{"offset":0,"bucketCounts":["1","0","3"]},"negative":{"offset":1,"bucketCounts":["2"]}"#;
    check(&metric("exponentialHistogram delta", point), "m{} 7 9 -4..8 p50=1.5 of 7");
    check(&metric("exponentialHistogram total", point), "m{} 7 9 -4..8 p50=1.5 of 7 5@120000000000");
    check(&metric("exponentialHistogram delta", &point.replace("\"7\"", "\"8\"")), "!malformed 1");
    check(
        &metric("exponentialHistogram delta", &point.replace("\"scale\":0", "\"scale\":99")),
        "!malformed 1",
    );
    // Beyond what a float can hold, as offsets of strangers may be: the outermost bucket, 2^64 - 2^52.
    let far = r#""count":"1","sum":9,"scale":-11,"positive":{"offset":2147483647,"bucketCounts":["1"]}"#;
    check(&metric("exponentialHistogram delta", far), "m{} 1 9 9..9 p50=18442240474082181120.0 of 1");
}

#[test]
fn a_summary_is_totals_and_readings() {
    let point =
        r#""count":"4","sum":50.5,"quantileValues":[{"quantile":0.5,"value":12},{"quantile":1,"value":20}]"#;
    check(
        &metric("summary", point),
        "m_count{} 1 4 4..4 5@120000000000
        m_sum{} 1 50.5 50.5..50.5 5@120000000000
        m{quantile=0.5} 1 12 12..12
        m{quantile=1} 1 20 20..20",
    );
}

#[test]
fn attributes_become_text() {
    let check = |value: &str, expected: &str| {
        let point = format!(r#""asInt":"1","attributes":[{{"key":"k","value":{value}}}]"#);
        check(&metric("gauge", &point), &format!("m{{{expected}}} 1 1 1..1"));
    };
    check(r#"{"stringValue":"x y"}"#, "k=x y");
    check(r#"{"boolValue":true}"#, "k=true");
    check(r#"{"intValue":"-5"}"#, "k=-5");
    check(r#"{"doubleValue":5.0}"#, "k=5");
    check(r#"{"doubleValue":0.25}"#, "k=0.25");
    check(r#"{"bytesValue":"AQID"}"#, "k=AQID");
    check(r#"{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"a"}]}}"#, r#"k=[1,"a"]"#);
    check(
        r#"{"kvlistValue":{"values":[{"key":"b","value":{"intValue":"1"}},{"key":"a","value":{"boolValue":false}}]}}"#,
        r#"k={"a":false,"b":1}"#,
    );
}

#[test]
fn the_point_wins_over_the_resource() {
    let clash = r#""asInt":"1","attributes":[{"key":"clash","value":{"stringValue":"point"}},
        {"key":"otel.scope.name","value":{"stringValue":"mine"}}]"#;
    check(&metric("gauge", clash), "m{clash=point,otel.scope.name=mine} 1 1 1..1");
    let many: Vec<String> =
        (0..129).map(|at| format!(r#"{{"key":"k{at}","value":{{"stringValue":"v"}}}}"#)).collect();
    check(
        &metric("gauge", &format!(r#""asInt":"1","attributes":[{}]"#, many.join(","))),
        "!dimension_count 1",
    );
}
