//! Constructors and questions for Spark's types in their one Arrow form.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

/// Spark's greatest decimal precision.
const DECIMAL_PRECISION_MAX: u8 = 38;

/// TIMESTAMP: an instant.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// TIMESTAMP_NTZ: a wall-clock time without a zone.
pub fn timestamp_ntz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// DECIMAL(precision, scale), cut to Spark's limits.
pub fn decimal(precision: u8, scale: i8) -> DataType {
    DataType::Decimal128(precision.min(DECIMAL_PRECISION_MAX), scale)
}

/// ARRAY&lt;element&gt;.
pub fn array(element: DataType, contains_null: bool) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, contains_null)))
}

/// STRUCT of these fields: name, type, nullable.
pub fn structure<N: Into<String>>(fields: impl IntoIterator<Item = (N, DataType, bool)>) -> DataType {
    DataType::Struct(
        fields.into_iter().map(|(name, data_type, nullable)| Field::new(name, data_type, nullable)).collect(),
    )
}

/// MAP&lt;key, value&gt;; keys are never NULL.
pub fn map(key: DataType, value: DataType, value_contains_null: bool) -> DataType {
    let entry = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, value_contains_null)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
}

/// Key and value field of a MAP.
pub fn map_entry(entries: &FieldRef) -> Option<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
        _ => None,
    }
}

/// TINYINT … DOUBLE and DECIMAL.
pub fn is_numeric(data_type: &DataType) -> bool {
    is_integral(data_type) || matches!(data_type, DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _))
}

/// TINYINT … BIGINT.
pub fn is_integral(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// TIMESTAMP or TIMESTAMP_NTZ.
pub fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, _))
}

/// Whether a value of this type is a map or has one inside, so that it has no order.
pub fn holds_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(_, _) => true,
        DataType::List(element) => holds_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_map(field.data_type())),
        _ => false,
    }
}
