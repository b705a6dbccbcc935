use super::*;

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let ledger = MemoryLedger::new(100);
    let mut first = ledger.reservation("reader queue");
    let mut second = ledger.reservation("state of query 'q'");
    first.grow(60).unwrap();
    let error = second.grow(41).unwrap_err();
    assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"));
    assert!(error.message().starts_with("state of query 'q' needs 41 bytes more"), "{error}");
    assert_eq!((second.bytes(), ledger.used_bytes()), (0, 60));
}

#[test]
fn bytes_come_back_when_shrunk_or_dropped() {
    let ledger = MemoryLedger::new(100);
    let mut held = ledger.reservation("a");
    held.resize(80).unwrap();
    held.shrink(30);
    assert_eq!(ledger.used_bytes(), 50);
    held.shrink(1000);
    assert_eq!(ledger.used_bytes(), 0);
    held.resize(100).unwrap();
    drop(held);
    assert_eq!(ledger.used_bytes(), 0);
}

#[test]
fn a_reservation_beyond_the_address_space_is_refused() {
    let ledger = MemoryLedger::unlimited();
    let mut held = ledger.reservation("a");
    held.resize(10).unwrap();
    let mut other = ledger.reservation("b");
    assert!(other.resize(usize::MAX).is_err());
}

#[test]
fn what_is_large_leaves_the_last_quarter_to_what_is_small() {
    let ledger = MemoryLedger::new(1600);
    let mut large = ledger.reservation("large");
    large.grow_fairly(1200).unwrap();
    assert!(large.grow_fairly(1).is_err(), "three quarters are taken");
    let mut small = ledger.reservation("small");
    small.grow_fairly(100).unwrap();
    assert!(small.grow_fairly(1).is_err(), "it has become large");
    small.grow(300).unwrap();
    assert_eq!(ledger.used_bytes(), 1600, "who does not ask fairly gets all");
}
