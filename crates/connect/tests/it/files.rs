//! Files that several tasks read, as a query sees them.

use std::fmt::Write;
use std::fs;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use millstream_core::MemoryLedger;

use crate::client::Client;

/// Lines enough for several parts and streams.
const LINES: i64 = 400_000;

/// Numbers and what is left of them by seven.
fn numbers() -> String {
    (0..LINES).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{number},{}", number % 7).unwrap();
        lines
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_keeps_its_order_and_loses_nothing() {
    let client = Client::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.csv");
    fs::write(&path, numbers()).unwrap();
    let table = format!("csv.`{}`", path.display());
    let numbered = format!("SELECT cast(_c0 AS bigint), monotonically_increasing_id() FROM {table}");
    let mut next = 0;
    for batch in client.sql(&numbered).await.unwrap() {
        let (read, counted) =
            (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
        for (number, place) in read.values().iter().zip(counted.values()) {
            assert_eq!((*number, *place), (next, next));
            next += 1;
        }
    }
    assert_eq!(next, LINES);
    let grouped = format!("SELECT _c1, count(*), sum(cast(_c0 AS bigint)), first(_c0) FROM {table} GROUP BY _c1");
    let mut groups = 0;
    for batch in client.sql(&grouped).await.unwrap() {
        for row in 0..batch.num_rows() {
            let rest: i64 = batch.column(0).as_string::<i32>().value(row).parse().unwrap();
            let members = (0..LINES).filter(|number| number % 7 == rest);
            let whole = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
            assert_eq!((whole(1), whole(2)), (members.clone().count() as i64, members.sum()));
            assert_eq!(batch.column(3).as_string::<i32>().value(row), rest.to_string());
            groups += 1;
        }
    }
    assert_eq!(groups, 7);
}

#[tokio::test]
async fn folders_without_a_wanted_value_are_not_opened() {
    let client = Client::start().await;
    let folder = tempfile::tempdir().unwrap();
    for (day, bytes) in [("1", "wanted\n"), ("2", "not wanted\n")] {
        let below = folder.path().join(format!("day={day}"));
        fs::create_dir(&below).unwrap();
        fs::write(below.join("f.txt"), bytes).unwrap();
    }
    // No gzip: who opens it fails.
    fs::write(folder.path().join("day=2/f.txt.gz"), "no gzip").unwrap();
    let table = format!("text.`{}`", folder.path().display());
    let found = client.sql(&format!("SELECT value FROM {table} WHERE day = 1")).await.unwrap();
    assert_eq!(found[0].column(0).as_string::<i32>().value(0), "wanted");
    assert!(client.sql(&format!("SELECT value FROM {table}")).await.is_err());
}

#[tokio::test]
async fn a_line_that_memory_does_not_hold_is_refused() {
    let client = Client::start_within(MemoryLedger::new(32 << 20)).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f.txt"), vec![b'x'; 40 << 20]).unwrap();
    let question = format!("SELECT length(value) FROM text.`{}`", folder.path().display());
    let error = client.sql(&question).await.unwrap_err();
    assert!(error.message().contains("UNABLE_TO_ACQUIRE_MEMORY"), "{}", error.message());
}
