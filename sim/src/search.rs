//! Many seeds on several threads, each seed on one, until one fails or the time is over.

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use millstream_engine::PlantedFault;
use parking_lot::Mutex;

use crate::trace::Trace;
use crate::world::{self, Tally};

/// Lines of the trace that are shown of a seed that failed.
const LAST_LINES: usize = 40;

/// What to look through.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) seeds: Range<u64>,
    pub(crate) planted: Option<PlantedFault>,
    pub(crate) threads: usize,
}

/// A seed that failed.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) seed: u64,
    pub(crate) what: String,
    pub(crate) last_lines: String,
}

/// What a search came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tally: Total,
    /// By seed. Usually one: a failure ends the search.
    pub(crate) found: Vec<Found>,
}

/// Sums over all seeds.
#[derive(Debug, Default)]
pub(crate) struct Total {
    pub(crate) seeds: u64,
    lives: u64,
    batches: u64,
    refused: u64,
    took: Duration,
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, lives, batches, refused, took } = self;
        write!(
            f,
            "{seeds} seeds, {lives} processes, {batches} batches, {refused} queries refused after a power cut, in {:.1} s",
            took.as_secs_f64()
        )
    }
}

impl Search {
    /// Runs it; no further seed begins after the budget.
    #[expect(clippy::disallowed_methods, reason = "the budget is of the person who waits")]
    pub(crate) fn run(&self, budget: Option<Duration>) -> Report {
        let (begun, next, is_over) = (Instant::now(), AtomicU64::new(self.seeds.start), AtomicBool::new(false));
        let (total, found) = (Mutex::new(Total::default()), Mutex::new(Vec::new()));
        let work = || {
            while !is_over.load(Ordering::SeqCst) && budget.is_none_or(|budget| begun.elapsed() < budget) {
                let seed = next.fetch_add(1, Ordering::SeqCst);
                if seed >= self.seeds.end {
                    return;
                }
                let (trace, result) = simulate(seed, self.planted);
                total.lock().add(*result.as_ref().unwrap_or(&Tally::default()));
                if let Err(what) = result {
                    is_over.store(true, Ordering::SeqCst);
                    found.lock().push(Found { seed, what, last_lines: trace.last(LAST_LINES) });
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(work);
            }
        });
        let mut found = found.into_inner();
        found.sort_by_key(|found| found.seed);
        Report { tally: Total { took: begun.elapsed(), ..total.into_inner() }, found }
    }
}

impl Total {
    fn add(&mut self, tally: Tally) {
        self.seeds += 1;
        self.lives += tally.lives;
        self.batches += tally.batches;
        self.refused += u64::from(tally.refused);
    }
}

/// One seed. A panic anywhere is a failure too.
pub(crate) fn simulate(seed: u64, planted: Option<PlantedFault>) -> (Trace, Result<Tally, String>) {
    let trace = Trace::default();
    let result = catch_unwind(AssertUnwindSafe(|| world::simulate(seed, planted, &trace)));
    let panicked = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    };
    (trace, result.unwrap_or_else(panicked))
}
