//! From what a file has to what is wanted: names, missing fields of structs, and the types that Spark widens.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field};
use millstream_core::{Error, Result, spark_error};
use millstream_formats::text::simple_string;

use crate::file::found_file::FoundFile;

/// Refuses a column of another type than the file's, but for those that Spark reads too.
pub(super) fn check(wanted: &Field, stored: &Field, file: &FoundFile) -> Result<()> {
    if is_readable(wanted.data_type(), stored.data_type()) {
        return Ok(());
    }
    Err(spark_error!(
        "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH",
        path = format!("file://{}", file.path.display()),
        column = format!("[{}]", stored.name()),
        expectedType = simple_string(wanted.data_type()),
        actualType = simple_string(stored.data_type()),
    ))
}

fn is_readable(wanted: &DataType, stored: &DataType) -> bool {
    use DataType::{
        Binary, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, List, Map, Struct, Timestamp, Utf8,
    };
    match (wanted, stored) {
        (wanted, stored) if wanted == stored => true,
        (Int8 | Int16 | Int32 | Int64 | Float64, Int8 | Int16 | Int32) => true,
        (Decimal128(precision, scale), Int8 | Int16 | Int32) => i16::from(*precision) - i16::from(*scale) >= 10,
        (Decimal128(precision, scale), Int64) => i16::from(*precision) - i16::from(*scale) >= 20,
        (Decimal128(precision, scale), Decimal128(stored, other)) => {
            let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
            scale >= other && whole(*precision, *scale) >= whole(*stored, *other)
        }
        (Date32, Int32) | (Float64, Float32) | (Utf8, Binary) | (Binary, Utf8) | (Timestamp(_, None), Date32) => true,
        (Struct(wanted), Struct(stored)) => wanted.iter().all(|field| {
            let same = stored.iter().find(|held| held.name().to_lowercase() == field.name().to_lowercase());
            same.is_none_or(|held| is_readable(field.data_type(), held.data_type()))
        }),
        (List(wanted), List(stored)) | (Map(wanted, _), Map(stored, _)) => {
            entries_fit(wanted.data_type(), stored.data_type())
        }
        _ => false,
    }
}

/// Whether elements fit, or keys and values by their places.
fn entries_fit(wanted: &DataType, stored: &DataType) -> bool {
    match (wanted, stored) {
        (DataType::Struct(wanted), DataType::Struct(stored)) if wanted.len() == 2 && wanted[0].name() == "key" => {
            wanted.iter().zip(stored).all(|(wanted, stored)| is_readable(wanted.data_type(), stored.data_type()))
        }
        (wanted, stored) => is_readable(wanted, stored),
    }
}

/// The array as one of the wanted type.
pub(super) fn conform(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), wanted) {
        (DataType::Struct(stored), DataType::Struct(fields)) => {
            let rows = array.as_struct();
            let column = |field: &Arc<Field>| {
                let place = stored.iter().position(|held| held.name().to_lowercase() == field.name().to_lowercase());
                match place {
                    Some(place) => conform(rows.column(place), field.data_type()),
                    None => Ok(new_null_array(field.data_type(), rows.len())),
                }
            };
            let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
            let nulls = rows.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows.len())?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let (_, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
            let values = conform(&values, element.data_type())?;
            Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, nulls)?))
        }
        (DataType::Map(_, _), DataType::Map(entries, _)) => {
            let (_, offsets, stored, nulls, _) = array.as_map().clone().into_parts();
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(Error::internal("a map without entries"));
            };
            let keys = conform(stored.column(0), fields[0].data_type())?;
            let values = conform(stored.column(1), fields[1].data_type())?;
            let stored = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
            Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, stored, nulls, false)?))
        }
        // An INT of a file that is read as a narrower one wraps around, as in Spark.
        (DataType::Int32, DataType::Int8 | DataType::Int16) => {
            let wide = array.as_primitive::<arrow::datatypes::Int32Type>();
            Ok(match wanted {
                DataType::Int8 => Arc::new(wide.unary::<_, arrow::datatypes::Int8Type>(|value| value as i8)),
                _ => Arc::new(wide.unary::<_, arrow::datatypes::Int16Type>(|value| value as i16)),
            })
        }
        _ => Ok(cast_with_options(array, wanted, &CastOptions { safe: false, ..CastOptions::default() })?),
    }
}
