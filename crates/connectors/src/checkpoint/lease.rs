//! The lock of a folder, as an object that its holder writes anew all the time.
//!
//! A store does not notice the end of a process. So a lock is a lease: an object that says who holds it, and that
//! changes at least each quarter of the lease. Whoever wants it and sees it unchanged for a whole lease takes it over;
//! every change is conditional on the version that was seen, so that only one can.
//!
//! Time alone is no proof: a process that was stopped, with its clock, may go on and believe that it holds the lock.
//! Whoever takes over therefore seals the files that grow ([`super::growing_file`]), and everything else a holder only
//! does right after the store has renewed its lease ([`Lease::confirm`]).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use millstream_core::{Clock, DiskError};
use object_store::path::Path as Key;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{taken_over, unconditional};
use super::objects::{Found, Objects};

/// What lies in the object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LockFile {
    holder: Uuid,
    /// Goes up with each renewal.
    turn: u64,
    lease_ms: u64,
    is_released: bool,
}

/// A lock that is held, as far as is known.
#[derive(Debug)]
pub(super) struct Lease {
    objects: Objects,
    clock: Arc<dyn Clock>,
    key: Key,
    path: PathBuf,
    length: Duration,
    /// What was written last, and its tag; `None` once it is let go of.
    held: tokio::sync::Mutex<Option<(LockFile, String)>>,
    /// Until when nobody else can have it, by our clock.
    valid_until: Mutex<Duration>,
    is_lost: AtomicBool,
}

/// What a lock is asked for with.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) objects: &'a Objects,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) key: &'a Key,
    /// What the key is called in messages.
    pub(super) path: &'a Path,
    pub(super) length: Duration,
}

/// Somebody else's lock, as it was when we first saw it.
struct Watched {
    tag: String,
    since: Duration,
    length: Duration,
}

impl Request<'_> {
    /// Takes the lock. Says whether somebody who held it did not let go of it.
    pub(super) async fn take(&self) -> io::Result<(Lease, bool)> {
        let holder = Uuid::new_v4();
        let lock = LockFile { holder, turn: 0, lease_ms: milliseconds(self.length), is_released: false };
        let mut watched: Option<Watched> = None;
        loop {
            let asked = self.clock.monotonic();
            let Some(found) = self.objects.get(self.key).await? else {
                match self.objects.create(self.key, lock.bytes()).await? {
                    Some(tag) => return Ok((self.held(lock, tag, asked).await?, false)),
                    None => continue,
                }
            };
            let there = LockFile::parse(&found)?;
            let is_left = match &watched {
                Some(watched) if watched.tag == found.tag => asked.saturating_sub(watched.since) >= watched.length,
                Some(_) if !there.is_released => return Err(io::ErrorKind::WouldBlock.into()),
                Some(_) | None => false,
            };
            if there.is_released || is_left {
                match self.objects.update(self.key, lock.bytes(), &found.tag).await? {
                    Some(tag) => return Ok((self.held(lock, tag, asked).await?, !there.is_released)),
                    None => continue,
                }
            }
            if watched.is_none() {
                let length = self.length.max(Duration::from_millis(there.lease_ms));
                let lock = self.path.display();
                tracing::warn!(%lock, wait = ?length, "the checkpoint is held by a process that is gone or still runs; waiting to see which");
                watched = Some(Watched { tag: found.tag, since: self.clock.monotonic(), length });
            }
            self.clock.sleep(self.length / 4).await;
        }
    }

    /// The lease, if the store is one that says no: one that does not would let everybody in.
    async fn held(&self, lock: LockFile, tag: String, asked: Duration) -> io::Result<Lease> {
        let stranger = self.objects.stranger();
        let again = LockFile { holder: Uuid::new_v4(), ..lock.clone() };
        let is_kept = stranger.create(self.key, again.bytes()).await?.is_none()
            && stranger.update(self.key, again.bytes(), "\"no such tag\"").await?.is_none();
        if !is_kept {
            return Err(unconditional());
        }
        Ok(Lease {
            objects: self.objects.clone(),
            clock: Arc::clone(self.clock),
            key: self.key.clone(),
            path: self.path.to_owned(),
            length: self.length,
            held: tokio::sync::Mutex::new(Some((lock, tag))),
            valid_until: Mutex::new(asked + self.length),
            is_lost: AtomicBool::new(false),
        })
    }
}

impl Lease {
    /// Says that the lock is ours, by the clock where that is enough, else by the store.
    pub(super) async fn ensure(&self) -> io::Result<()> {
        let is_valid = self.clock.monotonic() < *self.valid_until.lock();
        if is_valid && !self.is_lost.load(Ordering::Acquire) { Ok(()) } else { self.confirm().await }
    }

    /// Renews the lease. The store refuses that to one who has lost it, however sure he is.
    pub(super) async fn confirm(&self) -> io::Result<()> {
        let mut held = self.held.lock().await;
        let Some((lock, tag)) = held.as_mut().filter(|_| !self.is_lost.load(Ordering::Acquire)) else {
            return Err(taken_over());
        };
        let asked = self.clock.monotonic();
        let next = LockFile { turn: lock.turn + 1, ..lock.clone() };
        match self.objects.update(&self.key, next.bytes(), tag).await? {
            Some(new) => {
                (*lock, *tag) = (next, new);
                *self.valid_until.lock() = asked + self.length;
                Ok(())
            }
            None => {
                self.lose();
                Err(taken_over())
            }
        }
    }

    /// Takes note that somebody else has the lock.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
    }

    /// Renews the lease for as long as it is ours.
    pub(super) async fn keep(&self) {
        while !self.is_lost.load(Ordering::Acquire) {
            self.clock.sleep(self.length / 4).await;
            if let Err(error) = self.confirm().await {
                tracing::warn!(lock = %self.path.display(), %error, "cannot renew the lock of a checkpoint");
            }
        }
    }

    /// Renews the lease no more and leaves it to run out: when this returns, nothing of ours is on its way to the
    /// store, which the next one would take for a sign of life.
    pub(super) async fn abandon(&self) {
        self.lose();
        self.held.lock().await.take();
    }

    /// Lets go, so that the next one need not wait. Somebody else's lock is left alone.
    pub(super) async fn release(&self) -> io::Result<()> {
        let Some((lock, tag)) = self.held.lock().await.take() else { return Ok(()) };
        self.lose();
        let released = LockFile { turn: lock.turn + 1, is_released: true, ..lock };
        if self.objects.update(&self.key, released.bytes(), &tag).await?.is_some() {
            return Ok(());
        }
        // A renewal that was given up may have been carried out.
        match self.objects.get(&self.key).await? {
            Some(found) if LockFile::parse(&found)?.holder == released.holder => {
                self.objects.update(&self.key, released.bytes(), &found.tag).await.map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl LockFile {
    fn bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("numbers and an id").into()
    }

    fn parse(found: &Found) -> io::Result<Self> {
        let unreadable = |error: serde_json::Error| {
            let message = format!("it is no lock of this program: {error}");
            DiskError::io(io::ErrorKind::InvalidData, message, "remove the object, or use another location")
        };
        serde_json::from_slice(&found.bytes).map_err(unreadable)
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
