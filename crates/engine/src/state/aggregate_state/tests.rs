use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field};
use millstream_core::{ErrorKind, MemoryLedger, OutputMode, Result};

use super::{AggregateConfig, AggregateState, UpdateScratch, spread};
use crate::state::{AggregateFunction, AggregateKind, Argument, KeyCodec, Layout, StatefulOperator};

fn counting(ledger: &MemoryLedger) -> AggregateState {
    let codec = KeyCodec::try_new(vec![Arc::new(Field::new("k", DataType::Int64, true))]).unwrap();
    let functions = vec![AggregateFunction::try_new(AggregateKind::Count, &DataType::Null, true).unwrap()];
    AggregateState::new(AggregateConfig {
        id: 3,
        layout: Layout { codec, functions },
        lifetime: None,
        is_global: false,
        output_mode: OutputMode::Update,
        reservation: ledger.reservation("state"),
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
    state.commit(&mut vec![]).unwrap();
    let mut empty = vec![];
    counting(&ledger).snapshot(&mut empty).unwrap();
    state.restore(&empty).unwrap();
    assert_eq!((total(&state), ledger.used_bytes()), (0, 0));
}

/// A restart with other keys or functions is refused by this line.
#[test]
fn the_fingerprint_names_keys_and_functions() {
    let state = counting(&MemoryLedger::unlimited());
    assert_eq!((state.id(), state.fingerprint().as_str()), (3, "aggregate v1 keys (Int64) values (count)"));
}

#[test]
fn rows_are_spread_by_the_high_byte_in_their_order() {
    let hash = |shard: u64, rest: u64| shard << 56 | rest;
    let mut rows = vec![];
    let starts = spread(&[hash(255, 1), hash(0, 9), hash(255, 0), hash(7, 3)], &mut rows);
    assert_eq!(rows, [1, 3, 0, 2]);
    assert_eq!((starts[0], starts[1], starts[7], starts[8], starts[255], starts[256]), (0, 1, 1, 2, 2, 4));
}
