//! One client's session: its configuration, names, uploads, operations, queries and errors.
//!
//! A session is what `(user, session id)` stands for. It is also the [`Catalog`] that the analyzer asks for names.

pub(crate) mod conf;
pub(crate) mod manager;
pub(crate) mod operation;
pub(crate) mod operations;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_core::{BatchReader, Error, Result, RunId, spark_error};
use millstream_engine::query::{Engine, StreamingQuery, StreamingQueryManager};
use millstream_sql::{AnalysisContext, Catalog, NamedRelation};
use parking_lot::Mutex;
use serde_json::json;
use spark_connect_proto::{Relation, StorageLevel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use self::conf::Conf;
use self::operations::Operations;
use crate::ServerContext;

use crate::to_proto::timestamp::iso_8601;

/// Errors whose details a client may still ask for.
const ERRORS_KEPT: usize = 100;
/// Ended queries that can still be asked for progress and exception.
const ENDED_QUERIES_KEPT: usize = 100;
/// The database of global temporary views.
const GLOBAL_TEMP: &str = "global_temp";

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    pub(crate) user_id: String,
    pub(crate) session_id: String,
}

/// Views and tables by lower-case name.
pub(crate) type Views = BTreeMap<String, NamedRelation>;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Session {
    key: SessionKey,
    server_side_id: String,
    server: Arc<ServerContext>,
    conf: Mutex<Conf>,
    views: Mutex<Views>,
    artifacts: Mutex<HashMap<String, Bytes>>,
    /// Rows that the client asked to keep (`localCheckpoint`), by the id it was given.
    checkpoints: Mutex<HashMap<String, Relation>>,
    operations: Operations,
    queries: StreamingQueryManager,
    /// Every query started here, so that one that has ended can still be asked.
    started: Mutex<VecDeque<StreamingQuery>>,
    errors: Mutex<VecDeque<(String, Arc<Error>)>>,
    /// Plans that the client asked to keep, by their hash. It is a hint: nothing is kept.
    persisted: Mutex<HashMap<u64, StorageLevel>>,
    /// Ends the answer to the client's listener bus, while there is one.
    listening: Mutex<Option<CancellationToken>>,
    used_at: Mutex<Instant>,
}

impl Session {
    pub(crate) fn new(key: SessionKey, server: Arc<ServerContext>) -> Self {
        let conf = Conf::new(server.time_zone.clone());
        Self {
            key,
            server_side_id: Uuid::new_v4().to_string(),
            conf: Mutex::new(conf),
            views: Mutex::default(),
            artifacts: Mutex::default(),
            checkpoints: Mutex::default(),
            operations: Operations::new(server.engine.memory().clone()),
            queries: StreamingQueryManager::new(server.engine.clone()),
            started: Mutex::default(),
            errors: Mutex::default(),
            persisted: Mutex::default(),
            listening: Mutex::default(),
            used_at: Mutex::new(Instant::now()),
            server,
        }
    }

    /// A session with the same configuration, names and uploads, and none of the operations or queries.
    pub(crate) fn clone_as(&self, key: SessionKey) -> Self {
        let copy = Self::new(key, Arc::clone(&self.server));
        *copy.conf.lock() = self.conf.lock().clone();
        *copy.views.lock() = self.views.lock().clone();
        *copy.artifacts.lock() = self.artifacts.lock().clone();
        copy
    }

    pub(crate) fn key(&self) -> &SessionKey {
        &self.key
    }

    pub(crate) fn id(&self) -> &str {
        &self.key.session_id
    }

    /// The server's own id of the session: a client that sees another one knows that its session is lost.
    pub(crate) fn server_side_id(&self) -> &str {
        &self.server_side_id
    }

    pub(crate) fn conf(&self) -> &Mutex<Conf> {
        &self.conf
    }

    pub(crate) fn operations(&self) -> &Operations {
        &self.operations
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.server.engine
    }

    pub(crate) fn queries(&self) -> &StreamingQueryManager {
        &self.queries
    }

    pub(crate) fn touch(&self) {
        *self.used_at.lock() = Instant::now();
    }

    /// How long nothing has happened here. A running query or operation is something.
    pub(crate) fn idle_for(&self) -> Duration {
        if self.operations.any_running() || !self.queries.active().is_empty() {
            return Duration::ZERO;
        }
        self.used_at.lock().elapsed()
    }

    /// What the analyzer is given for one request.
    pub(crate) fn analysis_context(self: &Arc<Self>) -> Result<AnalysisContext> {
        let conf = self.conf.lock();
        Ok(AnalysisContext {
            settings: conf.query_settings()?,
            user: self.key.user_id.clone(),
            conf: conf.set_values().clone(),
            connectors: Arc::clone(&self.server.connectors),
            catalog: Arc::clone(self) as Arc<dyn Catalog>,
            memory: self.server.engine.memory().clone(),
            cores: self.server.engine.cores(),
            clock: Arc::clone(self.server.engine.clock()),
        })
    }

    /// The status of an error, whose details are kept for [`Session::error`].
    pub(crate) fn status(&self, error: Error) -> Status {
        let id = Uuid::new_v4().to_string();
        let status = crate::error::status(&error, Some(&id));
        let mut errors = self.errors.lock();
        while errors.len() >= ERRORS_KEPT {
            errors.pop_front();
        }
        errors.push_back((id, Arc::new(error)));
        status
    }

    /// An error by its id, as long as it is kept.
    pub(crate) fn error(&self, id: &str) -> Option<Arc<Error>> {
        self.errors.lock().iter().find(|(known, _)| known == id).map(|(_, error)| Arc::clone(error))
    }

    pub(crate) fn add_artifact(&self, name: String, data: Bytes) {
        self.artifacts.lock().insert(name, data);
    }

    pub(crate) fn has_artifact(&self, name: &str) -> bool {
        self.artifacts.lock().contains_key(name)
    }

    /// Names a plan. Without `replace` an existing name is an error.
    pub(crate) fn create_view(&self, name: ViewName<'_>, relation: Relation, replace: bool) -> Result<()> {
        let mut views = if name.global { self.server.global_views.lock() } else { self.views.lock() };
        let key = name.name.to_lowercase();
        if !replace && views.contains_key(&key) {
            return Err(view_exists(name));
        }
        views.insert(key, NamedRelation::View(Box::new(relation)));
        Ok(())
    }

    /// Names rows; a table of the same name is replaced.
    pub(crate) fn create_table(&self, name: &str, rows: Arc<dyn BatchReader>) {
        self.views.lock().insert(name.to_lowercase(), NamedRelation::Table(rows));
    }

    /// Forgets a view. Says whether there was one.
    pub(crate) fn drop_view(&self, name: ViewName<'_>) -> bool {
        let mut views = if name.global { self.server.global_views.lock() } else { self.views.lock() };
        views.remove(&name.name.to_lowercase()).is_some()
    }

    /// Keeps rows until [`Self::remove_checkpoint`], or as long as the session lives. Answers the id to ask for them by.
    pub(crate) fn add_checkpoint(&self, rows: Relation) -> String {
        let id = Uuid::new_v4().to_string();
        self.checkpoints.lock().insert(id.clone(), rows);
        id
    }

    /// Forgets the rows of a checkpoint.
    pub(crate) fn remove_checkpoint(&self, id: &str) {
        self.checkpoints.lock().remove(id);
    }

    pub(crate) fn add_query(&self, query: StreamingQuery) {
        let mut started = self.started.lock();
        let mut ended = started.iter().filter(|query| !query.is_active()).count();
        started.retain(|query| {
            let keep = query.is_active() || ended <= ENDED_QUERIES_KEPT;
            ended -= usize::from(!keep);
            keep
        });
        started.push_back(query);
    }

    /// Every query started here that is still remembered.
    pub(crate) fn all_queries(&self) -> Vec<StreamingQuery> {
        self.started.lock().iter().cloned().collect()
    }

    /// What `onQueryStarted` is told, where the client has a listener.
    pub(crate) fn query_started_event(&self, query: &StreamingQuery) -> Option<String> {
        self.listening.lock().as_ref()?;
        let timestamp = iso_8601(self.server.engine.clock().now_ms());
        let event = json!({ "id": query.id(), "runId": query.run_id(), "name": query.name(), "timestamp": timestamp });
        Some(event.to_string())
    }

    /// The client has a listener from now on; one that it had before is told no more.
    pub(crate) fn start_listening(&self) -> CancellationToken {
        let token = CancellationToken::new();
        if let Some(before) = self.listening.lock().replace(token.clone()) {
            before.cancel();
        }
        token
    }

    /// The client's last listener is gone.
    pub(crate) fn stop_listening(&self) {
        if let Some(token) = self.listening.lock().take() {
            token.cancel();
        }
    }

    pub(crate) fn persist(&self, plan: u64, level: StorageLevel) {
        self.persisted.lock().insert(plan, level);
    }

    pub(crate) fn unpersist(&self, plan: u64) {
        self.persisted.lock().remove(&plan);
    }

    pub(crate) fn storage_level(&self, plan: u64) -> Option<StorageLevel> {
        self.persisted.lock().get(&plan).copied()
    }

    /// A run that was started here, whether it still runs or not.
    pub(crate) fn query(&self, id: &str, run_id: &str) -> Result<StreamingQuery> {
        let run = run_id.parse().ok().map(RunId);
        let found = self.started.lock().iter().find(|query| Some(query.run_id()) == run).cloned();
        found.ok_or_else(|| spark_error!("CONNECT_INVALID_PLAN.STREAMING_QUERY_NOT_FOUND", id = id))
    }
}

/// The name of a temporary view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ViewName<'a> {
    pub(crate) name: &'a str,
    /// Whether it lives in `global_temp`, for all sessions.
    pub(crate) global: bool,
}

fn view_exists(name: ViewName<'_>) -> Error {
    let relation = if name.global { format!("`{GLOBAL_TEMP}`.`{}`", name.name) } else { format!("`{}`", name.name) };
    spark_error!("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", relationName = relation)
}

impl Catalog for Session {
    fn relation(&self, name: &[String]) -> Option<NamedRelation> {
        match name {
            [name] => self.views.lock().get(&name.to_lowercase()).cloned(),
            [database, name] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => {
                self.server.global_views.lock().get(&name.to_lowercase()).cloned()
            }
            _ => None,
        }
    }

    fn relation_names(&self) -> Vec<String> {
        self.views.lock().keys().cloned().collect()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Option<NamedRelation> {
        self.checkpoints.lock().get(relation_id).map(|rows| NamedRelation::View(Box::new(rows.clone())))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        let artifacts = self.artifacts.lock();
        artifacts.get(&format!("cache/{hash}")).map(|data| data.to_vec()).ok_or_else(|| {
            spark_error!("CONNECT_INVALID_PLAN.NOT_FOUND_CACHED_LOCAL_RELATION", hash = hash, sessionUUID = self.id(),)
        })
    }
}
