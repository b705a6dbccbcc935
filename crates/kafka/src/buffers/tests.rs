use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BufferPool, MemoryBudget, Refused, Unlimited};

#[derive(Debug)]
struct Counted {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget for Counted {
    fn try_reserve(&self, bytes: usize) -> bool {
        let fits = |used: usize| Some(used + bytes).filter(|&used| used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[test]
fn large_buffers_are_used_again_and_the_limit_holds() {
    let pool = BufferPool::new(Arc::new(Unlimited), 300_000);
    let (first, counted) = pool.try_take(200_000, true).expect("fits");
    let address = first.as_ptr();
    assert_eq!(pool.try_take(200_000, true), Err(Refused::ByLimit), "the limit is 300,000");
    assert!(pool.try_take(1_000, true).is_ok(), "this much is left");
    pool.give_back(first, counted);
    let (again, _) = pool.try_take(100_000, true).expect("the old one");
    assert_eq!(again.as_ptr(), address);
}

#[test]
fn one_buffer_may_exceed_the_limit() {
    let pool = BufferPool::new(Arc::new(Unlimited), 1_000);
    let (huge, counted) = pool.try_take(1_000_000, true).expect("alone");
    assert_eq!(pool.try_take(1, true), Err(Refused::ByLimit));
    pool.give_back(huge, counted);
    assert!(pool.try_take(1, true).is_ok());
}

#[tokio::test]
async fn a_budget_that_refuses_is_waited_for_and_gets_all_back() {
    let budget = Arc::new(Counted { limit: 100_000, used: AtomicUsize::new(50_000) });
    let pool = BufferPool::new(Arc::<Counted>::clone(&budget), usize::MAX);
    let mut taking = Box::pin(pool.take(80_000));
    assert!(futures::poll!(&mut taking).is_pending());
    budget.release(50_000);
    let buffer = taking.as_mut().await;
    assert_eq!(budget.used.load(Ordering::Relaxed), 80_000);
    drop((buffer, taking));
    drop(pool);
    assert_eq!(budget.used.load(Ordering::Relaxed), 0);
}

/// Others may hold the whole budget and wait for what this fetcher reads: it must come through, if slowly.
#[tokio::test]
async fn a_budget_that_always_refuses_does_not_stop_reading() {
    let budget = Arc::new(Counted { limit: 0, used: AtomicUsize::new(0) });
    let pool = BufferPool::new(Arc::<Counted>::clone(&budget), 100_000);
    let buffer = pool.take(80_000).await;
    assert_eq!(buffer.capacity(), 80_000);
    drop(buffer);
    assert_eq!(budget.used.load(Ordering::Relaxed), 0);
}
