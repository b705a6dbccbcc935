//! A batch write: a folder has all of its files or none.
//!
//! Files are written below `_temporary/<id>` of the folder and moved when the last one is whole; then `_SUCCESS` says
//! so. What `overwrite` replaces stays until then, which Spark removes first.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{
    Error, LoggedBatch, Options, Result, SaveMode, Sink, SinkBatch, SinkConfig, SinkProgress, spark_error,
};
use uuid::Uuid;

use super::Target;
use super::folder;
use super::staging::Staging;
use super::task::{self, Job, Written};
use crate::file::format::FileFormat;
use crate::file::metadata_log;

/// Opens a batch write; none where there is something that stays as it is.
pub(in crate::file) fn open(
    format: &dyn FileFormat,
    config: &SinkConfig,
    mode: SaveMode,
) -> Result<Option<Arc<dyn Sink>>> {
    let target = Target::new(format, config)?;
    let exists = target.folder.exists();
    match mode {
        SaveMode::ErrorIfExists if exists => {
            return Err(spark_error!("PATH_ALREADY_EXISTS", outputPath = folder::shown(&target.folder)));
        }
        SaveMode::Ignore if exists => return Ok(None),
        SaveMode::ErrorIfExists | SaveMode::Ignore | SaveMode::Append | SaveMode::Overwrite => {}
    }
    if mode == SaveMode::Append && target.folder.join(metadata_log::FOLDER).is_dir() {
        // Spark writes the files, and nobody sees them.
        return Err(Error::unsupported(
            "Adding the rows of a batch to a folder into which a stream writes is not supported by Millstream.",
        )
        .with_hint("readers see the files that `_spark_metadata` lists and no others; write into another folder"));
    }
    let replaces = match mode {
        SaveMode::Overwrite if is_dynamic(&config.options)? && !target.partitions.is_empty() => Replaces::Partitions,
        SaveMode::Overwrite => Replaces::All,
        SaveMode::Append | SaveMode::ErrorIfExists | SaveMode::Ignore => Replaces::Nothing,
    };
    Ok(Some(Arc::new(BatchWrite { target, replaces })))
}

fn is_dynamic(options: &Options) -> Result<bool> {
    match options.get("partitionOverwriteMode").map(str::to_ascii_uppercase).as_deref() {
        None | Some("STATIC") => Ok(false),
        Some("DYNAMIC") => Ok(true),
        Some(other) => Err(Error::illegal_argument(format!(
            "No enum constant org.apache.spark.sql.internal.SQLConf.PartitionOverwriteMode.{other}"
        ))),
    }
}

/// What goes when the new files are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaces {
    Nothing,
    All,
    /// The partitions that have new rows.
    Partitions,
}

#[derive(Debug)]
struct BatchWrite {
    target: Target,
    replaces: Replaces,
}

#[async_trait]
impl Sink for BatchWrite {
    fn description(&self) -> String {
        format!("files in {}", folder::shown(&self.target.folder))
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        let id = Uuid::new_v4();
        let staging = Staging::within(&self.target.folder, "batch", id);
        let job = Job { target: self.target.clone(), root: staging.root().to_owned(), id, synced: false };
        // Also a write without files leaves a folder.
        folder::create(&job.root)?;
        let written = task::write(&job, batch.rows).await?;
        let (folder, replaces, rows_written) = (self.target.folder.clone(), self.replaces, written.rows);
        let partitions: BTreeSet<_> = partitions(&written).filter_map(Path::to_str).map(str::to_owned).collect();
        let partitions = if self.target.partitions.is_empty() { Vec::new() } else { partitions.into_iter().collect() };
        // The folder is removed on the thread that moves the files, also when nobody waits for it any more.
        task::blocking(move || commit(&folder, &staging, replaces, &written)).await?;
        Ok(SinkProgress { rows_written, partitions, ..SinkProgress::default() })
    }
}

/// The folders of the files, below that of the write.
fn partitions(written: &Written) -> impl Iterator<Item = &Path> {
    written.files.iter().filter_map(|file| Path::new(file).parent())
}

fn commit(folder: &Path, staging: &Staging, replaces: Replaces, written: &Written) -> Result<()> {
    match replaces {
        Replaces::Nothing => {}
        Replaces::All => folder::clear(folder)?,
        Replaces::Partitions => {
            let parts: BTreeSet<_> = partitions(written).collect();
            parts.into_iter().try_for_each(|part| folder::clear(&folder.join(part)))?;
        }
    }
    for file in &written.files {
        let to = folder.join(file);
        if let Some(parent) = to.parent() {
            folder::create(parent)?;
        }
        fs::rename(staging.root().join(file), &to).map_err(|error| folder::failed("write", &to, error))?;
    }
    let mark = folder.join("_SUCCESS");
    File::create(&mark).map_err(|error| folder::failed("create", &mark, error))?;
    Ok(())
}
