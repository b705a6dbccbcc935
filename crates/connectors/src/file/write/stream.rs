//! The file sink of a stream (Spark: `FileStreamSink`): each batch exactly once, in append mode.
//!
//! The files of a batch are written apart, moved to their places, and then listed in `_spark_metadata`: with that the
//! batch shows, and the log says after a crash that it does. Files that were moved and not listed are there for no
//! reader who heeds the log; the batch is written again under other names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream;
use millstream_core::{
    BatchId, Clock, Error, ExactlyOnce, LoggedBatch, Options, OutputMode, Result, Sink, SinkBatch, SinkConfig,
    SinkProgress, SinkStart, SinkSteps, spark_error,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::Target;
use super::folder;
use super::staging::Staging;
use super::task::{self, Job, Written};
use crate::file::format::FileFormat;
use crate::file::listing::is_hidden;
use crate::file::metadata_log::{Entry, MetadataLog, millis, sync_folder};

/// Batches to a file of the log that lists everything, unless the log began otherwise.
const COMPACT_INTERVAL: u64 = 10;

/// Opens the sink.
pub(in crate::file) fn open(format: &dyn FileFormat, config: &SinkConfig) -> Result<Arc<dyn Sink>> {
    if config.output_mode != OutputMode::Append {
        return Err(spark_error!(
            "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE",
            outputMode = config.output_mode.to_string().to_lowercase(),
            className = format.name(),
        ));
    }
    check_columns(config)?;
    let target = Target::new(format, config)?;
    let log = MetadataLog::of(&target.folder);
    let retention = retention(&config.options)?;
    let state = Mutex::new(State { newest: None, query: None, steps: None });
    Ok(Arc::new(FileSink { target, log, retention, clock: Arc::clone(&config.clock), state }))
}

/// Spark has other words for a stream's partitions that are no columns than for a batch's.
fn check_columns(config: &SinkConfig) -> Result<()> {
    let fields = config.schema.fields();
    let same = |one: &str, other: &str| match config.settings.case_sensitive {
        true => one == other,
        false => one.to_lowercase() == other.to_lowercase(),
    };
    let missing = config.partition_by.iter().find(|name| !fields.iter().any(|field| same(field.name(), name)));
    let Some(name) = missing else { return Ok(()) };
    let names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
    Err(spark_error!(
        "_LEGACY_ERROR_TEMP_1196",
        columnType = "Partition",
        columnName = name,
        validColumnNames = names.join(", "),
    ))
}

/// `retention`: files that are older are left out when the log lists everything again.
fn retention(options: &Options) -> Result<Option<Duration>> {
    options.get_duration("retention")
}

#[derive(Debug)]
struct FileSink {
    target: Target,
    log: MetadataLog,
    retention: Option<Duration>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The newest batch that the log has.
    newest: Option<u64>,
    /// Whose files are on their way, so that a later run finds what this one leaves behind.
    query: Option<String>,
    steps: Option<Arc<dyn SinkSteps>>,
}

#[async_trait]
impl Sink for FileSink {
    fn description(&self) -> String {
        format!("FileSink[{}]", folder::shown(&self.target.folder))
    }

    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn open(&self, start: SinkStart) -> Result<Option<BatchId>> {
        let query = start.query.map(|(query, _)| query.to_string());
        let (log, folder, owner) = (self.log.clone(), self.target.folder.clone(), query.clone());
        let is_new = start.logged.is_empty();
        let newest = task::blocking(move || {
            if let Some(owner) = owner {
                Staging::clear(&folder, &owner)?;
            }
            let newest = log.newest()?;
            if is_new && newest.is_none() {
                refuse_to_hide_files(&folder)?;
            }
            log.create()?;
            Ok(newest)
        });
        *self.state.lock() = State { newest: newest.await?, query, steps: Some(start.steps) };
        let newest = self.state.lock().newest;
        Ok(newest.map(BatchId))
    }

    async fn write(&self, batch: SinkBatch, logged: LoggedBatch) -> Result<SinkProgress> {
        let BatchId(number) = batch.id;
        if self.state.lock().newest.is_some_and(|newest| number <= newest) {
            stream::select_all(batch.rows).try_for_each(|_| async { Ok(()) }).await?;
            return Ok(SinkProgress::default());
        }
        let id = Uuid::new_v4();
        let staging = Staging::within(&self.target.folder, &self.owner(), id);
        let job = Job { target: self.target.clone(), root: staging.root().to_owned(), id, synced: true };
        let written = task::write(&job, batch.rows).await?;
        let rows_written = written.rows;
        let root = self.target.folder.clone();
        let placed = task::blocking(move || place(root, staging, &written)).await?;
        self.pass("after_produce")?;
        logged.durable.wait().await?;
        self.list(number, placed).await?;
        self.state.lock().newest = Some(number);
        self.pass("after_end_transaction")?;
        Ok(SinkProgress { rows_written, ..SinkProgress::default() })
    }

    fn exactly_once(&self) -> Option<&dyn ExactlyOnce> {
        Some(self)
    }
}

#[async_trait]
impl ExactlyOnce for FileSink {}

impl FileSink {
    /// Writes the entry that makes the files of a batch show.
    async fn list(&self, batch: u64, entries: Vec<Entry>) -> Result<()> {
        let (log, now_ms, retention) = (self.log.clone(), self.clock.now_ms(), self.retention);
        let keeps = move |entry: &Entry| {
            retention.is_none_or(|retention| {
                u128::try_from(now_ms - entry.modification_time).is_ok_and(|age| age <= retention.as_millis())
                    || entry.modification_time > now_ms
            })
        };
        task::blocking(move || log.add(batch, entries, COMPACT_INTERVAL, now_ms, keeps)).await
    }

    fn owner(&self) -> String {
        self.state.lock().query.clone().unwrap_or_else(|| "stream".to_owned())
    }

    fn pass(&self, step: &'static str) -> Result<()> {
        let steps = self.state.lock().steps.clone();
        steps.map_or(Ok(()), |steps| steps.pass(step))
    }
}

/// Refuses to start in a folder with files that no stream has written: the log that comes with the first batch would
/// hide them from readers.
fn refuse_to_hide_files(root: &Path) -> Result<()> {
    let mut folders = vec![root.to_owned()];
    while let Some(parent) = folders.pop() {
        let listed = match fs::read_dir(&parent) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            listed => listed.map_err(|error| folder::failed("list", &parent, error))?,
        };
        for entry in listed {
            let entry = entry.map_err(|error| folder::failed("list", &parent, error))?;
            let kind = entry.file_type().map_err(|error| folder::failed("list", &parent, error))?;
            if is_hidden(&entry.file_name().to_string_lossy()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let file = entry.path();
            let refusal = "Starting a stream into a folder that has other files is not supported by Millstream.";
            return Err(Error::unsupported(refusal).with_hint(format!(
                "readers would see '{}' no more, only what the stream writes; name another folder",
                file.display()
            )));
        }
    }
    Ok(())
}

/// Moves the files of a batch to where they stay, and says what the log is to say of them.
fn place(root: PathBuf, staging: Staging, written: &Written) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(written.files.len());
    let mut parents = BTreeSet::new();
    for file in &written.files {
        let to = root.join(file);
        let parent = to.parent().unwrap_or(&root);
        if !parent.exists() {
            folder::create(parent)?;
            synced_above(parent, &root)?;
        }
        fs::rename(staging.root().join(file), &to).map_err(|error| folder::failed("write", &to, error))?;
        parents.insert(parent.to_owned());
        entries.push(entry(&to)?);
    }
    parents.iter().try_for_each(|parent| sync_folder(parent))?;
    Ok(entries)
}

/// The folders between a new one and the root, of which some may be new too, have their names for good.
fn synced_above(folder: &Path, root: &Path) -> Result<()> {
    let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(root));
    above.into_iter().try_for_each(sync_folder)
}

fn entry(path: &Path) -> Result<Entry> {
    let metadata = fs::metadata(path).map_err(|error| folder::failed("read", path, error))?;
    let modified = metadata.modified().map_err(|error| folder::failed("read", path, error))?;
    Ok(Entry::added(path, metadata.len(), millis(modified)))
}
