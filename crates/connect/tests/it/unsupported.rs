//! What is not built is refused by name, at once.

use spark_connect_proto::command::CommandType;
use spark_connect_proto::plan::{CompressedOperation, OpType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_stream_operation_start::Trigger;
use spark_connect_proto::{
    Catalog, CheckpointCommand, CommonInlineUserDefinedDataSource, CommonInlineUserDefinedFunction,
    CommonInlineUserDefinedTableFunction, ExecuteExternalCommand, GetFunction, MergeIntoTableCommand, MlCommand,
    PipelineCommand, StreamingForeachFunction, StreamingQueryManagerCommand, Unknown, WriteStreamOperationStart,
    catalog, streaming_query_manager_command,
};
use tonic::Status;
use tonic_types::StatusExt;

use crate::client::{Client, collect};

fn assert_unsupported(what: &str, status: &Status) {
    let class = status.get_details_error_info().map(|info| info.metadata["errorClass"].clone()).unwrap_or_default();
    assert!(class.starts_with("UNSUPPORTED"), "{what}: {status}");
}

#[tokio::test]
async fn commands() {
    let client = Client::start().await;
    let start = WriteStreamOperationStart::default;
    let foreach = || Some(StreamingForeachFunction::default());
    let listener = streaming_query_manager_command::Command::AddListener(Default::default());
    for (what, command) in [
        ("function", CommandType::RegisterFunction(CommonInlineUserDefinedFunction::default())),
        ("table function", CommandType::RegisterTableFunction(CommonInlineUserDefinedTableFunction::default())),
        ("data source", CommandType::RegisterDataSource(CommonInlineUserDefinedDataSource::default())),
        ("checkpoint", CommandType::CheckpointCommand(CheckpointCommand::default())),
        ("merge", CommandType::MergeIntoTableCommand(MergeIntoTableCommand::default())),
        ("ml", CommandType::MlCommand(MlCommand::default())),
        ("external", CommandType::ExecuteExternalCommand(ExecuteExternalCommand::default())),
        ("pipeline", CommandType::PipelineCommand(PipelineCommand::default())),
        ("extension", CommandType::Extension(Default::default())),
        (
            "foreachBatch",
            CommandType::WriteStreamOperationStart(WriteStreamOperationStart { foreach_batch: foreach(), ..start() }),
        ),
        (
            "foreach",
            CommandType::WriteStreamOperationStart(WriteStreamOperationStart { foreach_writer: foreach(), ..start() }),
        ),
        (
            "continuous",
            CommandType::WriteStreamOperationStart(WriteStreamOperationStart {
                trigger: Some(Trigger::ContinuousCheckpointInterval("1 second".to_owned())),
                ..start()
            }),
        ),
        (
            "listener of 3.5",
            CommandType::StreamingQueryManagerCommand(StreamingQueryManagerCommand { command: Some(listener) }),
        ),
    ] {
        assert_unsupported(what, &client.command(command).await.unwrap_err());
    }
}

#[tokio::test]
async fn relations() {
    let client = Client::start().await;
    let function = catalog::CatType::GetFunction(GetFunction::default());
    for (what, relation) in [
        ("ml", RelType::MlRelation(Box::default())),
        ("unknown", RelType::Unknown(Unknown::default())),
        ("a function", RelType::Catalog(Catalog { cat_type: Some(function) })),
    ] {
        let status = client.run(relation).await.unwrap_err();
        let class = status.get_details_error_info().map(|info| info.metadata["errorClass"].clone()).unwrap_or_default();
        assert!(class.starts_with("UNSUPPORTED") || class.starts_with("CONNECT_INVALID_PLAN"), "{what}: {status}");
    }
}

/// PySpark switches compression off when it sees this class.
#[tokio::test]
async fn a_compressed_plan_says_so() {
    let client = Client::start().await;
    let request = client.request(OpType::CompressedOperation(CompressedOperation::default()));
    let status = collect(client.execute(request).await.unwrap()).await.unwrap_err();
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["errorClass"], "CONNECT_INVALID_PLAN.CANNOT_PARSE");
}
