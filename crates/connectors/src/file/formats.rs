//! The table of formats: a file or folder here, and a line.

mod json;
mod text;

use super::format::FileFormat;

/// Every format of files.
pub static FORMATS: &[&dyn FileFormat] = &[&json::Json, &text::Text];
