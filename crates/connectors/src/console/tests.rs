use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use futures::StreamExt;
use futures::executor::block_on;
use millstream_core::{BatchId, BatchStream, WriteKind};
use millstream_testing::sink_config;

use super::*;

fn rows(values: &[i64]) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(values.to_vec())) as ArrayRef)]).unwrap()
}

/// What is printed for one batch of two streams.
fn check(options: &[(&str, &str)], wanted: &str) {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let output: Output = Arc::clone(&printed) as Output;
    let schema = rows(&[]).schema();
    let sink = Console::new(output).open_sink(sink_config(Arc::clone(&schema), options)).unwrap();
    let stream = |values: &[i64]| -> BatchStream { futures::stream::iter([Ok(rows(values))]).boxed() };
    let batch = SinkBatch {
        id: BatchId(7),
        kind: WriteKind::Append,
        upsert_key: None,
        schema,
        rows: vec![stream(&[1, 22_222]), stream(&[])],
    };
    let progress = block_on(sink.write(batch, LoggedBatch::none())).unwrap();
    assert_eq!(progress.rows_written, 2);
    assert_eq!(String::from_utf8(printed.lock().clone()).unwrap(), wanted);
}

const HEAD: &str =
    "-------------------------------------------\nBatch: 7\n-------------------------------------------\n";

#[test]
fn a_batch_is_a_heading_and_a_table() {
    check(&[], &format!("{HEAD}+-----+\n|   id|\n+-----+\n|    1|\n|22222|\n+-----+\n\n"));
}

#[test]
fn rows_and_cells_can_be_bounded() {
    check(&[("numRows", "1")], &format!("{HEAD}+---+\n| id|\n+---+\n|  1|\n+---+\nonly showing top 1 row\n"));
    check(&[("truncate", "false")], &format!("{HEAD}+-----+\n|id   |\n+-----+\n|1    |\n|22222|\n+-----+\n\n"));
    check(&[("truncate", "4")], &format!("{HEAD}+----+\n|  id|\n+----+\n|   1|\n|2...|\n+----+\n\n"));
}

#[test]
fn bad_options_are_named() {
    for (name, value) in [("numRows", "many"), ("truncate", "maybe")] {
        let sink = Console::to_stdout().open_sink(sink_config(rows(&[]).schema(), &[(name, value)]));
        let error = sink.unwrap_err();
        assert!(error.message().contains(name) && error.message().contains(value), "{error}");
    }
}
