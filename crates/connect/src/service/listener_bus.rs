//! Streaming query listeners: one long answer that carries what happens to the session's queries.
//!
//! It reads the events of the session's queries as they happen. A query's own loop never waits for a listener, and a
//! client that is slower than its queries misses the oldest events, which is logged with their number. `onQueryStarted`
//! does not come this way: Spark puts it into the answer of `start()`.

use std::sync::Arc;

use millstream_core::Result;
use millstream_engine::{Lagged, QueryEvent, QueryEventKind};
use serde_json::json;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::streaming_query_listener_bus_command::Command;
use spark_connect_proto::{
    StreamingQueryEventType, StreamingQueryListenerBusCommand, StreamingQueryListenerEvent,
    StreamingQueryListenerEventsResult,
};

use crate::error::handle::not_set;
use crate::session::Session;
use crate::session::operation::ResponseSender;
use crate::to_proto::timestamp::iso_8601;

/// Events of one response at the most.
const EVENTS_AT_ONCE: usize = 256;

pub(super) async fn execute(
    session: &Arc<Session>,
    command: StreamingQueryListenerBusCommand,
    sender: &ResponseSender,
) -> Result<()> {
    match command.command {
        Some(Command::AddListenerBusListener(_)) => listen(session, sender).await,
        Some(Command::RemoveListenerBusListener(_)) => {
            session.stop_listening();
            Ok(())
        }
        None => Err(not_set("spark.connect.StreamingQueryListenerBusCommand", "COMMAND_NOT_SET")),
    }
}

async fn listen(session: &Arc<Session>, sender: &ResponseSender) -> Result<()> {
    // Before the client is told that it listens, so that it hears of everything after that.
    let mut events = session.queries().manager().events();
    let listening = session.start_listening();
    let added = StreamingQueryListenerEventsResult { events: vec![], listener_bus_listener_added: Some(true) };
    sender.send(ResponseType::StreamingQueryListenerEventsResult(added)).await?;
    loop {
        // A listener that is taken away hears of what is there already, and of no more.
        let (mut next, is_last) = tokio::select! {
            biased;
            () = listening.stopped() => (events.try_next(), true),
            next = events.next() => { let is_last = next.is_none(); (next, is_last) }
        };
        let most = if is_last { usize::MAX } else { EVENTS_AT_ONCE };
        let mut messages = vec![];
        while let Some(event) = next {
            messages.extend(message(session, event));
            next = if messages.len() < most { events.try_next() } else { None };
        }
        if !messages.is_empty() {
            let result = StreamingQueryListenerEventsResult { events: messages, listener_bus_listener_added: None };
            sender.send(ResponseType::StreamingQueryListenerEventsResult(result)).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// What the client is told of an event, if anything.
fn message(session: &Session, event: Result<QueryEvent, Lagged>) -> Option<StreamingQueryListenerEvent> {
    let event = match event {
        Ok(event) => event,
        Err(Lagged(missed)) => {
            tracing::warn!(session = session.id(), missed, "the client's listeners are too slow and missed events");
            return None;
        }
    };
    let (event_type, event_json) = match &event.kind {
        QueryEventKind::Started { .. } => return None,
        QueryEventKind::Progress(progress) => {
            (StreamingQueryEventType::QueryProgressEvent, format!(r#"{{"progress":{}}}"#, progress.json()))
        }
        QueryEventKind::Idle => {
            let timestamp = iso_8601(event.timestamp_ms);
            let idle = json!({ "id": event.id, "runId": event.run_id, "timestamp": timestamp });
            (StreamingQueryEventType::QueryIdleEvent, idle.to_string())
        }
        QueryEventKind::Terminated => terminated(&event, None),
        QueryEventKind::Failed(error) => terminated(&event, Some(error)),
    };
    Some(StreamingQueryListenerEvent { event_json, event_type: event_type.into() })
}

fn terminated(event: &QueryEvent, error: Option<&millstream_core::Error>) -> (StreamingQueryEventType, String) {
    let event = json!({
        "id": event.id,
        "runId": event.run_id,
        "exception": error.map(millstream_core::Error::to_spark_message),
        "errorClassOnException": error.and_then(millstream_core::Error::class),
    });
    (StreamingQueryEventType::QueryTerminatedEvent, event.to_string())
}
