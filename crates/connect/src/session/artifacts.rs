//! What a client has uploaded ahead of its plans, counted in the memory ledger until the session ends.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use millstream_core::{MemoryLedger, Reservation, Result};
use parking_lot::Mutex;

/// The uploads of a session, by name.
#[derive(Debug)]
pub(crate) struct Artifacts {
    memory: MemoryLedger,
    owner: String,
    kept: Mutex<HashMap<String, Arc<Artifact>>>,
}

/// An upload, and the bytes of it in the ledger.
#[derive(Debug)]
struct Artifact {
    data: Bytes,
    _reservation: Reservation,
}

impl Artifacts {
    pub(super) fn new(memory: &MemoryLedger, session: &str) -> Self {
        let owner = format!("what session {session} has uploaded");
        Self { memory: memory.clone(), owner, kept: Mutex::default() }
    }

    /// Makes the uploads of another session known here too. They lie in memory once, until both sessions have ended.
    pub(super) fn share(&self, others: &Self) {
        self.kept.lock().extend(others.kept.lock().iter().map(|(name, artifact)| (name.clone(), Arc::clone(artifact))));
    }

    /// Room for an upload that is on its way.
    pub(crate) fn reservation(&self) -> Reservation {
        self.memory.reservation(self.owner.clone())
    }

    /// Keeps an upload for as long as the session lives; the reservation is what was made for it.
    pub(crate) fn add(&self, name: String, data: Bytes, mut reservation: Reservation) -> Result<()> {
        reservation.resize(name.len() + data.len())?;
        self.kept.lock().insert(name, Arc::new(Artifact { data, _reservation: reservation }));
        Ok(())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.kept.lock().contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<Bytes> {
        self.kept.lock().get(name).map(|artifact| artifact.data.clone())
    }
}

#[cfg(test)]
mod tests;
