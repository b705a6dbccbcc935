//! Incremental fetch sessions: a client says once which partitions it wants, then only what changes; the broker answers
//! only with partitions that have news.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

/// More clients than this are served without a session, which costs them only bytes.
const SESSIONS_MAX: usize = 1000;
/// More partitions are too, so that what sessions take is bounded.
const PARTITIONS_MAX: usize = 10_000;
/// A session that was not used for so long makes room for another.
const IDLE: Duration = Duration::from_secs(120);

/// A topic as the request names it: by name, or by id from version 13 on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TopicKey {
    Name(String),
    Id(Uuid),
}

/// A partition that is fetched.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) max_bytes: usize,
    /// What the client heard last: high watermark, last stable offset, start. `None`: nothing yet.
    pub(crate) told: Option<(i64, i64, i64)>,
}

/// What an answer says of a partition.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    /// High watermark, last stable offset, start.
    pub(crate) offsets: (i64, i64, i64),
    /// Whether there are records with it.
    pub(crate) brought: bool,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    used: Instant,
    partitions: Vec<Wanted>,
    places: HashMap<(TopicKey, i32), usize>,
}

impl Session {
    fn new(partitions: Vec<Wanted>) -> Self {
        let mut session = Self { epoch: 1, used: Instant::now(), partitions, places: HashMap::new() };
        session.index();
        session
    }

    fn index(&mut self) {
        let keys = self.partitions.iter().enumerate();
        self.places = keys.map(|(at, wanted)| ((wanted.topic.clone(), wanted.partition), at)).collect();
    }

    fn update(&mut self, changed: Vec<Wanted>, forgotten: &[(TopicKey, i32)]) {
        for wanted in changed {
            let key = (wanted.topic.clone(), wanted.partition);
            match self.places.get(&key).and_then(|&at| self.partitions.get_mut(at)) {
                Some(present) => {
                    present.offset = wanted.offset;
                    present.max_bytes = wanted.max_bytes;
                }
                None => {
                    self.places.insert(key, self.partitions.len());
                    self.partitions.push(wanted);
                }
            }
        }
        if !forgotten.is_empty() {
            self.partitions.retain(|one| !forgotten.contains(&(one.topic.clone(), one.partition)));
            self.index();
        }
    }
}

/// What a request comes to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// 0: no session.
    pub(crate) session_id: i32,
    /// Whether partitions without news are left out of the answer.
    pub(crate) incremental: bool,
    pub(crate) partitions: Vec<Wanted>,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    sessions: Mutex<HashMap<i32, Arc<Mutex<Session>>>>,
    last_id: Mutex<i32>,
}

impl FetchSessions {
    /// Applies a request: its session, its partitions, and those that it forgets.
    pub(crate) fn resolve(
        &self,
        (id, epoch): (i32, i32),
        wanted: Vec<Wanted>,
        forgotten: &[(TopicKey, i32)],
    ) -> Result<Resolved, ResponseError> {
        if epoch <= 0 {
            // A full fetch ends the session it names; with epoch 0 it wants another.
            self.sessions.lock().remove(&id);
            let session_id = if epoch == 0 { self.open(&wanted) } else { 0 };
            return Ok(Resolved { session_id, incremental: false, partitions: wanted });
        }
        let session = self.sessions.lock().get(&id).cloned().ok_or(ResponseError::FetchSessionIdNotFound)?;
        let mut session = session.lock();
        if session.epoch != epoch {
            return Err(ResponseError::InvalidFetchSessionEpoch);
        }
        session.epoch = if epoch == i32::MAX { 1 } else { epoch + 1 };
        session.used = Instant::now();
        session.update(wanted, forgotten);
        Ok(Resolved { session_id: id, incremental: true, partitions: session.partitions.clone() })
    }

    /// A new session for these partitions; 0 if there is no room.
    fn open(&self, wanted: &[Wanted]) -> i32 {
        if wanted.is_empty() || wanted.len() > PARTITIONS_MAX {
            return 0;
        }
        let mut sessions = self.sessions.lock();
        if sessions.len() >= SESSIONS_MAX {
            let now = Instant::now();
            sessions.retain(|_, session| now.duration_since(session.lock().used) < IDLE);
        }
        if sessions.len() >= SESSIONS_MAX {
            return 0;
        }
        let mut last = self.last_id.lock();
        *last = if *last == i32::MAX { 1 } else { *last + 1 };
        sessions.insert(*last, Arc::new(Mutex::new(Session::new(wanted.to_vec()))));
        *last
    }

    /// Takes note of what the client is told now. Partitions that brought records go to the end, so that all get their
    /// turn.
    pub(crate) fn told(&self, id: i32, told: &[Told]) {
        let Some(session) = self.sessions.lock().get(&id).cloned() else { return };
        let mut session = session.lock();
        let mut moved = Vec::new();
        for Told { topic, partition, offsets, brought } in told {
            let key = (topic.clone(), *partition);
            if let Some(present) = session.places.get(&key).copied().and_then(|at| session.partitions.get_mut(at)) {
                present.told = Some(*offsets);
                if *brought {
                    moved.push(key);
                }
            }
        }
        if !moved.is_empty() && moved.len() < session.partitions.len() {
            let (last, first): (Vec<_>, Vec<_>) =
                session.partitions.drain(..).partition(|one| moved.contains(&(one.topic.clone(), one.partition)));
            session.partitions = first.into_iter().chain(last).collect();
            session.index();
        }
    }
}

#[cfg(test)]
mod tests;
