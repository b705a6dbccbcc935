use super::*;
use crate::run::LocalDisk;

fn files() -> Files {
    Files::new(Arc::new(LocalDisk))
}

/// What Apache Spark 4.2 wrote for a query over a rate source.
fn spark_root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spark-4.2-rate")
}

#[tokio::test]
async fn sparks_files_are_read_and_written_byte_for_byte() {
    let spark = SparkCheckpoint::read(&files(), &spark_root(), None).await.unwrap().unwrap();
    let (offsets, commit) = spark.entries(&[Offset::new(0.into())]).unwrap();
    let ends: Vec<_> = offsets.iter().map(|entry| (entry.batch.0, entry.sources[0].end.to_string())).collect();
    assert_eq!(ends, [(262, "264".to_owned()), (263, "265".to_owned())]);
    assert_eq!(offsets[1].sources[0].start.to_string(), "264");
    assert_eq!(commit, Some(CommitEntry { batch: BatchId(263), next_watermark_ms: 0, prepared: false }));

    let written = tempfile::tempdir().unwrap();
    let batches =
        NewestBatches { offsets: offsets.into_iter().map(Arc::new).collect(), commits: commit.into_iter().collect() };
    batches.write((&files(), written.path()), spark.conf(), BatchId(0)).await.unwrap();
    let id = read_metadata(&files(), &spark_root()).await.unwrap().unwrap();
    write_metadata(&files(), written.path(), id, false).await.unwrap();
    for file in ["metadata", "offsets/262", "offsets/263", "commits/263"] {
        let ours = String::from_utf8(files().read(&written.path().join(file)).await.unwrap().unwrap()).unwrap();
        let theirs = String::from_utf8(files().read(&spark_root().join(file)).await.unwrap().unwrap()).unwrap();
        assert_eq!(ours, theirs, "{file}");
    }
}

#[tokio::test]
async fn a_replaced_file_takes_hadoops_checksum_with_it() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("0"), "old").unwrap();
    std::fs::write(root.path().join(".0.crc"), "sum").unwrap();
    put(&files(), &root.path().join("0"), b"old".to_vec(), false).await.unwrap();
    assert!(root.path().join(".0.crc").exists());
    put(&files(), &root.path().join("0"), b"new".to_vec(), false).await.unwrap();
    assert!(!root.path().join(".0.crc").exists());
}

#[tokio::test]
async fn another_version_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("offsets")).unwrap();
    std::fs::write(root.path().join("offsets/0"), "v2\n{}").unwrap();
    let error = SparkCheckpoint::read(&files(), root.path(), None).await.unwrap_err();
    assert!(error.message().contains("offsets/0' has version 'v2'"), "{error:?}");
}

#[tokio::test]
async fn old_files_go() {
    let root = tempfile::tempdir().unwrap();
    let entry = |batch| OffsetsEntry {
        batch: BatchId(batch),
        timestamp_ms: 0,
        watermark_ms: 0,
        late_watermark_ms: 0,
        sources: vec![],
        pins: BTreeMap::new(),
    };
    let mut batches = NewestBatches::default();
    for batch in 0..6 {
        batches.add_offsets(Arc::new(entry(batch)));
        let keep = BatchId(batch.saturating_sub(2));
        batches.write((&files(), root.path()), &BTreeMap::new(), keep).await.unwrap();
    }
    assert_eq!(files().numbered(&root.path().join("offsets"), "").await.unwrap(), [3, 4, 5]);
}
