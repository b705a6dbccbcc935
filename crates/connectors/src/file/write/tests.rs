//! What a write leaves behind when it fails, and its bounds. What files have in them is in `conformance/writes`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use futures::{StreamExt, stream};
use millstream_core::{
    BatchId, BatchStream, Connector, Error, LoggedBatch, MemoryLedger, Result, SaveMode, SinkBatch, SinkConfig,
    SinkProgress, SinkStart, WriteKind,
};
use millstream_testing::sink_config;
use tempfile::TempDir;

use crate::file::FileConnector;
use crate::file::formats::FORMATS;

fn connector(format: &str) -> FileConnector {
    FileConnector(*FORMATS.iter().find(|known| known.name() == format).unwrap())
}

/// Rows `from..to`, with `k` the remainder by `parts`.
fn rows(from: i64, to: i64, parts: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values((from..to).map(|id| (id % parts).to_string())));
    RecordBatch::try_from_iter([("id", ids), ("k", keys)]).unwrap()
}

async fn write(
    format: &str,
    config: SinkConfig,
    mode: SaveMode,
    batches: Vec<Result<RecordBatch>>,
) -> Result<SinkProgress> {
    write_streams(format, config, mode, vec![stream::iter(batches).boxed()]).await
}

async fn write_streams(
    format: &str,
    config: SinkConfig,
    mode: SaveMode,
    rows: Vec<BatchStream>,
) -> Result<SinkProgress> {
    let schema = Arc::clone(&config.schema);
    let sink = connector(format).open_batch_write(config, mode)?.unwrap();
    let batch = SinkBatch { id: BatchId(0), kind: WriteKind::Append, upsert_key: None, schema, rows };
    sink.write(batch, LoggedBatch::none()).await
}

fn config(folder: &Path, by: &[&str], options: &[(&str, &str)]) -> SinkConfig {
    let mut config = sink_config(rows(0, 1, 1).schema(), options);
    config.options.insert("path", folder.to_str().unwrap());
    config.partition_by = by.iter().map(|name| (*name).to_owned()).collect();
    config
}

/// The lines of all files by folder, without those that are hidden.
fn lines(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = lines(&path).into_values().flatten();
            found.insert(name, below.collect());
        } else if !name.starts_with('_') {
            let text = fs::read_to_string(&path).unwrap();
            found.entry(String::new()).or_insert_with(Vec::new).extend(text.lines().map(str::to_owned));
        }
    }
    found.values_mut().for_each(|lines: &mut Vec<String>| lines.sort());
    found
}

#[tokio::test]
async fn a_write_that_fails_changes_nothing() {
    for mode in [SaveMode::Append, SaveMode::Overwrite] {
        let folder = TempDir::new().unwrap();
        write("csv", config(folder.path(), &[], &[]), SaveMode::Append, vec![Ok(rows(0, 2, 1))]).await.unwrap();
        let before = fs::read_dir(folder.path()).unwrap().count();
        let batches = vec![Ok(rows(2, 4, 1)), Err(Error::data("a bad row"))];
        let error = write("csv", config(folder.path(), &[], &[]), mode, batches).await.unwrap_err();
        assert_eq!(error.message(), "a bad row");
        assert_eq!(lines(folder.path())[""], ["0,0", "1,0"], "{mode:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "{mode:?}: something is left behind");
    }
}

#[tokio::test]
async fn more_partitions_than_files_are_kept_open_lose_no_row() {
    let folder = TempDir::new().unwrap();
    let batches = vec![Ok(rows(0, 500, 250)), Ok(rows(500, 1000, 250))];
    let progress = write("csv", config(folder.path(), &["k"], &[]), SaveMode::Append, batches).await.unwrap();
    assert_eq!(progress.rows_written, 1000);
    let found = lines(folder.path());
    let parts: Vec<_> = found.keys().filter(|name| name.starts_with("k=")).collect();
    assert_eq!(parts.len(), 250);
    let mut ids: Vec<i64> = found.values().flatten().map(|line| line.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..1000).collect::<Vec<_>>());
    assert_eq!(found["k=7"], ["257", "507", "7", "757"]);
}

#[tokio::test]
async fn files_are_ended_where_memory_is_short() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path(), &["k"], &[]);
    // Room for two files and what Parquet holds back of them.
    config.memory = MemoryLedger::new(300_000);
    let batches = (0..20).map(|batch| Ok(rows(batch * 100, batch * 100 + 100, 10))).collect();
    let progress = write("parquet", config.clone(), SaveMode::Append, batches).await.unwrap();
    assert_eq!(progress.rows_written, 2000);
    assert_eq!(config.memory.used_bytes(), 0);
}

#[tokio::test]
async fn a_batch_adds_no_files_that_nobody_would_see() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("_spark_metadata")).unwrap();
    let add = write("csv", config(folder.path(), &[], &[]), SaveMode::Append, vec![Ok(rows(0, 2, 1))]).await;
    assert_eq!(add.unwrap_err().class(), Some("UNSUPPORTED_FEATURE"));
    // What replaces everything replaces the log too.
    write("csv", config(folder.path(), &[], &[]), SaveMode::Overwrite, vec![Ok(rows(0, 2, 1))]).await.unwrap();
    assert!(!folder.path().join("_spark_metadata").exists());
    assert_eq!(lines(folder.path())[""], ["0,0", "1,0"]);
}

#[tokio::test]
async fn a_stream_does_not_begin_where_it_would_hide_files() {
    let folder = TempDir::new().unwrap();
    let sink = || connector("json").open_sink(config(folder.path(), &[], &[])).unwrap();
    write("json", config(folder.path(), &["k"], &[]), SaveMode::Append, vec![Ok(rows(0, 2, 1))]).await.unwrap();
    let error = sink().open(SinkStart::batch_write()).await.unwrap_err();
    assert!(error.message().contains("a folder that has other files"), "{error}");
    // The files of a query that went down before its first entry of the log.
    let known = SinkStart { logged: BTreeMap::from([(BatchId(0), 7)]), ..SinkStart::batch_write() };
    assert_eq!(sink().open(known).await.unwrap(), None);
}

/// Else a file of the first batch would show to readers before its batch has ended.
#[tokio::test]
async fn a_stream_has_a_log_before_it_has_files() {
    let folder = TempDir::new().unwrap();
    let sink = || connector("json").open_sink(config(folder.path(), &[], &[])).unwrap();
    fs::write(folder.path().join("_SUCCESS"), "").unwrap();
    for _ in 0..2 {
        assert_eq!(sink().open(SinkStart::batch_write()).await.unwrap(), None);
        assert_eq!(fs::read_dir(folder.path().join("_spark_metadata")).unwrap().count(), 0);
    }
}

/// The first stream has no rows before the second one has ended.
#[tokio::test]
async fn streams_are_written_side_by_side() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let (ended, waits) = tokio::sync::oneshot::channel::<()>();
    let first = stream::once(async {
        waits.await.unwrap();
        Ok(rows(0, 2, 1))
    });
    let mut ended = Some(ended);
    let second = stream::iter([Ok(rows(2, 4, 1))]).chain(stream::once(async move {
        ended.take().unwrap().send(()).unwrap();
        Ok(rows(4, 4, 1))
    }));
    let streams: Vec<BatchStream> = vec![first.boxed(), second.boxed()];
    let done = write_streams("csv", config(&path, &[], &[]), SaveMode::Append, streams).await.unwrap();
    assert_eq!(done.rows_written, 4);
    let parts = fs::read_dir(&path)
        .unwrap()
        .filter(|part| part.as_ref().unwrap().file_name().to_str().unwrap().starts_with("part-"));
    assert_eq!(parts.count(), 2);
}

/// The stream that goes on has more rows than anyone waits for: it is left as soon as the other one has failed.
#[tokio::test]
async fn a_stream_that_fails_ends_the_others() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let endless = stream::repeat_with(|| Ok(rows(0, 2, 1))).boxed();
    let fails = stream::iter([Ok(rows(0, 2, 1)), Err(Error::illegal_argument("no more"))]).boxed();
    let failure = write_streams("json", config(&path, &[], &[]), SaveMode::Append, vec![endless, fails]).await;
    assert!(failure.unwrap_err().to_string().contains("no more"));
    assert!(lines(&path).is_empty(), "{:?}", lines(&path));
}
