//! A source's own log, `sources/<i>` of the checkpoint, in the layout of Spark's `CompactibleFileStreamLog`.
//!
//! ```text
//! sources/0/0 … sources/0/8    an entry each: `v1`, and its lines
//! sources/0/9.compact          every tenth: `v1`, the lines of all entries before it, and its own
//! ```
//!
//! The interval is Spark's setting, but an older log keeps the one that its `.compact` files show. What lies before a
//! compacted entry that is old enough is removed; Spark would also let ten minutes pass, which matters to its readers
//! on other machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{Error, Options, Result, SourceLog};
use tokio::sync::OnceCell;

use super::files::Files;
use super::spark_files::{put, read_v1};
use crate::run::SourceLogs;

const COMPACT_SUFFIX: &str = ".compact";

/// Spark's settings of such a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourceLogConf {
    /// Every so many entries one has all lines so far.
    interval: u64,
    /// Entries that stay as they are.
    retained: u64,
    /// Whether old files are removed at all.
    removes: bool,
}

impl SourceLogConf {
    pub(crate) fn new(conf: &BTreeMap<String, String>) -> Result<Self> {
        let conf: Options = conf.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Ok(Self {
            interval: conf.get_positive("spark.sql.streaming.fileSource.log.compactInterval")?.unwrap_or(10),
            retained: conf.get_positive("spark.sql.streaming.minBatchesToRetain")?.unwrap_or(100),
            removes: conf.get_bool("spark.sql.streaming.fileSource.log.deletion")?.unwrap_or(true),
        })
    }
}

/// Opens the logs of the sources of one checkpoint.
#[derive(Debug)]
pub(super) struct CheckpointSourceLogs {
    pub(super) files: Files,
    /// `sources` of the checkpoint.
    pub(super) folder: PathBuf,
    pub(super) durable: bool,
    pub(super) conf: SourceLogConf,
}

impl SourceLogs for CheckpointSourceLogs {
    fn open(&self, source: usize) -> Arc<dyn SourceLog> {
        Arc::new(CompactingLog {
            files: self.files.clone(),
            folder: self.folder.join(source.to_string()),
            durable: self.durable,
            conf: self.conf,
            interval: OnceCell::new(),
        })
    }
}

/// See the module's head.
#[derive(Debug)]
struct CompactingLog {
    files: Files,
    folder: PathBuf,
    durable: bool,
    conf: SourceLogConf,
    /// The interval of this log, once somebody has looked.
    interval: OnceCell<u64>,
}

impl CompactingLog {
    async fn interval(&self) -> Result<u64> {
        let look = || async {
            let compacted = self.numbers(|number, is_compact| is_compact.then_some(number)).await?;
            Ok(interval(self.conf.interval, &compacted))
        };
        self.interval.get_or_try_init(look).await.copied()
    }

    /// The numbers of the entries that `wanted` keeps, ascending; it is told which are compacted.
    async fn numbers(&self, wanted: impl Fn(u64, bool) -> Option<u64>) -> Result<Vec<u64>> {
        let number = |name: String| {
            let digits = name.strip_suffix(COMPACT_SUFFIX);
            wanted(digits.unwrap_or(&name).parse().ok()?, digits.is_some())
        };
        let mut numbers: Vec<_> = self.files.names(&self.folder).await?.into_iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn path(&self, entry: u64, interval: u64) -> PathBuf {
        let suffix = if is_compacted(entry, interval) { COMPACT_SUFFIX } else { "" };
        self.folder.join(format!("{entry}{suffix}"))
    }

    /// The lines of one file.
    async fn read(&self, path: &Path) -> Result<Vec<String>> {
        match self.files.read(path).await?.as_deref() {
            // An entry without a line ends with its version.
            Some(b"v1") => Ok(Vec::new()),
            Some(_) => Ok(read_v1(&self.files, path).await?.lines().map(str::to_owned).collect()),
            None => Err(Error::data(format!(
                "the source's log lacks '{}', without which it is not known what the query has read",
                path.display()
            ))
            .with_hint("restore the file, or give the query a new checkpoint location")),
        }
    }

    /// Removes what a compacted entry stands for that is older than all entries that must stay.
    async fn remove_old(&self, newest: u64, interval: u64) -> Result<()> {
        let Some(first_kept) = (newest + 1).checked_sub(self.conf.retained).filter(|first| *first >= interval) else {
            return Ok(());
        };
        // The newest compacted entry before all those that stay; they need it and nothing before it.
        let needed = first_kept - first_kept % interval - 1;
        for entry in self.numbers(|number, _| (number < needed).then_some(number)).await? {
            let path = self.path(entry, interval);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.files.remove(&path).await?;
            self.files.remove(&path.with_file_name(format!(".{name}.crc"))).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SourceLog for CompactingLog {
    async fn newest(&self) -> Result<Option<u64>> {
        Ok(self.numbers(|number, _| Some(number)).await?.pop())
    }

    async fn lines_until(&self, entry: u64) -> Result<Vec<String>> {
        let interval = self.interval().await?;
        let mut lines = Vec::new();
        for entry in first_needed(entry, interval)..=entry {
            lines.extend(self.read(&self.path(entry, interval)).await?);
        }
        Ok(lines)
    }

    async fn add(&self, entry: u64, lines: &[String]) -> Result<()> {
        let interval = self.interval().await?;
        let mut text = "v1".to_owned();
        let before = match entry.checked_sub(1) {
            Some(before) if is_compacted(entry, interval) => self.lines_until(before).await?,
            Some(_) | None => Vec::new(),
        };
        for line in before.iter().chain(lines) {
            text.push('\n');
            text.push_str(line);
        }
        self.files.create_folder(&self.folder, self.durable).await?;
        put(&self.files, &self.path(entry, interval), text.into_bytes(), self.durable).await?;
        if self.conf.removes { self.remove_old(entry, interval).await } else { Ok(()) }
    }
}

fn is_compacted(entry: u64, interval: u64) -> bool {
    (entry + 1).is_multiple_of(interval)
}

/// The first entry whose file is needed for the lines up to `entry`: the newest compacted one, else the first of all.
fn first_needed(entry: u64, interval: u64) -> u64 {
    ((entry + 1) / interval * interval).saturating_sub(1)
}

/// The interval of a log in which these entries are compacted, as Spark derives it: what two of them show; with one
/// alone, the least divisor of its distance from the beginning that is no less than the setting.
fn interval(setting: u64, compacted: &[u64]) -> u64 {
    match compacted {
        [] => setting,
        [.., before, newest] => newest - before,
        [only] => {
            let length = only + 1;
            let divisor = (setting..=length / 2).find(|divisor| length.is_multiple_of(*divisor));
            divisor.unwrap_or(length)
        }
    }
}

#[cfg(test)]
mod tests;
