//! Types as text, both ways. Trees and JSON are as Apache Spark prints them for these schemas.

use crate::parser::{parse_schema, simple_string, to_ddl, to_json, tree_string};

#[test]
fn ddl_goes_there_and_back() {
    for (text, simple, ddl) in [
        ("INT", "int", "INT"),
        ("decimal", "decimal(10,0)", "DECIMAL(10,0)"),
        (
            "a INT, b STRUCT<x: BIGINT> NOT NULL COMMENT 'it''s'",
            "struct<a:int,b:struct<x:bigint>>",
            r"a INT,b STRUCT<x: BIGINT> NOT NULL COMMENT 'it\'s'",
        ),
        (
            "a: long, `b c`: array<map<string, struct<d:int>>>",
            "struct<a:bigint,b c:array<map<string,struct<d:int>>>>",
            "a BIGINT,`b c` ARRAY<MAP<STRING, STRUCT<d: INT>>>",
        ),
        ("struct<a:timestamp_ntz,b:date>", "struct<a:timestamp_ntz,b:date>", "a TIMESTAMP_NTZ,b DATE"),
        ("timestamp int", "struct<timestamp:int>", "timestamp INT"),
        (
            "a interval day to second, b interval year, c interval",
            "struct<a:interval day to second,b:interval year,c:interval>",
            "a INTERVAL DAY TO SECOND,b INTERVAL YEAR,c INTERVAL",
        ),
        (
            "a char(3), b varchar(4), c void, d variant",
            "struct<a:char(3),b:varchar(4),c:void,d:variant>",
            "a CHAR(3),b VARCHAR(4),c VOID,d VARIANT",
        ),
        ("", "struct<>", ""),
    ] {
        let parsed = parse_schema(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!((simple_string(&parsed).as_str(), to_ddl(&parsed).as_str()), (simple, ddl), "{text}");
        if !ddl.is_empty() {
            assert_eq!(parse_schema(ddl).expect("our DDL is DDL"), parsed, "{text}");
        }
    }
}

#[test]
fn json_goes_there_and_back() {
    let json = concat!(
        r#"{"type":"struct","fields":[{"name":"a","type":"integer","nullable":true,"metadata":{}},"#,
        r#"{"name":"b","type":{"type":"array","elementType":"string","containsNull":false},"nullable":false,"metadata":{"comment":"x"}},"#,
        r#"{"name":"m","type":{"type":"map","keyType":"string","valueType":"decimal(10,2)","valueContainsNull":true},"nullable":true,"metadata":{}}]}"#
    );
    let parsed = parse_schema(json).expect("Spark's JSON is read");
    assert_eq!(to_json(&parsed), json);
    assert_eq!(to_ddl(&parsed), "a INT,b ARRAY<STRING> NOT NULL COMMENT 'x',m MAP<STRING, DECIMAL(10,2)>");
    assert_eq!(simple_string(&parse_schema("\"long\"").expect("a bare type")), "bigint");
    let refused = parse_schema(r#"{"type":"struct","fields":[{"name":"a","type":"foo"}]}"#).expect_err("no such type");
    assert_eq!(refused.class(), Some("INVALID_JSON_DATA_TYPE"));
}

#[test]
fn trees_are_as_print_schema_prints_them() {
    let parsed = parse_schema("a INT NOT NULL, s STRUCT<x: BIGINT>, arr ARRAY<STRUCT<y: DOUBLE>>, m MAP<STRING, INT>")
        .expect("a schema");
    let expected = "root
 |-- a: integer (nullable = false)
 |-- s: struct (nullable = true)
 |    |-- x: long (nullable = true)
 |-- arr: array (nullable = true)
 |    |-- element: struct (containsNull = true)
 |    |    |-- y: double (nullable = true)
 |-- m: map (nullable = true)
 |    |-- key: string
 |    |-- value: integer (valueContainsNull = true)
";
    assert_eq!(tree_string(&parsed, None), expected);
    let shallow = "root
 |-- a: integer (nullable = false)
 |-- s: struct (nullable = true)
 |-- arr: array (nullable = true)
 |-- m: map (nullable = true)
";
    assert_eq!(tree_string(&parsed, Some(1)), shallow);
}
