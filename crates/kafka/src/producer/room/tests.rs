use std::sync::Arc;

use parking_lot::Mutex;

use super::{Room, STEP_BYTES};
use crate::buffers::MemoryBudget;

#[derive(Debug)]
struct Budget(Mutex<usize>);

impl MemoryBudget for Budget {
    fn try_reserve(&self, bytes: usize) -> bool {
        let mut left = self.0.lock();
        let fits = *left >= bytes;
        if fits {
            *left -= bytes;
        }
        fits
    }

    fn release(&self, bytes: usize) {
        *self.0.lock() += bytes;
    }
}

#[test]
fn the_limit_holds_but_for_one_record() {
    let budget = Arc::new(Budget(Mutex::new(10 * STEP_BYTES)));
    let mut room = Room::new(budget.clone(), 100);
    assert!(room.take(60) && room.take(40));
    assert!(!room.take(1));
    room.give_back(60);
    assert!(room.take(1));
    room.give_back(41);
    assert_eq!(*budget.0.lock(), 10 * STEP_BYTES, "all is given back when all is quiet");
    assert!(room.take(200), "a record larger than the buffer, alone");
    drop(room);
    assert_eq!(*budget.0.lock(), 10 * STEP_BYTES);
}

#[test]
fn a_budget_that_refuses_is_respected_while_records_are_under_way() {
    let budget = Arc::new(Budget(Mutex::new(0)));
    let mut room = Room::new(budget.clone(), 1 << 20);
    assert!(room.take(10), "the first");
    assert!(!room.take(10));
    room.give_back(10);
    *budget.0.lock() = 50;
    assert!(room.take(30), "less than a step is left, but enough");
    assert_eq!(*budget.0.lock(), 20);
    assert!(!room.take(30));
    room.give_back(30);
    drop(room);
    assert_eq!(*budget.0.lock(), 50);
}
