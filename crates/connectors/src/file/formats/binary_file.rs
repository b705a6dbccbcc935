//! `binaryFile`: a row a file, with what is in it.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_core::{Error, Result};

use crate::file::format::{FileDecoder, FileFormat, FileRows, ReadConfig, Wanted};
use crate::file::found_file::FoundFile;
use crate::file::input::failed;
use crate::file::line_rows::batch_of;
use crate::file::part::FilePart;

/// The format whose records are whole files.
#[derive(Debug)]
pub(super) struct BinaryFile;

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, true),
        Field::new("modificationTime", time, true),
        Field::new("length", DataType::Int64, true),
        Field::new("content", DataType::Binary, true),
    ]))
}

impl FileFormat for BinaryFile {
    fn names(&self) -> &'static [&'static str] {
        &["binaryFile"]
    }

    fn infer(&self, _files: &[FoundFile], _config: &ReadConfig) -> Result<Option<SchemaRef>> {
        Ok(Some(schema()))
    }

    fn decoder(&self, given: &SchemaRef, _config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        if given.fields() != schema().fields() {
            return Err(Error::illegal_argument(
                "requirement failed: binaryFile has the columns path STRING, modificationTime TIMESTAMP, length BIGINT \
                 and content BINARY",
            ));
        }
        Ok(Arc::new(WholeFiles))
    }
}

#[derive(Debug)]
struct WholeFiles;

impl FileDecoder for WholeFiles {
    fn open(&self, part: &FilePart, wanted: &Wanted) -> Result<FileRows> {
        let schema = Arc::new(schema().project(&wanted.columns)?);
        let (file, columns) = (part.file.clone(), wanted.columns.clone());
        let mut room = wanted.memory.reservation(format!("the file '{}'", file.path.display()));
        Ok(Box::new(std::iter::once_with(move || {
            // Its bytes and the array that they are copied into.
            room.resize(usize::try_from(file.size).unwrap_or(usize::MAX).saturating_mul(2))?;
            let columns = columns.iter().map(|column| value(*column, &file)).collect::<Result<_>>()?;
            batch_of(&schema, columns, 1)
        })))
    }
}

/// A column of a file's only row.
fn value(column: usize, file: &FoundFile) -> Result<ArrayRef> {
    Ok(match column {
        0 => Arc::new(StringArray::from(vec![format!("file:{}", file.path.display())])),
        1 => Arc::new(TimestampMicrosecondArray::from(vec![file.modified_ms * 1000]).with_timezone("UTC")),
        2 => Arc::new(Int64Array::from(vec![file.size as i64])),
        _ => {
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(&file.path);
            opened.and_then(|mut opened| opened.read_to_end(&mut bytes)).map_err(|error| failed(file, error))?;
            Arc::new(BinaryArray::from_vec(vec![&bytes]))
        }
    })
}
