//! Values as bytes and text, both ways: decoders of messages into Arrow columns, and Spark's text and JSON of values.
//!
//! A decoder implements [`millstream_core::decode::ValueDecoder`], so that a source can run it over slices of its own
//! buffers without knowing the format. How a date, a timestamp or a number is read and written is here once, for
//! decoders, casts and `show()` alike.
//!
//! Deliberately not here: plans and DataFusion, files and connections, and what an option of a connector means.

pub mod calendar;
mod columns;
pub mod csv;
pub mod csv_text;
pub mod date_time_pattern;
pub mod datetime;
pub mod decimal;
pub mod json;
pub mod json_patterns;
pub mod json_text;
pub mod partition_name;
pub mod schema_json;
pub mod show;
pub mod text;
