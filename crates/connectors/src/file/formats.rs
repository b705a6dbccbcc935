//! The table of formats: a file or folder here, and a line.

mod binary_file;
mod csv;
mod json;
mod parquet;
mod text;

use super::format::FileFormat;

/// Every format of files.
pub static FORMATS: &[&dyn FileFormat] =
    &[&binary_file::BinaryFile, &csv::Csv, &json::Json, &parquet::Parquet, &text::Text];
