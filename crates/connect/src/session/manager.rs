//! All sessions of the server: found by key, ended when released or idle.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Result, spark_error};
use parking_lot::Mutex;
use spark_connect_proto::UserContext;
use uuid::Uuid;

use super::operations::WHEN_TIGHT;
use super::{Session, SessionKey};
use crate::ServerContext;

/// How long a session may be idle (Spark: `spark.connect.session.manager.defaultSessionTimeout`).
const IDLE_MAX: Duration = Duration::from_secs(60 * 60);
/// How often idle sessions and lost operations are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
/// How often is looked whether memory is short; then one operation that nobody reads is given up.
const TIGHT_INTERVAL: Duration = Duration::from_secs(1);
/// Released sessions that are remembered, so that their clients learn what happened.
const CLOSED_KEPT: usize = 1000;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct SessionManager {
    server: Arc<ServerContext>,
    sessions: Mutex<HashMap<SessionKey, Arc<Session>>>,
    closed: Mutex<Closed>,
}

/// The keys of sessions that were released, as hashes: a user's name may have any length.
#[derive(Debug, Default)]
struct Closed {
    hashes: VecDeque<u64>,
    hasher: RandomState,
}

impl Closed {
    fn contains(&self, key: &SessionKey) -> bool {
        self.hashes.contains(&self.hasher.hash_one(key))
    }

    fn add(&mut self, key: &SessionKey) {
        while self.hashes.len() >= CLOSED_KEPT {
            self.hashes.pop_front();
        }
        self.hashes.push_back(self.hasher.hash_one(key));
    }
}

/// What every request says about its session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRef<'a> {
    pub(crate) session_id: &'a str,
    pub(crate) user: Option<&'a UserContext>,
    /// The server's id of the session that the client saw before.
    pub(crate) observed: Option<&'a str>,
}

impl SessionRef<'_> {
    /// The key, if the id is a UUID as the protocol asks.
    pub(crate) fn key(&self) -> Result<SessionKey> {
        Uuid::try_parse(self.session_id)
            .map_err(|_| spark_error!("INVALID_HANDLE.FORMAT", handle = self.session_id))?;
        let user_id = self.user.map(|user| user.user_id.clone()).unwrap_or_default();
        Ok(SessionKey { user_id, session_id: self.session_id.to_owned() })
    }
}

impl SessionManager {
    pub(crate) fn new(server: Arc<ServerContext>) -> Self {
        Self { server, sessions: Mutex::default(), closed: Mutex::default() }
    }

    /// The session of a request, made when it is new.
    pub(crate) fn get_or_create(&self, request: SessionRef<'_>) -> Result<Arc<Session>> {
        let key = request.key()?;
        if let Some(known) = self.find(&key) {
            check_observed(&known, request)?;
            known.touch();
            return Ok(known);
        }
        if self.closed.lock().contains(&key) {
            return Err(spark_error!("INVALID_HANDLE.SESSION_CLOSED", handle = request.session_id));
        }
        // A client that saw a session which is not here any more must learn that its state is lost.
        if request.observed.is_some_and(|observed| !observed.is_empty()) {
            return Err(spark_error!("INVALID_HANDLE.SESSION_CHANGED", handle = request.session_id));
        }
        match self.sessions.lock().entry(key.clone()) {
            // Another call of the same client was faster.
            Occupied(session) => Ok(Arc::clone(session.get())),
            Vacant(place) => {
                let session = Arc::new(Session::new(key, Arc::clone(&self.server))?);
                Ok(Arc::clone(place.insert(session)))
            }
        }
    }

    /// The session of a request that must not make one.
    pub(crate) fn get(&self, request: SessionRef<'_>) -> Result<Arc<Session>> {
        let key = request.key()?;
        let Some(known) = self.find(&key) else {
            return Err(if self.closed.lock().contains(&key) {
                spark_error!("INVALID_HANDLE.SESSION_CLOSED", handle = request.session_id)
            } else {
                spark_error!("INVALID_HANDLE.SESSION_NOT_FOUND", handle = request.session_id)
            });
        };
        check_observed(&known, request)?;
        known.touch();
        Ok(known)
    }

    /// Adds a session made from another one.
    pub(crate) fn insert(&self, session: Session) -> Result<Arc<Session>> {
        let mut sessions = self.sessions.lock();
        if sessions.contains_key(session.key()) {
            return Err(spark_error!(
                "INVALID_CLONE_SESSION_REQUEST.TARGET_SESSION_ID_ALREADY_EXISTS",
                targetSessionId = session.id(),
            ));
        }
        let session = Arc::new(session);
        sessions.insert(session.key().clone(), Arc::clone(&session));
        Ok(session)
    }

    /// Ends a session with its operations; its queries are stopped behind the call. Unknown sessions are fine.
    pub(crate) fn release(&self, key: &SessionKey, allow_reconnect: bool) -> Option<Arc<Session>> {
        if !allow_reconnect {
            self.closed.lock().add(key);
        }
        let session = self.sessions.lock().remove(key)?;
        session.operations().release_all();
        Some(session)
    }

    /// Ends every operation, for the end of the process.
    pub(crate) fn release_operations(&self) {
        let sessions: Vec<_> = self.sessions.lock().values().cloned().collect();
        for session in sessions {
            session.operations().release_all();
        }
    }

    /// Looks for idle sessions and lost operations, for ever.
    pub(crate) async fn sweep(&self) {
        let mut all = tokio::time::interval(SWEEP_INTERVAL);
        let mut tight = tokio::time::interval(TIGHT_INTERVAL);
        loop {
            tokio::select! {
                _ = all.tick() => self.sweep_once(),
                _ = tight.tick() => self.relieve(),
            }
        }
    }

    /// Gives up the operation that has waited longest for its client, if memory is short.
    fn relieve(&self) {
        if !self.server.engine.memory().is_tight() {
            return;
        }
        let sessions: Vec<_> = self.sessions.lock().values().cloned().collect();
        let longest = |session: Arc<Session>| {
            let (time, operation) = session.operations().longest_unread(WHEN_TIGHT)?;
            Some((time, session, operation))
        };
        if let Some((_, session, operation)) = sessions.into_iter().filter_map(longest).max_by_key(|(time, ..)| *time) {
            session.operations().give_up(&operation);
        }
    }

    fn sweep_once(&self) {
        let sessions: Vec<_> = self.sessions.lock().values().cloned().collect();
        for session in sessions {
            session.operations().sweep();
            if session.idle_for() >= IDLE_MAX {
                tracing::info!(session = session.id(), "ended because it was idle");
                self.release(session.key(), false);
            }
        }
    }

    fn find(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.lock().get(key).cloned()
    }
}

fn check_observed(session: &Session, request: SessionRef<'_>) -> Result<()> {
    match request.observed {
        Some(observed) if !observed.is_empty() && observed != session.server_side_id() => {
            Err(spark_error!("INVALID_HANDLE.SESSION_CHANGED", handle = request.session_id))
        }
        _ => Ok(()),
    }
}
