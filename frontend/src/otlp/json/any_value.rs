//! Attributes, and those who have nothing else that rows are made of: resources and scopes.

use model::Refusal;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::at::{At, Field};

pub(super) fn resource(at: At<'_, '_>) -> Result<Resource, Refusal> {
    let mut of = Resource::default();
    at.object(|name, at| {
        match name {
            "attributes" => of.attributes = attributes(at)?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

pub(super) fn scope(at: At<'_, '_>) -> Result<InstrumentationScope, Refusal> {
    let mut of = InstrumentationScope::default();
    at.object(|name, at| {
        match name {
            "name" => of.name = at.string()?,
            "attributes" => of.attributes = attributes(at)?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

pub(super) fn attributes(at: At<'_, '_>) -> Result<Vec<KeyValue>, Refusal> {
    at.all(key_value)
}

fn key_value(at: At<'_, '_>) -> Result<KeyValue, Refusal> {
    let mut of = KeyValue::default();
    at.object(|name, at| {
        match name {
            "key" => of.key = at.string()?,
            "value" => of.value = Some(any_value(at)?),
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

/// No deeper than the text, which is counted.
fn any_value(at: At<'_, '_>) -> Result<AnyValue, Refusal> {
    let mut of = AnyValue::default();
    at.object(|name, at| {
        match name {
            "stringValue" => at.one_of(&mut of.value, |at| at.string().map(Value::StringValue))?,
            "boolValue" => at.one_of(&mut of.value, |at| at.bool().map(Value::BoolValue))?,
            "intValue" => at.one_of(&mut of.value, |at| at.i64().map(Value::IntValue))?,
            "doubleValue" => at.one_of(&mut of.value, |at| at.f64().map(Value::DoubleValue))?,
            "bytesValue" => at.one_of(&mut of.value, |at| at.bytes().map(Value::BytesValue))?,
            "arrayValue" => at.one_of(&mut of.value, |at| array(at).map(Value::ArrayValue))?,
            "kvlistValue" => at.one_of(&mut of.value, |at| map(at).map(Value::KvlistValue))?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

fn array(at: At<'_, '_>) -> Result<ArrayValue, Refusal> {
    let mut of = ArrayValue::default();
    at.object(|name, at| {
        match name {
            "values" => of.values = at.all(any_value)?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}

fn map(at: At<'_, '_>) -> Result<KeyValueList, Refusal> {
    let mut of = KeyValueList::default();
    at.object(|name, at| {
        match name {
            "values" => of.values = attributes(at)?,
            _ => return Ok(Field::Unknown),
        }
        Ok(Field::Known)
    })?;
    Ok(of)
}
