//! Plans that give rows: analysed, executed, sent.
//!
//! `show()` and the catalog's questions are relations too in Spark Connect; they are answered here, above the plan.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use millstream_core::error::SparkException;
use millstream_core::{BatchStream, Error, Result};
use millstream_sql::{Analyzed, collect_stream, schema_to_proto};
use spark_connect_proto::Relation;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::relation::RelType;

use super::catalog;
use crate::session::Session;
use crate::session::operation::ResponseSender;
use crate::to_proto::arrow_batches::ArrowBatchEncoder;

/// Analyses a relation in a session.
pub(super) fn analyze(session: &Arc<Session>, relation: &Relation) -> Result<Analyzed> {
    millstream_sql::analyze(relation, &session.analysis_context()?)
}

/// Sends the rows of a relation.
pub(super) async fn execute(session: &Arc<Session>, relation: Relation, sender: &ResponseSender) -> Result<()> {
    match relation.rel_type {
        Some(RelType::Catalog(question)) => {
            let answer = catalog::answer(session, question)?;
            send_rows(session, sender, answer).await
        }
        _ => send_relation(session, &relation, sender).await,
    }
}

/// The rows of a relation and their columns as the user sees them.
pub(super) async fn rows(session: &Arc<Session>, relation: &Relation) -> Result<(SchemaRef, BatchStream)> {
    let context = session.analysis_context()?;
    let analyzed = millstream_sql::analyze(relation, &context)?;
    if analyzed.is_streaming {
        return Err(streaming_without_start());
    }
    let schema = Arc::clone(&analyzed.schema);
    Ok((schema, collect_stream(&analyzed, &context).await?))
}

async fn send_relation(session: &Arc<Session>, relation: &Relation, sender: &ResponseSender) -> Result<()> {
    let (schema, mut batches) = rows(session, relation).await?;
    sender.send_schema(schema_to_proto(&schema)).await?;
    let zone = session.conf().lock().query_settings()?.time_zone;
    let mut encoder = ArrowBatchEncoder::new(&schema, zone.name());
    while let Some(batch) = batches.try_next().await? {
        for part in encoder.encode(&batch)? {
            sender.send(ResponseType::ArrowBatch(part)).await?;
        }
    }
    if encoder.is_empty() {
        sender.send(ResponseType::ArrowBatch(encoder.encode_empty()?)).await?;
    }
    Ok(())
}

/// Sends rows that are at hand.
async fn send_rows(session: &Arc<Session>, sender: &ResponseSender, rows: RecordBatch) -> Result<()> {
    let schema = rows.schema();
    sender.send_schema(schema_to_proto(&schema)).await?;
    let zone = session.conf().lock().query_settings()?.time_zone;
    let mut encoder = ArrowBatchEncoder::new(&schema, zone.name());
    let parts = if rows.num_rows() == 0 { vec![encoder.encode_empty()?] } else { encoder.encode(&rows)? };
    for part in parts {
        sender.send(ResponseType::ArrowBatch(part)).await?;
    }
    Ok(())
}

fn streaming_without_start() -> Error {
    let text = "Queries with streaming sources must be executed with writeStream.start(), or from a streaming table or \
                flow definition within a Spark Declarative Pipeline.";
    Error::invalid(text).with_class("_LEGACY_ERROR_TEMP_3102", SparkException::Analysis).with_parameter("msg", text)
}
