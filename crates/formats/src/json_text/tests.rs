//! `answers.jsonl`: what `to_json` of Apache Spark 4.2 wrote of values read by `from_json`.

use arrow::array::Array;
use chrono_tz::Tz;
use serde_json::Value;

use super::{JsonTextOptions, to_json};
use crate::json::ddl::type_of;
use crate::json::{JsonDecoder, JsonOptions};
use millstream_core::Options;
use millstream_core::decode::ValueDecoder;

#[test]
fn values_are_written_as_in_spark() {
    let mut cases = 0;
    for line in include_str!("answers.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let zone: Tz = case["zone"].as_str().unwrap().parse().unwrap();
        let options = JsonOptions { time_zone: zone, ..JsonOptions::default() };
        let decoder = JsonDecoder::of_type(&type_of(case["schema"].as_str().unwrap()), options).unwrap();
        let mut decoding = decoder.start();
        decoding.append(Some(case["input"].as_str().unwrap().as_bytes())).unwrap();
        decoding.append(None).unwrap();
        let values = decoding.finish().unwrap();
        let options: Options = case["options"]
            .as_object()
            .map(|options| options.iter().map(|(name, value)| (name, value.as_str().unwrap())).collect())
            .unwrap_or_default();
        let texts = to_json(&values, &JsonTextOptions::from_options(&options, zone).unwrap()).unwrap();
        assert_eq!(texts.value(0), case["text"].as_str().unwrap(), "{case}");
        assert!(texts.is_null(1));
        cases += 1;
    }
    assert!(cases >= 30, "the answers are missing");
}
