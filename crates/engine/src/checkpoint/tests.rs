//! The log as a whole: written by one run, spoilt, read by the next.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use millstream_core::{BatchId, Clock, ErrorKind, Offset, OffsetRange, QueryId};
use millstream_testing::ManualClock;
use serde_json::json;

use super::entry::{Entry, OperatorEntry, StartEntry, StoreEntry, StoreId};
use super::files::Files;
use super::formats::{FORMAT_VERSION, FORMATS};
use super::log::{Log, LogPlace};
use super::snapshot::{Snapshot, SnapshotWriter};
use super::*;
use crate::run::{LocalDisk, Platform, SyncPolicy};

fn operators() -> Vec<OperatorEntry> {
    let store = StoreEntry { name: "default".into(), keys: vec!["k".into()], values: vec!["count".into()], format: 1 };
    let name = "aggregate by [k] over [rate]".into();
    vec![OperatorEntry { kind: "stateStoreSave".into(), name, meaning: "7".into(), stores: vec![store] }]
}

fn store(operator: u32) -> StoreId {
    StoreId { operator, store: 0 }
}

fn start() -> QueryStart {
    QueryStart {
        initial: vec![Offset::new(json!(0))],
        source_files: vec![None],
        conf: BTreeMap::new(),
        operators: operators(),
        retention: Retention { batches: 2, snapshot_bytes: 1, segment_bytes: 1 << 20 },
    }
}

fn offsets(batch: u64) -> OffsetsEntry {
    OffsetsEntry {
        batch: BatchId(batch),
        timestamp_ms: batch as i64,
        watermark_ms: 10 * batch as i64,
        late_watermark_ms: 0,
        sources: vec![OffsetRange { start: Offset::new(json!(batch)), end: Offset::new(json!(batch + 1)) }],
        pins: BTreeMap::from([("seed".to_owned(), json!(u64::MAX - batch))]),
    }
}

fn commit(batch: u64) -> CommitEntry {
    CommitEntry { batch: BatchId(batch), next_watermark_ms: 10 * (batch as i64 + 1), prepared: false }
}

fn platform() -> Platform {
    Platform::system(ManualClock::new())
}

fn files() -> Files {
    Files::new(Arc::new(LocalDisk))
}

async fn open(root: Option<&Path>, sync: SyncPolicy) -> millstream_core::Result<Checkpoint> {
    Checkpoint::open(&platform(), root, sync).await
}

async fn begin(root: &Path) -> (CheckpointWriter, History) {
    let checkpoint = open(Some(root), SyncPolicy::Always).await.unwrap();
    checkpoint.claim(SyncPolicy::Always).await.unwrap();
    checkpoint.begin(start(), SyncPolicy::Always, &platform()).await.unwrap()
}

/// One run of these batches; the last is committed only if `ends_well`.
async fn run(root: &Path, batches: std::ops::Range<u64>, ends_well: bool) {
    let (mut writer, _) = begin(root).await;
    for batch in batches.clone() {
        writer.write_offsets(Arc::new(offsets(batch))).await.unwrap().wait().await.unwrap();
        if ends_well || batch + 1 < batches.end {
            writer.add_commit(vec![(store(0), vec![batch as u8; 3])], commit(batch));
        }
    }
    writer.close(false).await.unwrap();
}

async fn read(root: &Path) -> millstream_core::Result<History> {
    open(Some(root), SyncPolicy::Always).await.map(|checkpoint| checkpoint.history)
}

fn batches(history: &History) -> (usize, usize, usize) {
    (history.offsets.len(), history.commits.len(), history.deltas.len())
}

#[tokio::test]
async fn what_was_written_is_read() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), 0..3, true).await;
    run(root.path(), 3..5, false).await;
    let history = read(root.path()).await.unwrap();
    assert_eq!(batches(&history), (5, 4, 4));
    assert_eq!(*history.offsets[&BatchId(4)], offsets(4));
    assert_eq!(history.commits[&BatchId(3)], commit(3));
    let mut deltas = history.delta_reader();
    for (place, batch) in history.deltas.iter().zip(0..) {
        assert_eq!(deltas.read(place).await.unwrap(), [batch; 3]);
    }
    assert_eq!(history.start.unwrap().operators, start().operators);
}

#[tokio::test]
async fn the_newest_segment_cut_at_any_byte_is_a_shorter_log() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), 0..2, true).await;
    run(root.path(), 2..4, true).await;
    let path = root.path().join("millstream/log-0000000001");
    let whole = fs::read(&path).unwrap();
    let mut seen = Vec::new();
    for cut in (0..=whole.len()).rev() {
        fs::write(&path, &whole[..cut]).unwrap();
        let history = read(root.path()).await.unwrap();
        seen.push(batches(&history));
        // What was cut off is gone from the disk too: a second look sees the same.
        assert_eq!(batches(&read(root.path()).await.unwrap()), batches(&history), "cut at {cut}");
        assert_eq!(path.exists(), cut > 0 && fs::read(&path).is_ok_and(|left| !left.is_empty()), "cut at {cut}");
    }
    seen.dedup();
    // By whole frames: the last commit; batch 3's offsets with batch 2's commit; batch 2's offsets; the head.
    assert_eq!(seen, [(4, 4, 4), (4, 3, 3), (3, 2, 2), (2, 2, 2)]);
}

#[tokio::test]
async fn a_changed_byte_is_refused_or_an_unfinished_write() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), 0..2, true).await;
    run(root.path(), 2..3, true).await;
    for (segment, is_last) in [(0, false), (1, true)] {
        let path = root.path().join(format!("millstream/log-000000000{segment}"));
        let whole = fs::read(&path).unwrap();
        let mut refused = 0;
        for at in 0..whole.len() {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0x40;
            fs::write(&path, &spoilt).unwrap();
            match read(root.path()).await {
                Ok(history) => {
                    assert!(is_last, "segment {segment}, byte {at} was not noticed");
                    assert_eq!(batches(&history), (3, 2, 2), "byte {at}");
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.kind(), ErrorKind::Data);
                    assert!(error.message().contains(&format!("log-000000000{segment}")), "{error:?}");
                }
            }
        }
        assert!(refused > 0);
        fs::write(&path, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_missing_segment_is_refused() {
    let root = tempfile::tempdir().unwrap();
    for batch in 0..3 {
        run(root.path(), batch..batch + 1, true).await;
    }
    fs::remove_file(root.path().join("millstream/log-0000000001")).unwrap();
    let error = read(root.path()).await.unwrap_err();
    assert!(error.message().contains("log-0000000002' is damaged: the segment before it is missing"), "{error:?}");
}

#[tokio::test]
async fn a_missing_first_segment_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    for batch in 0..2 {
        run(root.path(), batch..batch + 1, true).await;
    }
    fs::remove_file(root.path().join("millstream/log-0000000000")).unwrap();
    let error = read(root.path()).await.unwrap_err();
    let wanted = "log-0000000000' is damaged: it is missing, and no snapshot has the state of batch 0";
    assert!(error.message().contains(wanted), "{error:?}");
}

#[tokio::test]
async fn a_log_of_which_only_a_snapshot_is_left_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), 0..1, true).await;
    let folder = root.path().join("millstream");
    let mut snapshot = SnapshotWriter::new(files(), folder.clone(), BatchId(0), 1);
    snapshot.add(store(0), vec![7]).await.unwrap();
    snapshot.finish(true).await.unwrap();
    assert_eq!(read(root.path()).await.unwrap().snapshot.unwrap().batch(), BatchId(0));
    fs::remove_file(folder.join("log-0000000000")).unwrap();
    let error = read(root.path()).await.unwrap_err();
    assert!(error.message().contains("log-0000000000' is damaged: it is missing, and so is all behind"), "{error:?}");
}

#[tokio::test]
async fn a_segment_that_lost_its_end_is_refused() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), 0..2, true).await;
    run(root.path(), 2..4, true).await;
    let path = root.path().join("millstream/log-0000000000");
    let whole = fs::read(&path).unwrap();
    let frame::Scan::Good { frames, .. } = frame::scan(&whole) else { panic!("the log is good") };
    // At the beginning of a frame, where the segment alone looks complete.
    for (position, _) in &frames[2..] {
        fs::write(&path, &whole[..usize::try_from(*position).unwrap()]).unwrap();
        let error = read(root.path()).await.unwrap_err();
        assert!(error.message().contains("log-0000000001' is damaged"), "{error:?}");
    }
}

#[tokio::test]
async fn a_segment_that_cannot_be_removed_goes_before_those_behind_it() {
    let root = tempfile::tempdir().unwrap();
    let head = StartEntry {
        version: FORMAT_VERSION,
        query: QueryId(uuid::Uuid::nil()),
        after: None,
        taken_over: false,
        initial: vec![],
        conf: BTreeMap::new(),
        operators: vec![],
    };
    let clock: Arc<dyn Clock> = ManualClock::new();
    let place = LogPlace { files: files(), folder: root.path().to_owned(), sync: SyncPolicy::Never, clock };
    let mut log = Log::begin(place, vec![], head, &[]).await.unwrap();
    for batch in 0..4 {
        log.append(&Entry::Offsets(Arc::new(offsets(batch))));
        log.roll(BatchId(batch)).await.unwrap();
    }
    // A folder cannot be removed as a file.
    let (oldest, aside) = (root.path().join("log-0000000000"), root.path().join("aside"));
    fs::rename(&oldest, &aside).unwrap();
    fs::create_dir(&oldest).unwrap();
    log.forget_before(BatchId(3)).await.unwrap_err();
    fs::remove_dir(&oldest).unwrap();
    fs::rename(&aside, &oldest).unwrap();
    log.forget_before(BatchId(3)).await.unwrap();
    assert_eq!(files().numbered(root.path(), "log-").await.unwrap(), [3, 4]);
}

#[tokio::test]
async fn a_snapshot_lets_the_log_before_it_go() {
    let root = tempfile::tempdir().unwrap();
    let (mut writer, _) = begin(root.path()).await;
    for batch in 0..9 {
        writer.write_offsets(Arc::new(offsets(batch))).await.unwrap().wait().await.unwrap();
        writer.add_commit(vec![(store(0), vec![1])], commit(batch));
        if batch % 3 == 2 {
            let mut snapshot = writer.begin_snapshot(BatchId(batch), 1);
            snapshot.add(store(0), vec![batch as u8]).await.unwrap();
            snapshot.add(store(0), vec![7]).await.unwrap();
            writer.save_snapshot(snapshot).await.unwrap();
            while !writer.settle_snapshot().await.unwrap() {
                tokio::task::yield_now().await;
            }
        }
    }
    writer.close(false).await.unwrap();
    let history = read(root.path()).await.unwrap();
    let snapshot = history.snapshot.as_ref().unwrap();
    assert_eq!((snapshot.batch(), snapshot.stores(), snapshot.parts(), snapshot.bytes()), (BatchId(8), 1, 2, 2));
    assert_eq!(
        (snapshot.part(0).await.unwrap(), snapshot.part(1).await.unwrap()),
        ((store(0), vec![8]), (store(0), vec![7]))
    );
    // The snapshot has what these deltas did.
    assert_eq!(history.deltas, []);
    assert_eq!(history.newest_commit(), Some(BatchId(8)));
    // Batches 7 and 8 are retained, so the segment that begins behind batch 5 is the oldest.
    assert_eq!(history.offsets.keys().next(), Some(&BatchId(6)));
    assert_eq!(files().numbered(&root.path().join("millstream"), "snapshot-").await.unwrap(), [8]);
}

/// All of a snapshot, as recovery reads it.
async fn read_snapshot(folder: &Path) -> millstream_core::Result<Option<Vec<(StoreId, Vec<u8>)>>> {
    let Some(snapshot) = Snapshot::newest(&files(), folder, FORMATS).await? else { return Ok(None) };
    let mut parts = vec![];
    for part in 0..snapshot.parts() {
        parts.push(snapshot.part(part).await?);
    }
    Ok(Some(parts))
}

#[tokio::test]
async fn a_spoilt_snapshot_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut snapshot = SnapshotWriter::new(files(), folder.path().to_owned(), BatchId(4), 2);
    let parts = vec![(store(0), vec![1, 2]), (store(0), vec![3]), (store(1), vec![])];
    for (store, state) in parts.clone() {
        snapshot.add(store, state).await.unwrap();
    }
    snapshot.finish(true).await.unwrap();
    assert_eq!(read_snapshot(folder.path()).await.unwrap(), Some(parts.clone()));
    for name in ["snapshot-4", "snapshot-4.0", "snapshot-4.2"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1;
            fs::write(&path, &spoilt).unwrap();
            let error = read_snapshot(folder.path()).await.unwrap_err();
            assert!(error.message().contains(&format!("{name}'")), "byte {at} of {name}: {error}");
        }
        if name != "snapshot-4" {
            fs::remove_file(&path).unwrap();
            assert!(read_snapshot(folder.path()).await.unwrap_err().message().contains(&format!("{name}'")), "{name}");
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(read_snapshot(folder.path()).await.unwrap(), Some(parts));
}

/// The process died before the head was written. Or it was only stopped, and writes it late: then the parts must be
/// there.
#[tokio::test]
async fn parts_without_a_head_are_no_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let begin = |batch| SnapshotWriter::new(files(), folder.path().to_owned(), BatchId(batch), 1);
    let mut snapshot = begin(4);
    snapshot.add(store(0), vec![1]).await.unwrap();
    snapshot.finish(false).await.unwrap();
    let mut late = begin(5);
    late.add(store(0), vec![2]).await.unwrap();
    for part in [vec![3], vec![4]] {
        let mut unfinished = begin(6);
        unfinished.add(store(0), part).await.unwrap();
    }
    assert_eq!(read_snapshot(folder.path()).await.unwrap(), Some(vec![(store(0), vec![1])]));
    late.finish(false).await.unwrap();
    assert_eq!(read_snapshot(folder.path()).await.unwrap(), Some(vec![(store(0), vec![2])]));
    // The run that goes on takes the names of the one that died.
    let mut snapshot = begin(6);
    snapshot.add(store(0), vec![5]).await.unwrap();
    snapshot.finish(false).await.unwrap();
    assert_eq!(read_snapshot(folder.path()).await.unwrap(), Some(vec![(store(0), vec![5])]));
    let mut names = files().names(folder.path()).await.unwrap();
    names.sort_unstable();
    assert_eq!(names, ["snapshot-6", "snapshot-6.0"]);
}

/// Of several attempts at a batch the newest counts, and none before the sink or a commit says so.
#[tokio::test]
async fn a_prepared_batch_waits_for_its_commit() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), 0..1, true).await;
    let delta = |byte: u8| vec![(store(0), vec![byte; 3])];
    let (mut writer, _) = begin(root.path()).await;
    writer.write_offsets(Arc::new(offsets(1))).await.unwrap().wait().await.unwrap();
    writer.write_prepared(delta(7), commit(1)).await.unwrap();
    writer.close(true).await.unwrap();
    let history = read(root.path()).await.unwrap();
    assert_eq!((history.newest_commit(), history.deltas.len()), (Some(BatchId(0)), 1));
    assert_eq!(history.prepared.map(|prepared| prepared.commit), Some(commit(1)));

    let (mut writer, _) = begin(root.path()).await;
    writer.write_prepared(delta(8), commit(1)).await.unwrap();
    let mut settled = read_beside(root.path()).await;
    let committed = settled.settle_prepared().unwrap();
    assert_eq!(committed, CommitEntry { prepared: true, ..commit(1) });
    writer.add_commit(vec![], committed);
    writer.close(false).await.unwrap();
    for history in [settled, read(root.path()).await.unwrap()] {
        assert_eq!((history.newest_commit(), history.prepared.is_none()), (Some(BatchId(1)), true));
        let mut deltas = history.delta_reader();
        assert_eq!(history.deltas.len(), 2);
        assert_eq!(deltas.read(&history.deltas[1]).await.unwrap(), [8; 3]);
    }
}

/// What a start would read if the process that holds the checkpoint died now.
async fn read_beside(root: &Path) -> History {
    History::read(&files(), &root.join("millstream")).await.unwrap()
}

#[tokio::test]
async fn a_held_checkpoint_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let held = open(Some(root.path()), SyncPolicy::Always).await.unwrap();
    assert_eq!(open(Some(root.path()), SyncPolicy::Always).await.unwrap_err().kind(), ErrorKind::Conflict);
    drop(held);
    open(Some(root.path()), SyncPolicy::Always).await.unwrap();
}

/// Seed 3244 of the simulation: a start died before the name of `metadata` was durable, the next one found the file and
/// left it as it was, and a power cut took it from under the log.
#[tokio::test]
async fn whose_checkpoint_it_is_is_made_durable_by_each_start() {
    let root = tempfile::tempdir().unwrap();
    let claim = async |sync: SyncPolicy| {
        let checkpoint = open(Some(root.path()), sync).await.unwrap();
        checkpoint.claim(sync).await.unwrap();
        let metadata = root.path().join("metadata");
        (fs::read(&metadata).unwrap(), fs::metadata(&metadata).unwrap().ino())
    };
    let (text, file) = claim(SyncPolicy::Always).await;
    let (same_text, again) = claim(SyncPolicy::Always).await;
    assert_eq!(same_text, text);
    assert_ne!(again, file, "it was written again, and forced to the disk with its name");
    assert_eq!(claim(SyncPolicy::Never).await, (text, again), "nobody asked for that here");
}

#[tokio::test]
async fn a_temporary_checkpoint_goes_with_its_query() {
    let checkpoint = open(None, SyncPolicy::Never).await.unwrap();
    checkpoint.claim(SyncPolicy::Never).await.unwrap();
    let (writer, _) = checkpoint.begin(start(), SyncPolicy::Never, &platform()).await.unwrap();
    let root = writer.folder.root.clone();
    assert!(root.join("metadata").exists());
    writer.close(false).await.unwrap();
    assert!(!root.exists());
}

#[tokio::test]
async fn a_disk_that_does_not_write_is_named() {
    let root = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    fs::write(root.path().join("millstream"), "").unwrap();
    let error = open(Some(root.path()), SyncPolicy::Always).await.unwrap_err();
    assert!(error.message().contains("millstream"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Data);
}
