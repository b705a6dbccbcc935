//! A format of files as a connector.

use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use millstream_core::{BatchReader, Connector, Error, Result, SaveMode, Sink, SinkConfig, Source, SourceConfig};

use super::format::{FileFormat, ReadConfig};
use super::found_file::FoundFile;
use super::listing;
use super::reader::FileReader;
use super::write;

/// `format(…)` of one format of files.
#[derive(Debug, Clone, Copy)]
pub struct FileConnector(pub &'static dyn FileFormat);

impl Connector for FileConnector {
    fn names(&self) -> &'static [&'static str] {
        self.0.names()
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        let read = read_config(config);
        let schema = self.schema(&[], config, &read)?;
        self.0.decoder(&schema, &read)?;
        Ok(schema)
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Err(no_stream(self.0.name(), "Reading"))
    }

    fn open_sink(&self, config: SinkConfig) -> Result<Arc<dyn Sink>> {
        write::open_stream(self.0, &config)
    }

    fn check_save_mode(&self, _mode: SaveMode, _format: &str) -> Result<()> {
        Ok(())
    }

    fn open_batch_write(&self, config: SinkConfig, mode: SaveMode) -> Result<Option<Arc<dyn Sink>>> {
        write::open_batch(self.0, &config, mode)
    }

    fn conf_of_options(&self) -> &'static [(&'static str, &'static str)] {
        self.0.conf_of_options()
    }

    fn open_batch(&self, config: SourceConfig) -> Result<Arc<dyn BatchReader>> {
        let read = read_config(&config);
        let files = listing::list(&config.options)?;
        let schema = self.schema(&files, &config, &read)?;
        let decoder = self.0.decoder(&schema, &read)?;
        Ok(Arc::new(FileReader { schema, decoder, files: files.into() }))
    }
}

impl FileConnector {
    /// The columns of the files: those that the user gave, else what the files show.
    fn schema(&self, files: &[FoundFile], config: &SourceConfig, read: &ReadConfig) -> Result<SchemaRef> {
        let given = match &config.user_schema {
            Some(schema) => Some(Arc::clone(schema)),
            None => self.0.infer(files, read)?,
        };
        let Some(schema) = given else {
            return Err(Error::unsupported("Files that show no schema are not supported by Millstream."));
        };
        // What is read from outside may lack anything.
        let fields: Fields = schema.fields().iter().map(|field| Field::clone(field).with_nullable(true)).collect();
        Ok(Arc::new(Schema::new(fields)))
    }
}

fn read_config(config: &SourceConfig) -> ReadConfig {
    ReadConfig { options: config.options.clone(), settings: config.settings }
}

/// Spark streams files; here they are read as they are, once.
fn no_stream(format: &str, what: &str) -> Error {
    Error::unsupported(format!("{what} '{format}' files as a stream is not supported by Millstream."))
        .with_hint("a batch query reads them, and a topic of Kafka is a stream")
}
