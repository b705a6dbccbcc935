//! `text`: the lines of files, or with `wholetext` the files, in one STRING column `value`.
//!
//! What is not UTF-8 becomes U+FFFD.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_core::{Result, spark_error};
use millstream_formats::text::sql_name;

use crate::file::charset::Charset;
use crate::file::format::{FileDecoder, FileEncoder, FileFormat, FileRows, ReadConfig, Wanted, WriteConfig};
use crate::file::found_file::FoundFile;
use crate::file::line_rows::{LineRows, batch_of, check_encoding};
use crate::file::lines::{LineReader, Separator};
use crate::file::part::FilePart;
use crate::file::{unpack, write};

/// The format whose records are lines of text.
#[derive(Debug)]
pub(super) struct Text;

impl FileFormat for Text {
    fn names(&self) -> &'static [&'static str] {
        &["text"]
    }

    fn infer(&self, _files: &[FoundFile], _config: &ReadConfig) -> Result<Option<SchemaRef>> {
        Ok(Some(Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, true)]))))
    }

    fn decoder(&self, schema: &SchemaRef, config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        if schema.fields().len() != 1 {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1290", schemaSize = schema.fields().len()));
        }
        let field = schema.field(0);
        if *field.data_type() != DataType::Utf8 {
            return Err(spark_error!(
                "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                format = "Text",
                columnName = format!("`{}`", field.name()),
                columnType = format!("\"{}\"", sql_name(field.data_type())),
            ));
        }
        check_encoding(&config.options)?;
        let separator = match config.options.get_bool("wholetext")? {
            Some(true) => Separator::None,
            Some(false) | None => Separator::from_options(&config.options)?,
        };
        Ok(Arc::new(TextDecoder { schema: SchemaRef::clone(schema), separator }))
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::text::encoder(config)
    }

    fn title(&self) -> &'static str {
        "Text"
    }
}

#[derive(Debug)]
struct TextDecoder {
    schema: SchemaRef,
    separator: Separator,
}

impl FileDecoder for TextDecoder {
    fn can_split(&self, file: &FoundFile) -> bool {
        self.separator.can_split() && !unpack::is_packed(file)
    }

    fn open(&self, part: &FilePart, wanted: &Wanted) -> Result<FileRows> {
        let lines = LineReader::open(part, self.separator.clone(), Charset::Utf8, &wanted.memory)?;
        let schema = Arc::new(self.schema.project(&wanted.columns)?);
        Ok(Box::new(LineRows::new(part, lines, wanted, move |lines| {
            if schema.fields().is_empty() {
                return batch_of(&schema, Vec::new(), lines.count());
            }
            let texts: ArrayRef = Arc::new(StringArray::from_iter_values(lines.map(String::from_utf8_lossy)));
            let rows = texts.len();
            batch_of(&schema, schema.fields().iter().map(|_| Arc::clone(&texts)).collect(), rows)
        })))
    }
}
