//! Attributes to dimensions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::{Limits, Number, Reason, Refusal};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::json;

/// Attributes of a point, a scope and a resource together: twice what a row may have, because names may stand twice
/// and values may be empty. More would let one resource blow up every point of a request.
const ATTRIBUTES_MAX: usize = 2 * Limits::DEFAULT.dims_max;

/// What all points of a scope have in common.
pub(super) struct Common(BTreeMap<String, String>);

// === impl Common ===

impl Common {
    /// Scope over resource.
    pub(super) fn of(resource: Option<&Resource>, scope: Option<&InstrumentationScope>) -> Self {
        let mut dims = BTreeMap::new();
        let all = |attributes: &[KeyValue], dims: &mut BTreeMap<String, String>| {
            dims.extend(
                attributes.iter().map(|one| (one.key.clone(), text(one.value.as_ref()).into_owned())),
            );
        };
        if let Some(resource) = resource {
            all(&resource.attributes, &mut dims);
        }
        if let Some(scope) = scope {
            dims.insert("otel.scope.name".to_owned(), scope.name.clone());
            all(&scope.attributes, &mut dims);
        }
        dims.retain(|_, value| !value.is_empty());
        Self(dims)
    }

    /// The dimensions of a point: its own, and those in common that it does not name itself.
    pub(super) fn with<'a>(&'a self, point: &'a [KeyValue]) -> Result<Vec<(&'a str, Cow<'a, str>)>, Refusal> {
        let all = self.0.len() + point.len();
        if all > ATTRIBUTES_MAX {
            return Err(Reason::DimensionCount.because(format!(
                "point, scope and resource have {all} attributes, at most {ATTRIBUTES_MAX} are looked at: leave some out"
            )));
        }
        let mut dims: Vec<_> = point.iter().map(|one| (one.key.as_str(), text(one.value.as_ref()))).collect();
        let own = |name: &str| point.iter().any(|one| one.key == name);
        dims.extend(
            self.0
                .iter()
                .filter(|(name, _)| !own(name))
                .map(|(name, value)| (name.as_str(), value.as_str().into())),
        );
        Ok(dims)
    }
}

/// A value's canonical text: numbers in decimal (whole floats as integers), bytes in base64, lists and maps in JSON.
pub(super) fn text(value: Option<&AnyValue>) -> Cow<'_, str> {
    match value.and_then(|value| value.value.as_ref()) {
        None => Cow::Borrowed(""),
        Some(Value::StringValue(text)) => Cow::Borrowed(text),
        Some(Value::BoolValue(value)) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Some(Value::IntValue(value)) => Cow::Owned(value.to_string()),
        Some(Value::DoubleValue(value)) => Cow::Owned(number(*value)),
        Some(Value::BytesValue(bytes)) => Cow::Owned(BASE64_STANDARD.encode(bytes)),
        Some(nested @ (Value::ArrayValue(_) | Value::KvlistValue(_))) => Cow::Owned(json(nested).to_string()),
        // An index into a table that only profiles have.
        Some(Value::StringValueStrindex(_)) => Cow::Borrowed(""),
    }
}

/// A float as text; `5.0` is `5`.
pub(super) fn number(value: f64) -> String {
    Number::from_f64(value).map_or_else(|| value.to_string(), |number| number.to_string())
}

/// Decoders bound the depth: 100 in protobuf, 128 in JSON.
fn json(value: &Value) -> serde_json::Value {
    let of = |value: Option<&AnyValue>| {
        value.and_then(|value| value.value.as_ref()).map_or(serde_json::Value::Null, json)
    };
    match value {
        Value::StringValue(text) => json!(text),
        Value::BoolValue(value) => json!(value),
        Value::IntValue(value) => json!(value),
        Value::DoubleValue(value) => json!(value),
        Value::BytesValue(bytes) => json!(BASE64_STANDARD.encode(bytes)),
        Value::ArrayValue(list) => list.values.iter().map(|value| of(Some(value))).collect(),
        Value::KvlistValue(map) => {
            let sorted: BTreeMap<&String, _> =
                map.values.iter().map(|one| (&one.key, of(one.value.as_ref()))).collect();
            json!(sorted)
        }
        Value::StringValueStrindex(_) => serde_json::Value::Null,
    }
}
