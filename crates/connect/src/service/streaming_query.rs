//! Questions and orders to one streaming query.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Result;
use millstream_engine::query::StreamingQuery;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::streaming_query_command::Command;
use spark_connect_proto::streaming_query_command_result::{
    AwaitTerminationResult, ExceptionResult, ExplainResult, RecentProgressResult, ResultType, StatusResult,
};
use spark_connect_proto::{StreamingQueryCommand, StreamingQueryCommandResult, StreamingQueryInstanceId};

use crate::error::handle::not_set;
use crate::session::Session;
use crate::session::operation::ResponseSender;

pub(super) async fn execute(
    session: &Arc<Session>,
    command: StreamingQueryCommand,
    sender: &ResponseSender,
) -> Result<()> {
    let id = command.query_id.unwrap_or_default();
    let query = session.queries().find(&id.id, &id.run_id)?;
    let Some(command) = command.command else {
        return Err(not_set("spark.connect.StreamingQueryCommand", "COMMAND_NOT_SET"));
    };
    let result_type = answer(&query, command).await?;
    let result = StreamingQueryCommandResult { query_id: Some(instance_id(&query)), result_type };
    sender.send(ResponseType::StreamingQueryCommandResult(result)).await
}

async fn answer(query: &StreamingQuery, command: Command) -> Result<Option<ResultType>> {
    Ok(match command {
        Command::Status(_) => Some(ResultType::Status(status(query))),
        Command::LastProgress(_) => {
            let newest = query.last_progress().map(|progress| progress.json());
            let recent_progress_json = newest.into_iter().collect();
            Some(ResultType::RecentProgress(RecentProgressResult { recent_progress_json }))
        }
        Command::RecentProgress(_) => {
            let recent_progress_json = query.recent_progress().iter().map(|progress| progress.json()).collect();
            Some(ResultType::RecentProgress(RecentProgressResult { recent_progress_json }))
        }
        Command::Stop(_) => {
            query.stop().await?;
            None
        }
        Command::ProcessAllAvailable(_) => {
            query.process_all_available().await?;
            None
        }
        Command::Explain(explain) => {
            let result = query.explain(explain.extended).to_owned();
            Some(ResultType::Explain(ExplainResult { result }))
        }
        Command::Exception(_) => Some(ResultType::Exception(exception(query))),
        Command::AwaitTermination(wait) => {
            let terminated = query.await_termination(wait.timeout_ms.map(timeout)).await?;
            Some(ResultType::AwaitTermination(AwaitTerminationResult { terminated }))
        }
    })
}

fn status(query: &StreamingQuery) -> StatusResult {
    let status = query.status();
    StatusResult {
        status_message: status.message.into_owned(),
        is_data_available: status.is_data_available,
        is_trigger_active: status.is_trigger_active,
        is_active: query.is_active(),
    }
}

/// The client cuts the message at the first `: `, because Spark's begins with the JVM class.
fn exception(query: &StreamingQuery) -> ExceptionResult {
    let Some(error) = query.exception() else { return ExceptionResult::default() };
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<millstream_core::Error>());
    let text = cause.map_or_else(|| error.to_spark_message(), millstream_core::Error::to_spark_message);
    let name = query.name().unwrap_or("[unnamed]");
    let (id, run_id) = (query.id(), query.run_id());
    let class = error.exception().hierarchy()[0];
    ExceptionResult {
        exception_message: Some(format!(
            "{class}: {text}\n=== Streaming Query ===\nIdentifier: {name} [id = {id}, runId = {run_id}]"
        )),
        error_class: error.class().map(str::to_owned),
        stack_trace: None,
    }
}

/// A query's identity as a message.
pub(super) fn instance_id(query: &StreamingQuery) -> StreamingQueryInstanceId {
    StreamingQueryInstanceId { id: query.id().to_string(), run_id: query.run_id().to_string() }
}

/// A time-out of the protocol; one in the past has passed.
pub(super) fn timeout(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
