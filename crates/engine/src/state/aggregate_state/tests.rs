use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type};
use millstream_core::{ErrorKind, MemoryLedger, OutputMode, Reservation, Result};

use super::{AggregateConfig, AggregateState, SHARDS, UpdateScratch, spread};
use crate::state::{AggregateFunction, AggregateKind, Argument, Groups, KeyCodec, Layout, SpillFolder, StateStore};

fn counting(ledger: &MemoryLedger) -> AggregateState {
    counting_in(ledger, OutputMode::Update, &std::env::temp_dir().join("millstream-test-that-spills-nothing"))
}

fn counting_in(ledger: &MemoryLedger, output_mode: OutputMode, scratch: &Path) -> AggregateState {
    let codec = KeyCodec::try_new(vec![Arc::new(Field::new("k", DataType::Int64, true))]).unwrap();
    let functions = vec![AggregateFunction::try_new(AggregateKind::Count, &DataType::Null, true).unwrap()];
    AggregateState::new(AggregateConfig {
        layout: Layout { codec, functions },
        lifetime: None,
        is_global: false,
        output_mode,
        reservation: ledger.reservation("state"),
        spill: SpillFolder::new(scratch.to_owned()).unwrap(),
        shuffle_partitions: 200,
    })
}

fn count(state: &AggregateState, batch_number: u64, keys: Vec<i64>) -> Result<()> {
    let argument = Argument::try_new(&state.layout().functions[0], &[], None)?;
    let rows = keys.len();
    let keys: ArrayRef = Arc::new(Int64Array::from(keys));
    state.update(batch_number, (&[keys], rows), &[argument], &mut UpdateScratch::default())
}

fn total(state: &AggregateState) -> i64 {
    state.progress().num_rows_total
}

#[test]
fn a_task_that_outlives_its_batch_touches_nothing() {
    let state = counting(&MemoryLedger::unlimited());
    let failed = state.begin_batch();
    count(&state, failed, vec![1, 2]).unwrap();
    state.undo();
    assert_eq!(count(&state, failed, vec![3]).unwrap_err().kind(), ErrorKind::Cancelled);
    let next = state.begin_batch();
    count(&state, next, vec![4]).unwrap();
    state.commit(&mut vec![]).unwrap();
    assert_eq!(total(&state), 1);
    assert_eq!(count(&state, next, vec![5]).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_delta_holds_only_what_changed() {
    let state = counting(&MemoryLedger::unlimited());
    let mut deltas = [vec![], vec![], vec![]];
    for (keys, delta) in [(0..1000).collect(), vec![7], vec![]].into_iter().zip(&mut deltas) {
        let number = state.begin_batch();
        if !keys.is_empty() {
            count(&state, number, keys).unwrap();
        }
        state.commit(delta).unwrap();
    }
    // Two bytes of head; a bitmap, eight bytes of key and one of count for each group.
    assert_eq!(deltas.map(|delta| delta.len()), [2 + 1000 * 10, 2 + 10, 2]);
    assert_eq!(total(&state), 1000);
}

#[test]
fn what_is_held_is_given_back() {
    let ledger = MemoryLedger::new(10_000_000);
    let state = counting(&ledger);
    let number = state.begin_batch();
    count(&state, number, (0..10_000).collect()).unwrap();
    let held = ledger.used_bytes();
    assert!(held > 10_000 * 17, "{held}");
    state.undo();
    assert!(ledger.used_bytes() < held);
    assert_eq!(total(&state), 0);
    drop(state);
    assert_eq!(ledger.used_bytes(), 0);
}

/// A restart with other keys or functions is refused by this line.
#[test]
fn the_fingerprint_names_keys_and_functions() {
    let state = counting(&MemoryLedger::unlimited());
    let described = state.describe();
    assert_eq!((described.keys, described.values), (vec!["Int64".to_owned()], vec!["count".to_owned()]));
}

#[test]
fn rows_are_spread_by_the_high_byte_in_their_order() {
    let hash = |shard: u64, rest: u64| shard << 56 | rest;
    let mut rows = vec![];
    let starts = spread(&[hash(255, 1), hash(0, 9), hash(255, 0), hash(7, 3)], &mut rows);
    assert_eq!(rows, [1, 3, 0, 2]);
    assert_eq!((starts[0], starts[1], starts[7], starts[8], starts[255], starts[256]), (0, 1, 1, 2, 2, 4));
}

/// Groups as a batch gives them, by key.
fn counts(state: &AggregateState, batch_number: u64) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    for shard in 0..SHARDS {
        let mut groups = Groups::new(state.layout());
        state.finish_shard((batch_number, shard), None, |from, group| groups.push_from(from, group)).unwrap();
        let columns = groups.columns(state.layout()).unwrap();
        let values = |column: usize| columns[column].as_primitive::<Int64Type>().values().iter().copied();
        counts.extend(values(0).zip(values(1)));
    }
    counts
}

/// Three quarters of this ledger are taken, so that state goes to disk whenever it can, but nothing is refused.
fn tight() -> (MemoryLedger, Reservation) {
    let ledger = MemoryLedger::new(4_000_000_000);
    let mut others = ledger.reservation("others");
    others.resize(3_500_000_000).unwrap();
    (ledger, others)
}

#[test]
fn what_is_spilled_counts_on() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("spill");
    let (ledger, _others) = tight();
    let state = counting_in(&ledger, OutputMode::Complete, &scratch);
    let mut expected = BTreeMap::new();
    for batch in 0..4 {
        let number = state.begin_batch();
        // The later batches meet old keys and new ones.
        let keys: Vec<i64> = (batch * 1000..batch * 1000 + 3000).collect();
        keys.iter().for_each(|&key| *expected.entry(key).or_default() += 1);
        for keys in keys.chunks(500) {
            count(&state, number, keys.to_vec()).unwrap();
        }
        assert_eq!(counts(&state, number), expected);
        state.commit(&mut vec![]).unwrap();
        assert_eq!(total(&state), expected.len() as i64);
    }
    let progress = state.progress();
    let metric = |name: &str| progress.custom_metrics[name];
    assert!(metric("spilledBytes") > metric("spillFilesBytes") && metric("spillFilesBytes") > 0, "{progress:?}");
    let on_disk: u64 = std::fs::read_dir(&scratch).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(metric("spillFilesBytes"), on_disk as i64);
    // Files are of no use to anybody once the query has ended.
    drop(state);
    assert!(!scratch.exists());
}

#[test]
fn a_batch_over_spilled_groups_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _others) = tight();
    let state = counting_in(&ledger, OutputMode::Complete, &folder.path().join("spill"));
    let first = state.begin_batch();
    count(&state, first, (0..1000).collect()).unwrap();
    state.commit(&mut vec![]).unwrap();
    let committed = (0..1000).map(|key| (key, 1)).collect::<BTreeMap<_, _>>();
    for _ in 0..2 {
        let failed = state.begin_batch();
        count(&state, failed, (500..1500).collect()).unwrap();
        count(&state, failed, (500..1500).collect()).unwrap();
        state.undo();
        assert_eq!(total(&state), 1000);
        assert_eq!(counts(&state, state.begin_batch()), committed);
    }
    assert!(state.spill.held_bytes() > 0);
}

/// The budget holds what one batch changes, not the state.
#[test]
fn a_state_larger_than_the_ledger_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::new(3 << 20);
    let state = counting_in(&ledger, OutputMode::Complete, &folder.path().join("spill"));
    for keys in (0..60_000).collect::<Vec<i64>>().chunks(4_000) {
        let number = state.begin_batch();
        count(&state, number, keys.to_vec()).unwrap();
        assert!(ledger.used_bytes() <= ledger.limit_bytes());
        state.commit(&mut vec![]).unwrap();
    }
    assert_eq!(counts(&state, state.begin_batch()), (0..60_000).map(|key| (key, 1)).collect());
    // Where the budget does not even hold one batch, its name is in the error, and nothing is lost.
    let error = count(&state, state.begin_batch(), (0..150_000).collect()).unwrap_err();
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert!(error.message().starts_with("state needs"), "{error}");
    state.undo();
    assert_eq!(counts(&state, state.begin_batch()), (0..60_000).map(|key| (key, 1)).collect());
}

/// The ledger may go from half full to overfull at one blow.
#[test]
fn older_groups_make_room_for_a_large_update() {
    let folder = tempfile::tempdir().unwrap();
    let used_by = |keys: std::ops::Range<i64>| {
        let ledger = MemoryLedger::unlimited();
        let state = counting(&ledger);
        count(&state, state.begin_batch(), keys.collect()).unwrap();
        ledger.used_bytes()
    };
    let ledger = MemoryLedger::new(used_by(0..20_000).max(used_by(20_000..40_000)) * 3 / 2);
    let state = counting_in(&ledger, OutputMode::Complete, &folder.path().join("spill"));
    for keys in [0..20_000, 20_000..40_000] {
        count(&state, state.begin_batch(), keys.collect()).unwrap();
        state.commit(&mut vec![]).unwrap();
    }
    assert!(state.spill.held_bytes() > 0);
    assert_eq!(counts(&state, state.begin_batch()), (0..40_000).map(|key| (key, 1)).collect());
}

/// A snapshot of spilled groups is a snapshot of all groups, and reading it spills again.
#[test]
fn a_spilled_state_is_saved_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let ledgers = [MemoryLedger::new(3 << 20), MemoryLedger::new(3 << 20)];
    let [state, restored] = [0, 1].map(|index: usize| {
        counting_in(&ledgers[index], OutputMode::Complete, &folder.path().join(format!("spill-{index}")))
    });
    for keys in (0..60_000).collect::<Vec<i64>>().chunks(4_000) {
        count(&state, state.begin_batch(), keys.to_vec()).unwrap();
        state.commit(&mut vec![]).unwrap();
    }
    let (mut next, mut parts) = (Some(0), 0);
    while let Some(part) = next {
        let part = state.snapshot(part).unwrap();
        restored.apply(&part.bytes).unwrap();
        assert!(ledgers[1].used_bytes() <= ledgers[1].limit_bytes());
        (next, parts) = (part.next, parts + 1);
    }
    assert_eq!((parts, total(&restored)), (1, 60_000));
    assert_eq!(counts(&restored, restored.begin_batch()), counts(&state, state.begin_batch()));
}
