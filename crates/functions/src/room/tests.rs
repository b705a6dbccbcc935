use millstream_core::{ErrorKind, MemoryLedger};
use tokio_util::sync::CancellationToken;

use super::*;

#[test]
fn a_value_and_a_column_have_bounds() {
    let work = Work::uninterrupted(MemoryLedger::unlimited());
    let mut room = Room::new("repeat", Some(&work));
    let error = room.take(VALUE_BYTES_MAX + 1).unwrap_err();
    assert_eq!(error.message(), "'repeat' would make a value of 1073741825 bytes, and 1073741824 bytes are the most");
    room.take(VALUE_BYTES_MAX).unwrap();
    room.take(VALUE_BYTES_MAX - 1).unwrap();
    let error = room.take(1).unwrap_err();
    assert!(error.message().contains("values in one batch of 2147483648 bytes"), "{error}");
}

#[test]
fn a_constant_has_a_bound_of_its_own() {
    let mut room = Room::new("repeat", None);
    room.take(CONSTANT_BYTES_MAX).unwrap();
    let error = room.take(CONSTANT_BYTES_MAX + 1).unwrap_err();
    assert_eq!(error.message(), "'repeat' would make a value of 67108865 bytes, and 67108864 bytes are the most");
}

#[test]
fn what_is_taken_is_in_the_ledger_until_the_kernel_ends() {
    let ledger = MemoryLedger::new(3 * STEP_BYTES);
    let work = Work::uninterrupted(ledger.clone());
    let mut room = Room::new("repeat", Some(&work));
    room.take(STEP_BYTES).unwrap();
    assert_eq!(ledger.used_bytes(), 0, "a small result is not worth an entry");
    room.take(2 * STEP_BYTES).unwrap();
    assert_eq!(ledger.used_bytes(), 3 * STEP_BYTES);
    let error = room.take(STEP_BYTES).unwrap_err();
    assert!(error.message().starts_with("the result of 'repeat' needs"), "{error}");
    drop(room);
    assert_eq!(ledger.used_bytes(), 0);
}

#[test]
fn nothing_is_taken_for_a_result_that_nobody_waits_for() {
    let given_up = CancellationToken::new();
    let work = Work::new(given_up.clone(), MemoryLedger::unlimited());
    let mut room = Room::new("repeat", Some(&work));
    room.take(1).unwrap();
    given_up.cancel();
    assert_eq!(room.take(STEP_BYTES).unwrap_err().kind(), ErrorKind::Cancelled);
}
