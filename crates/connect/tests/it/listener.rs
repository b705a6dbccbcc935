//! The client's listener bus: every batch once and in order, and the end last.

use spark_connect_proto::command::CommandType;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::interrupt_request::InterruptType;
use spark_connect_proto::plan::OpType;
use spark_connect_proto::streaming_query_command::Command as QueryCommand;
use spark_connect_proto::streaming_query_listener_bus_command::Command as BusCommand;
use spark_connect_proto::{
    Command, ExecutePlanResponse, StreamingQueryEventType, StreamingQueryListenerBusCommand,
    StreamingQueryListenerEvent,
};
use tonic::Streaming;

use crate::client::Client;
use crate::interrupt::interrupt;
use crate::streaming::{ask, batch_number, into_memory, start};

async fn events(responses: &mut Streaming<ExecutePlanResponse>) -> Vec<StreamingQueryListenerEvent> {
    let response = responses.message().await.unwrap().expect("the bus goes on");
    match response.response_type {
        Some(ResponseType::StreamingQueryListenerEventsResult(result)) => result.events,
        other => panic!("no events, but {other:?}"),
    }
}

#[tokio::test]
async fn a_listener_hears_of_each_batch_once_and_of_the_end_last() {
    let client = Client::start().await;
    let add = StreamingQueryListenerBusCommand { command: Some(BusCommand::AddListenerBusListener(true)) };
    let command = Command { command_type: Some(CommandType::StreamingQueryListenerBusCommand(add)) };
    let mut responses = client.execute(client.request(OpType::Command(command))).await.unwrap();
    assert!(events(&mut responses).await.is_empty(), "the first answer only says that it listens");

    // A query of another session is not this one's business.
    let elsewhere = client.other_session();
    let foreign = start(&elsewhere, into_memory("foreign")).await.unwrap().query_id.unwrap();
    let started = start(&client, into_memory("q")).await.unwrap();
    assert!(started.query_started_event_json.is_some(), "where there is a listener, the answer has the event");
    let query = started.query_id.unwrap();
    let (mut batches, mut stopped, mut ended) = (vec![], false, false);
    while !ended {
        for event in events(&mut responses).await {
            assert!(!ended, "nothing comes behind the end");
            assert!(event.event_json.contains(&query.run_id), "{}", event.event_json);
            match event.event_type() {
                StreamingQueryEventType::QueryProgressEvent => batches.push(batch_number(&event.event_json).unwrap()),
                StreamingQueryEventType::QueryTerminatedEvent => ended = true,
                other => panic!("{other:?}"),
            }
        }
        if batches.len() >= 5 && !std::mem::replace(&mut stopped, true) {
            ask(&client, &query, QueryCommand::Stop(true)).await.unwrap();
        }
    }
    assert!(batches.len() >= 5, "{batches:?}");
    assert_eq!(batches, (0..batches.len() as i64).collect::<Vec<_>>());
    ask(&elsewhere, &foreign, QueryCommand::Stop(true)).await.unwrap();
}

#[tokio::test]
async fn a_listener_whose_call_has_ended_is_none() {
    let client = Client::start().await;
    let add = StreamingQueryListenerBusCommand { command: Some(BusCommand::AddListenerBusListener(true)) };
    let command = Command { command_type: Some(CommandType::StreamingQueryListenerBusCommand(add)) };
    let mut responses = client.execute(client.request(OpType::Command(command))).await.unwrap();
    events(&mut responses).await;
    interrupt(&client, InterruptType::All, None).await;
    // The call is over for the client at once, and for the server a moment later.
    for number in 0.. {
        let started = start(&client, into_memory(&format!("q{number}"))).await.unwrap();
        ask(&client, &started.query_id.unwrap(), QueryCommand::Stop(true)).await.unwrap();
        if started.query_started_event_json.is_none() {
            break;
        }
    }
}
