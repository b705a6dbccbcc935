//! Every entry of the function table is asked somewhere, or stands here with the reason why not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use millstream_functions::entries;
use millstream_sql::parser::{Statement, parse_statement};
use regex::Regex;

/// Entries that no recorded answer of `golden/functions` asks, and the file whose cases ask them.
const ASKED_ELSEWHERE: &[(&str, &str)] = &[
    ("product", "conformance/cases/sql_queries.py"),
    ("json_tuple", "conformance/cases/sql_queries.py"),
    ("posexplode", "conformance/cases/batch_queries.py"),
    ("posexplode_outer", "conformance/cases/dataframe_methods.py"),
    ("dense_rank", "conformance/cases/sql_queries.py"),
    ("percent_rank", "conformance/cases/sql_queries.py"),
    ("cume_dist", "conformance/cases/sql_queries.py"),
    ("version", "conformance/cases/sql_queries.py"),
    ("current_user", "conformance/cases/sql_queries.py"),
    ("session_window", "conformance/cases/streaming_queries.py"),
    ("window_time", "conformance/cases/streaming_queries.py"),
    ("current_timestamp", "conformance/cases/streaming_queries.py"),
];

/// Entries that no case asks by name, and why.
const NOT_ASKED: &[(&str, &str)] = &[
    ("boolean", "A cast by its name; `int`, `bigint`, `double` and others of its kind are asked"),
    ("tinyint", "A cast by its name; `int`, `bigint`, `double` and others of its kind are asked"),
    ("smallint", "A cast by its name; `int`, `bigint`, `double` and others of its kind are asked"),
    ("decimal", "A cast by its name; `int`, `bigint`, `double` and others of its kind are asked"),
    ("binary", "A cast by its name; `int`, `bigint`, `double` and others of its kind are asked"),
    ("timestamp", "A cast by its name; `int`, `bigint`, `double` and others of its kind are asked"),
    ("!=", "SQL text becomes NOT over `==`"),
    ("~", "`~x` has no case yet"),
    ("||", "SQL text becomes `concat`"),
    ("istrue", "`IS TRUE` has no case yet"),
    ("isfalse", "`IS FALSE` has no case yet"),
    ("iff", "`if` by another name"),
    ("localtimestamp", "answers the time; only its type could be asked"),
    ("get_item", "made of `a[i]`"),
    ("get_array_struct_fields", "made of `array.field`"),
    ("arrays_zip_by_place", "made of `zip_with`"),
    ("map_zip_entries", "made of `map_zip_with`"),
    ("array_with_index", "made of lambdas with an index"),
    ("inline_outer", "`inline`, which is asked, with a row of NULL"),
    ("spark_partition_id", "depends on how the engine lays out partitions"),
    ("monotonically_increasing_id", "depends on how the engine lays out partitions"),
];

/// The names of all functions that the recorded cases call, in lower case.
fn asked() -> BTreeSet<String> {
    let called = Regex::new(r#"function_name: "([^"]+)""#).expect("a pattern");
    let mut names = BTreeSet::new();
    for (file, text) in super::functions::golden_files() {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let expression = super::functions::unescape(line.split('\t').nth(1).expect("an expression"));
            // What Spark refuses to parse calls nothing.
            let Ok(Statement::Query(relation)) = parse_statement(&format!("SELECT {expression}")) else { continue };
            let message = format!("{relation:?}");
            names.extend(called.captures_iter(&message).map(|found| found[1].to_lowercase()));
        }
        assert!(!names.is_empty(), "{file} calls nothing");
    }
    names
}

#[test]
fn every_entry_is_asked() {
    let asked = asked();
    let is_asked = |name: &str| {
        let entry = entries().find(|entry| entry.name == name).unwrap_or_else(|| panic!("{name} is no entry"));
        std::iter::once(&entry.name).chain(entry.aliases).any(|name| asked.contains(*name))
    };
    let listed: BTreeSet<&str> = ASKED_ELSEWHERE.iter().chain(NOT_ASKED).map(|(name, _)| *name).collect();
    let wrong: Vec<_> =
        entries().map(|entry| entry.name).filter(|name| is_asked(name) == listed.contains(name)).collect();
    assert!(wrong.is_empty(), "neither asked nor listed, or both: {wrong:?}");
    for (name, reason) in NOT_ASKED {
        assert!(!is_asked(name) && !reason.is_empty(), "{name}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, file) in ASKED_ELSEWHERE {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.to_lowercase().contains(name), "{file} does not ask {name}");
    }
}
