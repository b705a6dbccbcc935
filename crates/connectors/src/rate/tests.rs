//! Against what Apache Spark 4.2 gave, and arithmetic.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, Schema, TimestampMicrosecondType};
use futures::{StreamExt, TryStreamExt};
use millstream_core::error::SparkException;
use millstream_core::{
    Clock, Connector, Offset, OffsetRange, ReadLimit, ScanColumn, ScanRequest, Source, SourceConfig,
};
use millstream_testing::{ManualClock, source_config};
use serde_json::json;

use super::{RatePerBatch, RatePerSecond};

fn config(options: &[(&str, &str)], clock: &Arc<ManualClock>) -> SourceConfig {
    SourceConfig { clock: Arc::<ManualClock>::clone(clock), ..source_config(options) }
}

/// `(milliseconds, value)` of a range, by value.
async fn rows(source: &dyn Source, start: &Offset, end: &Offset, max_streams: usize) -> Vec<(i64, i64)> {
    let request = ScanRequest {
        range: OffsetRange { start: start.clone(), end: end.clone() },
        columns: vec![ScanColumn::Plain(1), ScanColumn::Plain(0)],
        filters: Arc::default(),
        batch_rows: 3,
        max_streams,
    };
    let mut rows = Vec::new();
    for stream in source.scan(request).await.unwrap() {
        for batch in stream.try_collect::<Vec<_>>().await.unwrap() {
            assert!(batch.num_rows() <= 3);
            let (values, times) = (batch.column(0), batch.column(1));
            let times = times.as_primitive::<TimestampMicrosecondType>();
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| (times.value(row) / 1000, values.as_primitive::<Int64Type>().value(row))),
            );
        }
    }
    rows.sort_unstable_by_key(|&(_, value)| value);
    rows
}

#[tokio::test]
async fn a_rate_ramps_up_as_in_spark() {
    let now = ManualClock::skipping_sleeps(1_000_000_000);
    let options = [("rowsPerSecond", "7"), ("rampUpTime", "4s"), ("numPartitions", "2")];
    let source = RatePerSecond.open_source(config(&options, &now)).unwrap();
    assert_eq!(source.description(), "RateStreamV2[rowsPerSecond=7, rampUpTimeSeconds=4, numPartitions=2");
    let mut start = source.initial_offset().await.unwrap();
    let mut times = Vec::new();
    for _ in 0..5 {
        now.advance(Duration::from_secs(1));
        let end = source.latest_offset(&start, ReadLimit::Options).await.unwrap().end;
        times.extend(rows(source.as_ref(), &start, &end, 8).await);
        start = end;
    }
    let first = times[0].0;
    let relative: Vec<_> = times.iter().map(|(ms, value)| (ms - first, *value)).collect();
    let spark = [0, 1000, 1500, 2000, 2333, 2667, 3000, 3250, 3500, 3750, 4000, 4143, 4286, 4429, 4571, 4714, 4857];
    assert_eq!(relative, spark.into_iter().zip(0..).collect::<Vec<_>>());
    assert_eq!(first, 1_000_000);
}

#[tokio::test]
async fn a_rate_waits_for_the_next_row_and_stops_where_it_is_pinned() {
    let now = ManualClock::skipping_sleeps(5_500_000);
    let source = RatePerSecond.open_source(config(&[("rowsPerSecond", "2"), ("rampUpTime", "1s")], &now)).unwrap();
    let start = source.initial_offset().await.unwrap();
    let ready = source.ready(&start).await.unwrap();
    assert_eq!(ready.end.json(), &json!({ "seconds": 1, "startMs": 5500 }));
    assert_eq!(now.now_us(), 6_500_000);
    // Another run, later, reads the same.
    let later = ManualClock::skipping_sleeps(99_000_000);
    let again = RatePerSecond.open_source(config(&[("rowsPerSecond", "2"), ("rampUpTime", "1s")], &later)).unwrap();
    assert_eq!(rows(source.as_ref(), &start, &ready.end, 1).await, rows(again.as_ref(), &start, &ready.end, 3).await);

    source.prepare_available_now().await.unwrap();
    now.advance(Duration::from_secs(60));
    assert_eq!(source.latest_offset(&start, ReadLimit::AllAvailable).await.unwrap().end, ready.end);
}

#[tokio::test]
async fn a_batch_has_its_rows_and_one_timestamp() {
    let now = ManualClock::skipping_sleeps(0);
    let options =
        [("rowsPerBatch", "5"), ("numPartitions", "2"), ("startTimestamp", "1000"), ("advanceMillisPerBatch", "50")];
    let source = RatePerBatch.open_source(config(&options, &now)).unwrap();
    assert_eq!(
        source.description(),
        "RatePerMicroBatchStream[rowsPerBatch=5, numPartitions=2, startTimestamp=1000, advanceMsPerBatch=50]"
    );
    let start = source.initial_offset().await.unwrap();
    let first = source.ready(&start).await.unwrap().end;
    assert_eq!(first.json(), &json!({ "offset": 5, "timestamp": 1050 }));
    let expected: Vec<_> = (0..5).map(|value| (1000, value)).collect();
    assert_eq!(rows(source.as_ref(), &start, &first, 8).await, expected);
    let second = source.latest_offset(&first, ReadLimit::Options).await.unwrap().end;
    assert_eq!(rows(source.as_ref(), &first, &second, 1).await[0], (1050, 5));

    source.prepare_available_now().await.unwrap();
    let last = source.latest_offset(&second, ReadLimit::Options).await.unwrap().end;
    assert_eq!(last.json(), &json!({ "offset": 15, "timestamp": 1150 }));
    assert_eq!(source.latest_offset(&last, ReadLimit::Options).await.unwrap().end, last);
}

#[tokio::test]
async fn unwanted_columns_are_not_made() {
    let now = ManualClock::skipping_sleeps(0);
    let source = RatePerBatch.open_source(config(&[("rowsPerBatch", "5")], &now)).unwrap();
    let start = source.initial_offset().await.unwrap();
    let end = source.latest_offset(&start, ReadLimit::Options).await.unwrap().end;
    let range = OffsetRange { start, end };
    let request = ScanRequest { range, columns: vec![], filters: Arc::default(), batch_rows: 10, max_streams: 1 };
    let batches: Vec<_> = source.scan(request).await.unwrap().remove(0).collect().await;
    let batch = batches[0].as_ref().unwrap();
    assert_eq!((batches.len(), batch.num_columns(), batch.num_rows()), (1, 0, 5));
}

#[test]
fn options_are_checked_in_sparks_words() {
    fn check(connector: &dyn Connector, options: &[(&str, &str)], expected: &str) {
        let error = connector.source_schema(&config(options, &ManualClock::new())).unwrap_err();
        assert_eq!(error.message(), expected);
    }
    let rate = &RatePerSecond;
    check(rate, &[("rowsPerSecond", "0")], "Invalid value '0'. The option 'rowsPerSecond' must be positive");
    check(rate, &[("rowsPerSecond", "x")], "For input string: \"x\"");
    check(rate, &[("numPartitions", "0")], "Invalid value '0'. The option 'numPartitions' must be positive");
    check(rate, &[("rampUpTime", "-5s")], "Invalid value '-5'. The option 'rampUpTime' must not be negative");
    let unit = "Time must be specified as seconds (s), milliseconds (ms), microseconds (us), minutes (m or min), \
                hour (h), or day (d). E.g. 50s, 100ms, or 250us.\nFailed to parse time string: ";
    check(rate, &[("rampUpTime", "x")], &format!("{unit}x"));
    check(rate, &[("rampUpTime", "1 minute")], &format!("{unit}1 minute"));
    let options = [("rowsPerSecond", "9223372036854775807"), ("rampUpTime", "2s")];
    check(rate, &options, "Max offset with 9223372036854775807 rowsPerSecond is 1, but 'rampUpTimeSeconds' is 2.");
    let batch = &RatePerBatch;
    check(batch, &[], "Invalid value '0'. The option 'rowsPerBatch' must be positive");
    let one = ("rowsPerBatch", "1");
    check(
        batch,
        &[one, ("startTimestamp", "-1")],
        "Invalid value '-1'. The option 'startTimestamp' must be non-negative",
    );
    check(
        batch,
        &[one, ("advanceMillisPerBatch", "-1")],
        "Invalid value '-1'. The option 'advanceMillisPerBatch' must be non-negative",
    );

    let schema = Some(Arc::new(Schema::empty()));
    let error =
        rate.source_schema(&SourceConfig { user_schema: schema, ..config(&[], &ManualClock::new()) }).unwrap_err();
    assert_eq!(
        (error.class(), error.exception()),
        (Some("_LEGACY_ERROR_TEMP_2242"), SparkException::UnsupportedOperation)
    );
}

#[tokio::test]
async fn values_that_would_leave_their_type_are_refused() {
    let clock = ManualClock::new();
    let source = RatePerSecond.open_source(config(&[("rowsPerSecond", "9223372036854775807")], &clock)).unwrap();
    let start = source.initial_offset().await.unwrap();
    let moved = |seconds: i64| {
        let mut json = start.json().clone();
        json["seconds"] = seconds.into();
        Offset::new(json)
    };
    source.latest_offset(&moved(1), ReadLimit::Options).await.unwrap();
    for seconds in [2, i64::MAX] {
        let error = source.latest_offset(&moved(seconds), ReadLimit::Options).await.unwrap_err();
        assert!(
            error.message().starts_with("Max offset with 9223372036854775807 rowsPerSecond is 1, but it's "),
            "{error}"
        );
    }
}
