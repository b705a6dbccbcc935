//! `spark.streams`: the active queries of a session, and waiting for any of them.

use std::sync::Arc;

use millstream_core::{Error, QueryId, Result};
use millstream_engine::query::StreamingQuery;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::streaming_query_manager_command::Command;
use spark_connect_proto::streaming_query_manager_command_result::{
    ActiveResult, AwaitAnyTerminationResult, ListStreamingQueryListenerResult, ResultType, StreamingQueryInstance,
};
use spark_connect_proto::{StreamingQueryManagerCommand, StreamingQueryManagerCommandResult};

use super::streaming_query::{instance_id, timeout};
use crate::error::handle::{not_set, unsupported};
use crate::session::Session;
use crate::session::operation::ResponseSender;

pub(super) async fn execute(
    session: &Arc<Session>,
    command: StreamingQueryManagerCommand,
    sender: &ResponseSender,
) -> Result<()> {
    let Some(command) = command.command else {
        return Err(not_set("spark.connect.StreamingQueryManagerCommand", "COMMAND_NOT_SET"));
    };
    let result_type = answer(session, command).await?;
    let result = StreamingQueryManagerCommandResult { result_type };
    sender.send(ResponseType::StreamingQueryManagerCommandResult(result)).await
}

async fn answer(session: &Arc<Session>, command: Command) -> Result<Option<ResultType>> {
    let queries = session.queries().manager();
    Ok(match command {
        Command::Active(_) => {
            let active_queries = queries.active().iter().map(instance).collect();
            Some(ResultType::Active(ActiveResult { active_queries }))
        }
        Command::GetQuery(id) => {
            let id = id.parse().map_err(|_| Error::illegal_argument(format!("Invalid UUID string: {id}")))?;
            queries.get(QueryId(id)).as_ref().map(instance).map(ResultType::Query)
        }
        Command::AwaitAnyTermination(wait) => {
            let terminated = queries.await_any_termination(wait.timeout_ms.map(timeout)).await?;
            Some(ResultType::AwaitAnyTermination(AwaitAnyTerminationResult { terminated }))
        }
        Command::ResetTerminated(_) => {
            queries.reset_terminated();
            Some(ResultType::ResetTerminated(true))
        }
        Command::AddListener(_) | Command::RemoveListener(_) => {
            return Err(unsupported("A streaming query listener that runs in the server (PySpark 3.5)"));
        }
        Command::ListListeners(_) => Some(ResultType::ListListeners(ListStreamingQueryListenerResult::default())),
    })
}

fn instance(query: &StreamingQuery) -> StreamingQueryInstance {
    StreamingQueryInstance { id: Some(instance_id(query)), name: query.name().map(str::to_owned) }
}
