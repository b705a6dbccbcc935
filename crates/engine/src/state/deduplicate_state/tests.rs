use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field};
use millstream_core::{MemoryLedger, OutputMode};

use super::DeduplicateState;
use crate::state::{
    AggregateConfig, AggregateFunction, AggregateKind, AggregateState, KeyCodec, Layout, Lifetime, SHARDS, SpillFolder,
    StatefulOperator, UpdateScratch,
};

/// Keys whose values say when they end.
fn within_watermark(ledger: &MemoryLedger, scratch: &Path) -> DeduplicateState {
    let codec = KeyCodec::try_new(vec![Arc::new(Field::new("k", DataType::Int64, true))]).unwrap();
    let ends = AggregateFunction::try_new(AggregateKind::Max, &DataType::Int64, true).unwrap();
    let keys = AggregateState::new(AggregateConfig {
        layout: Layout { codec, functions: vec![ends] },
        lifetime: Some(Lifetime::InValue),
        is_global: false,
        output_mode: OutputMode::Update,
        reservation: ledger.reservation("state"),
        spill: SpillFolder::new(scratch.to_owned()).unwrap(),
        shuffle_partitions: 200,
    });
    DeduplicateState::new(0, keys, true)
}

/// Runs a batch of keys that all end then, and gives its delta, and how many of the keys were new.
fn run(state: &DeduplicateState, keys: std::ops::Range<i64>, end_us: i64, watermark_us: i64) -> (Vec<u8>, usize) {
    let number = state.begin_batch();
    let count = usize::try_from(keys.end - keys.start).unwrap();
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
    let ends: ArrayRef = Arc::new(Int64Array::from_value(end_us, count));
    let new = state.insert_new(number, (&[keys], count), Some(ends), &mut UpdateScratch::default()).unwrap().len();
    (0..SHARDS).for_each(|shard| state.finish_shard((number, shard), Some(watermark_us)).unwrap());
    let mut delta = vec![];
    state.stores()[0].commit(&mut delta).unwrap();
    (delta, new)
}

fn no_folder() -> std::path::PathBuf {
    std::env::temp_dir().join("millstream-test-that-spills-nothing")
}

/// Keys that have ended are only passed over at first, but they do not pile up.
#[test]
fn what_has_gone_makes_room() {
    let ledger = MemoryLedger::unlimited();
    let state = within_watermark(&ledger, &no_folder());
    let mut most = 0;
    for generation in 0..40 {
        let first = generation * 5_000;
        assert_eq!(run(&state, first..first + 5_000, generation + 1, generation).1, 5_000);
        assert_eq!(state.progress().num_rows_total, 5_000);
        if generation == 4 {
            most = ledger.used_bytes();
        }
    }
    assert!(ledger.used_bytes() <= most * 2, "{} bytes, and {most} after five generations", ledger.used_bytes());
}

/// A key that has ended is new again, also where it was not cleared away, and the batch before can be undone.
#[test]
fn a_key_comes_again_after_its_end() {
    let state = within_watermark(&MemoryLedger::unlimited(), &no_folder());
    assert_eq!(run(&state, 0..10, 100, 0).1, 10);
    assert_eq!(run(&state, 10..12, 50, 0).1, 2);
    assert_eq!(run(&state, 0..12, 70, 50).1, 0, "they end with this batch");
    assert_eq!(state.progress().num_rows_total, 10);
    for _ in 0..2 {
        let number = state.begin_batch();
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(9..13));
        let ends: ArrayRef = Arc::new(Int64Array::from_value(80, 4));
        let new = state.insert_new(number, (&[keys], 4), Some(ends), &mut UpdateScratch::default()).unwrap();
        assert_eq!(new.len(), 3);
        (0..SHARDS).for_each(|shard| state.finish_shard((number, shard), Some(200)).unwrap());
        assert_eq!(state.progress().num_rows_removed, 13);
        state.stores()[0].undo();
        assert_eq!(state.progress().num_rows_total, 10);
    }
}

/// Keys on disk are looked up there: a batch of duplicates changes nothing and writes nothing.
#[test]
fn duplicates_of_keys_on_disk_stay_there() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new(4_000_000_000);
    let mut others = ledger.reservation("others");
    others.resize(3_500_000_000).unwrap();
    let state = within_watermark(&ledger, &folder.path().join("spill"));
    run(&state, 0..3_000, 100, 0);
    // What the batch has changed stays in memory; the next one moves it out.
    run(&state, 3_000..3_010, 200, 0);
    assert!(state.progress().custom_metrics["spillFilesBytes"] > 0);
    let (delta, new) = run(&state, 0..3_010, 300, 0);
    assert_eq!((delta.len(), new, state.progress().num_rows_updated), (3, 0, 0), "a version and a watermark");
    assert_eq!(run(&state, 0..0, 0, 100).1, 0);
    assert_eq!((state.progress().num_rows_removed, state.progress().num_rows_total), (3_000, 10));
    assert_eq!(run(&state, 0..3_010, 300, 100).1, 3_000);
}

#[test]
fn the_progress_and_the_checkpoint_name_the_operator() {
    let state = within_watermark(&MemoryLedger::unlimited(), &no_folder());
    run(&state, 0..3, 100, 0);
    run(&state, 0..4, 100, 0);
    let progress = state.progress();
    assert_eq!(progress.operator_name, "dedupeWithinWatermark");
    assert_eq!(progress.custom_metrics["numDroppedDuplicateRows"], 3);
    let described = state.stores()[0].describe();
    assert_eq!((described.keys, described.values), (vec!["Int64".to_owned()], vec!["max(Int64)".to_owned()]));
}
