//! Percentiles, as a line of JSON for the script and for people with `jq`.

use serde_json::{Value, json};

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

#[cfg(test)]
mod tests;
