//! `json`: a record a line, decoded as by `from_json`.
//!
//! Blank lines are no rows. With `mode` = `DROPMALFORMED` neither are malformed ones.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StructArray};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use millstream_core::decode::ValueDecoder;
use millstream_core::{Error, Result};
use millstream_formats::json::{JsonDecoder, JsonOptions, ParseMode};

use crate::file::format::{FileDecoder, FileEncoder, FileFormat, FileRows, ReadConfig, Wanted, WriteConfig};
use crate::file::found_file::FoundFile;
use crate::file::input;
use crate::file::line_rows::{LineRows, batch_of, check_encoding};
use crate::file::lines::{LineReader, Separator};
use crate::file::write;

/// A column that no file has, for the text of malformed records.
const MALFORMED: &str = "\u{0}malformed";

/// The format whose records are JSON texts.
#[derive(Debug)]
pub(super) struct Json;

impl FileFormat for Json {
    fn names(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn decoder(&self, schema: &SchemaRef, config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        if config.options.get_bool("multiLine")?.unwrap_or(false) {
            return Err(Error::unsupported("Reading JSON records that span lines is not supported by Millstream."));
        }
        check_encoding(&config.options)?;
        let mut options = JsonOptions::from_options(&config.options, config.settings.time_zone)?;
        let drop_malformed = options.mode == ParseMode::DropMalformed;
        if drop_malformed {
            options.mode = ParseMode::Permissive;
            options.corrupt_record_column = MALFORMED.to_owned();
        }
        JsonDecoder::new(schema.fields(), options.clone())?;
        let separator = Separator::from_options(&config.options)?;
        Ok(Arc::new(JsonLines { schema: SchemaRef::clone(schema), options, drop_malformed, separator }))
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::json::encoder(config)
    }

    fn title(&self) -> &'static str {
        "JSON"
    }
}

#[derive(Debug)]
struct JsonLines {
    schema: SchemaRef,
    options: JsonOptions,
    drop_malformed: bool,
    separator: Separator,
}

impl FileDecoder for JsonLines {
    fn open(&self, file: &FoundFile, wanted: &Wanted) -> Result<FileRows> {
        let schema = Arc::new(self.schema.project(&wanted.columns)?);
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        if self.drop_malformed {
            fields.push(Arc::new(Field::new(MALFORMED, DataType::Utf8, true)));
        }
        let mut decoding = JsonDecoder::new(&Fields::from(fields), self.options.clone())?.start();
        let drop_malformed = self.drop_malformed;
        let lines = LineReader::new(input::open(file)?, self.separator.clone());
        Ok(Box::new(LineRows::new(file, lines, wanted, move |lines| {
            for line in lines {
                decoding.append(Some(line))?;
            }
            records(&schema, &decoding.finish()?, drop_malformed)
        })))
    }
}

/// The rows that are records.
fn records(schema: &Arc<Schema>, decoded: &ArrayRef, drop_malformed: bool) -> Result<RecordBatch> {
    let rows = kept(decoded, drop_malformed)?;
    batch_of(schema, rows.columns()[..schema.fields().len()].to_vec(), rows.len())
}

fn kept(decoded: &ArrayRef, drop_malformed: bool) -> Result<StructArray> {
    let rows = decoded.as_struct();
    let marks = if drop_malformed { rows.columns().last() } else { None };
    if rows.null_count() == 0 && marks.is_none() {
        return Ok(rows.clone());
    }
    let wanted: BooleanArray =
        (0..rows.len()).map(|row| Some(rows.is_valid(row) && marks.is_none_or(|marks| marks.is_null(row)))).collect();
    Ok(filter(rows, &wanted)?.as_struct().clone())
}
