//! Spark's types in Arrow's clothes, and the ways between Arrow, Spark Connect's messages and their text.
//!
//! Inside, every Spark type has exactly one Arrow form, so that equality of Arrow types is equality of Spark types:
//! STRING is Utf8 (never a view or large), TIMESTAMP is microseconds in "UTC", TIMESTAMP_NTZ is microseconds without a
//! zone, DECIMAL is Decimal128, ARRAY's element field is called `item` and MAP's entries `entries {key, value}`, as
//! DataFusion's own functions make them. The session's zone shows only where results leave (the Connect boundary).
//!
//! Deliberately not here: collations, VARIANT, GEOMETRY, user-defined types, and the field ranges of intervals (all
//! day-time intervals are DAY TO SECOND). CHAR and VARCHAR are STRING, as Spark reads them.

mod arrow_form;
mod from_proto;
mod text;
mod to_proto;

pub(crate) use arrow_form::{
    array, decimal, is_integral, is_numeric, is_timestamp, map, map_entry, structure, timestamp, timestamp_ntz,
};
pub(crate) use from_proto::{from_proto, schema_from_proto};
pub(crate) use millstream_core::text::simple_string;
pub(crate) use text::{quote_if_needed, sql_name};
pub(crate) use to_proto::METADATA_KEY;
pub use to_proto::schema_to_proto;
#[cfg(test)]
pub(crate) use to_proto::to_proto;

#[cfg(test)]
mod tests;
