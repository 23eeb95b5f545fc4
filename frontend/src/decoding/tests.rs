#![allow(clippy::unwrap_used, reason = "helpers of tests are not marked as tests")]

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use proto::v1::{Batch, PublishRequest};

use super::wire::{DEPTH_MAX, Stop, scan};
use super::*;
use crate::publish::MESSAGE_BYTES_MAX;

type Otlp = ExportMetricsServiceRequest;

/// `pattern` over and over, as large as a message may be, within these fields.
fn flood(around: &[u8], pattern: &[u8]) -> Vec<u8> {
    let inner = pattern.repeat((MESSAGE_BYTES_MAX - 6 * around.len()) / pattern.len());
    around.iter().rev().fold(inner, |inner, number| {
        let mut outer = vec![number << 3 | 2];
        prost::encode_length_delimiter(inner.len(), &mut outer).unwrap();
        outer.extend(inner);
        outer
    })
}

#[track_caller]
fn check<M: Shaped>(around: &[u8], pattern: &[u8], expected: Kind) {
    let bytes = flood(around, pattern);
    assert_eq!(from_protobuf::<M>(&bytes[..], &Memory::default()).err(), Some(Refused::TooMany(expected)));
}

#[test]
fn floods_are_refused_by_name() {
    check::<PublishRequest>(&[], &[0x0a, 0], Kind::Batches);
    check::<PublishRequest>(&[1, 10], &[1], Kind::Entries);
    // Not packed: field 32.
    check::<PublishRequest>(&[1], &[0x80, 0x02, 1], Kind::Words);
    check::<PublishRequest>(&[1], &[0xca, 0x02, 0], Kind::Sketches);
    check::<PublishRequest>(&[1], &[0xda, 0x02, 0], Kind::Sketches);
    check::<Otlp>(&[], &[0x0a, 0], Kind::Resources);
    check::<Otlp>(&[1], &[0x12, 0], Kind::Scopes);
    check::<Otlp>(&[1, 2], &[0x12, 0], Kind::Metrics);
    for data in [5, 7, 9, 10, 11] {
        check::<Otlp>(&[1, 2, 2, data], &[0x0a, 0], Kind::Points);
    }
    check::<Otlp>(&[1, 2, 2, 5, 1], &[0x3a, 0], Kind::Attributes);
    check::<Otlp>(&[1, 2, 2, 10, 1, 8, 2], &[0], Kind::Buckets);
}

/// Many small messages count as much as one large one.
#[test]
fn counts_add_up_over_the_whole_request() {
    let batch = Batch { row_count: vec![1; 1 << 14], ..Batch::default() };
    let request = |batches| PublishRequest { batches: vec![batch.clone(); batches] }.encode_to_vec();
    assert!(from_protobuf::<PublishRequest>(&request(128)[..], &Memory::default()).is_ok());
    let refused = from_protobuf::<PublishRequest>(&request(129)[..], &Memory::default()).unwrap_err();
    assert_eq!(refused, Refused::TooMany(Kind::Words));
    assert_eq!(refused.to_string(), "the request has more than 2097152 entries in 64-bit columns: split it");
}

fn of_metric(metric: Metric) -> Otlp {
    let scopes = vec![ScopeMetrics { metrics: vec![metric], ..Default::default() }];
    Otlp { resource_metrics: vec![ResourceMetrics { scope_metrics: scopes, ..Default::default() }] }
}

fn of_data(data: Data) -> Otlp {
    of_metric(Metric { data: Some(data), ..Default::default() })
}

fn of_gauge(data_points: Vec<NumberDataPoint>) -> Otlp {
    of_data(Data::Gauge(Gauge { data_points }))
}

fn of_resource(resource: Resource) -> Otlp {
    Otlp { resource_metrics: vec![ResourceMetrics { resource: Some(resource), ..Default::default() }] }
}

fn of_histogram(point: HistogramDataPoint) -> Otlp {
    of_data(Data::Histogram(Histogram { data_points: vec![point], ..Default::default() }))
}

fn of_exponential(point: ExponentialHistogramDataPoint) -> Otlp {
    let data_points = vec![point];
    of_data(Data::ExponentialHistogram(ExponentialHistogram { data_points, ..Default::default() }))
}

fn of_summary(point: SummaryDataPoint) -> Otlp {
    of_data(Data::Summary(Summary { data_points: vec![point] }))
}

fn of_exemplars(exemplars: Vec<Exemplar>) -> Otlp {
    of_gauge(vec![NumberDataPoint { exemplars, ..Default::default() }])
}

fn of_value(value: Value) -> Otlp {
    let value = Some(AnyValue { value: Some(value) });
    let attributes = vec![KeyValue { value, ..Default::default() }];
    of_resource(Resource { attributes, ..Default::default() })
}

/// Every list that OTLP has, made by those who know the fields' numbers and names: `fits` of it pass by both forms,
/// one more does not.
fn list(kind: Kind, beside: usize, request: impl Fn(usize) -> Otlp) {
    let fits = request(kind.max() - beside);
    assert_eq!(scan(&fits.encode_to_vec(), Otlp::SHAPE).err(), None, "{kind:?}");
    let over = request(kind.max() - beside + 1);
    assert_eq!(scan(&over.encode_to_vec(), Otlp::SHAPE).err(), Some(Stop::TooMany(kind)));
    assert_eq!(json::scan(&serde_json::to_vec(&fits).unwrap()).err(), None, "{kind:?}");
    assert_eq!(json::scan(&serde_json::to_vec(&over).unwrap()).err(), Some(Refused::TooMany(kind)));
}

#[test]
fn every_list_of_otlp_is_counted() {
    let key_values = |len| vec![KeyValue::default(); len];
    let texts = |len| vec![String::new(); len];
    let points = |len| vec![NumberDataPoint::default(); len];
    list(Kind::Resources, 0, |len| Otlp { resource_metrics: vec![ResourceMetrics::default(); len] });
    list(Kind::Scopes, 0, |len| {
        let scope_metrics = vec![ScopeMetrics::default(); len];
        Otlp { resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }] }
    });
    list(Kind::Metrics, 0, |len| {
        let scope_metrics =
            vec![ScopeMetrics { metrics: vec![Metric::default(); len], ..Default::default() }];
        Otlp { resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }] }
    });
    list(Kind::Points, 0, |len| of_gauge(points(len)));
    list(Kind::Points, 0, |len| of_data(Data::Sum(Sum { data_points: points(len), ..Default::default() })));
    list(Kind::Points, 0, |len| {
        let data_points = vec![HistogramDataPoint::default(); len];
        of_data(Data::Histogram(Histogram { data_points, ..Default::default() }))
    });
    list(Kind::Points, 0, |len| {
        let data_points = vec![ExponentialHistogramDataPoint::default(); len];
        of_data(Data::ExponentialHistogram(ExponentialHistogram { data_points, ..Default::default() }))
    });
    list(Kind::Points, 0, |len| {
        of_data(Data::Summary(Summary { data_points: vec![SummaryDataPoint::default(); len] }))
    });
    list(Kind::Entities, 0, |len| {
        of_resource(Resource { entity_refs: vec![EntityRef::default(); len], ..Default::default() })
    });
    list(Kind::Exemplars, 0, |len| of_exemplars(vec![Exemplar::default(); len]));
    list(Kind::Exemplars, 0, |len| {
        of_histogram(HistogramDataPoint { exemplars: vec![Exemplar::default(); len], ..Default::default() })
    });
    list(Kind::Exemplars, 0, |len| {
        let exemplars = vec![Exemplar::default(); len];
        of_exponential(ExponentialHistogramDataPoint { exemplars, ..Default::default() })
    });
    list(Kind::Quantiles, 0, |len| {
        let quantile_values = vec![ValueAtQuantile::default(); len];
        of_summary(SummaryDataPoint { quantile_values, ..Default::default() })
    });
    let a = Kind::Attributes;
    list(a, 0, |len| of_resource(Resource { attributes: key_values(len), ..Default::default() }));
    list(a, 0, |len| {
        let scope = Some(InstrumentationScope { attributes: key_values(len), ..Default::default() });
        let scope_metrics = vec![ScopeMetrics { scope, ..Default::default() }];
        Otlp { resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }] }
    });
    list(a, 0, |len| of_metric(Metric { metadata: key_values(len), ..Default::default() }));
    list(a, 0, |len| of_gauge(vec![NumberDataPoint { attributes: key_values(len), ..Default::default() }]));
    list(a, 0, |len| of_histogram(HistogramDataPoint { attributes: key_values(len), ..Default::default() }));
    list(a, 0, |len| {
        of_exponential(ExponentialHistogramDataPoint { attributes: key_values(len), ..Default::default() })
    });
    list(a, 0, |len| of_summary(SummaryDataPoint { attributes: key_values(len), ..Default::default() }));
    list(a, 0, |len| {
        of_exemplars(vec![Exemplar { filtered_attributes: key_values(len), ..Default::default() }])
    });
    list(a, 1, |len| of_value(Value::KvlistValue(KeyValueList { values: key_values(len) })));
    list(a, 1, |len| of_value(Value::ArrayValue(ArrayValue { values: vec![AnyValue::default(); len] })));
    list(a, 0, |len| {
        let entity_refs = vec![EntityRef { id_keys: texts(len), ..Default::default() }];
        of_resource(Resource { entity_refs, ..Default::default() })
    });
    list(a, 0, |len| {
        let entity_refs = vec![EntityRef { description_keys: texts(len), ..Default::default() }];
        of_resource(Resource { entity_refs, ..Default::default() })
    });
    let b = Kind::Buckets;
    list(b, 0, |len| of_histogram(HistogramDataPoint { bucket_counts: vec![0; len], ..Default::default() }));
    list(b, 0, |len| {
        of_histogram(HistogramDataPoint { explicit_bounds: vec![0.0; len], ..Default::default() })
    });
    for negative in [false, true] {
        list(b, 0, |len| {
            let buckets = Some(Buckets { bucket_counts: vec![0; len], ..Default::default() });
            of_exponential(if negative {
                ExponentialHistogramDataPoint { negative: buckets, ..Default::default() }
            } else {
                ExponentialHistogramDataPoint { positive: buckets, ..Default::default() }
            })
        });
    }
}

/// A column that is added to the .proto file must be counted.
#[test]
fn every_list_of_a_batch_is_counted() {
    let files = prost_types::FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut messages = files.file.iter().flat_map(|file| &file.message_type);
    let batch = messages.find(|message| message.name() == "Batch").unwrap();
    let repeated = |field: &&prost_types::FieldDescriptorProto| {
        field.label() == prost_types::field_descriptor_proto::Label::Repeated
    };
    let numbers: Vec<u32> = batch.field.iter().filter(repeated).map(|field| field.number() as u32).collect();
    let Some((1, wire::Field::Many(Kind::Batches, shape))) = PublishRequest::SHAPE.0.first() else {
        panic!()
    };
    let counted: Vec<u32> = shape.0.iter().map(|(number, _)| *number).collect();
    assert_eq!(counted, numbers);
}

/// A list of lists: every level is an attribute's value within a list of one.
fn nested(levels: usize) -> Vec<u8> {
    let inner = (0..levels).fold(Value::BoolValue(true), |value, _| {
        Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(value) }] })
    });
    of_value(inner).encode_to_vec()
}

#[test]
fn as_deep_as_prost_and_no_deeper() {
    // Four messages lead to the attribute's value; every level is two more.
    let fits = (DEPTH_MAX - 4) / 2;
    assert!(from_protobuf::<Otlp>(&nested(fits - 1)[..], &Memory::default()).is_ok());
    assert!(Otlp::decode(&nested(fits + 1)[..]).is_err());
    let refused = from_protobuf::<Otlp>(&nested(fits + 1)[..], &Memory::default()).unwrap_err();
    assert_eq!(refused, Refused::TooDeep { max: DEPTH_MAX });
    let groups = [0x9b, 0x06].repeat(1 << 20);
    assert_eq!(scan(&groups, Otlp::SHAPE).err(), Some(Stop::TooDeep));
}

#[track_caller]
fn check_json(open: &str, element: &str, expected: Kind) {
    assert_eq!(json::scan(json_flood(open, element).as_bytes()).unwrap_err(), Refused::TooMany(expected));
}

fn json_flood(open: &str, element: &str) -> String {
    format!("{open}{}", element.repeat((MESSAGE_BYTES_MAX - open.len()) / element.len()))
}

#[test]
fn floods_of_json_are_refused_by_name() {
    check_json(r#"{"resourceMetrics":["#, "{},", Kind::Resources);
    check_json(r#"{"gauge":{"dataPoints":["#, "{},", Kind::Points);
    check_json(r#"{"attributes" : ["#, " {},", Kind::Attributes);
    // What is no struct may stand where one should, and keys may be escaped.
    check_json(r#"{"resourceMetrics":["#, "[],", Kind::Resources);
    check_json(r#"{"data\u0050oints":["#, "{},", Kind::Points);
    // What nobody holds is not counted.
    for (open, element) in [("[[", "[],"), (r#"{"whatever":["#, "0,"), ("{", r#""":0,"#)] {
        json::scan(json_flood(open, element).as_bytes()).unwrap();
    }
}

#[test]
fn text_is_not_counted() {
    let braces = r#"{[\"dataPoints\":[{},"#.repeat(100_000);
    let json = format!(r#"{{"resourceMetrics":[{{"schemaUrl":"{braces}"}}]}}"#);
    json::scan(json.as_bytes()).unwrap();
}

proptest! {
    /// Whatever prost understands passes, or is too much; nothing panics.
    #[test]
    fn random_bytes(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..0x60], 0..200)) {
        agrees::<Otlp>(&bytes)?;
        agrees::<PublishRequest>(&bytes)?;
        let _ = json::scan(&bytes);
    }

    #[test]
    fn random_text(text in r#"(\{|\}|\[|\]|,|:|"|\\|"dataPoints"|"values":\[|0|null| ){0,60}"#) {
        let _ = json::scan(text.as_bytes());
    }

    /// A healthy message with a few bytes changed: as near to prost's own paths as it gets.
    #[test]
    fn damaged_bytes(levels in 0_usize..6, damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let mut bytes = nested(levels);
        bytes.extend(of_histogram(HistogramDataPoint { bucket_counts: vec![1; 3], ..Default::default() }).encode_to_vec());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        agrees::<Otlp>(&bytes)?;
    }
}

fn agrees<M: Shaped>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let scanned = scan(bytes, M::SHAPE);
    let understood = M::decode(bytes).is_ok();
    prop_assert!(!(understood && matches!(scanned, Err(Stop::Malformed(_) | Stop::TooDeep))), "{scanned:?}");
    Ok(())
}
