//! Spark's types as text, both ways: DDL (`a INT, b STRUCT<x: BIGINT>`), JSON, and the tree that `printSchema` shows.

mod ddl;
mod json;
#[cfg(test)]
mod tests;
mod text;

use spark_connect_proto::DataType;
use spark_connect_proto::data_type::Kind;

pub(crate) use ddl::{parse, parse_type};
pub use json::to_json;
pub(crate) use json::{looks_like_json, parse_json};
pub use text::{comment, simple_string, to_ddl, tree_string};

/// A type of this kind.
pub(crate) fn data_type(kind: Kind) -> DataType {
    DataType { kind: Some(kind) }
}

/// Fields of day-time intervals by Spark's numbers.
const DAY_TIME_FIELDS: [&str; 4] = ["day", "hour", "minute", "second"];
/// Fields of year-month intervals by Spark's numbers.
const YEAR_MONTH_FIELDS: [&str; 2] = ["year", "month"];
