//! `answers.jsonl`: what `show` of Apache Spark 4.2 printed of rows read by `from_json`, the zone being
//! America/New_York.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, BinaryBuilder, ListBuilder, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use chrono_tz::America::New_York;
use serde_json::Value;

use super::{ShowOptions, show_string};
use crate::json::ddl::type_of;
use crate::json::{JsonDecoder, JsonOptions};
use millstream_core::BinaryStyle;
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
        ..ShowOptions::default()
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

/// The lines are Spark's, of `select X'31FF00' as b, array(X'3132') as a, cast(null as binary) as n, X'C3A4' as u,
/// X'' as e`.
#[test]
fn binaries_look_as_the_setting_says() {
    let of = |bytes: Option<&[u8]>| Arc::new(BinaryArray::from_opt_vec(vec![bytes])) as ArrayRef;
    let mut list = ListBuilder::new(BinaryBuilder::new());
    list.append_value([Some(b"12")]);
    let columns: [(&str, ArrayRef); 5] = [
        ("b", of(Some(b"1\xff\0"))),
        ("a", Arc::new(list.finish())),
        ("n", of(None)),
        ("u", of(Some("ä".as_bytes()))),
        ("e", of(Some(b""))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    for (style, expected) in [
        ("hex_discrete", "|[31 FF 00]|[[31 32]]|NULL|[C3 A4]|[] |"),
        ("UTF-8", "|1\u{fffd}\0|[12]|NULL|ä  |   |"),
        ("BASIC", "|[49, -1, 0]|[[49, 50]]|NULL|[-61, -92]|[] |"),
        ("BASE64", "|Mf8A|[MTI]|NULL|w6Q|   |"),
        ("HEX", "|31FF00|[3132]|NULL|C3A4|   |"),
    ] {
        let binary = BinaryStyle::named(style).unwrap();
        let options = ShowOptions { truncate: 0, binary, ..ShowOptions::default() };
        let table = show_string(std::slice::from_ref(&batch), &batch.schema(), &options).unwrap();
        assert_eq!(table.lines().nth(3), Some(expected), "{style}");
    }
    assert_eq!(BinaryStyle::named("hexadecimal"), None);
}
