//! The simulation sees what it must see, and the same each time.

use super::*;

/// Seeds within which each planted fault must be found.
const SEEDS: u64 = 150;

#[test]
fn a_seed_gives_the_same_trace_each_time() {
    for seed in 0..12 {
        let (first, result) = search::simulate(seed, None);
        let (second, again) = search::simulate(seed, None);
        assert!(first.len() > 50, "seed {seed} does hardly anything");
        assert_eq!(first.last(usize::MAX), second.last(usize::MAX), "seed {seed}");
        assert_eq!(result, again, "seed {seed}");
    }
}

#[test]
fn the_engine_as_it_is_passes() {
    let report = Search { seeds: 0..SEEDS, planted: None, threads: 2 }.run(None);
    assert!(report.found.is_empty(), "{:#?}", report.found);
    assert_eq!(report.tally.seeds, SEEDS);
}

#[test]
fn each_planted_fault_is_found() {
    for (fault, shown) in [
        (PlantedFault::MarkerIgnored, ["is written again", "comes again as another"]),
        (PlantedFault::OffsetsLate, ["it is older than the sink", "comes again as another"]),
        (PlantedFault::StateEarly, ["has the rows", "the answer is"]),
    ] {
        let report = Search { seeds: 0..SEEDS, planted: Some(fault), threads: 2 }.run(None);
        let found = report.found.first().map(|found| found.what.as_str()).unwrap_or_default();
        assert!(shown.iter().any(|shown| found.contains(shown)), "{}: {found}", fault.name());
    }
}
