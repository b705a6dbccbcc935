//! `text`: the lines of files, or with `wholetext` the files, in one STRING column `value`.
//!
//! What is not UTF-8 becomes U+FFFD.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use millstream_core::{
    BatchReader, BatchStream, Connector, ReadRequest, Result, Sink, SinkConfig, Source, SourceConfig, spark_error,
};
use millstream_formats::text::simple_string;

use super::{Files, project};

/// `format("text")`.
#[derive(Debug, Clone, Copy)]
pub struct TextFiles;

impl Connector for TextFiles {
    fn names(&self) -> &'static [&'static str] {
        &["text"]
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        let Some(schema) = &config.user_schema else {
            return Ok(Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, true)])));
        };
        if schema.fields().len() != 1 {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1290", schemaSize = schema.fields().len()));
        }
        let field = schema.field(0);
        if *field.data_type() != DataType::Utf8 {
            return Err(spark_error!(
                "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                format = "Text",
                columnName = format!("`{}`", field.name()),
                columnType = format!("\"{}\"", simple_string(field.data_type()).to_uppercase()),
            ));
        }
        Ok(Arc::clone(schema))
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Err(super::no_stream(self, "Reading"))
    }

    fn open_sink(&self, _config: SinkConfig) -> Result<Arc<dyn Sink>> {
        Err(super::no_stream(self, "Writing"))
    }

    fn open_batch(&self, config: SourceConfig) -> Result<Arc<dyn BatchReader>> {
        Ok(Arc::new(TextReader { schema: self.source_schema(&config)?, files: Files::open(&config)? }))
    }
}

#[derive(Debug)]
struct TextReader {
    schema: SchemaRef,
    files: Files,
}

#[async_trait]
impl BatchReader for TextReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let ReadRequest { columns, batch_rows, max_streams, .. } = request;
        let schema = Arc::clone(&self.schema);
        Ok(self.files.clone().scan(batch_rows, max_streams, move |lines| {
            let texts = StringArray::from_iter_values(lines.iter().map(|line| String::from_utf8_lossy(line)));
            project(&columns, &schema, &[Arc::new(texts) as ArrayRef], lines.len())
        }))
    }
}
