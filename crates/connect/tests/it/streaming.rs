//! Streaming queries over the wire.

use std::collections::HashMap;

use spark_connect_proto::command::CommandType;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::read::{DataSource, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::streaming_query_command::{AwaitTerminationCommand, Command};
use spark_connect_proto::streaming_query_command_result::ResultType;
use spark_connect_proto::write_stream_operation_start::Trigger;
use spark_connect_proto::{
    Read, Relation, StreamingQueryCommand, StreamingQueryInstanceId, WriteStreamOperationStart,
    WriteStreamOperationStartResult,
};
use tonic::Status;

use crate::client::{Client, range, relation};

fn rate() -> Relation {
    let source = DataSource {
        format: Some("rate".to_owned()),
        options: HashMap::from([("rowsPerSecond".to_owned(), "1000".to_owned())]),
        ..DataSource::default()
    };
    relation(RelType::Read(Read { is_streaming: true, read_type: Some(ReadType::DataSource(source)) }))
}

pub(crate) fn into_memory(name: &str) -> WriteStreamOperationStart {
    WriteStreamOperationStart {
        input: Some(rate()),
        format: "memory".to_owned(),
        query_name: name.to_owned(),
        output_mode: "append".to_owned(),
        ..WriteStreamOperationStart::default()
    }
}

pub(crate) async fn start(
    client: &Client,
    write: WriteStreamOperationStart,
) -> Result<WriteStreamOperationStartResult, Status> {
    let all = client.command(CommandType::WriteStreamOperationStart(write)).await?;
    let result = all.into_iter().find_map(|response| match response.response_type {
        Some(ResponseType::WriteStreamOperationStartResult(result)) => Some(result),
        _ => None,
    });
    Ok(result.expect("a started query"))
}

pub(crate) async fn ask(
    client: &Client,
    id: &StreamingQueryInstanceId,
    command: Command,
) -> Result<Option<ResultType>, Status> {
    let command = StreamingQueryCommand { query_id: Some(id.clone()), command: Some(command) };
    let all = client.command(CommandType::StreamingQueryCommand(command)).await?;
    let result = all.into_iter().find_map(|response| match response.response_type {
        Some(ResponseType::StreamingQueryCommandResult(result)) => Some(result),
        _ => None,
    });
    Ok(result.expect("an answer").result_type)
}

/// The `batchId` of a progress.
pub(crate) fn batch_number(progress: &str) -> Option<i64> {
    let (_, number) = progress.split_once("\"batchId\":")?;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[tokio::test]
async fn a_query_runs_answers_and_stops() {
    let client = Client::start().await;
    let started = start(&client, into_memory("q")).await.unwrap();
    assert_eq!(started.name, "q");
    let id = started.query_id.unwrap();
    ask(&client, &id, Command::ProcessAllAvailable(true)).await.unwrap();
    let Some(ResultType::Status(status)) = ask(&client, &id, Command::Status(true)).await.unwrap() else { panic!() };
    assert!(status.is_active);
    let wait = AwaitTerminationCommand { timeout_ms: Some(1) };
    let Some(ResultType::AwaitTermination(waited)) = ask(&client, &id, Command::AwaitTermination(wait)).await.unwrap()
    else {
        panic!()
    };
    assert!(!waited.terminated);
    assert!(client.sql("SELECT value FROM q").await.is_ok(), "the memory sink's table has the query's name");
    let twice = start(&client, into_memory("q")).await.unwrap_err();
    assert!(twice.message().starts_with("Cannot start query with name q"), "{twice}");
    ask(&client, &id, Command::Stop(true)).await.unwrap();
    let wait = AwaitTerminationCommand { timeout_ms: None };
    let Some(ResultType::AwaitTermination(waited)) = ask(&client, &id, Command::AwaitTermination(wait)).await.unwrap()
    else {
        panic!()
    };
    assert!(waited.terminated);
    let Some(ResultType::Exception(exception)) = ask(&client, &id, Command::Exception(true)).await.unwrap() else {
        panic!()
    };
    assert_eq!(exception.exception_message, None);
}

#[tokio::test]
async fn what_is_wrong_is_said_at_the_start() {
    let client = Client::start().await;
    let trigger = |text: &str| Some(Trigger::ProcessingTimeInterval(text.to_owned()));
    let not_streaming = WriteStreamOperationStart { input: Some(relation(range(1))), ..into_memory("a") };
    let no_format = WriteStreamOperationStart { format: "nono".to_owned(), ..into_memory("a") };
    let no_mode = WriteStreamOperationStart { output_mode: "some".to_owned(), ..into_memory("a") };
    let no_interval = WriteStreamOperationStart { trigger: trigger("xx"), ..into_memory("a") };
    // Classes and messages of Spark 4.2, asked of a real server.
    for (write, expected) in [
        (not_streaming, "[WRITE_STREAM_NOT_ALLOWED]"),
        (no_format, "[DATA_SOURCE_NOT_FOUND]"),
        (no_mode, "[STREAMING_OUTPUT_MODE.INVALID]"),
        (no_interval, "[INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER]"),
        (into_memory(""), "queryName must be specified for memory sink."),
    ] {
        let status = start(&client, write).await.unwrap_err();
        assert!(status.message().starts_with(expected), "{expected}: {status}");
    }
}

#[tokio::test]
async fn an_unknown_query_has_sparks_class() {
    let client = Client::start().await;
    let id = StreamingQueryInstanceId {
        id: "11111111-1111-1111-1111-111111111111".to_owned(),
        run_id: "11111111-1111-1111-1111-111111111112".to_owned(),
    };
    let status = ask(&client, &id, Command::Status(true)).await.unwrap_err();
    assert!(status.message().starts_with("[CONNECT_INVALID_PLAN.STREAMING_QUERY_NOT_FOUND]"), "{status}");
}
