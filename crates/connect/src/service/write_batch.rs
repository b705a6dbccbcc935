//! `df.write…save()`: a batch result into a sink that takes batches.

use std::sync::Arc;

use millstream_core::{
    BatchId, Connector, LoggedBatch, Options, OutputMode, Result, SaveMode, SinkBatch, SinkConfig, SinkStart,
    WriteKind, spark_error,
};
use millstream_engine::plan::warn_of_unknown_options;
use millstream_sql::parser::TableDefinition;
use millstream_sql::{Observation, parse_name, table_not_found};
use spark_connect_proto::WriteOperation;
use spark_connect_proto::read::DataSource;
use spark_connect_proto::write_operation::save_table::TableSaveMethod;
use spark_connect_proto::write_operation::{SaveMode as SaveModeMessage, SaveTable, SaveType};

use super::lasting_table::{self, Insert};
use super::query_plan::{self, QueryRows};
use super::store_assignment::Matching;
use crate::error::handle::{relation_not_set, unsupported};
use crate::session::Computation;

/// Writes, and gives what was observed of the rows.
pub(super) async fn execute(session: &Computation, mut write: WriteOperation) -> Result<Vec<Observation>> {
    refuse_unsupported(&write)?;
    match write.save_type.take() {
        Some(SaveType::Table(table)) => into_table(session, table, write).await,
        place => {
            let written = into_connector(session, WriteOperation { save_type: place, ..write }).await?;
            Ok(written.observed)
        }
    }
}

/// `saveAsTable` and `insertInto`.
async fn into_table(session: &Computation, table: SaveTable, write: WriteOperation) -> Result<Vec<Observation>> {
    let mode = save_mode(write.mode());
    let query = write.input.ok_or_else(relation_not_set)?;
    let name = table.table_name.clone();
    if table.save_method() == TableSaveMethod::InsertInto {
        if !write.partitioning_columns.is_empty() {
            return Err(spark_error!("PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO", tableName = name));
        }
        let parts = parse_name(&name)?;
        let found = session.lasting_table(&parts)?.ok_or_else(|| table_not_found(&parts))?;
        let insert = Insert {
            query,
            matching: Matching::Position,
            overwrite: mode == SaveMode::Overwrite,
            partition: Vec::new(),
            if_not_exists: false,
        };
        return lasting_table::insert(session, found, insert).await;
    }
    let source = DataSource { format: write.source, options: write.options, ..DataSource::default() };
    let partitions = write.partitioning_columns;
    let clustering = write.clustering_columns;
    let definition = TableDefinition { name, source, partitions, clustering, ..TableDefinition::default() };
    lasting_table::save(session, definition, query, mode).await
}

/// What a write leaves.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What was observed of the rows.
    pub(super) observed: Vec<Observation>,
    /// The folders of partitions that have new rows.
    pub(super) partitions: Vec<String>,
}

/// Writes into a folder, or whatever the connector has.
pub(super) async fn into_connector(session: &Computation, write: WriteOperation) -> Result<Written> {
    let mode = save_mode(write.mode());
    let input = write.input.ok_or_else(relation_not_set)?;
    let source = write.source.unwrap_or_else(|| default_source(session));
    let context = session.analysis_context()?;
    let connector = context.connectors.get(&source)?;
    connector.check_save_mode(mode, &source)?;
    let rows = query_plan::rows(session, &input).await.map_err(|error| match error.class() {
        // A stream; Spark has words of its own for a write of one.
        Some("_LEGACY_ERROR_TEMP_3102") => {
            spark_error!("CALL_ON_STREAMING_DATASET_UNSUPPORTED", methodName = "`write`")
        }
        _ => error,
    });
    let QueryRows { schema, batches, observed } = rows?;
    let mut options: Options = write.options.into_iter().collect();
    warn_of_unknown_options(connector.as_ref(), &options);
    if let Some(SaveType::Path(path)) = write.save_type {
        if options.contains("path") {
            return Err(spark_error!(
                "_LEGACY_ERROR_TEMP_1307",
                config = "spark.sql.legacy.pathOptionBehavior.enabled"
            ));
        }
        options.insert("path", path);
    }
    settings_of_options(session, connector.as_ref(), &mut options);
    let config = SinkConfig {
        options,
        schema: Arc::clone(&schema),
        has_deletes: false,
        partition_by: write.partitioning_columns,
        output_mode: OutputMode::Append,
        query_name: None,
        settings: context.settings,
        memory: context.memory,
        clock: context.clock,
    };
    let unwritten = Written { observed, partitions: Vec::new() };
    let Some(sink) = connector.open_batch_write(config, mode)? else { return Ok(unwritten) };
    sink.open(SinkStart::batch_write()).await?;
    let batch = SinkBatch { id: BatchId(0), kind: WriteKind::Append, upsert_key: None, schema, rows: vec![batches] };
    let written = sink.write(batch, LoggedBatch::none()).await;
    sink.close().await?;
    written.map(|progress| Written { partitions: progress.partitions, ..unwritten })
}

fn refuse_unsupported(write: &WriteOperation) -> Result<()> {
    let is_table = matches!(write.save_type, Some(SaveType::Table(_)));
    if write.bucket_by.is_some() {
        return match is_table {
            true => Err(unsupported("bucketBy")),
            false => Err(spark_error!("_LEGACY_ERROR_TEMP_1312", operation = "save")),
        };
    }
    if !write.sort_column_names.is_empty() {
        return Err(spark_error!("SORT_BY_WITHOUT_BUCKETING"));
    }
    if !write.clustering_columns.is_empty() && !is_table {
        return Err(unsupported("clusterBy of anything but a table"));
    }
    Ok(())
}

/// What is written where nobody names a format.
pub(super) fn default_source(session: &Computation) -> String {
    session.conf().lock().find("spark.sql.sources.default").unwrap_or_else(|| "parquet".to_owned())
}

/// Options that are not set get the values of their settings.
pub(super) fn settings_of_options(session: &Computation, connector: &dyn Connector, options: &mut Options) {
    let conf = session.conf().lock();
    for (option, key) in connector.conf_of_options() {
        if let Some(value) = conf.find(key).filter(|_| !options.contains(option)) {
            options.insert(*option, value);
        }
    }
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
