//! One client's session: its configuration ([`conf`]), names ([`names`]), uploads ([`artifacts`]), operations
//! ([`operations`]), queries ([`queries`]) and errors.
//!
//! A session is what `(user, session id)` stands for. It is also the [`Catalog`] that the analyzer asks for names.

mod artifacts;
mod computation;
pub(crate) mod conf;
pub(crate) mod manager;
mod names;
pub(crate) mod operation;
pub(crate) mod operations;
pub(crate) mod queries;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, Reservation, Result, spark_error};
use millstream_engine::query::{Engine, StreamingQuery};
use millstream_sql::{Catalog, NamedRelation};
use parking_lot::Mutex;
use serde_json::json;
use spark_connect_proto::StorageLevel;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use self::artifacts::Artifacts;
pub(crate) use self::computation::Computation;
use self::conf::Conf;
use self::names::SessionCatalog;
pub(crate) use self::names::{ViewName, Views};
use self::operations::Operations;
use self::queries::SessionQueries;
use crate::ServerContext;
use crate::to_proto::timestamp::iso_8601;
use crate::warehouse::{DEFAULT, Table, TableName, View, Warehouse};

/// Errors whose details a client may still ask for.
const ERRORS_KEPT: usize = 100;
/// What a session takes before anything is in it.
const SESSION_BYTES: usize = 4 << 10;

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    pub(crate) user_id: String,
    pub(crate) session_id: String,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Session {
    key: SessionKey,
    server_side_id: String,
    server: Arc<ServerContext>,
    conf: Mutex<Conf>,
    names: SessionCatalog,
    /// The database of names that have none.
    database: Mutex<String>,
    artifacts: Artifacts,
    operations: Operations,
    queries: SessionQueries,
    errors: Mutex<VecDeque<(String, Arc<Error>)>>,
    /// Plans that the client asked to keep, by their hash. It is a hint: nothing is kept.
    persisted: Mutex<HashMap<u64, StorageLevel>>,
    /// Ends the answer to the client's listener bus, while there is one.
    listening: Mutex<Option<Arc<CancellationToken>>>,
    used_at: Mutex<Instant>,
    _room: Reservation,
}

impl Session {
    /// A session with nothing in it.
    ///
    /// # Errors
    /// There is no memory for one more.
    pub(crate) fn new(key: SessionKey, server: Arc<ServerContext>) -> Result<Self> {
        let memory = server.engine.memory();
        let mut room = memory.reservation("a new session");
        // The key is in the list of sessions too.
        room.resize(SESSION_BYTES + 2 * (key.user_id.len() + key.session_id.len()))?;
        let conf = Conf::new(server.defaults.clone(), memory, &key.session_id);
        Ok(Self {
            server_side_id: Uuid::new_v4().to_string(),
            conf: Mutex::new(conf),
            names: SessionCatalog::new(memory, &key.session_id, Arc::clone(&server.global_views)),
            database: Mutex::new(DEFAULT.to_owned()),
            artifacts: Artifacts::new(memory, &key.session_id),
            operations: Operations::new(memory.clone()),
            queries: SessionQueries::new(&server.engine),
            errors: Mutex::default(),
            persisted: Mutex::default(),
            listening: Mutex::default(),
            used_at: Mutex::new(Instant::now()),
            _room: room,
            key,
            server,
        })
    }

    /// A session with the same configuration, names and uploads, and none of the operations or queries.
    pub(crate) fn clone_as(&self, key: SessionKey) -> Result<Self> {
        let copy = Self::new(key, Arc::clone(&self.server))?;
        copy.conf.lock().copy(&self.conf.lock())?;
        copy.names.share(&self.names);
        copy.set_database(&self.database());
        copy.artifacts.share(&self.artifacts);
        Ok(copy)
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

    /// The queries that were started here.
    pub(crate) fn queries(&self) -> &SessionQueries {
        &self.queries
    }

    /// What the session's names mean.
    pub(crate) fn names(&self) -> &SessionCatalog {
        &self.names
    }

    /// Tables that last.
    pub(crate) fn warehouse(&self) -> &Warehouse {
        &self.server.warehouse
    }

    /// The database of names that have none.
    pub(crate) fn database(&self) -> String {
        self.database.lock().clone()
    }

    pub(crate) fn set_database(&self, name: &str) {
        *self.database.lock() = name.to_lowercase();
    }

    /// The table of this name that lasts, if it is there and no view hides it.
    pub(crate) fn lasting_table(&self, name: &[String]) -> Result<Option<(TableName, Table)>> {
        if self.names.relation(name).is_some() {
            return Ok(None);
        }
        let Some(name) = TableName::of(name, &self.database()) else { return Ok(None) };
        Ok(self.warehouse().table(&name)?.map(|table| (name, table)))
    }

    /// The view of this name that lasts, if it is there and no other one hides it.
    pub(crate) fn lasting_view(&self, name: &[String]) -> Result<Option<(TableName, View)>> {
        if self.names.relation(name).is_some() {
            return Ok(None);
        }
        let Some(name) = TableName::of(name, &self.database()) else { return Ok(None) };
        Ok(self.warehouse().view(&name)?.map(|view| (name, view)))
    }

    /// What the client has uploaded.
    pub(crate) fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    pub(crate) fn touch(&self) {
        *self.used_at.lock() = Instant::now();
    }

    /// How long nothing has happened here. A running query or operation is something.
    pub(crate) fn idle_for(&self) -> Duration {
        if self.operations.any_running() || !self.queries.manager().active().is_empty() {
            return Duration::ZERO;
        }
        self.used_at.lock().elapsed()
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

    /// What `onQueryStarted` is told, where the client has a listener.
    pub(crate) fn query_started_event(&self, query: &StreamingQuery) -> Option<String> {
        self.listening.lock().as_ref()?;
        let timestamp = iso_8601(self.server.engine.clock().now_ms());
        let event = json!({ "id": query.id(), "runId": query.run_id(), "name": query.name(), "timestamp": timestamp });
        Some(event.to_string())
    }

    /// The client has a listener from now on, as long as the answer lives; one that it had before is told no more.
    pub(crate) fn start_listening(self: &Arc<Self>) -> Listening {
        let stopped = Arc::new(CancellationToken::new());
        if let Some(before) = self.listening.lock().replace(Arc::clone(&stopped)) {
            before.cancel();
        }
        Listening { session: Arc::clone(self), stopped }
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
}

/// One listener of the client.
pub(crate) struct Listening {
    session: Arc<Session>,
    stopped: Arc<CancellationToken>,
}

impl Listening {
    /// Resolves when the listener is to hear no more.
    pub(crate) async fn stopped(&self) {
        self.stopped.cancelled().await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listening = self.session.listening.lock();
        // Another listener may have taken the place meanwhile.
        if listening.as_ref().is_some_and(|known| Arc::ptr_eq(known, &self.stopped)) {
            *listening = None;
        }
    }
}

impl Catalog for Session {
    fn relation(&self, name: &[String]) -> Result<Option<NamedRelation>> {
        if let Some(view) = self.names.relation(name) {
            return Ok(Some(view));
        }
        if let Some((name, table)) = self.lasting_table(name)? {
            let known = match table.reads_partitions() {
                true => Some(self.warehouse().partitions(&name, table.partition_columns.len())?),
                false => None,
            };
            let there = table.location.exists();
            let rows = if there { table.relation(known.as_deref()) } else { table.no_rows() };
            return Ok(Some(NamedRelation::View(Box::new(rows))));
        }
        let view = self.lasting_view(name)?;
        view.map(|(name, view)| view.relation(&name.table)).transpose()
    }

    fn stream(&self, name: &[String]) -> Result<Option<NamedRelation>> {
        match self.lasting_table(name)? {
            // A stream reads the folder, whose partitions are still to come.
            Some((_, table)) => Ok(Some(NamedRelation::View(Box::new(table.relation(None))))),
            None => self.relation(name),
        }
    }

    fn relation_names(&self) -> Vec<String> {
        self.names.relation_names()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        self.names.checkpoint(relation_id).ok_or_else(|| {
            spark_error!("CONNECT_INVALID_PLAN.DATAFRAME_NOT_FOUND", dfId = relation_id, sessionId = self.id())
        })
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        self.artifacts.get(&format!("cache/{hash}")).map(|data| data.to_vec()).ok_or_else(|| {
            spark_error!("CONNECT_INVALID_PLAN.NOT_FOUND_CACHED_LOCAL_RELATION", hash = hash, sessionUUID = self.id())
        })
    }
}
