//! Spark's own checkpoint files, byte for byte: written from the log, and read when a query comes from a cluster.
//!
//! `metadata` is `{"id":"…"}`. `offsets/N` is `v1`, a line with watermark, timestamp and pinned settings, and a line
//! per source; `commits/N` is `v1` and a line with the next watermark. There is no newline at the end of any of them.
//! Hadoop keeps a checksum of `N` in `.N.crc`, which must go when we replace `N`, or Spark refuses the file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millstream_core::{BatchId, Error, Offset, OffsetRange, QueryId, Result, spark_error};
use serde::{Deserialize, Serialize};

use super::entry::{CommitEntry, OffsetsEntry};
use super::files::{Files, is_remote};

/// The settings that Spark 4.2 pins in its offset log, with their defaults.
const PINNED: [(&str, &str); 15] = [
    (
        "spark.sql.streaming.stateStore.providerClass",
        "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
    ),
    ("spark.sql.streaming.stateStore.rocksdb.mergeOperatorVersion", "2"),
    ("spark.sql.streaming.stateStore.rocksdb.formatVersion", "5"),
    ("spark.sql.streaming.queryEvolution.enableSourceEvolution", "false"),
    ("spark.sql.streaming.stateStore.encodingFormat", "unsaferow"),
    ("spark.sql.streaming.statefulOperator.useStrictDistribution", "true"),
    ("spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion", "2"),
    ("spark.sql.streaming.multipleWatermarkPolicy", "min"),
    ("spark.sql.streaming.stateStore.rowChecksum.enabled", "false"),
    ("spark.sql.streaming.aggregation.stateFormatVersion", "2"),
    ("spark.sql.function.protobufExtensions.enabled", "false"),
    ("spark.sql.shuffle.partitions", "200"),
    ("spark.sql.streaming.join.stateFormatVersion", "2"),
    ("spark.sql.streaming.stateStore.compression.codec", "lz4"),
    ("spark.sql.optimizer.pruneFiltersCanPruneStreamingSubplan", "false"),
];

/// The pinned settings of a query that starts for the first time in a session with this configuration.
pub(crate) fn pinned_conf(session: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let value = |name: &str, default: &str| session.get(name).cloned().unwrap_or_else(|| default.to_owned());
    PINNED.iter().map(|&(name, default)| (name.to_owned(), value(name, default))).collect()
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    id: QueryId,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OffsetsLine<C> {
    batch_watermark_ms: i64,
    batch_timestamp_ms: i64,
    conf: C,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitLine {
    next_batch_watermark_ms: i64,
}

/// The id in `metadata`.
///
/// # Errors
/// Spark's `STREAMING_CHECKPOINT_MISSING_METADATA_FILE` when there are logs without it.
pub(crate) async fn read_metadata(files: &Files, root: &Path) -> Result<Option<QueryId>> {
    let path = root.join("metadata");
    if let Some(bytes) = files.read(&path).await? {
        let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|error| unreadable(&path, error))?;
        return Ok(Some(metadata.id));
    }
    for folder in ["offsets", "commits"] {
        if !files.numbered(&root.join(folder), "").await?.is_empty() {
            return Err(missing_metadata(root));
        }
    }
    Ok(None)
}

fn missing_metadata(root: &Path) -> Error {
    // As Hadoop prints a path: with its scheme, also where that is only the local one.
    let scheme = if is_remote(root) { "" } else { "file:" };
    spark_error!(
        "STREAMING_CHECKPOINT_MISSING_METADATA_FILE",
        checkpointLocation = format!("{scheme}{}", root.display()),
    )
}

/// Writes `metadata`.
pub(crate) async fn write_metadata(files: &Files, root: &Path, id: QueryId, durable: bool) -> Result<()> {
    let json = serde_json::to_vec(&Metadata { id }).expect("an id is text");
    put(files, &root.join("metadata"), json, durable).await
}

/// Writes what a source keeps of where the query began.
pub(crate) async fn write_source_file(
    (files, root): (&Files, &Path),
    source: usize,
    bytes: &[u8],
    durable: bool,
) -> Result<()> {
    let folder = root.join("sources").join(source.to_string());
    files.create_folder(&folder, durable).await?;
    put(files, &folder.join("0"), bytes.to_vec(), durable).await
}

/// What a source kept of where the query began.
pub(crate) async fn read_source_file(files: &Files, root: &Path, source: usize) -> Result<Option<Vec<u8>>> {
    files.read(&root.join("sources").join(source.to_string()).join("0")).await
}

/// The newest batches of a query, as Spark's files are to show them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NewestBatches {
    /// The last two, oldest first.
    pub(crate) offsets: Vec<Arc<OffsetsEntry>>,
    /// The last two, oldest first.
    pub(crate) commits: Vec<CommitEntry>,
}

impl NewestBatches {
    pub(crate) fn add_offsets(&mut self, entry: Arc<OffsetsEntry>) {
        keep_two(&mut self.offsets, entry);
    }

    pub(crate) fn add_commit(&mut self, entry: CommitEntry) {
        keep_two(&mut self.commits, entry);
    }

    /// Writes the files of these batches and removes those of batches before `keep`.
    pub(crate) async fn write(
        &self,
        (files, root): (&Files, &Path),
        conf: &BTreeMap<String, String>,
        keep: BatchId,
    ) -> Result<()> {
        let (offsets, commits) = (root.join("offsets"), root.join("commits"));
        for folder in [&offsets, &commits] {
            files.create_folder(folder, false).await?;
        }
        // Offsets first: Spark takes a commit without its offsets for damage, and the other way round for work to do.
        for entry in &self.offsets {
            put(files, &offsets.join(entry.batch.to_string()), offsets_file(entry, conf), false).await?;
        }
        for entry in &self.commits {
            put(files, &commits.join(entry.batch.to_string()), commit_file(*entry), false).await?;
        }
        for folder in [&offsets, &commits] {
            for old in files.numbered(folder, "").await?.into_iter().filter(|&batch| batch < keep.0) {
                files.remove(&folder.join(old.to_string())).await?;
                files.remove(&folder.join(format!(".{old}.crc"))).await?;
            }
        }
        Ok(())
    }
}

fn keep_two<T>(entries: &mut Vec<T>, entry: T) {
    if entries.len() == 2 {
        entries.remove(0);
    }
    entries.push(entry);
}

/// Puts a file in its place, and takes away the checksum that Hadoop may have of an older one.
pub(super) async fn put(files: &Files, path: &Path, bytes: Vec<u8>, durable: bool) -> Result<()> {
    if files.read(path).await?.is_none_or(|there| there != bytes) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.remove(&path.with_file_name(format!(".{name}.crc"))).await?;
    } else if !durable {
        return Ok(());
    }
    // Also where the file is there already: the process that put it there may have died before the disk held it for
    // good, and what is written from now on relies on it.
    files.replace(path, bytes, durable).await
}

fn offsets_file(entry: &OffsetsEntry, conf: &BTreeMap<String, String>) -> Vec<u8> {
    // In Spark's order, so that the file is Spark's to the last byte; what Spark does not pin comes after.
    let pinned = PINNED.iter().filter_map(|(name, _)| conf.get_key_value(*name));
    let others = conf.iter().filter(|(name, _)| PINNED.iter().all(|(pinned, _)| pinned != name));
    let conf: serde_json::Map<_, _> =
        pinned.chain(others).map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let line = OffsetsLine { batch_watermark_ms: entry.watermark_ms, batch_timestamp_ms: entry.timestamp_ms, conf };
    let mut text = format!("v1\n{}", serde_json::to_string(&line).expect("numbers and text"));
    for range in &entry.sources {
        text.push('\n');
        text.push_str(&range.end.to_string());
    }
    text.into_bytes()
}

fn commit_file(entry: CommitEntry) -> Vec<u8> {
    let line = CommitLine { next_batch_watermark_ms: entry.next_watermark_ms };
    format!("v1\n{}", serde_json::to_string(&line).expect("a number")).into_bytes()
}

/// A checkpoint as Spark left it: `(watermark, timestamp, conf, an offset per source)` by batch, and the newest commit.
#[derive(Debug)]
pub(crate) struct SparkCheckpoint {
    newest: OffsetsFile,
    before: Option<OffsetsFile>,
    commit: Option<CommitEntry>,
}

#[derive(Debug)]
struct OffsetsFile {
    batch: BatchId,
    watermark_ms: i64,
    timestamp_ms: i64,
    conf: BTreeMap<String, String>,
    ends: Vec<Option<Offset>>,
}

impl SparkCheckpoint {
    /// What Spark's files say of batches after this one; `None` where they know of none. Older files are not looked at:
    /// a power cut may have torn them.
    pub(crate) async fn read(files: &Files, root: &Path, after: Option<BatchId>) -> Result<Option<Self>> {
        let (offsets, commits) = (root.join("offsets"), root.join("commits"));
        let newest = files.numbered(&offsets, "").await?.pop();
        let Some(newest) = newest.filter(|&newest| Some(BatchId(newest)) > after) else { return Ok(None) };
        let before = match newest.checked_sub(1) {
            Some(before) if files.read(&offsets.join(before.to_string())).await?.is_some() => {
                Some(read_offsets(files, &offsets, before).await?)
            }
            Some(_) | None => None,
        };
        let commit = match files.numbered(&commits, "").await?.pop() {
            Some(commit) => Some(read_commit(files, &commits, commit).await?),
            None => None,
        };
        Ok(Some(Self { newest: read_offsets(files, &offsets, newest).await?, before, commit }))
    }

    /// The settings that Spark pinned.
    pub(crate) fn conf(&self) -> &BTreeMap<String, String> {
        &self.newest.conf
    }

    /// The number of sources that Spark's query had.
    pub(crate) fn sources(&self) -> usize {
        self.newest.ends.len()
    }

    /// The log entries that stand for what Spark's files say; `initial` is where the query began, by source.
    pub(crate) fn entries(&self, initial: &[Offset]) -> Result<(Vec<OffsetsEntry>, Option<CommitEntry>)> {
        let before = self.before.as_ref().map(|file| file.to_entry(initial.to_vec(), file.watermark_ms, initial));
        let starts = match &before {
            Some(before) => before.sources.iter().map(|range| range.end.clone()).collect(),
            None if self.newest.batch == BatchId(0) => initial.to_vec(),
            // What Spark committed is never read again, so its start does not matter.
            None if self.commit.is_some_and(|commit| commit.batch == self.newest.batch) => {
                self.newest.ends.iter().zip(initial).map(|(end, first)| end.clone().unwrap_or(first.clone())).collect()
            }
            None => {
                let batch = self.newest.batch;
                return Err(Error::data(format!(
                    "Spark's checkpoint has batch {batch} without a commit, and no offsets of the batch before it"
                )));
            }
        };
        let late_ms = before.as_ref().map_or(self.newest.watermark_ms, |before| before.watermark_ms);
        let newest = self.newest.to_entry(starts, late_ms, initial);
        Ok((before.into_iter().chain([newest]).collect(), self.commit))
    }
}

impl OffsetsFile {
    fn to_entry(&self, starts: Vec<Offset>, late_watermark_ms: i64, initial: &[Offset]) -> OffsetsEntry {
        let range = |((start, end), first): ((Offset, &Option<Offset>), &Offset)| OffsetRange {
            start,
            end: end.clone().unwrap_or_else(|| first.clone()),
        };
        OffsetsEntry {
            batch: self.batch,
            timestamp_ms: self.timestamp_ms,
            watermark_ms: self.watermark_ms,
            late_watermark_ms,
            sources: starts.into_iter().zip(&self.ends).zip(initial).map(range).collect(),
            pins: BTreeMap::new(),
        }
    }
}

async fn read_offsets(files: &Files, folder: &Path, batch: u64) -> Result<OffsetsFile> {
    let path = folder.join(batch.to_string());
    let text = read_v1(files, &path).await?;
    let (head, sources) = text.split_once('\n').unwrap_or((&text, ""));
    let line: OffsetsLine<BTreeMap<String, String>> =
        serde_json::from_str(head).map_err(|error| unreadable(&path, error))?;
    let end = |line: &str| if line == "-" { Ok(None) } else { Offset::parse(line).map(Some) };
    let ends = sources.lines().map(end).collect::<Result<_>>().map_err(|error| unreadable(&path, error))?;
    let OffsetsLine { batch_watermark_ms: watermark_ms, batch_timestamp_ms: timestamp_ms, conf } = line;
    Ok(OffsetsFile { batch: BatchId(batch), watermark_ms, timestamp_ms, conf, ends })
}

async fn read_commit(files: &Files, folder: &Path, batch: u64) -> Result<CommitEntry> {
    let path = folder.join(batch.to_string());
    let line: CommitLine =
        serde_json::from_str(&read_v1(files, &path).await?).map_err(|error| unreadable(&path, error))?;
    let next_watermark_ms = line.next_batch_watermark_ms;
    Ok(CommitEntry { batch: BatchId(batch), next_watermark_ms, prepared: false })
}

/// The lines of a file after `v1`. Other versions belong to stateful queries and to features that are not built here.
pub(super) async fn read_v1(files: &Files, path: &Path) -> Result<String> {
    let bytes = files.read(path).await?.unwrap_or_default();
    let text = String::from_utf8(bytes).map_err(|error| unreadable(path, error))?;
    match text.split_once('\n') {
        Some(("v1", rest)) => Ok(rest.to_owned()),
        other => {
            let version = other.map_or(text.as_str(), |(version, _)| version);
            Err(Error::data(format!("'{}' has version '{version}', only v1 is read here", path.display())))
        }
    }
}

fn unreadable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::data(format!("cannot read Spark's checkpoint file '{}': {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests;
