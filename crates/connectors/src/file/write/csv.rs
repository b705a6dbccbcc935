//! `csv`: a row a line, behind the names of the columns where `header` asks for them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use millstream_core::Result;
use millstream_formats::csv_text::{CsvText, CsvTextOptions};

use millstream_formats::json_patterns::PrintFormats;

use super::check;
use super::compression::Codec;
use super::lines::{LineEncoder, Lines};
use crate::file::charset::Charset;
use crate::file::format::{FileEncoder, WriteConfig};

/// Writes rows as CSV.
pub(in crate::file) fn encoder(config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
    check::types(&config.schema, "CSV", check::is_atomic)?;
    let (options, settings) = (&config.options, &config.settings);
    PrintFormats::from_options(options)?.check(&DataType::Struct(config.schema.fields().clone()))?;
    let text = CsvText::new(CsvTextOptions::from_options(options, settings.time_zone, settings.binary)?);
    let header = options.get_bool("header")?.unwrap_or(false).then(|| Arc::clone(&config.schema));
    Ok(Arc::new(LineEncoder {
        lines: Arc::new(CsvLines { text, header }),
        extension: options.get("extension").map_or_else(|| ".csv".to_owned(), |name| format!(".{name}")),
        charset: Charset::from_options(options, "CSVOptions")?,
        codec: Codec::from_options(options, &["compression", "codec"])?,
    }))
}

#[derive(Debug)]
struct CsvLines {
    text: CsvText,
    header: Option<SchemaRef>,
}

impl Lines for CsvLines {
    fn push_header(&self, out: &mut String) {
        if let Some(schema) = &self.header {
            self.text.push_header(out, schema.fields().iter().map(|field| field.name().as_str()));
        }
    }

    fn push_rows(&self, out: &mut String, rows: &RecordBatch) -> Result<()> {
        self.text.push_rows(out, rows.columns(), rows.num_rows())
    }
}
