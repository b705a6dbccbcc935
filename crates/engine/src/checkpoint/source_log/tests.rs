//! The names and contents are those that a text stream of Apache Spark 4.2 left, with a file an entry and the settings
//! of each test; the lines are Spark's `FileStreamSource.FileEntry`.

use std::path::Path;

use millstream_core::ErrorKind;

use super::*;
use crate::run::LocalDisk;

fn open(folder: &Path, settings: &[(&str, &str)]) -> Arc<dyn SourceLog> {
    let conf = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let conf = SourceLogConf::new(&conf).unwrap();
    let logs = CheckpointSourceLogs {
        files: Files::new(Arc::new(LocalDisk)),
        folder: folder.join("sources"),
        durable: true,
        conf,
    };
    logs.open(0)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("sources/0")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn line(entry: u64) -> String {
    format!(r#"{{"path":"file:///in/{entry}.txt","timestamp":1767225600000,"batchId":{entry}}}"#)
}

const EVERY_THREE: (&str, &str) = ("spark.sql.streaming.fileSource.log.compactInterval", "3");

#[tokio::test]
async fn every_so_many_entries_have_all_lines_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &[EVERY_THREE]);
    assert_eq!(log.newest().await.unwrap(), None);
    for entry in 0..7 {
        log.add(entry, &[line(entry)]).await.unwrap();
        let expected: Vec<_> = (0..=entry).map(line).collect();
        assert_eq!(log.lines_until(entry).await.unwrap(), expected);
    }
    assert_eq!(names(folder.path()), ["0", "1", "2.compact", "3", "4", "5.compact", "6"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join("sources/0").join(name)).unwrap();
    assert_eq!(read("3"), format!("v1\n{}", line(3)));
    assert_eq!(read("2.compact"), format!("v1\n{}\n{}\n{}", line(0), line(1), line(2)));
    // Another run reads the same, whatever is set by then.
    let again = open(folder.path(), &[]);
    assert_eq!(again.newest().await.unwrap(), Some(6));
    assert_eq!(again.lines_until(6).await.unwrap(), (0..7).map(line).collect::<Vec<_>>());
    again.add(7, &[]).await.unwrap();
    again.add(8, &[line(8)]).await.unwrap();
    assert_eq!(names(folder.path()).last().map(String::as_str), Some("8.compact"));
    assert_eq!(again.lines_until(8).await.unwrap().len(), 8);
}

/// Its checksum by Hadoop would not fit any more, and Spark would refuse the file.
#[tokio::test]
async fn an_entry_that_was_never_reached_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &[]);
    log.add(0, &[line(0)]).await.unwrap();
    std::fs::write(folder.path().join("sources/0/.0.crc"), "of the first").unwrap();
    log.add(0, &[line(1)]).await.unwrap();
    assert_eq!(log.lines_until(0).await.unwrap(), [line(1)]);
    assert_eq!(names(folder.path()), ["0"]);
}

#[tokio::test]
async fn old_entries_go_once_a_compacted_one_stands_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &[EVERY_THREE, ("spark.sql.streaming.minBatchesToRetain", "2")]);
    let spark: [&[&str]; 8] = [
        &["0"],
        &["0", "1"],
        &["0", "1", "2.compact"],
        &["0", "1", "2.compact", "3"],
        &["2.compact", "3", "4"],
        &["2.compact", "3", "4", "5.compact"],
        &["2.compact", "3", "4", "5.compact", "6"],
        &["5.compact", "6", "7"],
    ];
    for (entry, expected) in (0..).zip(spark) {
        log.add(entry, &[line(entry)]).await.unwrap();
        assert_eq!(names(folder.path()), expected, "after entry {entry}");
    }
    assert_eq!(log.lines_until(7).await.unwrap(), (0..8).map(line).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_log_with_a_gap_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &[]);
    log.add(0, &[line(0)]).await.unwrap();
    log.add(1, &[line(1)]).await.unwrap();
    std::fs::remove_file(folder.path().join("sources/0/0")).unwrap();
    let error = log.lines_until(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.message().contains("sources/0/0"), "{error}");
    std::fs::write(folder.path().join("sources/0/0"), "v2\n").unwrap();
    assert!(log.lines_until(1).await.unwrap_err().message().contains("has version 'v2'"));
}

/// The cases of Spark's `CompactibleFileStreamLog.deriveCompactInterval`, and of two compacted entries.
#[test]
fn the_interval_is_the_one_that_the_log_shows() {
    assert_eq!(interval(10, &[]), 10);
    assert_eq!(interval(10, &[4, 9]), 5);
    assert_eq!(interval(5, &[11]), 6);
    assert_eq!(interval(2, &[11]), 2);
    assert_eq!(interval(3, &[99]), 4);
    assert_eq!(interval(60, &[99]), 100);
    assert_eq!(interval(10, &[2]), 3);
}
