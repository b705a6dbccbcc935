//! The columns of a file: as Spark sees them, and as they are read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use millstream_core::{Error, Result, spark_error};
use millstream_formats::text::sql_name;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type as PhysicalType;
use parquet::schema::types::SchemaDescriptor;

use crate::file::found_file::FoundFile;

/// The columns of one file.
#[derive(Debug)]
pub(super) struct FileColumns {
    /// As Spark sees them.
    pub(super) fields: Fields,
    stored: Fields,
}

fn timestamp(zone: bool) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone.then(|| "UTC".into()))
}

impl FileColumns {
    /// Those that the file's own schema says.
    pub(super) fn of(metadata: &ArrowReaderMetadata, file: &FoundFile) -> Result<Self> {
        let mut leaves = Leaves { schema: metadata.parquet_schema(), next: 0 };
        let mut stored = Vec::new();
        let mut fields = Vec::new();
        for field in metadata.schema().fields() {
            let read = leaves.stored(field);
            let seen = seen(read.data_type()).ok_or_else(|| {
                let path = file.path.display();
                let data_type = field.data_type();
                Error::unsupported(format!(
                    "The column '{}' of '{path}', which Parquet keeps as {data_type}, is not supported by Millstream.",
                    field.name()
                ))
            })?;
            fields.push(Field::new(field.name(), seen, true));
            stored.push(read);
        }
        Ok(Self { fields: fields.into(), stored: stored.into() })
    }

    /// The columns as they are read.
    pub(super) fn stored(&self) -> SchemaRef {
        Arc::new(Schema::new(self.stored.clone()))
    }

    /// Where the column of this name is.
    ///
    /// # Errors
    /// Several columns have the name.
    pub(super) fn find(&self, field: &Field, case_sensitive: bool) -> Result<Option<usize>> {
        let fits = |held: &Field| match case_sensitive {
            true => held.name() == field.name(),
            false => {
                held.name().eq_ignore_ascii_case(field.name())
                    || held.name().to_lowercase() == field.name().to_lowercase()
            }
        };
        let found: Vec<usize> = (0..self.fields.len()).filter(|place| fits(&self.fields[*place])).collect();
        match found.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            several => {
                let names: Vec<_> = several.iter().map(|place| self.fields[*place].name().as_str()).collect();
                let names = format!("[{}]", names.join(", "));
                Err(spark_error!("_LEGACY_ERROR_TEMP_2093", requiredFieldName = field.name(), matchedOrcFields = names))
            }
        }
    }
}

/// Walks over the columns that have values.
struct Leaves<'a> {
    schema: &'a SchemaDescriptor,
    next: usize,
}

impl Leaves<'_> {
    /// The field as it is read: old timestamps (INT96) as microseconds, which no year overflows.
    fn stored(&mut self, field: &Field) -> Field {
        let data_type = match field.data_type() {
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| self.stored(field)).collect()),
            DataType::List(element) => DataType::List(Arc::new(self.stored(element))),
            DataType::Map(entries, sorted) => DataType::Map(Arc::new(self.stored(entries)), *sorted),
            other => {
                let physical = self.schema.column(self.next).physical_type();
                self.next += 1;
                if physical == PhysicalType::INT96 { timestamp(true) } else { other.clone() }
            }
        };
        field.clone().with_data_type(data_type)
    }
}

/// Spark's type for what is stored; `None` where it has none, or nothing here reads it.
fn seen(stored: &DataType) -> Option<DataType> {
    Some(match stored {
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::Binary => stored.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Decimal128(precision, scale) if *scale >= 0 => DataType::Decimal128(*precision, *scale),
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond, zone) => timestamp(zone.is_some()),
        DataType::Struct(fields) => {
            let field = |field: &Arc<Field>| Some(Field::new(field.name(), seen(field.data_type())?, true));
            DataType::Struct(fields.iter().map(field).collect::<Option<_>>()?)
        }
        DataType::List(element) => DataType::List(Arc::new(Field::new_list_field(seen(element.data_type())?, true))),
        DataType::Map(entries, _) => {
            let DataType::Struct(entry) = entries.data_type() else { return None };
            let [key, value] = entry.iter().as_slice() else { return None };
            let key = Field::new("key", seen(key.data_type())?, false);
            let value = Field::new("value", seen(value.data_type())?, true);
            DataType::Map(Arc::new(Field::new("entries", DataType::Struct(vec![key, value].into()), false)), false)
        }
        _ => return None,
    })
}

/// Refuses a column whose type nothing here reads.
pub(super) fn check_readable(field: &Field) -> Result<()> {
    match seen(field.data_type()) {
        Some(_) => Ok(()),
        None => Err(spark_error!(
            "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
            format = "Parquet",
            columnName = format!("`{}`", field.name()),
            columnType = format!("\"{}\"", sql_name(field.data_type())),
        )),
    }
}

/// The columns of both.
///
/// # Errors
/// A column has two types.
pub(super) fn merged(left: &Fields, right: &Fields, case_sensitive: bool) -> Result<Fields> {
    let same = |before: &Field, other: &Field| match case_sensitive {
        true => before.name() == other.name(),
        false => before.name().to_lowercase() == other.name().to_lowercase(),
    };
    let mut fields = Vec::new();
    for field in left {
        match right.iter().find(|other| same(field, other)) {
            None => fields.push(Field::clone(field)),
            Some(other) => {
                let data_type = merged_type(field.data_type(), other.data_type(), case_sensitive)?;
                let data_type = data_type.ok_or_else(|| {
                    let shown = |fields: &Fields| format!("\"{}\"", sql_name(&DataType::Struct(fields.clone())));
                    spark_error!("CANNOT_MERGE_SCHEMAS", left = shown(left), right = shown(right))
                })?;
                fields.push(Field::new(field.name(), data_type, true));
            }
        }
    }
    fields.extend(
        right.iter().filter(|field| !left.iter().any(|before| same(before, field))).map(|field| Field::clone(field)),
    );
    Ok(fields.into())
}

fn merged_type(left: &DataType, right: &DataType, case_sensitive: bool) -> Result<Option<DataType>> {
    Ok(match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (DataType::Struct(left), DataType::Struct(right)) => {
            Some(DataType::Struct(merged(left, right, case_sensitive)?))
        }
        (DataType::List(left), DataType::List(right)) => {
            let element = merged_type(left.data_type(), right.data_type(), case_sensitive)?;
            element.map(|element| DataType::List(Arc::new(Field::new_list_field(element, true))))
        }
        (DataType::Decimal128(left, scale), DataType::Decimal128(right, other)) if scale == other => {
            Some(DataType::Decimal128(*left.max(right), *scale))
        }
        _ => None,
    })
}
