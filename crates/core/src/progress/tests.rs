//! The JSON of a query's progress.

use super::*;

fn source(rows: i64, rate: f64) -> SourceProgress {
    SourceProgress {
        description: "s".to_owned(),
        start_offset: Value::Null,
        end_offset: Value::Null,
        latest_offset: Value::Null,
        num_input_rows: rows,
        input_rows_per_second: rate,
        processed_rows_per_second: rate,
        metrics: BTreeMap::new(),
    }
}

/// Spark 4.2 has the sums beside the sources: `"batchDuration":4956,"numInputRows":3,"inputRowsPerSecond":0.0`.
#[test]
fn progress_has_the_sums_of_its_sources() {
    let progress = StreamingQueryProgress {
        id: QueryId(uuid::Uuid::nil()),
        run_id: RunId(uuid::Uuid::nil()),
        name: None,
        timestamp: "2026-01-01T00:00:00.000Z".to_owned(),
        batch_id: 0,
        batch_duration: 1,
        took: Duration::ZERO,
        duration_ms: BTreeMap::new(),
        event_time: BTreeMap::new(),
        state_operators: Vec::new(),
        sources: vec![source(3, 1.5), source(4, 2.0)],
        sink: SinkProgressReport { description: "k".to_owned(), num_output_rows: 7, metrics: BTreeMap::new() },
        observed_metrics: BTreeMap::new(),
    };
    let json: Value = serde_json::from_str(&progress.json()).unwrap();
    assert_eq!(json["numInputRows"], 7);
    assert_eq!(json["inputRowsPerSecond"], 3.5);
    assert_eq!(json["processedRowsPerSecond"], 3.5);
    assert_eq!((json["batchId"].as_u64(), json["sources"][1]["numInputRows"].as_i64()), (Some(0), Some(4)));
}
