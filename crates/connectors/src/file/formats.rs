//! The table of formats: a file or folder here, and a line.

mod csv;
mod json;
mod parquet;
mod text;

use super::format::FileFormat;

/// Every format of files.
pub static FORMATS: &[&dyn FileFormat] = &[&csv::Csv, &json::Json, &parquet::Parquet, &text::Text];
