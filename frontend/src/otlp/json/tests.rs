#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// Every metric as `name values…`, then what was rejected and why.
fn said(text: &str) -> String {
    let (request, rejected) = read(text.as_bytes()).unwrap();
    let metrics = request.resource_metrics.iter().flat_map(|of| &of.scope_metrics).flat_map(|of| &of.metrics);
    let mut said: Vec<String> = metrics.map(told).collect();
    if rejected.points > 0 {
        said.push(format!("!{}", rejected.points));
    }
    said.extend(rejected.messages);
    said.join("\n")
}

fn told(metric: &Metric) -> String {
    let values: Vec<String> = match &metric.data {
        Some(Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. })) => {
            data_points.iter().map(|point| value(point.value)).collect()
        }
        _ => vec![format!("of {}", points_of(metric))],
    };
    format!("{} {}", metric.name, values.join(" "))
}

fn value(value: Option<Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::AsInt(value)) => format!("{value}i"),
        Some(Value::AsDouble(value)) => format!("{value:?}"),
    }
}

/// Metrics of one scope.
#[track_caller]
fn check(metrics: &str, expected: &str) {
    let text = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#);
    let expected =
        expected.replace("\n        ", "\n").replace("M[", "resourceMetrics[0].scopeMetrics[0].metrics[");
    assert_eq!(said(&text), expected.trim());
}

/// Points of a gauge.
#[track_caller]
fn check_points(points: &str, expected: &str) {
    let expected = expected.replace("P[", "M[0].gauge.dataPoints[");
    check(&format!(r#"{{"name":"g","gauge":{{"dataPoints":[{points}]}}}}"#), &format!("g {expected}"));
}

/// The value of a point, and how it is read.
#[track_caller]
fn check_value(field: &str, expected: &str) {
    check_points(&format!("{{{field}}}"), expected);
}

#[test]
fn numbers_in_every_legal_form() {
    check_value(r#""asInt":"5""#, "5i");
    check_value(r#""asInt":5"#, "5i");
    check_value(r#""asInt":5.0"#, "5i");
    check_value(r#""asInt":"-9223372036854775808""#, "-9223372036854775808i");
    check_value(r#""asDouble":1.5"#, "1.5");
    check_value(r#""asDouble":"1.5""#, "1.5");
    check_value(r#""asDouble":"15e-1""#, "1.5");
    check_value(r#""asDouble":7"#, "7.0");
    check_value(r#""asDouble":0.1"#, "0.1");
    check_value(r#""asDouble":9007199254740993"#, "9007199254740992.0");
    // To the last bit, as Rust parses.
    check_value(r#""asDouble":2.2250738585072011e-308"#, "2.225073858507201e-308");
    check_value(r#""\u0061sInt":"\u0035""#, "5i");
    check_value(r#" "asInt" : 5 , "unknown" : [ { "}" : "\"" } ] "#, "5i");
    check_value(r#""asInt":null,"asDouble":2.5"#, "2.5");
    check_value(r#""flags":1,"asDouble":"NaN""#, "NaN");
    check_value("", "-");
}

#[test]
fn a_point_goes_alone_and_its_field_is_named() {
    check_points(
        r#"{"asInt":"1"},{"asDouble":"abc"},{"asInt":"2"}"#,
        r#"1i 2i
        !1
        malformed: P[1].asDouble is "abc", must be a number of 64 bits, or a string that holds one"#,
    );
    let whole =
        "must be a whole number from -9223372036854775808 to 9223372036854775807, or a string that holds one";
    for (wrong, shown) in
        [("1.5", "1.5"), ("9223372036854775808", "9223372036854775808"), (r#""""#, r#""""#), ("{}", "{}")]
    {
        let expected = format!("\n!1\nmalformed: P[0].asInt is {shown}, {whole}");
        check_value(&format!(r#""asInt":{wrong}"#), &expected);
    }
    for wrong in ["true", "[1]", r#"" 1""#, r#""+1""#, r#""inf""#, r#""nan""#, "1e999", r#""\ud800""#] {
        let must = "must be a number of 64 bits, or a string that holds one";
        check_value(
            &format!(r#""asDouble":{wrong}"#),
            &format!("\n!1\nmalformed: P[0].asDouble is {wrong}, {must}"),
        );
    }
    for (wrong, shown) in [("NaN", "NaN"), ("Infinity", "inf"), ("-Infinity", "-inf")] {
        let expected =
            format!("\n!1\nnot_finite: P[0].asDouble is {shown}, must be finite: leave the point out");
        check_value(&format!(r#""asDouble":"{wrong}""#), &expected);
    }
    check_points(
        "[1,2],7,null",
        r"
        !3
        malformed: P[0] is [1,2], must be an object
        malformed: P[1] is 7, must be an object
        malformed: P[2] is null, must be an object",
    );
    check_value(
        r#""asInt":1,"asDouble":1"#,
        "\n!1\nmalformed: P[0].asDouble stands beside another value: send one of them",
    );
    check_value(r#""flags":0,"flags":1"#, "\n!1\nmalformed: P[0].flags stands twice: send it once");
    check_value(
        r#""asInt":1,"attributes":[{"key":"a","value":{"arrayValue":{"values":[{},{"boolValue":1}]}}}]"#,
        "\n!1\nmalformed: P[0].attributes[0].value.arrayValue.values[1].boolValue is 1, must be true or false",
    );
    check_value(
        r#""attributes":{"a":"b, and so on for longer than anybody wants to see it"}"#,
        "\n!1\nmalformed: P[0].attributes is {\"a\":\"b, and so on for longer than anybod…, must be a list",
    );
}

#[test]
fn the_other_kinds_of_points_go_alone_too() {
    let kinds = [
        ("sum", r#"{"asInt":[]}"#, "asInt"),
        ("histogram", r#"{"bucketCounts":["1",-1]}"#, "bucketCounts[1]"),
        ("histogram", r#"{"explicitBounds":[true]}"#, "explicitBounds[0]"),
        ("exponentialHistogram", r#"{"positive":{"offset":1.5}}"#, "positive.offset"),
        ("exponentialHistogram", r#"{"scale":"x"}"#, "scale"),
        ("summary", r#"{"quantileValues":[{"quantile":{}}]}"#, "quantileValues[0].quantile"),
    ];
    for (kind, point, field) in kinds {
        let text = format!(r#"{{"name":"m","{kind}":{{"dataPoints":[{{}},{point},{{}}]}}}}"#);
        let text = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{text}]}}]}}]}}"#);
        let (request, rejected) = read(text.as_bytes()).unwrap();
        assert_eq!(points_of(&request.resource_metrics[0].scope_metrics[0].metrics[0]), 2);
        assert_eq!((rejected.points, rejected.messages.len()), (1, 1));
        let place = format!("metrics[0].{kind}.dataPoints[1].{field} is ");
        assert!(rejected.messages[0].contains(&place), "{}", rejected.messages[0]);
    }
}

#[test]
fn a_metric_goes_with_its_points_and_no_others() {
    check(
        r#"{"name":"a","gauge":{"dataPoints":[{"asInt":1}]}},
           {"sum":{"dataPoints":[{},7,{}],"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"},"name":"b"},
           {"name":5,"summary":{"dataPoints":[{}]}},
           {"name":"d","gauge":{"dataPoints":5}},
           {"name":"e","gauge":{"dataPoints":[{}]},"sum":{"dataPoints":[{},{}],"isMonotonic":true}},
           {"name":"f","histogram":{"dataPoints":[{}],"isMonotonic":7}},
           [],
           {"name":"h","gauge":{"dataPoints":[{}],"dataPoints":[{}]}},
           {"name":"i"}"#,
        r#"a 1i
        f of 1
        i of 0
        !11
        malformed: M[1].sum.dataPoints[1] is 7, must be an object
        malformed: M[1].sum.aggregationTemporality is "AGGREGATION_TEMPORALITY_DELTA", must be the number 1 (delta) or 2 (cumulative): OTLP/JSON has no names of enums
        malformed: M[2].name is 5, must be a string
        malformed: M[3].gauge.dataPoints is 5, must be a list
        malformed: M[4].sum is a second kind of data: a metric has one
        malformed: M[6] is [], must be an object
        malformed: M[7].gauge.dataPoints stands twice: send it once"#,
    );
}

#[test]
fn a_resource_or_scope_goes_with_what_it_holds() {
    let metrics =
        |name: &str| format!(r#"{{"name":"{name}","gauge":{{"dataPoints":[{{"asInt":1}},{{}}]}}}}"#);
    let scope = |more: &str, name: &str| format!(r#"{{{more}"metrics":[{},8]}}"#, metrics(name));
    let text = format!(
        r#"{{"resourceMetrics":[
            {{"scopeMetrics":[{},{},[]]}},
            {{"scopeMetrics":[{}],"resource":{{"attributes":[{{"key":1}}]}}}},
            "no",
            {{"resource":[]}}
        ]}}"#,
        scope("", "a"),
        scope(r#""scope":{"name":{}},"#, "b"),
        scope("", "c"),
    );
    let expected = r#"a 1i -
!10
malformed: resourceMetrics[0].scopeMetrics[0].metrics[1] is 8, must be an object
malformed: resourceMetrics[0].scopeMetrics[1].metrics[1] is 8, must be an object
malformed: resourceMetrics[0].scopeMetrics[1].scope.name is {}, must be a string
malformed: resourceMetrics[0].scopeMetrics[2] is [], must be an object
malformed: resourceMetrics[1].scopeMetrics[0].metrics[1] is 8, must be an object
malformed: resourceMetrics[1].resource.attributes[0].key is 1, must be a string
malformed: resourceMetrics[2] is "no", must be an object
malformed: resourceMetrics[3].resource is [], must be an object"#;
    assert_eq!(said(&text), expected);
}

#[test]
fn what_is_no_request_is_refused_as_a_whole() {
    for (text, why) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "the request is [], must be an object"),
        (r#"{"resourceMetrics":{}}"#, "resourceMetrics is {}, must be a list"),
        (r#"{"resourceMetrics":[],"resourceMetrics":[]}"#, "resourceMetrics stands twice: send it once"),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err(), why);
    }
    assert_eq!(read(br#"{"unknown":{},"resourceMetrics":null}"#).unwrap().0, Request::default());
}

fn points() -> impl Strategy<Value = Vec<NumberDataPoint>> {
    let attribute = prop_oneof![
        ".{0,5}".prop_map(any_value::Value::StringValue),
        any::<i64>().prop_map(any_value::Value::IntValue),
        any::<bool>().prop_map(any_value::Value::BoolValue),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(any_value::Value::BytesValue),
        prop::num::f64::NORMAL.prop_map(any_value::Value::DoubleValue),
    ];
    let attribute = (".{0,3}", attribute).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    });
    let value =
        prop_oneof![any::<i64>().prop_map(Value::AsInt), prop::num::f64::NORMAL.prop_map(Value::AsDouble),];
    let point = (value, any::<u64>(), prop::collection::vec(attribute, 0..3)).prop_map(
        |(value, time_unix_nano, attributes)| NumberDataPoint {
            value: Some(value),
            time_unix_nano,
            attributes,
            ..NumberDataPoint::default()
        },
    );
    prop::collection::vec(point, 0..4)
}

proptest! {
    /// What OpenTelemetry's own types write is read as it was.
    #[test]
    fn what_their_types_write_comes_back(data_points in points(), is_monotonic in any::<bool>()) {
        let sum = Sum { data_points, is_monotonic, aggregation_temporality: 1 };
        let metric = Metric { name: "m".to_owned(), data: Some(Data::Sum(sum)), ..Metric::default() };
        let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let request = Request { resource_metrics: vec![resource] };
        let (again, rejected) = read(&serde_json::to_vec(&request).unwrap()).unwrap();
        prop_assert_eq!(rejected, Rejected::default());
        prop_assert_eq!(again.encode_to_vec(), request.encode_to_vec());
    }
}
