//! The log beside what Spark 4.2 writes, and what becomes of old entries.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use tempfile::TempDir;

use super::{Entry, MetadataLog, local_path, uri};

fn entry(name: &str) -> Entry {
    Entry::added(Path::new("/out").join(name).as_path(), 15, 1_796_062_426_346)
}

fn add(log: &MetadataLog, batch: u64) {
    log.add(batch, vec![entry(&batch.to_string())], 10, 0, |_| true).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.join("_spark_metadata"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

fn paths(log: &MetadataLog) -> Vec<String> {
    log.entries().unwrap().into_iter().map(|entry| entry.path.replace("file:///out/", "")).collect()
}

#[test]
fn an_entry_is_that_of_spark() {
    let folder = TempDir::new().unwrap();
    let log = MetadataLog::of(folder.path());
    assert_eq!(log.newest().unwrap(), None);
    assert_eq!(log.entries().unwrap(), []);
    log.add(0, vec![entry("a b.json")], 10, 0, |_| true).unwrap();
    let text = fs::read_to_string(folder.path().join("_spark_metadata/0")).unwrap();
    let expected = "v1\n{\"path\":\"file:///out/a%20b.json\",\"size\":15,\"isDir\":false,\
                    \"modificationTime\":1796062426346,\"blockReplication\":1,\"blockSize\":33554432,\"action\":\"add\"}";
    assert_eq!(text, expected);
    log.add(1, vec![], 10, 0, |_| true).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("_spark_metadata/1")).unwrap(), "v1");
    assert_eq!(log.newest().unwrap(), Some(1));
    assert_eq!(paths(&log), ["a%20b.json"]);
}

#[test]
fn every_tenth_batch_lists_all() {
    let folder = TempDir::new().unwrap();
    let log = MetadataLog::of(folder.path());
    (0..25).for_each(|batch| add(&log, batch));
    let expected: Vec<_> = (0..25).map(|batch: u64| batch.to_string()).collect();
    assert_eq!(paths(&log), expected);
    let names = names(folder.path());
    assert!(names.contains(&"9.compact".to_owned()) && names.contains(&"19.compact".to_owned()), "{names:?}");
    assert_eq!(names.len(), 25);
    // What is listed again needs what is before it no more.
    (0..19).for_each(|batch| drop(fs::remove_file(folder.path().join(format!("_spark_metadata/{batch}")))));
    assert_eq!(paths(&log), expected);
    fs::remove_file(folder.path().join("_spark_metadata/22")).unwrap();
    assert!(log.entries().unwrap_err().message().contains("_spark_metadata/22"));
}

#[test]
fn a_log_that_began_with_another_interval_goes_on_with_it() {
    for (interval, batches, compact) in [(3, 6, vec![2, 5]), (4, 4, vec![3])] {
        let folder = TempDir::new().unwrap();
        let log = MetadataLog::of(folder.path());
        for batch in 0..batches {
            log.add(batch, vec![entry(&batch.to_string())], interval, 0, |_| true).unwrap();
        }
        (batches..batches * 3).for_each(|batch| add(&log, batch));
        let names = names(folder.path());
        let mut expected: Vec<u64> = compact.clone();
        while expected.last().unwrap() + interval < batches * 3 {
            expected.push(expected.last().unwrap() + interval);
        }
        let found: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".compact")).map(|name| name.parse().unwrap()).collect();
        assert_eq!(found, expected, "{interval}");
    }
}

#[test]
fn what_is_listed_again_goes_after_a_while() {
    let folder = TempDir::new().unwrap();
    let log = MetadataLog::of(folder.path());
    (0..129).for_each(|batch| add(&log, batch));
    for batch in 0..9 {
        let file = fs::File::open(folder.path().join(format!("_spark_metadata/{batch}"))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    // An hour later than those; the others are from now, which is later still.
    log.add(129, vec![entry("129")], 10, 3_600_000, |_| true).unwrap();
    let names = names(folder.path());
    // 29.compact is the newest of those that are a hundred batches old; younger files before it stay ten minutes.
    assert!(!names.contains(&"8".to_owned()) && names.contains(&"9.compact".to_owned()), "{names:?}");
    assert_eq!(paths(&log).len(), 130);
}

#[test]
fn files_past_their_time_are_left_out() {
    let folder = TempDir::new().unwrap();
    let log = MetadataLog::of(folder.path());
    (0..9).for_each(|batch| add(&log, batch));
    log.add(9, vec![entry("9")], 10, 0, |entry| entry.path.ends_with('7')).unwrap();
    assert_eq!(paths(&log), ["7", "9"]);
}

#[test]
fn paths_are_uris() {
    for (path, expected) in [
        ("/a/k=b c/x", "file:///a/k=b%20c/x"),
        ("/a/k=%2F/x", "file:///a/k=%252F/x"),
        ("/a/{[]}\"<>\\^`|#?", "file:///a/%7B%5B%5D%7D%22%3C%3E%5C%5E%60%7C%23%3F"),
        ("/é☃/~!@$&'()*+,;:-_.", "file:///é☃/~!@$&'()*+,;:-_."),
    ] {
        assert_eq!(uri(Path::new(path)), expected);
        assert_eq!(local_path(expected).unwrap(), Path::new(path));
    }
    assert!(local_path("s3://bucket/x").is_err());
}
