//! Casts within arrays, maps and structs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::datatypes::{DataType, FieldRef, Fields};
use millstream_core::{Error, Result};

use super::{Casting, cast_column};
use crate::data_type::sql_name;

/// Casts elements, keys and values, or fields by their place.
pub(super) fn cast_nested(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    match to {
        DataType::List(element) => {
            let lists = column.as_list::<i32>();
            let values = cast_column(lists.values(), element.data_type(), casting)?;
            Ok(Arc::new(ListArray::try_new(
                able_to_be_null(element, &values),
                lists.offsets().clone(),
                values,
                lists.nulls().cloned(),
            )?))
        }
        DataType::Map(entries, sorted) => {
            let maps = column.as_map();
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(Error::internal("a map whose entries are no structs"));
            };
            let cast = cast_fields(maps.entries(), fields, casting)?;
            let entries = Arc::new(entries.as_ref().clone().with_data_type(cast.data_type().clone()));
            let offsets = maps.offsets().clone();
            Ok(Arc::new(MapArray::try_new(entries, offsets, cast, maps.nulls().cloned(), *sorted)?))
        }
        DataType::Struct(fields) => Ok(Arc::new(cast_fields(column.as_struct(), fields, casting)?)),
        other => Err(Error::internal(format!("{} is no nested type", sql_name(other)))),
    }
}

fn cast_fields(column: &StructArray, fields: &Fields, casting: Casting) -> Result<StructArray> {
    let columns = column
        .columns()
        .iter()
        .zip(fields)
        .map(|(column, field)| cast_column(column, field.data_type(), casting))
        .collect::<Result<Vec<_>>>()?;
    let fields: Fields = fields.iter().zip(&columns).map(|(field, column)| able_to_be_null(field, column)).collect();
    Ok(StructArray::try_new_with_length(fields, columns, column.nulls().cloned(), column.len())?)
}

/// The field, which must admit the NULLs that are there: a failed cast makes one where the type has none.
fn able_to_be_null(field: &FieldRef, values: &ArrayRef) -> FieldRef {
    if field.is_nullable() || values.null_count() == 0 {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_nullable(true))
}
