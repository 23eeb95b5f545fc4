//! The shape of `ExportMetricsServiceRequest`; see OTLP's `metrics.proto`, `common.proto` and `resource.proto`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

use super::Shaped;
use super::limits::Kind;
use super::wire::Field::{Fixed64, Many, One, Texts, Varints};
use super::wire::Shape;

impl Shaped for ExportMetricsServiceRequest {
    const NAME: &'static str = "ExportMetricsServiceRequest";
    const SHAPE: &'static Shape = &REQUEST;
}

static REQUEST: Shape = Shape(&[(1, Many(Kind::Resources, &RESOURCE_METRICS))]);

static RESOURCE_METRICS: Shape = Shape(&[(1, One(&RESOURCE)), (2, Many(Kind::Scopes, &SCOPE_METRICS))]);
static RESOURCE: Shape =
    Shape(&[(1, Many(Kind::Attributes, &KEY_VALUE)), (3, Many(Kind::Entities, &ENTITY_REF))]);
static ENTITY_REF: Shape = Shape(&[(3, Texts(Kind::Attributes)), (4, Texts(Kind::Attributes))]);

static SCOPE_METRICS: Shape = Shape(&[(1, One(&SCOPE)), (2, Many(Kind::Metrics, &METRIC))]);
static SCOPE: Shape = Shape(&[(3, Many(Kind::Attributes, &KEY_VALUE))]);

static METRIC: Shape = Shape(&[
    (5, One(&GAUGE_OR_SUM)),
    (7, One(&GAUGE_OR_SUM)),
    (9, One(&HISTOGRAM)),
    (10, One(&EXPONENTIAL_HISTOGRAM)),
    (11, One(&SUMMARY)),
    (12, Many(Kind::Attributes, &KEY_VALUE)),
]);

static GAUGE_OR_SUM: Shape = Shape(&[(1, Many(Kind::Points, &NUMBER_POINT))]);
static NUMBER_POINT: Shape =
    Shape(&[(5, Many(Kind::Exemplars, &EXEMPLAR)), (7, Many(Kind::Attributes, &KEY_VALUE))]);

static HISTOGRAM: Shape = Shape(&[(1, Many(Kind::Points, &HISTOGRAM_POINT))]);
static HISTOGRAM_POINT: Shape = Shape(&[
    (6, Fixed64(Kind::Buckets)),
    (7, Fixed64(Kind::Buckets)),
    (8, Many(Kind::Exemplars, &EXEMPLAR)),
    (9, Many(Kind::Attributes, &KEY_VALUE)),
]);

static EXPONENTIAL_HISTOGRAM: Shape = Shape(&[(1, Many(Kind::Points, &EXPONENTIAL_POINT))]);
static EXPONENTIAL_POINT: Shape = Shape(&[
    (1, Many(Kind::Attributes, &KEY_VALUE)),
    (8, One(&BUCKETS)),
    (9, One(&BUCKETS)),
    (11, Many(Kind::Exemplars, &EXEMPLAR)),
]);
static BUCKETS: Shape = Shape(&[(2, Varints(Kind::Buckets))]);

static SUMMARY: Shape = Shape(&[(1, Many(Kind::Points, &SUMMARY_POINT))]);
static SUMMARY_POINT: Shape =
    Shape(&[(6, Many(Kind::Quantiles, &NOTHING)), (7, Many(Kind::Attributes, &KEY_VALUE))]);

static EXEMPLAR: Shape = Shape(&[(7, Many(Kind::Attributes, &KEY_VALUE))]);

static KEY_VALUE: Shape = Shape(&[(2, One(&ANY_VALUE))]);
static ANY_VALUE: Shape = Shape(&[(5, One(&ARRAY)), (6, One(&MAP))]);
static ARRAY: Shape = Shape(&[(1, Many(Kind::Attributes, &ANY_VALUE))]);
static MAP: Shape = Shape(&[(1, Many(Kind::Attributes, &KEY_VALUE))]);

static NOTHING: Shape = Shape(&[]);
