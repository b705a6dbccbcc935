//! Percentiles, as a line of JSON for the script and for people with `jq`; and what a burst did to them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::schedule::Burst;
use crate::tally::Timed;

/// After a burst, rows that were due within such a time are looked at together.
const WINDOW: Duration = Duration::from_millis(20);

/// The smallest value that is not below this share of all (nearest rank); 0 of nothing.
fn percentile(sorted: &[u64], share: f64) -> u64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
}

/// Percentiles of latencies in milliseconds, with how many there are.
pub(crate) fn summary(mut latencies_ns: Vec<u64>) -> Value {
    latencies_ns.sort_unstable();
    let at = |share| percentile(&latencies_ns, share) as f64 / 1e6;
    json!({
        "samples": latencies_ns.len(),
        "p50_ms": at(0.5),
        "p90_ms": at(0.9),
        "p99_ms": at(0.99),
        "p99.9_ms": at(0.999),
        "max_ms": at(1.0),
    })
}

/// How long the longest wait was, and how long after the burst's end rows were as quick again as before it: from there
/// on half of the rows of a window take no longer than 99 of 100 took before the burst.
pub(crate) fn burst(results: &[Timed], burst: Burst) -> Value {
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut before: Vec<u64> =
        results.iter().filter(|row| row.due_ns < ns(burst.begin)).map(|row| row.latency_ns).collect();
    before.sort_unstable();
    let usual = percentile(&before, 0.99);
    let mut windows = BTreeMap::<u64, Vec<u64>>::new();
    for row in results.iter().filter(|row| row.due_ns >= ns(burst.end)) {
        windows.entry((row.due_ns - ns(burst.end)) / ns(WINDOW)).or_default().push(row.latency_ns);
    }
    let is_usual = |latencies: &mut Vec<u64>| {
        latencies.sort_unstable();
        percentile(latencies, 0.5) <= usual
    };
    let usual_again = windows.iter_mut().find_map(|(window, latencies)| is_usual(latencies).then_some(*window));
    json!({
        "before_p50_ms": percentile(&before, 0.5) as f64 / 1e6,
        "before_p99_ms": usual as f64 / 1e6,
        "longest_ms": results.iter().map(|row| row.latency_ns).max().unwrap_or(0) as f64 / 1e6,
        "usual_again_after_ms": usual_again.map(|window| (WINDOW * u32::try_from(window).unwrap_or(u32::MAX)).as_millis()),
    })
}

#[cfg(test)]
mod tests;
