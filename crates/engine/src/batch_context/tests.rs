//! The summary of the event times of a batch: earliest, latest and average, also at the ends of their range.

use super::*;

#[test]
fn no_event_time_is_nothing() {
    assert_eq!(EventTimeStats::default().get(), None);
}

#[test]
fn shares_of_tasks_add_up() {
    let stats = EventTimeStats::default();
    stats.add(1_000_000, 3_000_000, 4_000, 2);
    stats.add(-1_000, 5_000_000, 4_999, 2);
    assert_eq!(stats.get(), Some((-1_000, 5_000_000, 2_249)));
}

#[test]
fn the_average_of_many_extreme_times_lies_between_them() {
    let latest_ms = i64::MAX.div_euclid(1000);
    let stats = EventTimeStats::default();
    for _ in 0..3 {
        stats.add(i64::MAX, i64::MAX, i128::from(latest_ms) * 1_000_000, 1_000_000);
    }
    assert_eq!(stats.get(), Some((i64::MAX, i64::MAX, latest_ms)));
    let earliest_ms = i64::MIN.div_euclid(1000);
    stats.add(i64::MIN, i64::MIN, i128::from(earliest_ms) * 3_000_000, 3_000_000);
    assert_eq!(stats.get(), Some((i64::MIN, i64::MAX, 0)));
}
