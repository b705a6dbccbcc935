//! Buckets of rows with timers, against a map of plain Rust: whatever fails, spills, is replayed or restored.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Field};
use millstream_core::MemoryLedger;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::{codec, encode, tight};
use crate::state::{
    Entries, KeyedState, KeyedStateConfig, Lifetime, RowCodec, Rows, SHARDS, SpillFolder, StateStore, StoreLayout,
    UpdateScratch, hash_key, shard_of,
};

/// What an operator does to an entry.
#[derive(Debug, Clone)]
enum Change {
    Upsert {
        key: i64,
        sub_key: u64,
        text: u8,
        end_us: i64,
    },
    Remove {
        key: i64,
        sub_key: u64,
    },
    /// Looks through a bucket and changes nothing.
    Look {
        key: i64,
    },
}

#[derive(Debug, Clone)]
struct Batch {
    changes: Vec<Change>,
    /// By how much the watermark moves.
    moves_us: i64,
    fails: bool,
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let place = || (0..5_i64, 0..4_u64);
    let upsert = (place(), any::<u8>(), 0..60_i64).prop_map(|((key, sub_key), text, end_us)| Change::Upsert {
        key,
        sub_key,
        text,
        end_us,
    });
    let remove = place().prop_map(|(key, sub_key)| Change::Remove { key, sub_key });
    let change = prop_oneof![3 => upsert, 1 => remove, 1 => (0..5_i64).prop_map(|key| Change::Look { key })];
    let moves = prop_oneof![Just(0_i64), 1..15_i64];
    let batch = (vec(change, 0..14), moves, prop_oneof![4 => Just(false), 1 => Just(true)])
        .prop_map(|(changes, moves_us, fails)| Batch { changes, moves_us, fails });
    vec(batch, 1..12)
}

/// Text and end of each entry by key and sub-key.
type Model = BTreeMap<(i64, u64), (String, i64)>;

fn rows_codec() -> RowCodec {
    RowCodec::try_new(vec![Arc::new(Field::new("text", DataType::Utf8, true))]).unwrap()
}

fn store(ledger: &MemoryLedger, scratch: PathBuf) -> KeyedState<Rows> {
    KeyedState::new(KeyedStateConfig {
        name: "rows".to_owned(),
        layout: StoreLayout::with_sub_keys(codec(), 8, rows_codec()),
        lifetime: Some(Lifetime::InValue),
        reservation: ledger.reservation("state"),
        spill: SpillFolder::new(scratch).unwrap(),
    })
}

fn text_of(row: &[u8]) -> String {
    let columns = rows_codec().decode(std::iter::once(row)).unwrap();
    columns[0].as_string::<i32>().value(0).to_owned()
}

/// An entry as the model has it.
fn entry_of(stored: &[u8], rows: &Rows, entry: u32) -> ((i64, u64), String) {
    let (key, sub_key) = stored.split_at(stored.len() - 8);
    // A bitmap of one byte stands before the number.
    let key = i64::from_le_bytes(key[1..].try_into().unwrap());
    ((key, u64::from_be_bytes(sub_key.try_into().unwrap())), text_of(rows.row(entry)))
}

fn apply(state: &KeyedState<Rows>, batch: crate::state::BatchNumber, change: &Change) {
    let (key, sub_key) = match *change {
        Change::Upsert { key, sub_key, .. } | Change::Remove { key, sub_key } => (key, sub_key),
        Change::Look { key } => (key, 0),
    };
    let keys = encode([key]);
    let mut shard = state.lock(batch, shard_of(hash_key(keys.key(0)))).unwrap();
    let sub_key = sub_key.to_be_bytes();
    let done = shard.with_bucket(keys.key(0), |bucket| match change {
        Change::Upsert { text, end_us, .. } => {
            let column: ArrayRef = Arc::new(StringArray::from(vec![text.to_string()]));
            let mut row = vec![];
            rows_codec().encode(&[column], 0, &mut row)?;
            bucket.upsert(&sub_key, |rows, entry| {
                rows.set(entry, &row, Some(*end_us));
                Ok(())
            })?;
            // What was put in is there, and the bucket is in order.
            let entries: Vec<u32> = bucket.entries().collect();
            let found = bucket.get(&sub_key).unwrap();
            assert!(entries.contains(&found));
            assert!(entries.is_sorted_by_key(|&entry| bucket.sub_key(entry)));
            assert_eq!(text_of(bucket.values().row(found)), text.to_string());
            Ok(())
        }
        Change::Remove { .. } => match bucket.get(&sub_key) {
            Some(entry) => bucket.remove(entry),
            None => Ok(()),
        },
        Change::Look { .. } => {
            let entries: Vec<u32> = bucket.entries().collect();
            assert!(entries.is_sorted_by_key(|&entry| bucket.sub_key(entry)));
            Ok(())
        }
    });
    done.unwrap();
    drop(shard);
    state.settle().unwrap();
}

fn change_model(model: &mut Model, change: &Change) {
    match change {
        Change::Upsert { key, sub_key, text, end_us } => {
            model.insert((*key, *sub_key), (text.to_string(), *end_us));
        }
        Change::Remove { key, sub_key } => {
            model.remove(&(*key, *sub_key));
        }
        Change::Look { .. } => {}
    }
}

/// What the walks over all shards give.
#[derive(Debug, Default, PartialEq)]
struct Walks {
    changed: BTreeMap<(i64, u64), String>,
    old: BTreeMap<(i64, u64), String>,
    expired: BTreeMap<(i64, u64), String>,
    left: BTreeMap<(i64, u64), String>,
}

fn finish(state: &KeyedState<Rows>, batch: crate::state::BatchNumber, watermark_us: i64) -> Walks {
    let mut walks = Walks::default();
    for shard in 0..SHARDS {
        let mut shard = state.lock(batch, shard).unwrap();
        let add = |to: &mut BTreeMap<_, _>, entries: &Entries<Rows>, entry| {
            let (place, text) = entry_of(entries.key(entry), entries.values(), entry);
            assert!(to.insert(place, text).is_none(), "{place:?} is there twice");
            Ok(())
        };
        shard.for_each_changed(|entries, entry| add(&mut walks.changed, entries, entry)).unwrap();
        shard
            .for_each_old(|key, rows, entry| {
                let (place, text) = entry_of(key, rows, entry);
                assert!(walks.old.insert(place, text).is_none());
                Ok(())
            })
            .unwrap();
        shard.expire(watermark_us).unwrap();
        shard.for_each_expired(|entries, entry| add(&mut walks.expired, entries, entry)).unwrap();
    }
    walks
}

fn all(state: &KeyedState<Rows>) -> BTreeMap<(i64, u64), String> {
    let batch = state.begin_batch();
    let mut left = BTreeMap::new();
    for shard in 0..SHARDS {
        let shard = state.lock(batch, shard).unwrap();
        shard
            .for_each(|entries, entry| {
                let (place, text) = entry_of(entries.key(entry), entries.values(), entry);
                assert!(left.insert(place, text).is_none(), "{place:?} is there twice");
                Ok(())
            })
            .unwrap();
    }
    left
}

fn texts(model: &Model) -> BTreeMap<(i64, u64), String> {
    model.iter().map(|(place, (text, _))| (*place, text.clone())).collect()
}

/// Runs a batch on the model, and says what the walks of a store must give.
fn expected(model: &mut Model, batch: &Batch, watermark_us: i64) -> Walks {
    let before = model.clone();
    batch.changes.iter().for_each(|change| change_model(model, change));
    let touched = |place: &(i64, u64)| {
        batch.changes.iter().any(|change| match change {
            Change::Upsert { key, sub_key, .. } => (*key, *sub_key) == *place,
            Change::Remove { key, sub_key } => (*key, *sub_key) == *place && before.contains_key(place),
            Change::Look { .. } => false,
        })
    };
    let upserted = |place: &(i64, u64)| {
        let places = batch.changes.iter().filter_map(|change| match change {
            Change::Upsert { key, sub_key, .. } => Some((*key, *sub_key)),
            Change::Remove { .. } | Change::Look { .. } => None,
        });
        places.into_iter().any(|other| other == *place)
    };
    let pick = |from: &Model, keep: &dyn Fn(&(i64, u64)) -> bool| {
        texts(from).into_iter().filter(|(place, _)| keep(place)).collect()
    };
    let (changed, old) = (pick(model, &upserted), pick(&before, &touched));
    let expired: Model =
        model.iter().filter(|(_, (_, end))| *end <= watermark_us).map(|(k, v)| (*k, v.clone())).collect();
    model.retain(|_, (_, end_us)| *end_us > watermark_us);
    Walks { changed, old, expired: texts(&expired), left: texts(model) }
}

/// Runs batches on a store, on one that replays its deltas and on one that is restored from its snapshots, each short
/// of memory or not.
fn check_map(batches: &[Batch], is_tight: [bool; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let ledgers = is_tight.map(|is_tight| {
        if is_tight {
            tight()
        } else {
            let ledger = MemoryLedger::unlimited();
            let others = ledger.reservation("others");
            (ledger, others)
        }
    });
    let scratch = |name: &str| folder.path().join(name);
    let state = store(&ledgers[0].0, scratch("state"));
    let replayed = store(&ledgers[1].0, scratch("replayed"));
    let (mut model, mut watermark_us) = (Model::new(), 0);
    for batch in batches {
        watermark_us += batch.moves_us;
        if batch.fails {
            let number = state.begin_batch();
            batch.changes.iter().for_each(|change| apply(&state, number, change));
            finish(&state, number, watermark_us);
            state.undo();
            assert_eq!(all(&state), texts(&model));
            assert_eq!(state.figures().total, model.len() as i64);
        }
        let number = state.begin_batch();
        batch.changes.iter().for_each(|change| apply(&state, number, change));
        let walks = finish(&state, number, watermark_us);
        let mut delta = vec![];
        state.commit(&mut delta).unwrap();
        let expected = expected(&mut model, batch, watermark_us);
        assert_eq!(Walks { left: all(&state), ..walks }, expected);
        replayed.apply(&delta).unwrap();
        let restored = store(&ledgers[2].0, scratch("restored"));
        let mut next = Some(0);
        while let Some(part) = next {
            let part = state.snapshot(part).unwrap();
            restored.apply(&part.bytes).unwrap();
            next = part.next;
        }
        for other in [&state, &replayed, &restored] {
            assert_eq!(all(other), texts(&model));
            assert_eq!(other.figures().total, model.len() as i64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_store_of_buckets_is_a_map(batches in batches(), is_tight in [any::<bool>(), any::<bool>(), any::<bool>()]) {
        check_map(&batches, is_tight);
    }
}

/// Found by chance: an entry on disk while its bucket changes in memory, and both end.
#[test]
fn an_entry_on_disk_ends_beside_a_changed_bucket() {
    let upsert = |key, sub_key, end_us| Change::Upsert { key, sub_key, text: 0, end_us };
    let batch = |changes, moves_us| Batch { changes, moves_us, fails: false };
    let batches = [
        batch(vec![upsert(1, 0, 1), upsert(1, 0, 19)], 0),
        batch(vec![upsert(0, 0, 0)], 0),
        batch(vec![], 7),
        batch(vec![upsert(1, 1, 20)], 12),
    ];
    for tight in 0..8 {
        check_map(&batches, [1, 2, 4].map(|bit| tight & bit != 0));
    }
}

/// Removed entries make room: a bucket of the newest rows does not grow for ever.
#[test]
fn removed_entries_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = MemoryLedger::unlimited();
    let state = store(&ledger, folder.path().join("state"));
    let mut most = 0;
    for round in 0..200_u64 {
        let batch = state.begin_batch();
        for key in 0..20 {
            let upsert = Change::Upsert { key, sub_key: round, text: 1, end_us: i64::MAX };
            apply(&state, batch, &upsert);
            if let Some(sub_key) = round.checked_sub(3) {
                apply(&state, batch, &Change::Remove { key, sub_key });
            }
        }
        state.commit(&mut vec![]).unwrap();
        if round == 20 {
            most = ledger.used_bytes();
        }
    }
    assert_eq!(state.figures().total, 60);
    assert!(ledger.used_bytes() <= most * 2, "{} bytes, and {most} after twenty rounds", ledger.used_bytes());
}

/// A store that keeps all of its entries would not write that one was removed.
#[test]
fn removing_from_a_store_that_keeps_all_is_refused() {
    let ledger = MemoryLedger::unlimited();
    let state = KeyedState::<Rows>::new(KeyedStateConfig {
        name: "rows".to_owned(),
        layout: StoreLayout::new(codec(), rows_codec()),
        lifetime: None,
        reservation: ledger.reservation("state"),
        spill: SpillFolder::new(super::no_folder()).unwrap(),
    });
    let (batch, keys) = (state.begin_batch(), encode([7]));
    state.update(batch, &keys, &mut UpdateScratch::default(), |_, _| Ok(())).unwrap();
    let mut shard = state.lock(batch, shard_of(hash_key(keys.key(0)))).unwrap();
    let removed = shard.with_bucket(keys.key(0), |bucket| {
        let entries: Vec<u32> = bucket.entries().collect();
        assert_eq!(entries.len(), 1);
        bucket.remove(entries[0])
    });
    assert!(removed.unwrap_err().message().contains("keeps all of them"));
}
