//! Rows of formats whose records are lines.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use millstream_core::{Error, Options, Result, spark_error};

use super::format::Wanted;
use super::found_file::FoundFile;
use super::input::failed;
use super::lines::LineReader;
use super::part::FilePart;

/// The batches of a part of a file, each made by `batch` of some lines.
pub(super) struct LineRows<B> {
    file: FoundFile,
    lines: LineReader,
    batch_rows: usize,
    batch: B,
}

impl<B> LineRows<B>
where
    B: FnMut(&mut dyn Iterator<Item = &[u8]>) -> Result<RecordBatch>,
{
    pub(super) fn new(part: &FilePart, lines: LineReader, wanted: &Wanted, batch: B) -> Self {
        Self { file: part.file.clone(), lines, batch_rows: wanted.batch_rows.max(1), batch }
    }

    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let lines = self.lines.read(self.batch_rows).map_err(|error| failed(&self.file, error))?;
        let mut lines = lines.peekable();
        if lines.peek().is_none() { Ok(None) } else { (self.batch)(&mut lines).map(Some) }
    }
}

impl<B> Iterator for LineRows<B>
where
    B: FnMut(&mut dyn Iterator<Item = &[u8]>) -> Result<RecordBatch>,
{
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// A batch of these columns; `schema` is theirs.
pub(super) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)?)
}

/// Refuses a query that asks for nothing but the texts of malformed records: without other columns none is read, so
/// none is malformed.
pub(super) fn check_not_only_corrupt(schema: &SchemaRef, wanted: &Wanted, corrupt: &str) -> Result<()> {
    match wanted.columns.as_slice() {
        [column] if schema.field(*column).name() == corrupt => {
            Err(spark_error!("UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN"))
        }
        _ => Ok(()),
    }
}

/// Refuses a share of the records that is none. Whatever it says, all records are looked at: their types fit every
/// row then, and those of a sample may not.
pub(super) fn check_sampling_ratio(options: &Options) -> Result<()> {
    let Some(text) = options.get("samplingRatio") else { return Ok(()) };
    match text.trim().parse::<f64>() {
        Ok(ratio) if ratio > 0.0 => Ok(()),
        Ok(ratio) => Err(Error::illegal_argument(format!(
            "requirement failed: samplingRatio ({ratio:?}) should be greater than 0"
        ))),
        Err(_) => Err(Error::illegal_argument(format!("option 'samplingRatio' is '{text}', but must be a number"))),
    }
}

/// Refuses encodings that nothing here reads.
pub(super) fn check_encoding(options: &Options) -> Result<()> {
    match options.get("encoding").or_else(|| options.get("charset")) {
        Some(name) if !name.eq_ignore_ascii_case("UTF-8") => {
            Err(Error::unsupported(format!("Reading files in the encoding '{name}' is not supported by Millstream.")))
        }
        _ => Ok(()),
    }
}
