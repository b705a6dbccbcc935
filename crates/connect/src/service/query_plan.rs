//! Plans that give rows: analysed, executed, sent.
//!
//! `show()` and the catalog's questions are relations too in Spark Connect; they are answered here, above the plan.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::TryStreamExt;
use millstream_core::{BatchStream, Result};
use millstream_formats::show::{ShowOptions, show_string};
use millstream_sql::{Analyzed, Observation, collect_stream, schema_to_proto};
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Limit, Relation, ShowString, Tail};

use super::catalog;
use crate::error::handle::relation_not_set;
use crate::session::Computation;
use crate::session::operation::ResponseSender;
use crate::to_proto::arrow_batches::ArrowBatchEncoder;
use crate::to_proto::observed_metrics::observed_metrics;

/// Analyses a relation in a session.
pub(crate) async fn analyze(session: &Computation, relation: &Relation) -> Result<Analyzed> {
    // On the heap: few plans ask for data, and every caller would carry what that needs.
    Box::pin(millstream_sql::analyze_with_data(relation, &session.analysis_context()?)).await
}

/// Sends the rows of a relation, and what was observed of them.
pub(super) async fn execute(session: &Computation, relation: Relation, sender: &ResponseSender) -> Result<()> {
    match relation.rel_type {
        Some(RelType::ShowString(show)) => {
            let (text, observed) = shown(session, *show).await?;
            send_rows(session, sender, text).await?;
            send_observed(sender, &observed).await
        }
        Some(RelType::Tail(tail)) => {
            let (rows, observed) = last_rows(session, *tail).await?;
            send_rows(session, sender, rows).await?;
            send_observed(sender, &observed).await
        }
        Some(RelType::Catalog(question)) => {
            let answer = catalog::answer(session, question).await?;
            send_rows(session, sender, answer).await
        }
        _ => send_relation(session, &relation, sender).await,
    }
}

/// The result of a relation.
pub(super) struct QueryRows {
    /// The columns as the user sees them.
    pub(super) schema: SchemaRef,
    /// The rows as they are computed.
    pub(super) batches: BatchStream,
    /// What `observe` finds while the rows are read.
    pub(super) observed: Vec<Observation>,
}

/// The rows of a relation and their columns as the user sees them.
pub(super) async fn rows(session: &Computation, relation: &Relation) -> Result<QueryRows> {
    let context = session.analysis_context()?;
    let analyzed = Box::pin(millstream_sql::analyze_with_data(relation, &context)).await?;
    let batches = collect_stream(&analyzed, &context).await?;
    Ok(QueryRows { schema: analyzed.schema, batches, observed: analyzed.observations })
}

/// Sends what was observed of rows that have been read.
pub(super) async fn send_observed(sender: &ResponseSender, observed: &[Observation]) -> Result<()> {
    let found: Vec<_> = observed.iter().filter_map(observed_metrics).collect();
    if found.is_empty() { Ok(()) } else { sender.send_observed(found).await }
}

/// `show()`: the table as text, in one row.
async fn shown(session: &Computation, show: ShowString) -> Result<(RecordBatch, Vec<Observation>)> {
    let (text, observed) = show_text(session, show).await?;
    let field = Field::new("show_string", DataType::Utf8, false);
    let text = StringArray::from(vec![text]);
    Ok((RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(text)])?, observed))
}

/// The first rows of a relation as a table.
pub(crate) async fn show_text(session: &Computation, show: ShowString) -> Result<(String, Vec<Observation>)> {
    // One row more than is shown says whether there are more.
    let limit = Limit { input: show.input, limit: show.num_rows.saturating_add(1) };
    let limited = Relation { common: None, rel_type: Some(RelType::Limit(Box::new(limit))) };
    let QueryRows { schema, batches, observed } = rows(session, &limited).await?;
    let batches: Vec<_> = batches.try_collect().await?;
    let settings = session.conf().lock().query_settings()?;
    let options = ShowOptions {
        num_rows: usize::try_from(show.num_rows).unwrap_or(0),
        truncate: usize::try_from(show.truncate).unwrap_or(0),
        vertical: show.vertical,
        time_zone: settings.time_zone,
        binary: settings.binary,
    };
    Ok((show_string(&batches, &schema, &options)?, observed))
}

/// `tail(n)`: everything is read, and only what may still be among the last rows is kept.
async fn last_rows(session: &Computation, tail: Tail) -> Result<(RecordBatch, Vec<Observation>)> {
    let input = tail.input.ok_or_else(relation_not_set)?;
    let wanted = usize::try_from(tail.limit).unwrap_or(0);
    let QueryRows { schema, mut batches, observed } = rows(session, &input).await?;
    let mut kept = VecDeque::new();
    let mut count = 0;
    while let Some(batch) = batches.try_next().await? {
        count += batch.num_rows();
        kept.push_back(batch);
        while kept.front().is_some_and(|first| count - first.num_rows() >= wanted) {
            count -= kept.pop_front().map_or(0, |first| first.num_rows());
        }
    }
    let all = concat_batches(&schema, &kept)?;
    let skipped = all.num_rows().saturating_sub(wanted);
    Ok((all.slice(skipped, all.num_rows() - skipped), observed))
}

async fn send_relation(session: &Computation, relation: &Relation, sender: &ResponseSender) -> Result<()> {
    let QueryRows { schema, mut batches, observed } = rows(session, relation).await?;
    sender.send_schema(schema_to_proto(&schema)).await?;
    let zone = session.conf().lock().query_settings()?.time_zone;
    let mut encoder = encoder(session, &schema, zone.name(), sender);
    while let Some(batch) = batches.try_next().await? {
        send_batch(&mut encoder, sender, &batch).await?;
    }
    if encoder.is_empty() {
        sender.send(ResponseType::ArrowBatch(encoder.encode_empty()?)).await?;
    }
    send_observed(sender, &observed).await
}

/// Sends rows that are at hand.
async fn send_rows(session: &Computation, sender: &ResponseSender, rows: RecordBatch) -> Result<()> {
    let schema = rows.schema();
    sender.send_schema(schema_to_proto(&schema)).await?;
    let zone = session.conf().lock().query_settings()?.time_zone;
    let mut encoder = encoder(session, &schema, zone.name(), sender);
    if rows.num_rows() == 0 {
        return sender.send(ResponseType::ArrowBatch(encoder.encode_empty()?)).await;
    }
    send_batch(&mut encoder, sender, &rows).await
}

fn encoder(session: &Computation, columns: &Schema, time_zone: &str, sender: &ResponseSender) -> ArrowBatchEncoder {
    let memory = session.engine().memory().reservation("rows on their way to a client");
    ArrowBatchEncoder::new(columns, time_zone, sender.pieces(), memory)
}

/// Sends rows in messages of the size that clients take, each made when there is room for it.
async fn send_batch(encoder: &mut ArrowBatchEncoder, sender: &ResponseSender, rows: &RecordBatch) -> Result<()> {
    for part in encoder.cut(rows)? {
        for message in encoder.encode(&part)? {
            sender.send(ResponseType::ArrowBatch(message)).await?;
        }
    }
    Ok(())
}
