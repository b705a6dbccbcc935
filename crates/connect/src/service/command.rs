//! Commands: what an `ExecutePlan` asks for beside rows. One line each; what is not built is refused by name.

use std::sync::Arc;

use arrow::compute::concat_batches;
use futures::TryStreamExt;
use millstream_core::Result;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::{
    CachedRemoteRelation, CheckpointCommand, CheckpointCommandResult, Command, CreateDataFrameViewCommand,
    GetResourcesCommandResult,
};

use super::query_plan::QueryRows;
use super::{
    listener_bus, query_plan, sql_command, streaming_query, streaming_query_manager, write_batch, write_stream,
    write_v2,
};
use crate::error::handle::{not_set, relation_not_set, unsupported};
use crate::session::operation::ResponseSender;
use crate::session::{Computation, Session, ViewName};
use crate::to_proto::local_relation::local_relation;

pub(super) async fn execute(session: &Arc<Session>, command: Command, sender: &ResponseSender) -> Result<()> {
    let Some(command) = command.command_type else {
        return Err(not_set("spark.connect.Command", "COMMANDTYPE_NOT_SET"));
    };
    match command {
        CommandType::SqlCommand(_)
        | CommandType::CreateDataframeView(_)
        | CommandType::WriteOperation(_)
        | CommandType::WriteOperationV2(_)
        | CommandType::WriteStreamOperationStart(_)
        | CommandType::CheckpointCommand(CheckpointCommand { local: true, .. }) => {
            let sender = sender.clone();
            session.compute(|session| async move { Box::pin(compute(&session, command, &sender)).await }).await
        }
        CommandType::StreamingQueryCommand(command) => streaming_query::execute(session, command, sender).await,
        CommandType::StreamingQueryManagerCommand(command) => {
            streaming_query_manager::execute(session, command, sender).await
        }
        CommandType::StreamingQueryListenerBusCommand(command) => listener_bus::execute(session, command, sender).await,
        CommandType::GetResourcesCommand(_) => {
            sender.send(ResponseType::GetResourcesCommandResult(GetResourcesCommandResult::default())).await
        }
        CommandType::RemoveCachedRemoteRelationCommand(remove) => {
            if let Some(relation) = remove.relation {
                session.names().remove_checkpoint(&relation.relation_id);
            }
            Ok(())
        }
        refused => Err(unsupported(refused_name(&refused))),
    }
}

/// The commands that analyse a plan or compute rows.
async fn compute(session: &Computation, command: CommandType, sender: &ResponseSender) -> Result<()> {
    match command {
        CommandType::SqlCommand(sql) => sql_command::execute(session, sql, sender).await,
        CommandType::CreateDataframeView(view) => create_view(session, view).await,
        CommandType::WriteOperation(write) => {
            let observed = write_batch::execute(session, write).await?;
            query_plan::send_observed(sender, &observed).await
        }
        CommandType::WriteOperationV2(write) => {
            let observed = write_v2::execute(session, write).await?;
            query_plan::send_observed(sender, &observed).await
        }
        CommandType::WriteStreamOperationStart(start) => write_stream::start(session, start, sender).await,
        CommandType::CheckpointCommand(command) => checkpoint(session, command, sender).await,
        other => Err(unsupported(refused_name(&other))),
    }
}

fn refused_name(command: &CommandType) -> &'static str {
    match command {
        CommandType::RegisterFunction(_) => "Registering a user-defined function",
        CommandType::RegisterTableFunction(_) => "Registering a user-defined table function",
        CommandType::RegisterDataSource(_) => "Registering a Python data source",
        CommandType::CheckpointCommand(_) => "DataFrame.checkpoint",
        CommandType::CreateResourceProfileCommand(_) => "Creating a resource profile",
        CommandType::MergeIntoTableCommand(_) => "MERGE INTO",
        CommandType::MlCommand(_) => "Machine learning over Spark Connect",
        CommandType::ExecuteExternalCommand(_) => "Executing an external command",
        CommandType::PipelineCommand(_) => "Declarative pipelines",
        _ => "This command",
    }
}

/// `localCheckpoint()`: the rows as they are now, whatever its inputs become. They are read at once even if asked for
/// later.
async fn checkpoint(session: &Computation, command: CheckpointCommand, sender: &ResponseSender) -> Result<()> {
    let input = command.relation.ok_or_else(relation_not_set)?;
    let QueryRows { schema, batches: mut rows, observed } = query_plan::rows(session, &input).await?;
    let mut reservation = session.names().checkpoint_reservation();
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        reservation.grow(batch.get_array_memory_size())?;
        batches.push(batch);
    }
    let kept = local_relation(&concat_batches(&schema, &batches)?)?;
    let relation_id = session.names().add_checkpoint(kept, reservation)?;
    let relation = Some(CachedRemoteRelation { relation_id });
    sender.send(ResponseType::CheckpointCommandResult(CheckpointCommandResult { relation })).await?;
    query_plan::send_observed(sender, &observed).await
}

async fn create_view(session: &Computation, view: CreateDataFrameViewCommand) -> Result<()> {
    let input = view.input.ok_or_else(relation_not_set)?;
    // The plan is analysed where the view is used; here it is only checked, as Spark does.
    query_plan::analyze(session, &input).await?;
    session.names().create_view(ViewName { name: &view.name, global: view.is_global }, input, view.replace)
}
