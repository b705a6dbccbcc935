//! A disk on which everything goes wrong that a plan asks for: full, read-only, errors, and the end of the process at a
//! chosen step. It does all at once or lets simulated time pass; no thread is involved.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millstream_core::{Clock, Disk, DiskFile, DiskLock};
use millstream_testing::ManualClock;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::chance::Chance;
use crate::file_system::{FileId, FileSystem};
use crate::trace::Trace;

/// What a disk does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskFault {
    Full,
    ReadOnly,
    NoPermission,
    WriteError,
    SyncError,
}

impl DiskFault {
    pub(crate) const ALL: [Self; 5] =
        [Self::Full, Self::ReadOnly, Self::NoPermission, Self::WriteError, Self::SyncError];

    fn hits(self, operation: Operation) -> bool {
        match self {
            Self::Full => matches!(operation, Operation::Create | Operation::Append | Operation::Replace),
            Self::ReadOnly => !matches!(operation, Operation::Read | Operation::Sync | Operation::Done),
            // A file that is open stays open.
            Self::NoPermission => !matches!(operation, Operation::Append | Operation::Sync | Operation::Done),
            Self::WriteError => matches!(operation, Operation::Append | Operation::Replace),
            Self::SyncError => matches!(operation, Operation::Sync),
        }
    }

    fn error(self) -> io::Error {
        match self {
            Self::Full => io::ErrorKind::StorageFull.into(),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Self::NoPermission => io::ErrorKind::PermissionDenied.into(),
            Self::WriteError | Self::SyncError => io::Error::other("Input/output error"),
        }
    }
}

/// What goes wrong in one life of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskPlan {
    /// The process ends at this step.
    pub(crate) dies_at: Option<u64>,
    /// From one step to another, the second not included.
    pub(crate) fault: Option<(DiskFault, std::ops::Range<u64>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Create,
    Append,
    Replace,
    Remove,
    Sync,
    Lock,
    /// The moment after an operation.
    Done,
}

/// Clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<ManualClock>,
    chance: Chance,
    trace: Trace,
    state: Mutex<State>,
    /// Spilled state lies on the machine's disk: it is scratch, and neither outlives a process nor a power cut.
    scratch: TempDir,
}

#[derive(Debug, Default)]
struct State {
    files: FileSystem,
    locks: BTreeSet<PathBuf>,
    plan: DiskPlan,
    step: u64,
    is_dead: bool,
    /// Whether the fault of the plan has shown, and whether the log felt it.
    faults: (u64, u64),
}

impl SimDisk {
    pub(crate) fn new(clock: Arc<ManualClock>, chance: Chance, trace: Trace) -> io::Result<Self> {
        let scratch = tempfile::tempdir()?;
        Ok(Self(Arc::new(Shared { clock, chance, trace, state: Mutex::default(), scratch })))
    }

    /// A process begins, and this will go wrong in its life.
    pub(crate) fn boot(&self, plan: DiskPlan) {
        let mut state = self.0.state.lock();
        state.locks.clear();
        state.files.forget_waiting();
        (state.plan, state.step, state.is_dead, state.faults) = (plan, 0, false, (0, 0));
    }

    /// Whether the process is to end here and now.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.state.lock().is_dead
    }

    /// How often the plan's fault has shown: anywhere, and in the log.
    pub(crate) fn faults(&self) -> (u64, u64) {
        self.0.state.lock().faults
    }

    /// Does something to the files behind the back of all processes.
    pub(crate) fn with_files<T>(&self, change: impl FnOnce(&mut FileSystem) -> T) -> T {
        change(&mut self.0.state.lock().files)
    }

    /// Before or after an operation, or in its middle: time passes, the process may die, and the operation may fail.
    async fn step(&self, operation: Operation, path: &Path) -> io::Result<()> {
        for _ in 0..self.0.chance.below(3) {
            tokio::task::yield_now().await;
        }
        if operation == Operation::Sync && self.0.chance.percent(20) {
            self.0.clock.sleep(Duration::from_millis(self.0.chance.within(1, 30))).await;
        }
        let (is_dead, fault) = {
            let mut state = self.0.state.lock();
            state.step += 1;
            let step = state.step;
            state.is_dead |= state.plan.dies_at == Some(step);
            let fault =
                state.plan.fault.clone().filter(|(fault, steps)| fault.hits(operation) && steps.contains(&step));
            if fault.is_some() {
                // A sync that fails where nothing waited for it harms nobody; see `SimFile::sync`.
                let is_log = operation != Operation::Sync
                    && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log-"));
                state.faults = (state.faults.0 + 1, state.faults.1 + u64::from(is_log));
            }
            self.0.trace.add(format!("disk {step} {operation:?} {}", path.display()));
            (state.is_dead, fault)
        };
        if is_dead {
            self.0.trace.add("the process dies at the disk");
            std::future::pending::<()>().await;
        }
        match fault {
            Some((fault, _)) => {
                self.0.trace.add(format!("disk fails: {fault:?}"));
                Err(fault.error())
            }
            None => Ok(()),
        }
    }

    /// The end of an operation, at which a process may die too, but nothing fails any more.
    async fn done(&self, path: &Path) {
        self.step(Operation::Done, path).await.expect("no fault hits the end of an operation");
    }

    /// Writes a part of what a process was about to write when it died or failed.
    fn append_part(&self, id: FileId, bytes: &[u8]) {
        let part = &bytes[..self.0.chance.index(bytes.len())];
        let now = self.0.clock.monotonic();
        self.with_files(|files| files.append(id, part, now));
    }
}

#[async_trait]
impl Disk for SimDisk {
    fn scratch(&self, _folder: &Path) -> io::Result<PathBuf> {
        Ok(self.0.scratch.path().to_owned())
    }

    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.step(Operation::Read, path).await?;
        Ok(self.with_files(|files| files.read(path)))
    }

    async fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.step(Operation::Read, folder).await?;
        Ok(self.with_files(|files| files.list(folder)))
    }

    async fn create_folder(&self, folder: &Path, durable: bool) -> io::Result<()> {
        if self.with_files(|files| files.id(folder).is_some()) {
            return Ok(());
        }
        self.step(Operation::Create, folder).await?;
        self.with_files(|files| files.create_folder(folder, durable));
        self.done(folder).await;
        Ok(())
    }

    async fn create_file(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.step(Operation::Create, path).await?;
        let id = self.with_files(|files| files.create(path))?;
        self.done(path).await;
        Ok(Arc::new(SimFile { disk: self.clone(), id, path: path.to_owned() }))
    }

    async fn replace(&self, path: &Path, bytes: Vec<u8>, durable: bool) -> io::Result<()> {
        self.step(Operation::Replace, path).await?;
        if durable {
            self.step(Operation::Sync, path).await?;
        }
        self.with_files(|files| files.rename_into(path, bytes, durable));
        if durable {
            let folder = path.parent().unwrap_or(path);
            self.step(Operation::Sync, folder).await?;
            self.with_files(|files| files.sync_folder(folder));
        }
        self.done(path).await;
        Ok(())
    }

    async fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.step(Operation::Append, path).await?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let id = self.with_files(|files| files.id(path)).ok_or(io::ErrorKind::NotFound)?;
        self.with_files(|files| files.truncate(id, length));
        self.step(Operation::Sync, path).await?;
        self.with_files(|files| files.sync(id));
        self.done(path).await;
        Ok(())
    }

    async fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Operation::Sync, folder).await?;
        self.with_files(|files| files.sync_folder(folder));
        self.done(folder).await;
        Ok(())
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Operation::Remove, path).await?;
        self.with_files(|files| files.remove(path));
        Ok(())
    }

    async fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Operation::Remove, folder).await?;
        let inside: Vec<_> =
            self.with_files(|files| files.paths()).into_iter().filter(|p| p.starts_with(folder)).collect();
        self.with_files(|files| inside.iter().for_each(|path| files.remove(path)));
        Ok(())
    }

    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.step(Operation::Lock, path).await?;
        if !self.0.state.lock().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: FileId,
    path: PathBuf,
}

#[async_trait]
impl DiskFile for SimFile {
    async fn append(&self, bytes: &[u8]) -> io::Result<()> {
        // Whatever ends this before its end leaves a part of it.
        let mut unfinished = Unfinished { file: self, bytes, is_done: false };
        self.disk.step(Operation::Append, &self.path).await?;
        unfinished.is_done = true;
        let now = self.disk.0.clock.monotonic();
        self.disk.with_files(|files| files.append(self.id, bytes, now));
        self.disk.done(&self.path).await;
        Ok(())
    }

    async fn truncate(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.disk.with_files(|files| files.truncate(self.id, length));
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        let synced = self.disk.step(Operation::Sync, &self.path).await;
        {
            let mut state = self.disk.0.state.lock();
            if let Err(error) = synced {
                state.faults.1 += u64::from(state.files.waits(self.id));
                state.files.lose(self.id);
                return Err(error);
            }
            state.files.sync(self.id);
        }
        self.disk.done(&self.path).await;
        Ok(())
    }
}

/// An append that is under way.
struct Unfinished<'a> {
    file: &'a SimFile,
    bytes: &'a [u8],
    is_done: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.file.disk.append_part(self.file.id, self.bytes);
        }
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.0.state.lock().locks.remove(&self.path);
    }
}
