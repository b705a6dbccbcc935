//! Starts queries and keeps the active ones (Spark: `StreamingQueryManager`). One per session; all share an [`Engine`].

use std::sync::Arc;
use std::time::Duration;

use millstream_core::error::SparkException;
use millstream_core::{Error, QueryId, Result, RunId};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::engine::Engine;
use super::handle::StreamingQuery;
use crate::checkpoint::Checkpoint;
use crate::micro_batch::StartingQuery;
use crate::run::{EventRings, QueryControl, QueryEventKind, QueryEvents, QuerySpec};

/// Under this name `--log` knows the line of a query that fails, for those who say so elsewhere.
const FAILURES: &str = "millstream_engine::query::failure";

/// The queries of one session. Clones are the same manager.
///
/// Must be used within a Tokio runtime: a started query is a task of it.
#[derive(Debug, Clone)]
pub struct StreamingQueryManager {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    /// Held while a query starts, so that two starts cannot take one name or one checkpoint.
    starting: tokio::sync::Mutex<()>,
    active: Mutex<Vec<StreamingQuery>>,
    /// A query that ended since the last reset; one that failed is preferred, as in Spark.
    terminated: watch::Sender<Option<StreamingQuery>>,
    events: EventRings,
}

impl StreamingQueryManager {
    /// A manager without queries.
    pub fn new(engine: Engine) -> Self {
        let events = EventRings { engine: Arc::clone(engine.event_ring()), manager: Arc::default() };
        let shared = Shared {
            engine,
            starting: tokio::sync::Mutex::default(),
            active: Mutex::default(),
            terminated: watch::Sender::default(),
            events,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What the queries share with all others of the process.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Starts a query and returns when its plan is accepted and its checkpoint is held. Everything later, such as a
    /// source that cannot be reached or a checkpoint of another query, ends the query and shows in
    /// [`StreamingQuery::exception`].
    ///
    /// # Errors
    /// What is wrong with the plan, the name or the output mode; and [`millstream_core::ErrorKind::Conflict`] when
    /// another process runs on the checkpoint.
    pub async fn start(&self, spec: QuerySpec) -> Result<StreamingQuery> {
        let threads = self.shared.engine.threads();
        // What a source or a checkpoint spawns lives as long as the query, and so on its threads.
        threads.enter(Box::pin(self.start_query(spec))).await
    }

    async fn start_query(&self, spec: QuerySpec) -> Result<StreamingQuery> {
        let _starting = self.shared.starting.lock().await;
        self.check_name(&spec)?;
        let platform = self.shared.engine.platform(&spec.conf);
        if let Some(root) = spec.checkpoint.as_deref()
            && let Some(id) = Checkpoint::query_id(&platform, root).await?
        {
            self.displace(id, &spec).await?;
        }
        let run_id = RunId(platform.random.uuid());
        let (resources, events) = (self.shared.engine.resources(), self.shared.events.clone());
        let starting = StartingQuery::try_new(spec, platform, resources, run_id, events).await?;
        let control = Arc::clone(starting.control());
        let query = StreamingQuery::new(Arc::clone(&control));
        self.shared.active.lock().push(query.clone());
        self.shared.engine.add_running(query.clone());
        // Before the loop runs, so that it comes before whatever the loop tells.
        control.tell(|| QueryEventKind::Started { name: control.name.clone() });
        self.shared.engine.threads().spawn(Arc::clone(&self.shared).run(starting, control));
        Ok(query)
    }

    /// What happens to the queries of this manager from now on.
    pub fn events(&self) -> QueryEvents {
        self.shared.events.manager.subscribe()
    }

    /// The active queries.
    pub fn active(&self) -> Vec<StreamingQuery> {
        self.shared.active.lock().clone()
    }

    /// The active query with this id.
    pub fn get(&self, id: QueryId) -> Option<StreamingQuery> {
        self.shared.active.lock().iter().find(|query| query.id() == id).cloned()
    }

    /// Waits until a query has ended since the last [`StreamingQueryManager::reset_terminated`], or until the timeout.
    /// Says whether one has.
    ///
    /// # Errors
    /// That query's error, if it failed.
    pub async fn await_any_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut terminated = self.shared.terminated.subscribe();
        let ended = async {
            // The sender lives in `self`, so the channel cannot close under us.
            let found = terminated.wait_for(Option::is_some).await;
            found.ok().and_then(|query| query.clone())
        };
        let query = match timeout {
            None => ended.await,
            Some(timeout) => tokio::select! {
                biased;
                query = ended => query,
                () = self.shared.engine.clock().sleep(timeout) => return Ok(false),
            },
        };
        query.and_then(|query| query.exception()).map_or(Ok(true), Err)
    }

    /// Forgets the queries that have ended.
    pub fn reset_terminated(&self) {
        self.shared.terminated.send_replace(None);
    }

    /// Stops every active query of this manager, all at the same time, and waits for them.
    ///
    /// # Errors
    /// The first query that would not stop in time.
    pub async fn stop_all(&self) -> Result<()> {
        let stopping = self.active().into_iter().map(|query| async move { query.stop().await });
        futures::future::join_all(stopping).await.into_iter().collect()
    }

    fn check_name(&self, spec: &QuerySpec) -> Result<()> {
        let Some(name) = spec.name.as_deref() else { return Ok(()) };
        if self.shared.active.lock().iter().any(|query| query.name() == Some(name)) {
            return Err(Error::illegal_argument(format!(
                "Cannot start query with name {name} as a query with that name is already active in this SparkSession"
            )));
        }
        Ok(())
    }

    /// Ends the run that is active on the same checkpoint in this process, as Spark does unless told otherwise.
    async fn displace(&self, id: QueryId, spec: &QuerySpec) -> Result<()> {
        let Some(running) = self.shared.engine.running_query(id) else { return Ok(()) };
        let stop_active = spec.conf.get("spark.sql.streaming.stopActiveRunOnRestart");
        if stop_active.is_some_and(|value| value.eq_ignore_ascii_case("false")) {
            return Err(Error::conflict(format!(
                "Cannot start query with id {id} as another query with same id is already active. Perhaps you are \
                 attempting to restart a query from checkpoint that is already active. You may stop the old query by \
                 setting the SQL configuration: spark.conf.set(\"spark.sql.streaming.stopActiveRunOnRestart\", true) \
                 and retry."
            ))
            .with_exception(SparkException::Spark));
        }
        tracing::warn!(query = %id, run = %running.run_id(), "stopping the active run to start another one");
        running.stop().await
    }
}

impl Shared {
    /// The life of a query after its start.
    async fn run(self: Arc<Self>, starting: StartingQuery, control: Arc<QueryControl>) {
        let result = Box::pin(starting.run_to_end()).await;
        if let Err(error) = &result {
            let reason = error.to_spark_message();
            tracing::error!(target: FAILURES, query = %control.id, run = %control.run_id, %reason, "query failed");
        }
        self.active.lock().retain(|query| query.run_id() != control.run_id);
        self.engine.remove_running(control.id, control.run_id);
        control.end(result);
        let query = StreamingQuery::new(control);
        self.terminated.send_if_modified(|last| {
            let replace = last.is_none() || query.exception().is_some();
            if replace {
                *last = Some(query);
            }
            replace
        });
    }
}
