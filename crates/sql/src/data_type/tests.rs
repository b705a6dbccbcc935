use arrow::datatypes::DataType;

use millstream_functions::data_type::{simple_string, sql_name};

use super::{from_proto, to_proto};
use crate::parser::parse_schema;

/// A type as Spark's DDL, its `simpleString` and its `sql`, which Spark 4.2 printed for `SELECT CAST(NULL AS …)`.
fn check(ddl: &str, simple: &str, sql: &str) {
    let arrow = from_proto(&parse_schema(ddl).expect("a type")).expect("a type with an Arrow form");
    assert_eq!(simple_string(&arrow), simple);
    assert_eq!(sql_name(&arrow), sql);
    assert_eq!(from_proto(&to_proto(&arrow)).expect("the same type"), arrow, "{ddl} there and back");
}

#[test]
fn types_there_and_back() {
    check("BOOLEAN", "boolean", "BOOLEAN");
    check("TINYINT", "tinyint", "TINYINT");
    check("SMALLINT", "smallint", "SMALLINT");
    check("INT", "int", "INT");
    check("BIGINT", "bigint", "BIGINT");
    check("FLOAT", "float", "FLOAT");
    check("DOUBLE", "double", "DOUBLE");
    check("DECIMAL(12,3)", "decimal(12,3)", "DECIMAL(12,3)");
    check("STRING", "string", "STRING");
    check("BINARY", "binary", "BINARY");
    check("DATE", "date", "DATE");
    check("TIMESTAMP", "timestamp", "TIMESTAMP");
    check("TIMESTAMP_NTZ", "timestamp_ntz", "TIMESTAMP_NTZ");
    check("INTERVAL YEAR TO MONTH", "interval year to month", "INTERVAL YEAR TO MONTH");
    check("INTERVAL DAY TO SECOND", "interval day to second", "INTERVAL DAY TO SECOND");
    check("ARRAY<INT>", "array<int>", "ARRAY<INT>");
    check("MAP<STRING, ARRAY<DATE>>", "map<string,array<date>>", "MAP<STRING, ARRAY<DATE>>");
    check(
        "STRUCT<a: INT NOT NULL, `b c`: STRING>",
        "struct<a:int,b c:string>",
        "STRUCT<a: INT NOT NULL, `b c`: STRING>",
    );
}

#[test]
fn lengths_of_strings_are_not_kept() {
    for ddl in ["CHAR(3)", "VARCHAR(10)"] {
        assert_eq!(from_proto(&parse_schema(ddl).expect("a type")).expect("a string"), DataType::Utf8);
    }
}

#[test]
fn decimals_have_limits() {
    let wide = spark_connect_proto::data_type::Decimal { precision: Some(39), scale: Some(0), ..Default::default() };
    let wide = spark_connect_proto::DataType { kind: Some(spark_connect_proto::data_type::Kind::Decimal(wide)) };
    assert!(from_proto(&wide).is_err());
}

#[test]
fn a_collation_is_refused_and_not_forgotten() {
    let collated = parse_schema("a STRING COLLATE UNICODE_CI").expect("a schema");
    let error = from_proto(&collated).expect_err("texts compare by their bytes here");
    assert_eq!(error.kind(), millstream_core::ErrorKind::Unsupported);
    assert!(error.message().contains("UNICODE_CI"), "{}", error.message());
    check("STRING COLLATE UTF8_BINARY", "string", "STRING");
}
