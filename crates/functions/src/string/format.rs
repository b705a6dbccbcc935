//! Strings made of strings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use millstream_core::Result;

use super::long_texts;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::kernel::{Evaluation, Function};

static CONCAT_WS: Function = Function::new("concat_ws", |one| {
    let separators = one.strings(0);
    let mut room = one.room("concat_ws");
    let join = |row: usize| {
        if separators.is_null(row) {
            return Ok(None);
        }
        let mut parts: Vec<String> = Vec::new();
        for column in one.columns[1..].iter().filter(|column| column.is_valid(row)) {
            match column.data_type() {
                DataType::List(_) => {
                    let elements = column.as_list::<i32>().value(row);
                    parts.extend(elements.as_string::<i32>().iter().flatten().map(str::to_owned));
                }
                _ => parts.push(column.as_string::<i32>().value(row).to_owned()),
            }
        }
        let separators_bytes = parts.len().saturating_sub(1).saturating_mul(separators.value(row).len());
        room.take(parts.iter().map(String::len).sum::<usize>().saturating_add(separators_bytes))?;
        Ok(Some(parts.join(separators.value(row))))
    };
    Ok(Arc::new((0..one.rows).map(join).collect::<Result<StringArray>>()?))
});

pub(super) fn concat_ws(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.string(0)?];
    for index in 1..call.count() {
        arguments.push(match call.data_type(index) {
            DataType::List(_) => call.cast(call.argument(index), &crate::data_type::array(DataType::Utf8, true))?,
            _ => call.string(index)?,
        });
    }
    let nullable = arguments[0].nullable;
    scalar(CONCAT_WS.over(arguments, DataType::Utf8, nullable, &call.context.settings))
}

/// All columns of strings in one; NULL with any of them.
pub(crate) fn joined(one: &Evaluation<'_>) -> Result<ArrayRef> {
    long_texts(one, "concat", |row, room| {
        let parts = || (0..one.columns.len()).map(|index| one.strings(index).value(row));
        room.take(parts().map(str::len).sum())?;
        Ok(parts().collect())
    })
}
