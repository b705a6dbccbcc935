//! `df.write…save()`: a batch result into a sink that takes batches (console, Kafka, noop).

use std::sync::Arc;

use millstream_core::{
    BatchId, Error, LoggedBatch, Options, OutputMode, Result, SinkBatch, SinkConfig, SinkStart, WriteKind, spark_error,
};
use spark_connect_proto::WriteOperation;
use spark_connect_proto::write_operation::{SaveMode, SaveType};

use super::query_plan;
use crate::error::handle::{relation_not_set, unsupported};
use crate::session::Session;

pub(super) async fn execute(session: &Arc<Session>, write: WriteOperation) -> Result<()> {
    let mode = write.mode();
    let input = write.input.ok_or_else(relation_not_set)?;
    let source = write.source.unwrap_or_else(|| "parquet".to_owned());
    if matches!(write.save_type, Some(SaveType::Table(_))) {
        return Err(unsupported("Writing into a table"));
    }
    let context = session.analysis_context()?;
    let connector = context.connectors.get(&source)?;
    check_mode(connector.names()[0], &source, mode)?;
    let (schema, rows) = query_plan::rows(session, &input).await?;
    let options: Options = write.options.into_iter().collect();
    let sink = connector.open_sink(SinkConfig {
        options,
        schema: Arc::clone(&schema),
        output_mode: OutputMode::Append,
        query_name: None,
        settings: context.settings,
        memory: context.memory,
        clock: context.clock,
    })?;
    sink.open(SinkStart::batch_write()).await?;
    let batch = SinkBatch { id: BatchId(0), kind: WriteKind::Append, upsert_key: None, schema, rows: vec![rows] };
    let written = sink.write(batch, LoggedBatch::none()).await;
    sink.close().await?;
    written.map(|_| ())
}

/// Each format has its own idea of save modes, and its own words for those that it refuses.
fn check_mode(connector: &str, source: &str, mode: SaveMode) -> Result<()> {
    match connector {
        "console" => Ok(()),
        "noop" if matches!(mode, SaveMode::Append | SaveMode::Overwrite) => Ok(()),
        "noop" => Err(save_mode(source, mode)),
        "kafka" if matches!(mode, SaveMode::Overwrite | SaveMode::Ignore) => {
            let mode = if mode == SaveMode::Ignore { "Ignore" } else { "Overwrite" };
            Err(spark_error!(
                "_LEGACY_ERROR_TEMP_3081",
                mode = mode,
                append = "Append",
                errorIfExists = "ErrorIfExists",
            ))
        }
        "kafka" => Ok(()),
        _ => Err(unsupported(&format!("Writing a batch with format '{source}'"))),
    }
}

fn save_mode(source: &str, mode: SaveMode) -> Error {
    let mode = if mode == SaveMode::Ignore { "Ignore" } else { "ErrorIfExists" };
    spark_error!("UNSUPPORTED_DATA_SOURCE_SAVE_MODE", source = source, createMode = format!("\"{mode}\""))
}
