use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use millstream_core::MemoryLedger;

use super::LedgerPool;

#[test]
fn what_operators_hold_is_in_the_ledger() {
    let ledger = MemoryLedger::new(100);
    let pool: Arc<dyn MemoryPool> = Arc::new(LedgerPool::new(&ledger));
    let reservation = MemoryConsumer::new("sort").register(&pool);
    reservation.try_grow(60).expect("60 of 100 bytes");
    assert_eq!((ledger.used_bytes(), pool.reserved()), (60, 60));
    assert!(reservation.try_grow(50).is_err(), "110 of 100 bytes");
    assert_eq!(ledger.used_bytes(), 60, "a refusal changes nothing");
    assert!(reservation.try_grow(20).is_err(), "a large query leaves the last quarter to others");
    let small: Arc<dyn MemoryPool> = Arc::new(LedgerPool::new(&ledger));
    let small = MemoryConsumer::new("another query's sort").register(&small);
    reservation.try_grow(15).expect("75 of 100 bytes");
    small.try_grow(6).expect("a small query has room in the last quarter");
    small.free();
    reservation.free();
    assert_eq!(ledger.used_bytes(), 0);
}
