//! Streams of files over real folders and a log in memory. What is expected was seen of Apache Spark 4.2 by hand: the
//! lines of its log, its batches under limits, and its sentences.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use futures::TryStreamExt;
use millstream_core::{Connector, OffsetRange, ScanColumn};
use millstream_testing::source_config;
use tempfile::TempDir;

use super::*;
use crate::file::FileConnector;
use crate::file::formats::FORMATS;

/// The log of a query that lives in memory.
#[derive(Debug, Default)]
struct MemoryLog(parking_lot::Mutex<BTreeMap<u64, Vec<String>>>);

#[async_trait]
impl SourceLog for MemoryLog {
    async fn newest(&self) -> Result<Option<u64>> {
        Ok(self.0.lock().keys().next_back().copied())
    }

    async fn lines_until(&self, entry: u64) -> Result<Vec<String>> {
        Ok(self.0.lock().range(..=entry).flat_map(|(_, lines)| lines.clone()).collect())
    }

    async fn add(&self, entry: u64, lines: &[String]) -> Result<()> {
        self.0.lock().insert(entry, lines.to_vec());
        Ok(())
    }
}

/// A file of one number a line, changed at this second.
fn put(folder: &TempDir, name: &str, text: &str, second: u64) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn open(path: &Path, log: &Arc<MemoryLog>, options: &[(&str, &str)]) -> Result<Arc<dyn Source>> {
    let options = [options, &[("path", path.to_str().unwrap())]].concat();
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true)]));
    let log = Some(Arc::clone(log) as Arc<dyn SourceLog>);
    let csv = FileConnector(*FORMATS.iter().find(|format| format.name() == "csv").unwrap());
    csv.open_source(SourceConfig { user_schema: Some(schema), log, ..source_config(&options) })
}

async fn read(source: &Arc<dyn Source>, start: &Offset, end: &Offset) -> Vec<i32> {
    let request = ScanRequest {
        range: OffsetRange { start: start.clone(), end: end.clone() },
        columns: vec![ScanColumn::Plain(0)],
        filters: Arc::from([]),
        batch_rows: 100,
        max_streams: 1,
    };
    let mut rows = Vec::new();
    for stream in source.scan(request).await.unwrap() {
        for batch in stream.try_collect::<Vec<_>>().await.unwrap() {
            rows.extend(batch.column(0).as_primitive::<Int32Type>().values());
        }
    }
    rows
}

/// The batches from `start` on until nothing is new.
async fn batches(source: &Arc<dyn Source>, start: &Offset) -> (Vec<Vec<i32>>, Offset) {
    let mut start = start.clone();
    let mut read_so_far = Vec::new();
    loop {
        let found = source.latest_offset(&start, ReadLimit::Options).await.unwrap();
        if found.end == start {
            return (read_so_far, start);
        }
        read_so_far.push(read(source, &start, &found.end).await);
        start = found.end;
    }
}

async fn all(folder: &TempDir, options: &[(&str, &str)]) -> Vec<Vec<i32>> {
    let source = open(folder.path(), &Arc::default(), options).unwrap();
    batches(&source, &source.initial_offset().await.unwrap()).await.0
}

#[tokio::test]
async fn a_file_is_read_once_through_restarts() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "b 1.csv", "1\n", 1);
    put(&folder, "a.csv", "2\n3\n", 2);
    put(&folder, "_hidden.csv", "9\n", 2);
    let log = Arc::new(MemoryLog::default());
    let source = open(folder.path(), &log, &[("maxFilesPerTrigger", "1")]).unwrap();
    let start = source.initial_offset().await.unwrap();
    let (first, end) = batches(&source, &start).await;
    assert_eq!(first, [vec![1], vec![2, 3]]);
    assert_eq!(end.to_string(), r#"{"logOffset":1}"#);
    let uri = format!("file://{}/b%201.csv", folder.path().display());
    let line = format!(r#"{{"path":"{uri}","timestamp":1700000001000,"batchId":0}}"#);
    assert_eq!(log.lines_until(0).await.unwrap(), [line]);

    // An entry that the query's log does not know is what the next batch reads, and files are those of the log.
    put(&folder, "c.csv", "4\n", 3);
    source.latest_offset(&end, ReadLimit::Options).await.unwrap();
    put(&folder, "d.csv", "5\n", 4);
    let source = open(folder.path(), &log, &[]).unwrap();
    let (then, last) = batches(&source, &end).await;
    assert_eq!(then, [vec![4], vec![5]]);
    assert_eq!(read(&source, &start, &end).await, [1, 2, 3]);
    assert_eq!(read(&source, &end, &last).await, [4, 5]);
    assert_eq!(source.description(), format!("FileStreamSource[file:{}]", folder.path().display()));
}

#[tokio::test]
async fn limits_orders_and_ages_are_sparks() {
    let folder = tempfile::tempdir().unwrap();
    for (second, (name, text)) in
        [("a", "1\n\n\n"), ("b", "2\n\n\n\n\n\n\n"), ("c", "3\n\n\n"), ("d", "4\n\n\n\n\n\n\n\n\n")]
            .into_iter()
            .enumerate()
    {
        put(&folder, &format!("{name}.csv"), text, second as u64);
    }
    // 4, 8, 4 and 10 bytes.
    for most in ["10", "5"] {
        assert_eq!(all(&folder, &[("maxBytesPerTrigger", most)]).await, [[1], [2], [3], [4]]);
    }
    assert_eq!(all(&folder, &[("maxBytesPerTrigger", "12")]).await, [vec![1, 2], vec![3], vec![4]]);
    assert_eq!(all(&folder, &[("latestFirst", "true"), ("maxFilesPerTrigger", "3")]).await, [vec![4, 3, 2], vec![1]]);
    assert_eq!(all(&folder, &[]).await, [[1, 2, 3, 4]]);
    put(&folder, "x/a.csv", "5\n", 9);
    assert_eq!(all(&folder, &[("recursiveFileLookup", "true"), ("fileNameOnly", "true")]).await, [[1, 2, 3, 4, 5]]);

    // What is too old when it comes is not read.
    let log = Arc::new(MemoryLog::default());
    let source = open(folder.path(), &log, &[("maxFileAge", "1h"), ("pathGlobFilter", "*.csv")]).unwrap();
    let (_, end) = batches(&source, &source.initial_offset().await.unwrap()).await;
    put(&folder, "late.csv", "6\n", 10_000);
    let (_, end) = batches(&source, &end).await;
    put(&folder, "early.csv", "7\n", 5);
    put(&folder, "now.csv", "8\n", 9_000);
    assert_eq!(batches(&source, &end).await.0, [[8]]);
}

#[tokio::test]
async fn only_what_lies_right_below_a_path_is_read_without_partitions() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.csv", "1\n", 1);
    put(&folder, "x/b.csv", "2\n", 2);
    assert_eq!(all(&folder, &[]).await, [[1]]);
    assert_eq!(all(&folder, &[("recursiveFileLookup", "true")]).await, [[1, 2]]);
    // A partition that comes later is one all the same.
    let source = open(folder.path(), &Arc::default(), &[]).unwrap();
    let (_, end) = batches(&source, &source.initial_offset().await.unwrap()).await;
    put(&folder, "k=1/c.csv", "3\n", 3);
    assert_eq!(batches(&source, &end).await.0, [[3]]);
}

#[tokio::test]
async fn what_would_never_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.csv", "1\n", 1);
    put(&folder, "x/b.csv", "2\n", 2);
    std::os::unix::fs::symlink("../x", folder.path().join("x/again")).unwrap();
    let error = open(folder.path(), &Arc::default(), &[]).unwrap_err();
    assert!(error.message().contains("x/again' leads back to"), "{error}");
    fs::remove_file(folder.path().join("x/again")).unwrap();
    let source = open(folder.path(), &Arc::default(), &[]).unwrap();
    let start = source.initial_offset().await.unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("x/up")).unwrap();
    let error = source.latest_offset(&start, ReadLimit::Options).await.unwrap_err();
    assert!(error.message().contains("x/up' leads back to"), "{error}");
    fs::remove_file(folder.path().join("x/up")).unwrap();
    std::os::unix::net::UnixListener::bind(folder.path().join("socket.csv")).unwrap();
    let error = source.latest_offset(&start, ReadLimit::Options).await.unwrap_err();
    assert!(error.message().contains("socket.csv' is no file"), "{error}");
    // A link to a folder elsewhere is a folder.
    fs::remove_file(folder.path().join("socket.csv")).unwrap();
    std::os::unix::fs::symlink("x", folder.path().join("y")).unwrap();
    assert_eq!(all(&folder, &[("recursiveFileLookup", "true")]).await, [[1, 2, 2]]);
}

#[tokio::test]
async fn a_run_until_everything_is_read_ends() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.csv", "1\n", 1);
    put(&folder, "b.csv", "2\n", 2);
    let source = open(folder.path(), &Arc::default(), &[("maxFilesPerTrigger", "1")]).unwrap();
    source.prepare_available_now().await.unwrap();
    put(&folder, "c.csv", "3\n", 3);
    assert_eq!(batches(&source, &source.initial_offset().await.unwrap()).await.0, [[1], [2]]);
}

#[tokio::test]
async fn files_that_are_read_are_deleted_or_archived() {
    for (options, left) in [(vec![("cleanSource", "delete")], false), (vec![("cleanSource", "archive")], true)] {
        let (folder, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(&folder, "a.csv", "1\n", 1);
        let options = [options, vec![("sourceArchiveDir", archive.path().to_str().unwrap())]].concat();
        let source = open(folder.path(), &Arc::default(), &options).unwrap();
        let (_, end) = batches(&source, &source.initial_offset().await.unwrap()).await;
        source.commit(&end).await.unwrap();
        assert!(!folder.path().join("a.csv").exists());
        let archived = archive.path().join(folder.path().strip_prefix("/").unwrap()).join("a.csv");
        assert_eq!(archived.exists(), left);
    }
}

#[tokio::test]
async fn folders_are_columns_of_a_stream_too() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "k=7/a.csv", "1\n", 1);
    let source = open(folder.path(), &Arc::default(), &[]).unwrap();
    let names: Vec<_> = source.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["n", "k", "_metadata"]);
    put(&folder, "k=8/b.csv", "2\n", 2);
    let start = source.initial_offset().await.unwrap();
    let end = source.latest_offset(&start, ReadLimit::Options).await.unwrap().end;
    let request = ScanRequest {
        range: OffsetRange { start, end },
        columns: vec![ScanColumn::Plain(1), ScanColumn::Plain(0)],
        filters: Arc::from([]),
        batch_rows: 100,
        max_streams: 1,
    };
    let mut rows = Vec::new();
    for stream in source.scan(request).await.unwrap() {
        for batch in stream.try_collect::<Vec<_>>().await.unwrap() {
            let value = |column: usize| batch.column(column).as_primitive::<Int32Type>().value(0);
            rows.push((value(0), value(1)));
        }
    }
    assert_eq!(rows, [(7, 1), (8, 2)]);
}

#[test]
fn options_that_are_none_are_refused_in_sparks_words() {
    let folder = tempfile::tempdir().unwrap();
    let refused =
        |options: &[(&str, &str)]| open(folder.path(), &Arc::default(), options).unwrap_err().message().to_owned();
    for name in ["maxFilesPerTrigger", "maxBytesPerTrigger"] {
        for text in ["0", "x"] {
            let sentence = format!("Invalid value '{text}' for option '{name}', must be a positive integer");
            assert_eq!(refused(&[(name, text)]), sentence);
        }
    }
    let both = refused(&[("maxFilesPerTrigger", "1"), ("maxBytesPerTrigger", "1")]);
    assert_eq!(both, "Options 'maxFilesPerTrigger' and 'maxBytesPerTrigger' can't be both set at the same time");
    let sentence = "Invalid mode for clean source option Some(x). Must be one of ARCHIVE,DELETE,OFF";
    assert_eq!(refused(&[("cleanSource", "x")]), sentence);
    let sentence = "Archive mode must be used with 'sourceArchiveDir' option.";
    assert_eq!(refused(&[("cleanSource", "archive")]), sentence);
    let sentence = "Invalid value 'x' for option 'latestFirst', must be 'true' or 'false'";
    assert_eq!(refused(&[("latestFirst", "x")]), sentence);
    let sentence = "Invalid value '2' for option 'discardCachedInputRatio', must be a positive float between 0 and 1";
    assert_eq!(refused(&[("discardCachedInputRatio", "2")]), sentence);
    let sentence = "Invalid value '-1' for option 'maxCachedFiles', must be an integer greater than or equal to 0";
    assert_eq!(refused(&[("maxCachedFiles", "-1")]), sentence);
    assert!(refused(&[("maxFileAge", "x")]).starts_with("Time must be specified as seconds (s), milliseconds"));
    let below = folder.path().join("archive");
    let archive = refused(&[("cleanSource", "archive"), ("sourceArchiveDir", below.to_str().unwrap())]);
    assert!(archive.starts_with("requirement failed: Base archive path cannot be set to the path"));
}

#[tokio::test]
async fn a_folder_that_was_quiet_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "x/a.csv", "1\n", 1);
    let options =
        [("path", folder.path().to_str().unwrap()), ("recursiveFileLookup", "true"), ("maxFilesPerTrigger", "1")];
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true)]));
    let log = Some(Arc::new(MemoryLog::default()) as Arc<dyn SourceLog>);
    let clock = millstream_testing::ManualClock::new();
    // So far behind every file that all folders are quiet from the first look on.
    clock.advance(Duration::from_secs(10_000_000_000));
    let csv = FileConnector(*FORMATS.iter().find(|format| format.name() == "csv").unwrap());
    let config = SourceConfig { user_schema: Some(schema), log, clock, ..source_config(&options) };
    let source = csv.open_source(config).unwrap();
    let (first, end) = batches(&source, &source.initial_offset().await.unwrap()).await;
    assert_eq!(first, [[1]]);
    put(&folder, "x/b.csv", "2\n", 2);
    put(&folder, "x/y/c.csv", "3\n", 3);
    put(&folder, "d.csv", "4\n", 4);
    // Those that a limit has left are found again as well.
    assert_eq!(batches(&source, &end).await.0, [[2], [3], [4]]);
}
