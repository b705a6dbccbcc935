//! `writeStream.start()`: everything that can be refused is refused here, before the client goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::interval::parse_duration;
use millstream_core::{Connector, Error, Options, OutputMode, Result, Sink, SinkConfig, Trigger, disk, spark_error};
use millstream_engine::plan::{sink_schema, warn_of_unknown_options};
use millstream_engine::query::{Engine, StreamingQuery};
use millstream_engine::{QuerySpec, SyncPolicy};
use millstream_sql::parser::TableDefinition;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::read::DataSource;
use spark_connect_proto::write_stream_operation_start::{SinkDestination, Trigger as TriggerMessage};
use spark_connect_proto::{WriteStreamOperationStart, WriteStreamOperationStartResult};
use uuid::Uuid;

use super::streaming_query::instance_id;
use super::write_batch::{default_source, settings_of_options};
use super::{lasting_table, query_plan};
use crate::error::handle::{relation_not_set, unsupported};
use crate::session::operation::ResponseSender;
use crate::session::queries::StartedBy;
use crate::session::{Computation, Session};

/// Where checkpoints go: the option, and the session's folder for queries without one.
const CHECKPOINT_LOCATION: &str = "checkpointLocation";
const CHECKPOINT_LOCATION_CONF: &str = "spark.sql.streaming.checkpointLocation";
/// How durable the log is: the option, and the session's setting.
const SYNC: &str = "checkpoint.sync";
const SYNC_CONF: &str = "spark.millstream.checkpoint.sync";

pub(super) async fn start(
    session: &Computation,
    request: WriteStreamOperationStart,
    sender: &ResponseSender,
) -> Result<()> {
    let query = start_query(session, request, sender.started_by()).await?;
    let result = WriteStreamOperationStartResult {
        query_id: Some(instance_id(&query)),
        name: query.name().unwrap_or_default().to_owned(),
        query_started_event_json: session.query_started_event(&query),
    };
    sender.send(ResponseType::WriteStreamOperationStartResult(result)).await
}

/// Starts what the message describes, as a query of the session.
pub(crate) async fn start_query(
    session: &Computation,
    request: WriteStreamOperationStart,
    by: StartedBy,
) -> Result<StreamingQuery> {
    refuse_unsupported(&request)?;
    let name = (!request.query_name.is_empty()).then(|| request.query_name.clone());
    let (spec, sink) = spec(session, request, name.clone()).await?;
    let query = session.queries().manager().start(spec).await?;
    session.queries().add(query.clone(), by);
    // What a sink keeps can be read as a table under the query's name.
    if let (Some(table), Some(name)) = (sink.table(), &name) {
        session.names().create_table(name, table);
    }
    Ok(query)
}

fn refuse_unsupported(request: &WriteStreamOperationStart) -> Result<()> {
    if request.foreach_batch.is_some() {
        return Err(unsupported("foreachBatch"));
    }
    if request.foreach_writer.is_some() {
        return Err(unsupported("foreach"));
    }
    if !request.clustering_column_names.is_empty() {
        return Err(unsupported("clusterBy of a streaming write"));
    }
    Ok(())
}

async fn spec(
    session: &Computation,
    request: WriteStreamOperationStart,
    name: Option<String>,
) -> Result<(QuerySpec, Arc<dyn Sink>)> {
    let output_mode = output_mode(&request.output_mode)?;
    let trigger = trigger(request.trigger)?;
    let input = request.input.ok_or_else(relation_not_set)?;
    let context = session.analysis_context()?;
    let analyzed = query_plan::analyze(session, &input).await?;
    if !analyzed.is_streaming {
        return Err(spark_error!("WRITE_STREAM_NOT_ALLOWED"));
    }
    let mut options: Options = request.options.into_iter().collect();
    let mut partition_by = request.partitioning_column_names;
    let mut format = if request.format.is_empty() { default_source(session) } else { request.format };
    match request.sink_destination {
        Some(SinkDestination::Path(path)) => options.insert("path", path),
        Some(SinkDestination::TableName(name)) => {
            let definition = TableDefinition {
                name,
                source: DataSource { format: Some(format), ..DataSource::default() },
                partitions: partition_by,
                location: options.get("path").map(str::to_owned),
                ..TableDefinition::default()
            };
            let table = lasting_table::for_stream(session, definition, &analyzed).await?;
            for (key, value) in table.options {
                options.insert(key, value);
            }
            options.insert("path", table.location.display().to_string());
            (format, partition_by) = (table.provider, table.partition_columns);
        }
        None => {}
    }
    let connector = context.connectors.get(&format)?;
    let checkpoint = checkpoint(session, &options, name.as_deref(), connector.as_ref())?;
    let sync = sync_policy(session, &options)?;
    warn_of_unknown_options(connector.as_ref(), &options);
    settings_of_options(session, connector.as_ref(), &mut options);
    let schema = sink_schema(&analyzed.plan, &analyzed.schema, output_mode, &context.conf)?;
    let sink = connector.open_sink(SinkConfig {
        options,
        partition_by,
        has_deletes: schema.fields().len() > analyzed.schema.fields().len(),
        schema,
        output_mode,
        query_name: name.clone(),
        settings: context.settings,
        memory: context.memory,
        clock: context.clock,
    })?;
    let spec = QuerySpec {
        name,
        plan: analyzed.plan,
        output_mode,
        trigger,
        sink: Arc::clone(&sink),
        checkpoint,
        // A log that loses what its output holds could not go on.
        sync: sync.unwrap_or(sink.exactly_once().map_or_else(SyncPolicy::default, |_| SyncPolicy::Always)),
        pinned: vec![],
        settings: context.settings,
        conf: context.conf,
    };
    Ok((spec, sink))
}

fn output_mode(text: &str) -> Result<OutputMode> {
    if text.is_empty() { Ok(OutputMode::Append) } else { text.parse() }
}

fn trigger(message: Option<TriggerMessage>) -> Result<Trigger> {
    match message {
        None => Ok(Trigger::Default),
        Some(TriggerMessage::ProcessingTimeInterval(text)) => interval(&text).map(Trigger::processing_time),
        Some(TriggerMessage::AvailableNow(_)) => Ok(Trigger::AvailableNow),
        Some(TriggerMessage::Once(_)) => Ok(Trigger::Once),
        Some(TriggerMessage::ContinuousCheckpointInterval(_)) => {
            Err(unsupported("Trigger.Continuous")
                .with_hint("the default trigger starts a batch as soon as there is data"))
        }
        Some(TriggerMessage::RealTimeBatchDuration(_)) => {
            Err(unsupported("Trigger.RealTime")
                .with_hint("the default trigger starts a batch as soon as there is data"))
        }
    }
}

/// Spark raises other classes here than for the intervals of SQL.
fn interval(text: &str) -> Result<Duration> {
    let number = text.split_whitespace().next().unwrap_or_default();
    if number.starts_with('-') {
        return Err(Error::illegal_argument("requirement failed: the interval of trigger should not be negative"));
    }
    if number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '.')) || number == "interval" {
        return parse_duration(text);
    }
    Err(spark_error!("INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER", input = text, number = number))
}

/// The option; else a folder of the query's in the session's; else a temporary one, where the sink allows that.
fn checkpoint(
    session: &Session,
    options: &Options,
    name: Option<&str>,
    connector: &dyn Connector,
) -> Result<Option<PathBuf>> {
    if let Some(location) = options.get(CHECKPOINT_LOCATION) {
        return place(session.engine(), location).map(Some);
    }
    if let Some(root) = session.conf().lock().find(CHECKPOINT_LOCATION_CONF) {
        let folder = name.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        return Ok(Some(place(session.engine(), &root)?.join(folder)));
    }
    if connector.requires_checkpoint() {
        return Err(spark_error!("_LEGACY_ERROR_TEMP_1298", config = CHECKPOINT_LOCATION_CONF));
    }
    Ok(None)
}

/// A folder of this machine, with or without `file:` before it, or of a store that the engine's disk reaches.
fn place(engine: &Engine, location: &str) -> Result<PathBuf> {
    match disk::scheme(location) {
        Some(scheme) if !engine.takes(scheme) => Err(unsupported(&format!("A checkpoint on '{scheme}'"))
            .with_hint("give checkpointLocation a folder of this machine, or s3://bucket/folder")),
        Some(_) | None => Ok(PathBuf::from(disk::local_path(location))),
    }
}

/// What was asked for, if anything.
fn sync_policy(session: &Session, options: &Options) -> Result<Option<SyncPolicy>> {
    if let Some(text) = options.get(SYNC) {
        return text.parse().map(Some);
    }
    session.conf().lock().find(SYNC_CONF).map(|text| text.parse()).transpose()
}

#[cfg(test)]
mod tests;
