//! The noop sink: runs each batch and keeps nothing (Spark: `NoopDataSource`). For measuring, and for trying a plan.

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use millstream_core::{Connector, Result, Sink, SinkBatch, SinkConfig, SinkProgress};

/// `format("noop")`.
#[derive(Debug, Clone, Copy)]
pub struct Noop;

impl Connector for Noop {
    fn names(&self) -> &'static [&'static str] {
        &["noop"]
    }

    fn requires_checkpoint(&self) -> bool {
        false
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

    async fn write(&self, batch: SinkBatch) -> Result<SinkProgress> {
        let mut rows = 0_u64;
        let mut streams = futures::stream::select_all(batch.rows);
        while let Some(part) = streams.try_next().await? {
            rows += part.num_rows() as u64;
        }
        Ok(SinkProgress { rows_written: rows, ..SinkProgress::default() })
    }
}
