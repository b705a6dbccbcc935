//! The noop sink: runs each batch and keeps nothing (Spark: `NoopDataSource`). For measuring, and for trying a plan.

use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{
    Connector, KnownOptions, LoggedBatch, Result, SaveMode, Sink, SinkBatch, SinkConfig, SinkProgress, spark_error,
};

use crate::drain::drain;

/// `format("noop")`.
#[derive(Debug, Clone, Copy)]
pub struct Noop;

impl Connector for Noop {
    fn names(&self) -> &'static [&'static str] {
        &["noop"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions::of(&[]))
    }

    fn requires_checkpoint(&self) -> bool {
        false
    }

    fn check_save_mode(&self, mode: SaveMode, format: &str) -> Result<()> {
        if matches!(mode, SaveMode::Append | SaveMode::Overwrite) {
            return Ok(());
        }
        Err(spark_error!(
            "UNSUPPORTED_DATA_SOURCE_SAVE_MODE",
            source = format,
            createMode = format!("\"{}\"", mode.name())
        ))
    }

    fn open_sink(&self, _config: SinkConfig) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(NoopSink))
    }
}

#[derive(Debug)]
struct NoopSink;

#[async_trait]
impl Sink for NoopSink {
    fn description(&self) -> String {
        "org.apache.spark.sql.execution.datasources.noop.NoopTable$".to_owned()
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        Ok(SinkProgress { rows_written: drain(batch.rows).await?, ..SinkProgress::default() })
    }
}
