//! One stream of rows on its way into files.
//!
//! A file stays open for each partition that has rows; where many are open, the one that was written longest ago is
//! finished, and rows that come for it later get a file of their own. So memory has a bound whatever the rows are.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use futures::TryStreamExt;
use futures::future::join_all;
use millstream_core::{BatchStream, Error, MemoryLedger, Reservation, Result};
use uuid::Uuid;

use super::Target;
use super::folder;
use crate::file::format::FileEncoding;

/// Files that one stream keeps open at the most.
const OPEN: usize = 100;

/// What an open file takes beside what its format holds back.
const BUFFER: usize = 64 * 1024;

/// Where files of a write go, and what their names have in common.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) target: Target,
    /// The folder that files are written below: the target's, or a temporary one.
    pub(super) root: PathBuf,
    pub(super) id: Uuid,
    /// Whether files are to outlive a power cut.
    pub(super) synced: bool,
}

/// The files that a write made.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Their paths below the root, with `/` between the parts.
    pub(super) files: Vec<String>,
    pub(super) rows: u64,
}

/// Writes all streams side by side, each into files of its own. It waits for the last of them also where one fails, so
/// that nobody writes below a root that is being removed.
pub(super) async fn write(job: &Job, streams: Vec<BatchStream>) -> Result<Written> {
    let broken_off = AtomicBool::new(false);
    let tasks = streams.into_iter().enumerate().map(|(task, rows)| write_one(job, task, rows, &broken_off));
    let mut written = Written::default();
    for done in join_all(tasks).await {
        let done = done?;
        written.files.extend(done.files);
        written.rows += done.rows;
    }
    Ok(written)
}

/// Writes one stream, until another one fails.
async fn write_one(job: &Job, task: usize, mut rows: BatchStream, broken_off: &AtomicBool) -> Result<Written> {
    let written = async {
        let mut files = TaskFiles::new(job.clone(), task);
        while let Some(batch) = rows.try_next().await? {
            if broken_off.load(Ordering::Relaxed) {
                return Ok(Written::default());
            }
            files = blocking(move || {
                files.write(&batch)?;
                Ok(files)
            })
            .await?;
        }
        blocking(move || files.finish(task == 0)).await
    };
    let written = written.await;
    if written.is_err() {
        broken_off.store(true, Ordering::Relaxed);
    }
    written
}

/// Runs what blocks on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::internal("writing a file was broken off").with_source(error))?
}

struct TaskFiles {
    job: Job,
    task: usize,
    open: HashMap<String, OpenFile>,
    /// How many files each folder has from this task.
    counts: HashMap<String, u32>,
    /// Counts writes, to know which file was written longest ago.
    clock: u64,
    written: Written,
    reservation: Reservation,
}

struct OpenFile {
    path: String,
    encoding: Box<dyn FileEncoding>,
    /// The file again, to be synced.
    file: Option<Arc<File>>,
    rows: u64,
    used: u64,
}

impl TaskFiles {
    fn new(job: Job, task: usize) -> Self {
        let memory: &MemoryLedger = &job.target.memory;
        let reservation = memory.reservation("files that are being written");
        let (open, counts) = (HashMap::new(), HashMap::new());
        Self { job, task, open, counts, clock: 0, written: Written::default(), reservation }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for part in self.job.target.partitions.split(batch)? {
            self.append(&part.folder, &part.rows)?;
        }
        self.account()
    }

    /// Appends rows of one partition, to as many files as they need.
    fn append(&mut self, folder: &str, rows: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < rows.num_rows() {
            self.clock += 1;
            if !self.open.contains_key(folder) {
                self.make_room()?;
                let file = self.begin(folder)?;
                self.open.insert(folder.to_owned(), file);
            }
            let Some(file) = self.open.get_mut(folder) else { continue };
            let room = self.job.target.max_records.map_or(u64::MAX, |limit| limit - file.rows);
            let count = (rows.num_rows() - from).min(usize::try_from(room).unwrap_or(usize::MAX));
            file.encoding.write(&rows.slice(from, count))?;
            file.rows += count as u64;
            file.used = self.clock;
            from += count;
            if self.job.target.max_records == Some(file.rows) {
                self.end(folder)?;
            }
        }
        Ok(())
    }

    /// Counts what is held back; where there is no room for it, all files are finished.
    fn account(&mut self) -> Result<()> {
        let held = |open: &HashMap<String, OpenFile>| open.values().map(|file| BUFFER + file.encoding.held()).sum();
        if self.reservation.resize(held(&self.open)).is_ok() {
            return Ok(());
        }
        let folders: Vec<_> = self.open.keys().cloned().collect();
        folders.iter().try_for_each(|folder| self.end(folder))?;
        self.reservation.resize(held(&self.open))
    }

    fn make_room(&mut self) -> Result<()> {
        if self.open.len() < OPEN {
            return Ok(());
        }
        let oldest = self.open.iter().min_by_key(|(_, file)| file.used).map(|(folder, _)| folder.clone());
        oldest.map_or(Ok(()), |folder| self.end(&folder))
    }

    fn begin(&mut self, folder: &str) -> Result<OpenFile> {
        let count = self.counts.entry(folder.to_owned()).or_default();
        // Spark's names: a dot where the folder is a partition's.
        let mark = if folder.is_empty() { '-' } else { '.' };
        let name =
            format!("part-{:05}-{}{mark}c{count:03}{}", self.task, self.job.id, self.job.target.encoder.extension());
        *count += 1;
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let whole = self.job.root.join(&path);
        if let Some(parent) = whole.parent() {
            folder::create(parent)?;
        }
        let file = File::create_new(&whole).map_err(|error| folder::failed("create", &whole, error))?;
        let file = Arc::new(file);
        let out = Output { file: BufWriter::with_capacity(BUFFER, Arc::clone(&file)), path: whole };
        let encoding = self.job.target.encoder.start(Box::new(out))?;
        let file = self.job.synced.then_some(file);
        Ok(OpenFile { path, encoding, file, rows: 0, used: self.clock })
    }

    fn end(&mut self, folder: &str) -> Result<()> {
        let Some(file) = self.open.remove(folder) else { return Ok(()) };
        file.encoding.finish()?;
        if let Some(synced) = file.file {
            let path = self.job.root.join(&file.path);
            synced.sync_all().map_err(|error| folder::failed("sync", &path, error))?;
        }
        self.written.rows += file.rows;
        self.written.files.push(file.path);
        Ok(())
    }

    /// Ends all files. Of a write without rows the first task makes a file nevertheless: it shows the columns.
    fn finish(mut self, first: bool) -> Result<Written> {
        if first && self.job.target.partitions.is_empty() && self.counts.is_empty() {
            let file = self.begin("")?;
            self.open.insert(String::new(), file);
        }
        let folders: Vec<_> = self.open.keys().cloned().collect();
        folders.iter().try_for_each(|folder| self.end(folder))?;
        self.written.files.sort_unstable();
        Ok(self.written)
    }
}

/// A file whose errors say which it is.
struct Output {
    file: BufWriter<Arc<File>>,
    path: PathBuf,
}

impl Output {
    fn named(path: &Path, error: std::io::Error) -> std::io::Error {
        std::io::Error::new(error.kind(), format!("cannot write '{}': {error}", path.display()))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes).map_err(|error| Self::named(&self.path, error))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush().map_err(|error| Self::named(&self.path, error))
    }
}
