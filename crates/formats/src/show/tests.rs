//! `answers.jsonl`: what `show` of Apache Spark 4.2 printed of rows read by `from_json`, the zone being
//! America/New_York.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use chrono_tz::America::New_York;
use serde_json::Value;

use super::{ShowOptions, show_string};
use crate::json::ddl::type_of;
use crate::json::{JsonDecoder, JsonOptions};
use millstream_core::decode::ValueDecoder;

fn shown(case: &Value) -> String {
    let options = JsonOptions { time_zone: New_York, ..JsonOptions::default() };
    let decoder = JsonDecoder::of_type(&type_of(case["schema"].as_str().unwrap()), options).unwrap();
    let DataType::Struct(fields) = decoder.data_type() else { panic!("not a struct") };
    let mut decoding = decoder.start();
    let mut batches = Vec::new();
    for row in case["rows"].as_array().unwrap() {
        decoding.append(Some(row.as_str().unwrap().as_bytes())).unwrap();
        // A row a batch, so that rows of several batches make one table.
        batches.push(RecordBatch::from(decoding.finish().unwrap().as_struct()));
    }
    let number = |name: &str| case[name].as_u64().unwrap() as usize;
    let options = ShowOptions {
        num_rows: number("n"),
        truncate: number("truncate"),
        vertical: case["vertical"].as_bool().unwrap(),
        time_zone: New_York,
    };
    show_string(&batches, &Schema::new(fields), &options).unwrap()
}

#[test]
fn tables_look_as_in_spark() {
    let mut cases = 0;
    for line in include_str!("answers.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        assert_eq!(shown(&case), case["text"].as_str().unwrap(), "{case}");
        cases += 1;
    }
    assert!(cases >= 40, "the answers are missing");
}
