use std::collections::BTreeMap;
use std::time::Duration;

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

/// The second input stops after the first batch: with a timeout it holds back no longer, until it has rows again. What
/// the watermark has reached it keeps.
#[test]
fn an_idle_input_is_left_out_after_the_timeout() {
    let tracker = |timeout| WatermarkTracker::new(WatermarkPolicy::Min, vec![10, 1]).leaving_out_idle(timeout);
    let batches = [
        (0, [Some(100), Some(50)], 49, 49),
        (2_999, [Some(200), None], 49, 49),
        (3_000, [Some(300), None], 49, 290),
        (3_001, [Some(400), Some(60)], 59, 290),
        (3_002, [Some(500), Some(450)], 449, 449),
        (9_000, [None, None], 449, 449),
    ];
    let (waits, goes_on) = (tracker(None), tracker(Some(Duration::from_secs(3))));
    for (timestamp_ms, seen, waiting, going_on) in batches {
        let batch = BatchContext { timestamp_ms, ..batch(&seen) };
        assert_eq!((waits.advance(&batch), goes_on.advance(&batch)), (waiting, going_on), "{timestamp_ms}");
    }
}

/// The time of an input that never had a row is counted from the first batch of the run.
#[test]
fn an_input_that_never_had_a_row_is_idle_too() {
    let tracker = WatermarkTracker::new(WatermarkPolicy::Min, vec![10, 1]);
    let tracker = tracker.leaving_out_idle(Some(Duration::from_secs(1)));
    for (timestamp_ms, expected) in [(5_000, 0), (5_999, 0), (6_000, 90)] {
        assert_eq!(tracker.advance(&BatchContext { timestamp_ms, ..batch(&[Some(100), None]) }), expected);
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
