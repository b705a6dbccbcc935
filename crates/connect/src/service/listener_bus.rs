//! Streaming query listeners: one long answer that carries what happens to the session's queries.
//!
//! The bus looks at the queries every tenth of a second while somebody listens, and keeps for each what it told last.
//! That costs nothing where there is no listener, and a query's own loop never waits for one. `onQueryStarted` does not
//! come this way: Spark puts it into the answer of `start()`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::progress::StreamingQueryProgress;
use millstream_core::{Result, RunId};
use millstream_engine::query::StreamingQuery;
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

/// How often the bus looks.
const INTERVAL: Duration = Duration::from_millis(100);

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
    let stopped = session.start_listening();
    let mut told = Told::of(&session.queries().all());
    let added = StreamingQueryListenerEventsResult { events: vec![], listener_bus_listener_added: Some(true) };
    sender.send(ResponseType::StreamingQueryListenerEventsResult(added)).await?;
    loop {
        let last_round = tokio::time::timeout(INTERVAL, stopped.cancelled()).await.is_ok();
        let events = told.news(&session.queries().all());
        if !events.is_empty() {
            let result = StreamingQueryListenerEventsResult { events, listener_bus_listener_added: None };
            sender.send(ResponseType::StreamingQueryListenerEventsResult(result)).await?;
        }
        if last_round {
            return Ok(());
        }
    }
}

/// What a listener knows already.
#[derive(Debug, Default)]
struct Told(HashMap<RunId, ToldOfRun>);

#[derive(Debug, Default)]
struct ToldOfRun {
    last: Option<Arc<StreamingQueryProgress>>,
    ended: bool,
}

impl Told {
    /// A new listener hears of nothing that was before it.
    fn of(queries: &[StreamingQuery]) -> Self {
        let known = queries
            .iter()
            .map(|query| (query.run_id(), ToldOfRun { last: query.last_progress(), ended: !query.is_active() }));
        Self(known.collect())
    }

    fn news(&mut self, queries: &[StreamingQuery]) -> Vec<StreamingQueryListenerEvent> {
        self.0.retain(|run, _| queries.iter().any(|query| query.run_id() == *run));
        let mut events = vec![];
        for query in queries {
            let told = self.0.entry(query.run_id()).or_default();
            // The order matters: a query that has ended makes no more progress.
            let ended = !query.is_active();
            let recent = query.recent_progress();
            let seen = told.last.as_ref().and_then(|last| recent.iter().rposition(|one| Arc::ptr_eq(one, last)));
            for progress in recent.iter().skip(seen.map_or(0, |index| index + 1)) {
                events.push(progress_event(progress));
            }
            told.last = recent.last().cloned();
            if ended && !told.ended {
                told.ended = true;
                events.push(terminated_event(query));
            }
        }
        events
    }
}

fn progress_event(progress: &StreamingQueryProgress) -> StreamingQueryListenerEvent {
    StreamingQueryListenerEvent {
        event_json: format!(r#"{{"progress":{}}}"#, progress.json()),
        event_type: StreamingQueryEventType::QueryProgressEvent.into(),
    }
}

fn terminated_event(query: &StreamingQuery) -> StreamingQueryListenerEvent {
    let error = query.exception();
    let event = json!({
        "id": query.id(),
        "runId": query.run_id(),
        "exception": error.as_ref().map(millstream_core::Error::to_spark_message),
        "errorClassOnException": error.as_ref().and_then(millstream_core::Error::class),
    });
    StreamingQueryListenerEvent {
        event_json: event.to_string(),
        event_type: StreamingQueryEventType::QueryTerminatedEvent.into(),
    }
}
