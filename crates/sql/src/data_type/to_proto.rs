//! Arrow → Spark Connect's type messages.

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema};
use millstream_functions::data_type::map_entry;
use spark_connect_proto::DataType as ProtoType;
use spark_connect_proto::data_type::{self as message, Kind};

/// Where a field's Spark metadata (JSON text) is kept among the Arrow field's.
pub(crate) const METADATA_KEY: &str = "spark.metadata";

/// The message of a schema: a struct type.
pub fn schema_to_proto(schema: &Schema) -> ProtoType {
    struct_to_proto(schema.fields())
}

/// The message of a type.
pub fn to_proto(data_type: &DataType) -> ProtoType {
    let kind = match data_type {
        DataType::Null => Kind::Null(message::Null::default()),
        DataType::Boolean => Kind::Boolean(message::Boolean::default()),
        DataType::Int8 => Kind::Byte(message::Byte::default()),
        DataType::Int16 => Kind::Short(message::Short::default()),
        DataType::Int32 => Kind::Integer(message::Integer::default()),
        DataType::Int64 => Kind::Long(message::Long::default()),
        DataType::Float32 => Kind::Float(message::Float::default()),
        DataType::Float64 => Kind::Double(message::Double::default()),
        DataType::Decimal128(precision, scale) => Kind::Decimal(message::Decimal {
            precision: Some(i32::from(*precision)),
            scale: Some(i32::from(*scale)),
            ..Default::default()
        }),
        DataType::Binary => Kind::Binary(message::Binary::default()),
        DataType::Date32 => Kind::Date(message::Date::default()),
        DataType::Time64(_) => Kind::Time(message::Time { precision: Some(6), ..Default::default() }),
        DataType::Timestamp(_, Some(_)) => Kind::Timestamp(message::Timestamp::default()),
        DataType::Timestamp(_, None) => Kind::TimestampNtz(message::TimestampNtz::default()),
        DataType::Interval(IntervalUnit::YearMonth) => Kind::YearMonthInterval(message::YearMonthInterval {
            start_field: Some(0),
            end_field: Some(1),
            ..Default::default()
        }),
        DataType::Interval(_) => Kind::CalendarInterval(message::CalendarInterval::default()),
        DataType::Duration(_) => Kind::DayTimeInterval(message::DayTimeInterval {
            start_field: Some(0),
            end_field: Some(3),
            ..Default::default()
        }),
        DataType::List(element) => Kind::Array(Box::new(message::Array {
            element_type: Some(Box::new(to_proto(element.data_type()))),
            contains_null: element.is_nullable(),
            ..Default::default()
        })),
        DataType::Map(entries, _) => match map_entry(entries) {
            Some((key, value)) => map_to_proto(key, value),
            None => string(),
        },
        DataType::Struct(fields) => return struct_to_proto(fields),
        _ => string(),
    };
    ProtoType { kind: Some(kind) }
}

fn string() -> Kind {
    Kind::String(message::String { collation: "UTF8_BINARY".to_owned(), ..Default::default() })
}

fn map_to_proto(key: &Field, value: &Field) -> Kind {
    Kind::Map(Box::new(message::Map {
        key_type: Some(Box::new(to_proto(key.data_type()))),
        value_type: Some(Box::new(to_proto(value.data_type()))),
        value_contains_null: value.is_nullable(),
        ..Default::default()
    }))
}

fn struct_to_proto(fields: &Fields) -> ProtoType {
    let fields = fields
        .iter()
        .map(|field| message::StructField {
            name: field.name().clone(),
            data_type: Some(to_proto(field.data_type())),
            nullable: field.is_nullable(),
            metadata: field.metadata().get(METADATA_KEY).cloned(),
        })
        .collect();
    ProtoType { kind: Some(Kind::Struct(message::Struct { fields, ..Default::default() })) }
}
