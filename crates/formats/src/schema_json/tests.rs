//! Beside what Spark 4.2 wrote into the footer of a Parquet file.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::schema_json;

#[test]
fn types_as_spark_writes_them_into_the_footer_of_a_file() {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, false);
    let entries =
        DataType::Struct(Fields::from(vec![field("key", DataType::Utf8), Field::new("value", DataType::Int32, true)]));
    let fields = Fields::from(vec![
        field("a", DataType::Int32),
        field("g", DataType::Decimal128(3, 2)),
        field("n", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        field("q", DataType::List(Arc::new(field("element", DataType::Int32)))),
        field("r", DataType::Map(Arc::new(field("entries", entries)), false)),
        field("s", DataType::Struct(Fields::from(vec![field("x", DataType::Int8)]))),
        field("t", DataType::Duration(TimeUnit::Microsecond)),
        field("u", DataType::Interval(IntervalUnit::YearMonth)),
    ]);
    let plain =
        |name: &str, kind: &str| format!(r#"{{"name":"{name}","type":{kind},"nullable":false,"metadata":{{}}}}"#);
    let expected = [
        plain("a", "\"integer\""),
        plain("g", "\"decimal(3,2)\""),
        plain("n", "\"timestamp\""),
        plain("q", r#"{"type":"array","elementType":"integer","containsNull":false}"#),
        plain("r", r#"{"type":"map","keyType":"string","valueType":"integer","valueContainsNull":true}"#),
        plain("s", &format!(r#"{{"type":"struct","fields":[{}]}}"#, plain("x", "\"byte\""))),
        plain("t", "\"interval day to second\""),
        plain("u", "\"interval year to month\""),
    ];
    let expected = format!(r#"{{"type":"struct","fields":[{}]}}"#, expected.join(","));
    assert_eq!(schema_json(&fields).unwrap(), expected);
}
