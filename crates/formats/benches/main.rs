//! What decoding a record costs: nanoseconds of processor time a row, the best of five rounds.
//!
//! `cargo bench -p millstream-formats` prints a line for each kind of record.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use millstream_core::decode::ValueDecoder;
use millstream_formats::json::{JsonDecoder, JsonOptions};

const BATCH_ROWS: usize = 8192;
const BATCHES: usize = 128;

fn payments() -> Fields {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        Field::new("user_id", DataType::Int64, true),
        Field::new("action", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("timestamp", timestamp, true),
    ]
    .into()
}

/// Processor time of this thread, which other programs on the machine do not lengthen.
fn processor_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the benchmark runs on Linux");
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("the first number is the time on a processor")
}

fn measure(name: &str, decoder: &dyn ValueDecoder, record: impl Fn(usize) -> String) {
    let records: Vec<String> = (0..BATCH_ROWS).map(record).collect();
    let mut decoding = decoder.start();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let started = processor_ns();
        for _ in 0..BATCHES {
            for record in &records {
                decoding.append(Some(record.as_bytes())).expect("permissive decoding refuses nothing");
            }
            black_box(decoding.finish().expect("a small column can be finished"));
        }
        best = best.min((processor_ns() - started) as f64 / (BATCHES * BATCH_ROWS) as f64);
    }
    println!("{name:<28} {best:7.1} ns/row, {} bytes", records[0].len());
}

fn main() {
    let decoder = JsonDecoder::new(&payments(), JsonOptions::default()).expect("the schema is readable");
    let action = |row: usize| ["payment", "login", "refund"][row % 3];
    let second = |row: usize| row % 60;
    measure("payments", &decoder, |row| {
        format!(
            r#"{{"user_id": {}, "action": "{}", "amount": {:.2}, "timestamp": "2026-01-01T12:00:{:02}.123Z"}}"#,
            1000 + row,
            action(row),
            row as f64 / 7.0,
            second(row)
        )
    });
    measure("payments, other key order", &decoder, |row| {
        format!(
            r#"{{"timestamp":"2026-01-01T12:00:{:02}Z","amount":{:.2},"user_id":{},"action":"{}"}}"#,
            second(row),
            row as f64 / 7.0,
            1000 + row,
            action(row)
        )
    });
    measure("payments, escapes", &decoder, |row| {
        format!(r#"{{"user_id": {row}, "action": "pay\n", "amount": 1e2, "timestamp": "2026-01-01 12:00"}}"#)
    });
    let pruned = decoder.prune(&[1, 3]).expect("permissive decoding can be pruned");
    measure("payments, two fields wanted", pruned.as_ref(), |row| {
        format!(
            r#"{{"user_id": {}, "action": "{}", "amount": {:.2}, "timestamp": "2026-01-01T12:00:{:02}.123Z"}}"#,
            1000 + row,
            action(row),
            row as f64 / 7.0,
            second(row)
        )
    });
}
