//! Against what Apache Spark 4.2 answered (`answers.jsonl`, which `dev/conformance/compare_json_paths.py` records: one
//! text and path a line, generated).

use millstream_core::error::SparkException;
use serde_json::{Value, json};

use super::{JsonPath, JsonTexts};

#[test]
fn paths_and_fields_are_found_as_spark_finds_them() {
    let mut reader = JsonTexts::default();
    let cases: Vec<Value> =
        include_str!("answers.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(cases.len() >= 400, "there are {} cases", cases.len());
    for case in cases {
        let text = case["text"].as_str().expect("a text");
        let path = JsonPath::parse(case["path"].as_str().expect("a path")).expect("no index is beyond BIGINT");
        let answer = json!({
            "text": text,
            "path": case["path"],
            "found": path.and_then(|path| reader.find(text, &path)),
            "length": reader.array_length(text),
            "names": reader.object_keys(text),
            "fields": reader.fields(text, &[Some("a"), Some("b"), Some("c")]),
        });
        assert_eq!(answer, case);
    }
}

#[test]
fn a_text_is_read_as_far_as_the_path_needs_it() {
    let find = |text: &str, path: &str| JsonTexts::default().find(text, &JsonPath::parse(path).unwrap().unwrap());
    assert_eq!(find(r#"{"a":1} and so on"#, "$.a").as_deref(), Some("1"));
    assert_eq!(find(r#"{"a":1,"b":}"#, "$.a"), None);
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(find(&nested(1000), "$[0]"), Some(nested(999)));
    assert_eq!(find(&nested(1001), "$[0]"), None);
}

#[test]
fn an_index_beyond_bigint_is_a_number_format_exception() {
    let error = JsonPath::parse("$[9223372036854775808]").unwrap_err();
    assert_eq!(error.exception(), SparkException::NumberFormat);
    assert!(JsonPath::parse("$[9223372036854775807]").unwrap().is_some());
}
