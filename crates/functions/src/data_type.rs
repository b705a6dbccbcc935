//! Spark's types in Arrow's clothes, and their text.
//!
//! Inside, every Spark type has exactly one Arrow form, so that equality of Arrow types is equality of Spark types:
//! STRING is Utf8 (never a view or large), TIMESTAMP is microseconds in "UTC", TIMESTAMP_NTZ is microseconds without a
//! zone, DECIMAL is Decimal128, ARRAY's element field is called `item` and MAP's entries `entries {key, value}`, as
//! DataFusion's own functions make them. The session's zone shows only where results leave (the Connect boundary).
//!
//! Deliberately not here: collations, VARIANT, GEOMETRY, user-defined types, and the field ranges of intervals (all
//! day-time intervals are DAY TO SECOND). CHAR and VARCHAR are STRING, as Spark reads them. Spark Connect's messages of
//! types are the analyzer's.

mod arrow_form;

pub use arrow_form::{
    array, decimal, holds_map, is_integral, is_numeric, is_timestamp, map, map_entry, structure, timestamp,
    timestamp_ntz,
};
pub use millstream_formats::text::{quote_if_needed, simple_string, sql_id, sql_name};
