//! One process: an engine that runs the query until it stops, fails, or dies in the middle of whatever it was doing.
//!
//! A process is a runtime of one thread. It dies by being dropped with all its tasks. When no task has anything to do,
//! the driver lets something happen: rows arrive, or time passes.

use millstream_core::{Error, ErrorKind, MemoryLedger, Result as CoreResult};
use millstream_engine::{Engine, Platform, StreamingQuery, StreamingQueryManager, StreamingThreads};
use tokio::task::JoinHandle;

use crate::fate::Fate;
use crate::world::World;

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// In the middle of something.
    Died,
    /// As it was told to, or because everything was worked off.
    Stopped {
        /// Whether it has run a batch.
        has_written: bool,
    },
    /// With an error of the query, or of its start.
    Failed(Error),
}

/// Bytes of memory of an engine that is short of it.
const MEMORY: usize = 1 << 32;

/// Rounds without an event after which nobody has anything to do.
const QUIET_ROUNDS: u32 = 12;

/// Things that happen to a process at the most; one that needs more hangs.
const MOST_EVENTS: u64 = 3000;

struct Driver<'a> {
    world: &'a World,
    fate: &'a Fate,
    manager: StreamingQueryManager,
    starting: Option<JoinHandle<CoreResult<StreamingQuery>>>,
    query: Option<StreamingQuery>,
    /// Working everything off, and then stopping.
    ending: Option<JoinHandle<()>>,
    is_stopping: bool,
    has_rival: bool,
    events: u64,
    all_arrived: bool,
}

/// Runs a process. An error says what it did that it must not do.
pub(crate) fn live(world: &World, fate: &Fate) -> Result<End, String> {
    world.boot(fate);
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // Where three quarters of the memory are taken, state goes to disk whenever it can.
        let memory = if world.is_tight { MemoryLedger::new(MEMORY) } else { MemoryLedger::unlimited() };
        let mut others = memory.reservation("others");
        others.resize(if world.is_tight { MEMORY / 8 * 7 } else { 0 }).map_err(|error| error.to_string())?;
        let manager = StreamingQueryManager::new(engine(world, fate, memory));
        let starter = manager.clone();
        let spec = world.spec();
        let driver = Driver {
            world,
            fate,
            manager,
            starting: Some(tokio::spawn(async move { starter.start(spec).await })),
            query: None,
            ending: None,
            is_stopping: false,
            has_rival: fate.has_rival,
            events: 0,
            all_arrived: false,
        };
        Box::pin(driver.drive()).await
    })
}

fn engine(world: &World, fate: &Fate, memory: MemoryLedger) -> Engine {
    let platform = Platform {
        clock: world.clock.clone(),
        random: std::sync::Arc::new(world.chance.fork()),
        disk: std::sync::Arc::new(world.disk.clone()),
        threads: StreamingThreads::of_caller(),
        fail_point: fate.fail_point.clone(),
        planted_fault: world.planted,
    };
    Engine::on(platform, memory, world.cores)
}

impl Driver<'_> {
    async fn drive(mut self) -> Result<End, String> {
        let (mut seen, mut quiet) = (0, 0);
        loop {
            if self.world.disk.is_dead() {
                return Ok(End::Died);
            }
            if let Some(end) = self.look().await? {
                return Ok(end);
            }
            tokio::task::yield_now().await;
            let lines = self.world.trace.len();
            quiet = if lines == seen { quiet + 1 } else { 0 };
            seen = lines;
            if quiet >= QUIET_ROUNDS {
                quiet = 0;
                self.events += 1;
                if self.fate.killed_after == Some(self.events) {
                    self.world.trace.add("the process is killed");
                    return Ok(End::Died);
                }
                if self.events > MOST_EVENTS {
                    let status = self.query.as_ref().map(StreamingQuery::status);
                    return Err(format!("the query hangs: {status:?}"));
                }
                self.let_something_happen();
            }
        }
    }

    /// Whether the query has started, and whether it has ended.
    async fn look(&mut self) -> Result<Option<End>, String> {
        if let Some(starting) = self.starting.take_if(|starting| starting.is_finished()) {
            match starting.await.map_err(|error| format!("the start panicked: {error}"))? {
                Ok(query) => self.query = Some(query),
                Err(error) => return Ok(Some(End::Failed(error))),
            }
            if std::mem::take(&mut self.has_rival) && self.rival().await? {
                return Ok(Some(End::Died));
            }
        }
        let Some(query) = self.query.as_ref().filter(|query| !query.is_active()) else { return Ok(None) };
        check_progress(query)?;
        let has_written = query.last_progress().is_some();
        Ok(Some(query.exception().map_or(End::Stopped { has_written }, End::Failed)))
    }

    /// A second process wants the checkpoint while the first runs, and must not get it. Says whether that ended this
    /// life.
    async fn rival(&self) -> Result<bool, String> {
        let (rival, spec) =
            (StreamingQueryManager::new(engine(self.world, self.fate, MemoryLedger::unlimited())), self.world.spec());
        let rival = tokio::spawn(async move { rival.start(spec).await.map(|_| ()) });
        while !rival.is_finished() {
            if self.world.disk.is_dead() || self.query.as_ref().is_some_and(|query| !query.is_active()) {
                return Ok(true);
            }
            tokio::task::yield_now().await;
        }
        match rival.await.map_err(|error| format!("the start panicked: {error}"))? {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(_) if self.world.disk.faults().0 > 0 => Ok(false),
            _ if self.query.as_ref().is_some_and(|query| !query.is_active()) => Ok(true),
            other => Err(format!("a second process was not refused the checkpoint: {other:?}")),
        }
    }

    fn let_something_happen(&mut self) {
        let is_running = self.query.is_some() && !self.is_stopping;
        if is_running && self.fate.stopped_after.is_some_and(|events| self.events >= events) {
            return self.stop();
        }
        if is_running && self.all_arrived && self.ending.is_none() && self.fate.stopped_after.is_none() {
            return self.work_off();
        }
        if self.ending.as_ref().is_some_and(JoinHandle::is_finished) && is_running {
            return self.stop();
        }
        let arrives = !self.all_arrived && self.world.chance.percent(40);
        if arrives || !self.world.clock.advance_to_next_sleeper() {
            self.all_arrived = !self.world.source.arrive(6) && self.world.source.has_arrived();
        }
    }

    fn stop(&mut self) {
        self.world.trace.add("the query is told to stop");
        self.is_stopping = true;
        if let Some(query) = self.query.clone() {
            self.ending = Some(tokio::spawn(async move { query.stop().await.unwrap_or_default() }));
        }
    }

    fn work_off(&mut self) {
        self.world.trace.add("everything has arrived and is to be worked off");
        if let Some(query) = self.query.clone() {
            // Its error shows in the query's end.
            self.ending = Some(tokio::spawn(async move { query.process_all_available().await.unwrap_or_default() }));
        }
    }
}

impl Drop for Driver<'_> {
    /// Whatever still runs dies with the runtime; the manager only has to be let go before.
    fn drop(&mut self) {
        self.manager.reset_terminated();
    }
}

/// Batches are reported in turn.
fn check_progress(query: &StreamingQuery) -> Result<(), String> {
    let batches: Vec<_> = query.recent_progress().iter().map(|progress| progress.batch_id).collect();
    match batches.windows(2).find(|pair| pair[1] != pair[0] + 1) {
        Some(pair) => Err(format!("the progress of batch {} follows that of batch {}", pair[1], pair[0])),
        None => Ok(()),
    }
}
