//! `json`: a record a line, decoded as by `from_json`. The schema must be given.
//!
//! Blank lines are no rows. With `mode` = `DROPMALFORMED` neither are malformed ones.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StructArray};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use millstream_core::decode::ValueDecoder;
use millstream_core::{
    BatchReader, BatchStream, Connector, Error, ReadRequest, Result, Sink, SinkConfig, Source, SourceConfig,
};
use millstream_formats::json::{JsonDecoder, JsonOptions, ParseMode};

use super::{Files, project};

/// A column that no file has, for the text of malformed records.
const MALFORMED: &str = "\u{0}malformed";

/// `format("json")`.
#[derive(Debug, Clone, Copy)]
pub struct JsonFiles;

impl Connector for JsonFiles {
    fn names(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        if config.options.get_bool("multiLine")?.unwrap_or(false) {
            return Err(Error::unsupported("Reading JSON records that span lines is not supported by Millstream."));
        }
        let Some(schema) = &config.user_schema else {
            return Err(Error::unsupported("Guessing the schema of JSON files is not supported by Millstream.")
                .with_hint("give one with .schema(…), or in SQL as CREATE TABLE name (columns) USING json"));
        };
        // What is read from outside may lack anything.
        let fields: Fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        JsonDecoder::new(&fields, permissive(config)?.0)?;
        Ok(Arc::new(Schema::new(fields)))
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Err(super::no_stream(self, "Reading"))
    }

    fn open_sink(&self, _config: SinkConfig) -> Result<Arc<dyn Sink>> {
        Err(super::no_stream(self, "Writing"))
    }

    fn open_batch(&self, config: SourceConfig) -> Result<Arc<dyn BatchReader>> {
        let schema = self.source_schema(&config)?;
        let (options, drop_malformed) = permissive(&config)?;
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        if drop_malformed {
            fields.push(Arc::new(Field::new(MALFORMED, DataType::Utf8, true)));
        }
        let decoder = JsonDecoder::new(&fields.into(), options)?;
        Ok(Arc::new(JsonReader { schema, files: Files::open(&config)?, decoder, drop_malformed }))
    }
}

/// The options, and whether malformed records are to be dropped: the decoder then marks them instead.
fn permissive(config: &SourceConfig) -> Result<(JsonOptions, bool)> {
    let mut options = JsonOptions::from_options(&config.options, config.settings.time_zone)?;
    let drop_malformed = options.mode == ParseMode::DropMalformed;
    if drop_malformed {
        options.mode = ParseMode::Permissive;
        options.corrupt_record_column = MALFORMED.to_owned();
    }
    Ok((options, drop_malformed))
}

#[derive(Debug)]
struct JsonReader {
    schema: SchemaRef,
    files: Files,
    decoder: JsonDecoder,
    drop_malformed: bool,
}

#[async_trait]
impl BatchReader for JsonReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let ReadRequest { columns, batch_rows, max_streams, .. } = request;
        let (schema, decoder, drop_malformed) = (Arc::clone(&self.schema), self.decoder.clone(), self.drop_malformed);
        Ok(self.files.clone().scan(batch_rows, max_streams, move |lines| {
            let mut decoding = decoder.start();
            for line in lines {
                decoding.append(Some(line))?;
            }
            let rows = kept(&decoding.finish()?, drop_malformed)?;
            project(&columns, &schema, rows.columns(), rows.len())
        }))
    }
}

/// The rows that are records.
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
