//! `json`: a row a line, as by `to_json`.

use std::sync::Arc;

use arrow::array::{RecordBatch, StructArray};
use arrow::datatypes::DataType;
use millstream_core::Result;
use millstream_formats::json_patterns;
use millstream_formats::json_text::{JsonTextOptions, push_lines};

use super::compression::Codec;
use super::lines::{LineEncoder, Lines};
use super::{check, text};
use crate::file::charset::Charset;
use crate::file::format::{FileEncoder, WriteConfig};

/// Writes rows as JSON.
pub(in crate::file) fn encoder(config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
    check::types(&config.schema, "JSON", |data_type| !check::has_calendar_interval(data_type))?;
    check::no_duplicates(config.schema.fields().iter().map(|field| field.name().as_str()), &config.settings)?;
    let rows = DataType::Struct(config.schema.fields().clone());
    let options = json_patterns::to_print(&config.options, config.settings.time_zone, &rows)?.0;
    let line_end = text::line_end(&config.options)?;
    Ok(Arc::new(LineEncoder {
        lines: Arc::new(JsonLines { options, line_end }),
        extension: ".json".to_owned(),
        charset: Charset::from_options(&config.options, "JSONOptions")?,
        codec: Codec::from_options(&config.options, &["compression"])?,
    }))
}

#[derive(Debug)]
struct JsonLines {
    options: JsonTextOptions,
    line_end: String,
}

impl Lines for JsonLines {
    fn push_rows(&self, out: &mut String, rows: &RecordBatch) -> Result<()> {
        push_lines(out, &StructArray::from(rows.clone()), &self.line_end, &self.options)
    }
}
