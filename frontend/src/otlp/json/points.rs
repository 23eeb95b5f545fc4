//! Data points of all kinds, field by field as OTLP's `metrics.proto` has them.

use model::{Reason, Refusal};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    DataPointFlags, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};

use super::any_value::attributes;
use super::at::{At, Field};

pub(super) fn number(at: At<'_, '_>) -> Result<NumberDataPoint, Refusal> {
    let place = at.place;
    let mut of = NumberDataPoint::default();
    at.object(|name, at| {
        match name {
            "attributes" => of.attributes = attributes(at)?,
            "startTimeUnixNano" => of.start_time_unix_nano = at.u64()?,
            "timeUnixNano" => of.time_unix_nano = at.u64()?,
            "asDouble" => at.one_of(&mut of.value, |at| at.f64().map(Value::AsDouble))?,
            "asInt" => at.one_of(&mut of.value, |at| at.i64().map(Value::AsInt))?,
            "flags" => of.flags = at.u32()?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    // Without a value NaN may stand for it, and means nothing.
    let has_value = of.flags & DataPointFlags::NoRecordedValueMask as u32 == 0;
    match of.value {
        Some(Value::AsDouble(value)) if has_value && !value.is_finite() => Err(Reason::NotFinite
            .because(format!("{place}.asDouble is {value}, must be finite: leave the point out"))),
        _ => Ok(of),
    }
}

pub(super) fn histogram(at: At<'_, '_>) -> Result<HistogramDataPoint, Refusal> {
    let mut of = HistogramDataPoint::default();
    at.object(|name, at| {
        match name {
            "attributes" => of.attributes = attributes(at)?,
            "startTimeUnixNano" => of.start_time_unix_nano = at.u64()?,
            "timeUnixNano" => of.time_unix_nano = at.u64()?,
            "count" => of.count = at.u64()?,
            "sum" => of.sum = Some(at.f64()?),
            "bucketCounts" => of.bucket_counts = at.all(|at| at.u64())?,
            "explicitBounds" => of.explicit_bounds = at.all(|at| at.f64())?,
            "flags" => of.flags = at.u32()?,
            "min" => of.min = Some(at.f64()?),
            "max" => of.max = Some(at.f64()?),
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

pub(super) fn exponential(at: At<'_, '_>) -> Result<ExponentialHistogramDataPoint, Refusal> {
    let mut of = ExponentialHistogramDataPoint::default();
    at.object(|name, at| {
        match name {
            "attributes" => of.attributes = attributes(at)?,
            "startTimeUnixNano" => of.start_time_unix_nano = at.u64()?,
            "timeUnixNano" => of.time_unix_nano = at.u64()?,
            "count" => of.count = at.u64()?,
            "sum" => of.sum = Some(at.f64()?),
            "scale" => of.scale = at.i32()?,
            "zeroCount" => of.zero_count = at.u64()?,
            "positive" => of.positive = Some(buckets(at)?),
            "negative" => of.negative = Some(buckets(at)?),
            "flags" => of.flags = at.u32()?,
            "min" => of.min = Some(at.f64()?),
            "max" => of.max = Some(at.f64()?),
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

pub(super) fn summary(at: At<'_, '_>) -> Result<SummaryDataPoint, Refusal> {
    let mut of = SummaryDataPoint::default();
    at.object(|name, at| {
        match name {
            "attributes" => of.attributes = attributes(at)?,
            "startTimeUnixNano" => of.start_time_unix_nano = at.u64()?,
            "timeUnixNano" => of.time_unix_nano = at.u64()?,
            "count" => of.count = at.u64()?,
            "sum" => of.sum = at.f64()?,
            "quantileValues" => of.quantile_values = at.all(quantile)?,
            "flags" => of.flags = at.u32()?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

fn buckets(at: At<'_, '_>) -> Result<Buckets, Refusal> {
    let mut of = Buckets::default();
    at.object(|name, at| {
        match name {
            "offset" => of.offset = at.i32()?,
            "bucketCounts" => of.bucket_counts = at.all(|at| at.u64())?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

fn quantile(at: At<'_, '_>) -> Result<ValueAtQuantile, Refusal> {
    let mut of = ValueAtQuantile::default();
    at.object(|name, at| {
        match name {
            "quantile" => of.quantile = at.f64()?,
            "value" => of.value = at.f64()?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}
