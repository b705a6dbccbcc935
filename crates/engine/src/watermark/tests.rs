use std::collections::BTreeMap;

use millstream_core::BatchId;

use super::{WatermarkPolicy, WatermarkTracker};
use crate::batch_context::{BatchContext, EventTimeStats};

/// A batch in which each operator saw this greatest event time (ms), or nothing.
fn batch(seen_ms: &[Option<i64>]) -> BatchContext {
    let event_times = seen_ms.iter().map(|seen| {
        let stats = EventTimeStats::default();
        if let Some(ms) = seen {
            stats.add(0, ms * 1000 + 999, i128::from(*ms), 1);
        }
        stats
    });
    BatchContext {
        id: BatchId(0),
        timestamp_ms: 0,
        ranges: vec![],
        watermark_ms: None,
        watermarks: vec![],
        pins: BTreeMap::new(),
        muted: false,
        input_rows: vec![],
        event_times: event_times.collect(),
    }
}

/// Delays of 10 and 1 ms; the watermark after each batch.
fn check(policy: WatermarkPolicy, batches: &[([Option<i64>; 2], i64)]) {
    let tracker = WatermarkTracker::new(policy, vec![10, 1]);
    for (seen, expected) in batches {
        assert_eq!(tracker.advance(&batch(seen)), *expected, "{policy:?} {seen:?}");
        assert_eq!(tracker.current_ms(), *expected);
    }
}

#[test]
fn the_slowest_or_the_fastest_decides_and_nothing_moves_back() {
    let none = None;
    check(
        WatermarkPolicy::Min,
        &[([Some(50), none], 0), ([none, Some(30)], 29), ([Some(45), Some(60)], 40), ([Some(10), none], 40)],
    );
    check(
        WatermarkPolicy::Max,
        &[([Some(50), none], 40), ([none, Some(30)], 40), ([none, Some(60)], 59), ([none, Some(1)], 59)],
    );
}

#[test]
fn it_begins_at_zero_and_never_goes_below() {
    check(WatermarkPolicy::Min, &[([Some(5), Some(-7)], 0)]);
}

#[test]
fn after_a_restart_operators_have_seen_nothing() {
    let tracker = WatermarkTracker::new(WatermarkPolicy::Min, vec![10, 1]);
    tracker.restore(100);
    assert_eq!(tracker.advance(&batch(&[Some(500), None])), 100);
    assert_eq!(tracker.advance(&batch(&[None, Some(300)])), 299);
}

#[test]
fn the_policy_is_min_or_max_in_any_case() {
    assert_eq!(WatermarkPolicy::parse(None).unwrap(), WatermarkPolicy::Min);
    assert_eq!(WatermarkPolicy::parse(Some("MAX")).unwrap(), WatermarkPolicy::Max);
    assert!(WatermarkPolicy::parse(Some("avg")).is_err());
}
