//! Values as text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use chrono_tz::Tz;
use millstream_core::Result;
use millstream_formats::text::cast_to_string;
use millstream_formats::text::double::{push_double, push_float};

/// A column as STRING.
pub(crate) fn column_to_text(column: &ArrayRef, zone: Tz) -> Result<ArrayRef> {
    if *column.data_type() == DataType::Binary {
        // Valid UTF-8, which is nearly all there is, needs a check and a copy, no printer.
        let values = column.as_binary::<i32>();
        let texts = values.iter().map(|value| value.map(String::from_utf8_lossy));
        return Ok(Arc::new(texts.collect::<StringArray>()));
    }
    Ok(Arc::new(cast_to_string(column, zone)?))
}

/// Java's text of a double.
pub(crate) fn double_text(value: f64) -> String {
    let mut text = String::new();
    push_double(&mut text, value);
    text
}

/// The SQL text of a double, as Spark's messages quote it.
pub(crate) fn double_literal(value: f64) -> String {
    if value.is_finite() { format!("{}D", double_text(value)) } else { double_text(value) }
}

/// Java's text of a float.
pub(crate) fn float_text(value: f32) -> String {
    let mut text = String::new();
    push_float(&mut text, value);
    text
}
