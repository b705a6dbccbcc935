//! `format("kafka")`: reads Apache Kafka as a stream or once and writes to it, with Spark's options, columns, offsets
//! and errors.
//!
//! The client is the crate `millstream-kafka`; here is what makes a Spark source and a Spark sink of it.

mod batch;
mod columns;
mod errors;
mod feed;
mod group_offsets;
mod lane;
mod offset_reader;
mod offsets;
mod options;
mod pruning;
mod reader;
mod records;
mod scan;
mod sink;
mod source;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::{
    BatchReader, Connector, Error, KnownOptions, Result, SaveMode, Sink, SinkConfig, Source, SourceConfig, spark_error,
};

use batch::KafkaBatch;
use feed::Feeds;
use options::{KafkaOptions, Mode};
use source::KafkaSource;

/// The connector for `format("kafka")`.
#[derive(Debug, Clone, Default)]
pub struct KafkaConnector {
    /// What its streams read together.
    feeds: Arc<Feeds>,
}

impl KafkaConnector {
    fn options(config: &SourceConfig, mode: Mode) -> Result<KafkaOptions> {
        if config.user_schema.is_some() {
            return Err(Error::illegal_argument("Kafka source has a fixed schema and cannot be set with a custom one"));
        }
        KafkaOptions::parse(&config.options, mode)
    }
}

impl Connector for KafkaConnector {
    fn names(&self) -> &'static [&'static str] {
        &["kafka"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions { names: &options::NAMES, prefix: Some("kafka.") })
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        // Which of the two it will be is not known yet, so the options must be right for one of them.
        let options = Self::options(config, Mode::Streaming).or_else(|error| {
            let once = Self::options(config, Mode::Batch).ok().filter(|_| config.query.is_none());
            once.ok_or(error)
        })?;
        Ok(columns::schema(options.include_headers))
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(KafkaSource::new(Self::options(&config, Mode::Streaming)?, &config, &self.feeds)))
    }

    fn open_batch(&self, config: SourceConfig) -> Result<Arc<dyn BatchReader>> {
        Ok(Arc::new(KafkaBatch::new(Self::options(&config, Mode::Batch)?, &config)))
    }

    fn check_save_mode(&self, mode: SaveMode, _format: &str) -> Result<()> {
        if matches!(mode, SaveMode::Append | SaveMode::ErrorIfExists) {
            return Ok(());
        }
        let mode = mode.name();
        Err(spark_error!("_LEGACY_ERROR_TEMP_3081", mode = mode, append = "Append", errorIfExists = "ErrorIfExists"))
    }

    fn open_sink(&self, config: SinkConfig) -> Result<Arc<dyn Sink>> {
        sink::open(&config.options, &config)
    }
}
