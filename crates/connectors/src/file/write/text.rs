//! `text`: the only column, a line a row.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use millstream_core::{Error, Options, Result, spark_error};

use super::check;
use super::compression::Codec;
use super::lines::{LineEncoder, Lines};
use crate::file::charset::Charset;
use crate::file::format::{FileEncoder, WriteConfig};

/// Writes the column of texts.
pub(in crate::file) fn encoder(config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
    check::types(&config.schema, "Text", |data_type| *data_type == DataType::Utf8)?;
    if config.schema.fields().len() != 1 {
        return Err(spark_error!("_LEGACY_ERROR_TEMP_1290", schemaSize = config.schema.fields().len()));
    }
    Ok(Arc::new(LineEncoder {
        lines: Arc::new(TextLines { line_end: line_end(&config.options)? }),
        extension: ".txt".to_owned(),
        // Spark heeds an encoding where it reads alone.
        charset: Charset::Utf8,
        codec: Codec::from_options(&config.options, &["compression"])?,
    }))
}

/// What ends a line: `lineSep`.
pub(super) fn line_end(options: &Options) -> Result<String> {
    match options.get("lineSep") {
        Some("") => Err(Error::illegal_argument("requirement failed: 'lineSep' cannot be an empty string.")),
        separator => Ok(separator.unwrap_or("\n").to_owned()),
    }
}

#[derive(Debug)]
struct TextLines {
    line_end: String,
}

impl Lines for TextLines {
    fn push_rows(&self, out: &mut String, rows: &RecordBatch) -> Result<()> {
        let texts = rows.column(0).as_string::<i32>();
        for row in 0..texts.len() {
            if texts.is_valid(row) {
                out.push_str(texts.value(row));
            }
            out.push_str(&self.line_end);
        }
        Ok(())
    }
}
