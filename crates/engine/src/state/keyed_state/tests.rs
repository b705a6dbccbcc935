mod buckets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type};
use millstream_core::{ErrorKind, MemoryLedger, Reservation, Result};

use super::{BatchNumber, ByShard, KeyedState, KeyedStateConfig, SHARDS, UpdateScratch};
use crate::state::{
    Aggregates, Argument, EncodedKeys, Ends, Entries, KeyCodec, Lifetime, NativeAggregate, SpillFolder, StateStore,
    StoreLayout, group_columns,
};

type Counts = KeyedState<Aggregates>;

fn no_folder() -> std::path::PathBuf {
    std::env::temp_dir().join("millstream-test-that-spills-nothing")
}

fn codec() -> KeyCodec {
    KeyCodec::try_new(vec![Arc::new(Field::new("k", DataType::Int64, true))]).unwrap()
}

fn encode(keys: impl IntoIterator<Item = i64>) -> EncodedKeys {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
    let rows = keys.len();
    codec().encode(&[keys], rows).unwrap()
}

fn counting(ledger: &MemoryLedger) -> Counts {
    counting_in(ledger, &no_folder())
}

fn counting_in(ledger: &MemoryLedger, scratch: &Path) -> Counts {
    KeyedState::new(KeyedStateConfig {
        name: "groups".to_owned(),
        layout: StoreLayout::new(codec(), vec![NativeAggregate::Count.over(&[]).unwrap()]),
        lifetime: None,
        reservation: ledger.reservation("state"),
        spill: SpillFolder::new(scratch.to_owned()).unwrap(),
    })
}

fn count(state: &Counts, batch: BatchNumber, keys: Vec<i64>) -> Result<()> {
    let argument = Argument::try_new(&*state.layout().values()[0], &[], None)?;
    let arguments = [argument];
    state.update(batch, &encode(keys), &mut UpdateScratch::default(), |groups, rows| groups.update(&arguments, rows))
}

fn total(state: &Counts) -> i64 {
    state.figures().total
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

/// Few rows are ordered in another way than many.
#[test]
fn rows_are_spread_by_the_high_byte_in_their_order() {
    let hash = |shard: u64, rest: u64| shard << 56 | rest;
    let mut spread = ByShard::default();
    spread.spread(&[hash(255, 1), hash(0, 9), hash(255, 0), hash(7, 3)]);
    let shards: Vec<_> = spread.shards().collect();
    assert_eq!(shards, [(0, &[1][..]), (7, &[3]), (255, &[0, 2])]);
    let many: Vec<u64> = (0..1_000).map(|row| hash(row * 7 % 200, 1_000 - row)).collect();
    spread.spread(&many);
    let mut expected: Vec<u32> = (0..1_000).collect();
    expected.sort_by_key(|&row| (many[row as usize] >> 56, row));
    let shard = |row: u32| (many[row as usize] >> 56) as usize;
    let expected = expected.chunk_by(|a, b| shard(*a) == shard(*b)).map(|rows| (shard(rows[0]), rows));
    assert!(spread.shards().eq(expected));
}

/// All groups, by key.
fn counts(state: &Counts, batch: BatchNumber) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    for shard in 0..SHARDS {
        let mut groups = Entries::new(state.layout());
        state.lock(batch, shard).unwrap().for_each(|from, group| groups.push_from(from, group)).unwrap();
        let columns = group_columns(&groups, state.layout()).unwrap();
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
    let state = counting_in(&ledger, &scratch);
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
    let figures = state.figures();
    assert!(figures.spilled_bytes > figures.disk_bytes && figures.disk_bytes > 0, "{figures:?}");
    let on_disk: u64 = std::fs::read_dir(&scratch).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(figures.disk_bytes, on_disk as i64);
    // Files are of no use to anybody once the query has ended.
    drop(state);
    assert!(!scratch.exists());
}

#[test]
fn a_batch_over_spilled_groups_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _others) = tight();
    let state = counting_in(&ledger, &folder.path().join("spill"));
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
    let state = counting_in(&ledger, &folder.path().join("spill"));
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
    let state = counting_in(&ledger, &folder.path().join("spill"));
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
    let [state, restored] =
        [0, 1].map(|index: usize| counting_in(&ledgers[index], &folder.path().join(format!("spill-{index}"))));
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

/// Keys whose values say when they end.
fn within_watermark(ledger: &MemoryLedger, scratch: &Path) -> KeyedState<Ends> {
    KeyedState::new(KeyedStateConfig {
        name: "keys".to_owned(),
        layout: StoreLayout::new(codec(), ()),
        lifetime: Some(Lifetime::InValue),
        reservation: ledger.reservation("state"),
        spill: SpillFolder::new(scratch.to_owned()).unwrap(),
    })
}

/// Adds keys that all end then, and says how many were new.
fn insert(state: &KeyedState<Ends>, batch: BatchNumber, keys: std::ops::Range<i64>, end_us: i64) -> usize {
    let new = state.insert_new(batch, &encode(keys), &mut UpdateScratch::default(), |ends, new| {
        new.entries.iter().for_each(|&entry| ends.set(entry, end_us));
        Ok(())
    });
    new.unwrap().len()
}

fn expire(state: &KeyedState<Ends>, batch: BatchNumber, watermark_us: i64) {
    for shard in 0..SHARDS {
        let mut shard = state.lock(batch, shard).unwrap();
        shard.count_changed();
        shard.expire(watermark_us).unwrap();
    }
}

/// Runs a batch of keys that all end then, and gives its delta, and how many of the keys were new.
fn run(state: &KeyedState<Ends>, keys: std::ops::Range<i64>, end_us: i64, watermark_us: i64) -> (Vec<u8>, usize) {
    let batch = state.begin_batch();
    let new = insert(state, batch, keys, end_us);
    expire(state, batch, watermark_us);
    let mut delta = vec![];
    state.commit(&mut delta).unwrap();
    (delta, new)
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
        assert_eq!(state.figures().total, 5_000);
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
    assert_eq!(state.figures().total, 10);
    for _ in 0..2 {
        let batch = state.begin_batch();
        assert_eq!(insert(&state, batch, 9..13, 80), 3);
        expire(&state, batch, 200);
        assert_eq!(state.figures().removed, 13);
        state.undo();
        assert_eq!(state.figures().total, 10);
    }
}

/// The shards that have something to do at the end of a batch.
fn due(state: &KeyedState<Ends>, batch: BatchNumber, watermark_us: i64) -> usize {
    (0..SHARDS).filter(|&shard| state.lock_due(batch, shard, Some(watermark_us)).unwrap().is_some()).count()
}

/// Expires what is due, and says how many entries that were.
fn expire_due(state: &KeyedState<Ends>, batch: BatchNumber, watermark_us: i64) -> i64 {
    for shard in 0..SHARDS {
        if let Some(mut shard) = state.lock_due(batch, shard, Some(watermark_us)).unwrap() {
            shard.expire(watermark_us).unwrap();
        }
    }
    state.figures().removed
}

/// A batch passes by the shards that it neither changed nor has anything to expire in, in memory or on disk, and counts
/// as one that looks at all of them.
#[test]
fn only_shards_that_are_met_or_end_are_due() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, mut others) = tight();
    let state = within_watermark(&ledger, &folder.path().join("spill"));
    run(&state, 0..3_000, 100, 0);
    // What a batch has changed stays in memory; the next one moves it out.
    run(&state, 3_000..3_010, 200, 0);
    assert!(state.figures().disk_bytes > 0);
    others.resize(0).unwrap();
    let batch = state.begin_batch();
    assert_eq!(due(&state, batch, 99), 0);
    assert_eq!(insert(&state, batch, 5_000..5_001, 300), 1);
    assert_eq!(due(&state, batch, 99), 1);
    assert_eq!((due(&state, batch, 100), expire_due(&state, batch, 100)), (SHARDS, 3_000));
    state.undo();
    let batch = state.begin_batch();
    assert_eq!(insert(&state, batch, 5_000..5_001, 300), 1, "it was undone");
    assert_eq!(
        (due(&state, batch, 100), expire_due(&state, batch, 100)),
        (SHARDS, 3_000),
        "and so was the end of the others"
    );
    state.commit(&mut vec![]).unwrap();
    assert_eq!(state.figures().total, 11);
    let held = state.figures().memory_bytes;
    state.recount();
    assert_eq!((state.figures().total, state.figures().memory_bytes), (11, held), "as counted shard by shard");
    let batch = state.begin_batch();
    assert_eq!((due(&state, batch, 199), expire_due(&state, batch, 200)), (0, 10));
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
    assert!(state.figures().disk_bytes > 0);
    let (delta, new) = run(&state, 0..3_010, 300, 0);
    assert_eq!((delta.len(), new, state.figures().updated), (3, 0, 0), "a version and a watermark");
    assert_eq!(run(&state, 0..0, 0, 100).1, 0);
    assert_eq!((state.figures().removed, state.figures().total), (3_000, 10));
    assert_eq!(run(&state, 0..3_010, 300, 100).1, 3_000);
}
