//! A format of files as a connector.

use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use millstream_core::{
    BatchReader, Connector, Error, Result, SaveMode, Sink, SinkConfig, Source, SourceConfig, spark_error,
};

use super::format::{FileFormat, ReadConfig};
use super::listing::{Listing, Search};
use super::reader::FileReader;
use super::stream::FileStream;
use super::table::FileTable;
use super::write;

/// `format(…)` of one format of files.
#[derive(Debug, Clone, Copy)]
pub struct FileConnector(pub &'static dyn FileFormat);

impl Connector for FileConnector {
    fn names(&self) -> &'static [&'static str] {
        self.0.names()
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        if config.options.get("path").or_else(|| config.options.get("paths")).is_none() {
            return Err(Error::illegal_argument("'path' is not specified."));
        }
        self.check_streamed_schema(config)?;
        let listing = Search::from_options(&config.options, &config.settings)?.list()?;
        Ok(self.table(&listing, config)?.schema())
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        let search = Search::from_options(&config.options, &config.settings)?;
        let listing = search.list()?;
        self.check_streamed_schema(&config)?;
        let table = Arc::new(self.table(&listing, &config)?);
        let partitions = listing.partitions.names().to_vec();
        Ok(Arc::new(FileStream::open(table, search, partitions, &config)?))
    }

    fn open_sink(&self, config: SinkConfig) -> Result<Arc<dyn Sink>> {
        write::open_stream(self.0, &config)
    }

    fn check_save_mode(&self, _mode: SaveMode, _format: &str) -> Result<()> {
        Ok(())
    }

    fn has_tables(&self) -> bool {
        true
    }

    fn open_batch_write(&self, config: SinkConfig, mode: SaveMode) -> Result<Option<Arc<dyn Sink>>> {
        write::open_batch(self.0, &config, mode)
    }

    fn conf_of_options(&self) -> &'static [(&'static str, &'static str)] {
        self.0.conf_of_options()
    }

    fn reads_paths(&self) -> bool {
        true
    }

    fn open_batch(&self, config: SourceConfig) -> Result<Arc<dyn BatchReader>> {
        let listing = Search::from_options(&config.options, &config.settings)?.list()?;
        let table = Arc::new(self.table(&listing, &config)?);
        Ok(Arc::new(FileReader { table, files: listing.files }))
    }
}

impl FileConnector {
    /// The rows of these files: by the schema that the user gave, else by what the files show.
    fn table(&self, listing: &Listing, config: &SourceConfig) -> Result<FileTable> {
        let read = ReadConfig {
            options: config.options.clone(),
            settings: config.settings,
            now_ms: config.clock.now_ms(),
            memory: config.memory.clone(),
        };
        let zone = config.settings.time_zone;
        let mut partitions = listing.partitions.fields(zone, config.settings.infers_partition_types);
        let inside = match &config.user_schema {
            Some(schema) => without_partitions(schema, &mut partitions, config.settings.case_sensitive),
            None => self.0.infer(&listing.files, &read)?.ok_or_else(|| self.unable_to_infer())?,
        };
        // What is read from outside may lack anything.
        let fields: Fields = inside.fields().iter().map(|field| Field::clone(field).with_nullable(true)).collect();
        let inside = Arc::new(Schema::new(fields));
        check_names(&inside, config.settings.case_sensitive)?;
        let decoder = self.0.decoder(&inside, &read)?;
        Ok(FileTable::new(decoder, &inside, partitions, read.tolerance()?, config))
    }

    /// Refuses a stream whose columns nobody has named, unless they are always the same.
    fn check_streamed_schema(&self, config: &SourceConfig) -> Result<()> {
        let is_known = config.user_schema.is_some() || config.settings.infers_stream_schema || self.0.name() == "text";
        if is_known { Ok(()) } else { Err(spark_error!("_LEGACY_ERROR_TEMP_2048")) }
    }

    fn unable_to_infer(&self) -> Error {
        spark_error!("UNABLE_TO_INFER_SCHEMA", format = self.0.title())
    }
}

/// The columns that are inside the files. What the user says of a partition's column is taken over: its name and type.
fn without_partitions(schema: &Schema, partitions: &mut [Field], case_sensitive: bool) -> SchemaRef {
    let same = |left: &str, right: &str| match case_sensitive {
        true => left == right,
        false => left.to_lowercase() == right.to_lowercase(),
    };
    let mut inside = Vec::new();
    for field in schema.fields() {
        match partitions.iter_mut().find(|partition| same(partition.name(), field.name())) {
            Some(partition) => *partition = Field::clone(field).with_nullable(true),
            None => inside.push(Arc::clone(field)),
        }
    }
    Arc::new(Schema::new(inside))
}

/// Refuses two columns of one name.
fn check_names(schema: &Schema, case_sensitive: bool) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for field in schema.fields() {
        let name = if case_sensitive { field.name().clone() } else { field.name().to_lowercase() };
        if !seen.insert(name.clone()) {
            return Err(spark_error!("COLUMN_ALREADY_EXISTS", columnName = format!("`{name}`")));
        }
    }
    Ok(())
}
