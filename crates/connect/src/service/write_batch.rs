//! `df.write…save()`: a batch result into a sink that takes batches.

use std::sync::Arc;

use millstream_core::{
    BatchId, LoggedBatch, Options, OutputMode, Result, SaveMode, SinkBatch, SinkConfig, SinkStart, WriteKind,
};
use millstream_engine::plan::warn_of_unknown_options;
use millstream_sql::Observation;
use spark_connect_proto::WriteOperation;
use spark_connect_proto::write_operation::{SaveMode as SaveModeMessage, SaveType};

use super::query_plan::{self, QueryRows};
use crate::error::handle::{relation_not_set, unsupported};
use crate::session::Computation;

/// Writes, and gives what was observed of the rows.
pub(super) async fn execute(session: &Computation, write: WriteOperation) -> Result<Vec<Observation>> {
    let mode = save_mode(write.mode());
    let input = write.input.ok_or_else(relation_not_set)?;
    let source = write.source.unwrap_or_else(|| "parquet".to_owned());
    if matches!(write.save_type, Some(SaveType::Table(_))) {
        return Err(unsupported("Writing into a table"));
    }
    let context = session.analysis_context()?;
    let connector = context.connectors.get(&source)?;
    connector.check_save_mode(mode, &source)?;
    let QueryRows { schema, batches, observed } = query_plan::rows(session, &input).await?;
    let options: Options = write.options.into_iter().collect();
    warn_of_unknown_options(connector.as_ref(), &options);
    let sink = connector.open_sink(SinkConfig {
        options,
        schema: Arc::clone(&schema),
        has_deletes: false,
        output_mode: OutputMode::Append,
        query_name: None,
        settings: context.settings,
        memory: context.memory,
        clock: context.clock,
    })?;
    sink.open(SinkStart::batch_write()).await?;
    let batch = SinkBatch { id: BatchId(0), kind: WriteKind::Append, upsert_key: None, schema, rows: vec![batches] };
    let written = sink.write(batch, LoggedBatch::none()).await;
    sink.close().await?;
    written.map(|_| observed)
}

/// The mode as connectors know it. A client that sets none means Spark's default.
fn save_mode(mode: SaveModeMessage) -> SaveMode {
    match mode {
        SaveModeMessage::Append => SaveMode::Append,
        SaveModeMessage::Overwrite => SaveMode::Overwrite,
        SaveModeMessage::Ignore => SaveMode::Ignore,
        SaveModeMessage::ErrorIfExists | SaveModeMessage::Unspecified => SaveMode::ErrorIfExists,
    }
}
