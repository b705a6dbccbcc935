//! In which type two values meet, as `record_common_types.py` asked Spark for every pair of types.

use arrow::datatypes::DataType;
use millstream_core::QuerySettings;
use millstream_functions::coercion::common_type;
use millstream_functions::data_type::simple_string;

use crate::data_type::from_proto;
use crate::parser::parse_schema;

fn data_type(ddl: &str) -> DataType {
    from_proto(&parse_schema(ddl).expect("a type")).expect("a type with an Arrow form")
}

#[test]
fn every_pair_under_both_rules() {
    let mut failures = Vec::new();
    for line in include_str!("spark/common_types.txt").lines() {
        let parts: Vec<&str> = line.split(" | ").collect();
        let [left, right, ansi, legacy] = parts[..] else { panic!("four parts a line, not {line}") };
        for (ansi, expected) in [(true, ansi), (false, legacy)] {
            let settings = QuerySettings { ansi, ..QuerySettings::default() };
            for (one, other) in [(left, right), (right, left)] {
                let found = common_type([&data_type(one), &data_type(other)], &settings);
                let found = found.as_ref().map_or_else(|| "-".to_owned(), simple_string);
                if found != expected {
                    failures.push(format!("{one} and {other}, ansi {ansi}: {found}, Spark says {expected}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
