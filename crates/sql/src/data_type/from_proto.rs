//! Spark Connect's type messages → Arrow.

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};
use millstream_core::{Error, Result};
use spark_connect_proto::DataType as ProtoType;
use spark_connect_proto::data_type::Kind;

use super::to_proto::METADATA_KEY;

use millstream_functions::data_type::{array, decimal, map, timestamp, timestamp_ntz};

/// The Arrow form of a type.
pub(crate) fn from_proto(data_type: &ProtoType) -> Result<DataType> {
    let kind = data_type.kind.as_ref().ok_or_else(|| Error::invalid("a data type without a kind"))?;
    let arrow = match kind {
        Kind::Null(_) => DataType::Null,
        Kind::Boolean(_) => DataType::Boolean,
        Kind::Byte(_) => DataType::Int8,
        Kind::Short(_) => DataType::Int16,
        Kind::Integer(_) => DataType::Int32,
        Kind::Long(_) => DataType::Int64,
        Kind::Float(_) => DataType::Float32,
        Kind::Double(_) => DataType::Float64,
        Kind::Decimal(one) => decimal_type(one.precision.unwrap_or(10), one.scale.unwrap_or(0))?,
        Kind::String(string) if !matches!(string.collation.to_ascii_uppercase().as_str(), "" | "UTF8_BINARY") => {
            return Err(Error::unsupported(format!(
                "The feature is not supported: The collation {} is not supported.",
                string.collation
            )));
        }
        Kind::String(_) | Kind::Char(_) | Kind::VarChar(_) => DataType::Utf8,
        Kind::Binary(_) => DataType::Binary,
        Kind::Date(_) => DataType::Date32,
        Kind::Time(_) => DataType::Time64(TimeUnit::Microsecond),
        Kind::Timestamp(_) => timestamp(),
        Kind::TimestampNtz(_) => timestamp_ntz(),
        Kind::CalendarInterval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        Kind::YearMonthInterval(_) => DataType::Interval(IntervalUnit::YearMonth),
        Kind::DayTimeInterval(_) => DataType::Duration(TimeUnit::Microsecond),
        Kind::Array(one) => array(part(one.element_type.as_deref())?, one.contains_null),
        Kind::Map(one) => {
            map(part(one.key_type.as_deref())?, part(one.value_type.as_deref())?, one.value_contains_null)
        }
        Kind::Struct(one) => DataType::Struct(struct_fields(one)?),
        Kind::Unparsed(one) => return from_text(&one.data_type_string),
        Kind::Variant(_)
        | Kind::Udt(_)
        | Kind::Geometry(_)
        | Kind::Geography(_)
        | Kind::TimestampNtzNanos(_)
        | Kind::TimestampLtzNanos(_) => return Err(unsupported(kind)),
    };
    Ok(arrow)
}

/// The Arrow form of the type that a text names, in DDL or in Spark's JSON.
pub(crate) fn from_text(text: &str) -> Result<DataType> {
    from_proto(&crate::parser::parse_schema(text)?)
}

/// The columns of a struct type, each with its metadata. (Fields inside columns have none here: it would be a part of
/// their type.)
pub(crate) fn schema_from_proto(data_type: &ProtoType) -> Result<Schema> {
    match from_proto(data_type)? {
        DataType::Struct(fields) => {
            let described = match &data_type.kind {
                Some(Kind::Struct(one)) => one.fields.as_slice(),
                _ => &[],
            };
            let metadata = |index: usize| described.get(index).and_then(|field| field.metadata.clone());
            let fields = fields.iter().enumerate().map(|(index, field)| match metadata(index) {
                Some(text) => field.as_ref().clone().with_metadata([(METADATA_KEY.to_owned(), text)].into()),
                None => field.as_ref().clone(),
            });
            Ok(Schema::new(fields.collect::<Vec<_>>()))
        }
        other => Err(Error::invalid(format!(
            "a schema must be a struct, not {}",
            millstream_functions::data_type::sql_name(&other)
        ))),
    }
}

/// Checks Spark's limits of DECIMAL.
pub(crate) fn decimal_type(precision: i32, scale: i32) -> Result<DataType> {
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale)) if i32::from(precision) >= i32::from(scale) => {
            Ok(decimal(precision, scale))
        }
        _ => Err(Error::invalid(format!("DECIMAL({precision},{scale}) exceeds the limits of precision 38"))),
    }
}

fn part(data_type: Option<&ProtoType>) -> Result<DataType> {
    from_proto(data_type.ok_or_else(|| Error::invalid("a nested data type lacks a part"))?)
}

fn struct_fields(one: &spark_connect_proto::data_type::Struct) -> Result<Fields> {
    one.fields
        .iter()
        .map(|field| Ok(Field::new(&field.name, part(field.data_type.as_ref())?, field.nullable)))
        .collect()
}

fn unsupported(kind: &Kind) -> Error {
    let name = match kind {
        Kind::Variant(_) => "VARIANT",
        Kind::Udt(_) => "a user-defined type",
        Kind::Geometry(_) => "GEOMETRY",
        Kind::Geography(_) => "GEOGRAPHY",
        _ => "a timestamp with nanoseconds",
    };
    Error::unsupported(format!("The data type {name} is not supported"))
}
