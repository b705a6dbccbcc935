//! `json`: a record a line, decoded as by `from_json`, or with `multiLine` a file.
//!
//! Blank lines are no rows, and an array is as many rows as it has elements. With `mode` = `DROPMALFORMED` malformed
//! records are no rows either.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StructArray};
use arrow::compute::{concat, filter};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use millstream_core::decode::{ValueDecoder, ValueDecoding};
use millstream_core::{MemoryLedger, Options, Result};
use millstream_formats::json::{InferenceOptions, JsonDecoder, JsonInference, JsonOptions, ParseMode};
use millstream_formats::json_patterns;

use crate::file::charset::Charset;
use crate::file::format::{FileDecoder, FileEncoder, FileFormat, FileRows, ReadConfig, Wanted, WriteConfig};
use crate::file::found_file::FoundFile;
use crate::file::input::failed;
use crate::file::line_rows::{LineRows, batch_of, check_not_only_corrupt, check_sampling_ratio};
use crate::file::lines::{BYTE_ORDER_MARK, LineReader, Separator};
use crate::file::part::FilePart;
use crate::file::{unpack, write};

/// A column that no file has, for the text of malformed records.
const MALFORMED: &str = "\u{0}malformed";
/// Records whose types are looked at together.
const INFERRED_AT_ONCE: usize = 1024;

/// The format whose records are JSON texts.
#[derive(Debug)]
pub(super) struct Json;

impl FileFormat for Json {
    fn names(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn infer(&self, files: &[FoundFile], config: &ReadConfig) -> Result<Option<SchemaRef>> {
        if files.is_empty() {
            return Ok(None);
        }
        let charset = Charset::of_json(&config.options)?;
        check_sampling_ratio(&config.options)?;
        let time = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into()));
        let options = json_patterns::to_read(&config.options, config.settings.time_zone, &time)?;
        let mut inference = JsonInference::new(options, InferenceOptions::from_options(&config.options)?);
        let separator = separator(&config.options)?;
        let tolerance = config.tolerance()?;
        for file in files {
            tolerance.unless_left_out(file, add_records(file, &separator, charset, config, &mut inference))?;
        }
        Ok(Some(Arc::new(Schema::new(inference.finish()?))))
    }

    fn decoder(&self, schema: &SchemaRef, config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        let charset = Charset::of_json(&config.options)?;
        let whole = DataType::Struct(schema.fields().clone());
        let mut options = json_patterns::to_read(&config.options, config.settings.time_zone, &whole)?;
        let drop_malformed = options.mode == ParseMode::DropMalformed;
        if drop_malformed {
            options.mode = ParseMode::Permissive;
            options.corrupt_record_column = MALFORMED.to_owned();
        }
        JsonDecoder::new(schema.fields(), options.clone())?;
        let separator = separator(&config.options)?;
        Ok(Arc::new(JsonRecords { schema: SchemaRef::clone(schema), options, drop_malformed, separator, charset }))
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::json::encoder(config)
    }

    fn title(&self) -> &'static str {
        "JSON"
    }
}

/// Looks at the records of a file.
fn add_records(
    file: &FoundFile,
    separator: &Separator,
    charset: Charset,
    config: &ReadConfig,
    inference: &mut JsonInference,
) -> Result<()> {
    let mut lines = open_lines(&FilePart::whole(file.clone()), separator, charset, &config.memory)?;
    loop {
        let mut some = false;
        for line in lines.read(INFERRED_AT_ONCE).map_err(|error| failed(file, error))? {
            some = true;
            inference.add(&String::from_utf8_lossy(without_mark(line, charset)))?;
        }
        if !some {
            return Ok(());
        }
    }
}

fn separator(options: &Options) -> Result<Separator> {
    match options.get_bool("multiLine")? {
        Some(true) => Ok(Separator::None),
        Some(false) | None => Separator::from_options(options),
    }
}

/// The records of a file. In an encoding other than UTF-8 a mark that is not the encoding's own is a letter.
fn open_lines(part: &FilePart, separator: &Separator, charset: Charset, memory: &MemoryLedger) -> Result<LineReader> {
    let lines = LineReader::open(part, separator.clone(), charset, memory)?;
    Ok(if charset == Charset::Utf8 { lines } else { lines.with_mark() })
}

/// A text without the mark of its byte order. In an encoding whose name says the order a mark is a fault.
fn without_mark(text: &[u8], charset: Charset) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).filter(|_| charset == Charset::Utf8).unwrap_or(text)
}

#[derive(Debug)]
struct JsonRecords {
    schema: SchemaRef,
    options: JsonOptions,
    drop_malformed: bool,
    separator: Separator,
    charset: Charset,
}

impl FileDecoder for JsonRecords {
    fn can_split(&self, file: &FoundFile) -> bool {
        self.separator.can_split() && self.charset == Charset::Utf8 && !unpack::is_packed(file)
    }

    fn open(&self, part: &FilePart, wanted: &Wanted) -> Result<FileRows> {
        check_not_only_corrupt(&self.schema, wanted, &self.options.corrupt_record_column)?;
        let schema = Arc::new(self.schema.project(&wanted.columns)?);
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        if self.drop_malformed {
            fields.push(Arc::new(Field::new(MALFORMED, DataType::Utf8, true)));
        }
        let mut decoding = Decoding::new(fields.into(), &self.options)?;
        let (drop_malformed, charset) = (self.drop_malformed, self.charset);
        let lines = open_lines(part, &self.separator, self.charset, &wanted.memory)?;
        Ok(Box::new(LineRows::new(part, lines, wanted, move |lines| {
            for line in lines {
                decoding.append(without_mark(line, charset))?;
            }
            records(&schema, &decoding.finish()?, drop_malformed)
        })))
    }
}

/// Decodes objects as rows, and arrays as as many rows as they have elements.
struct Decoding {
    rows: Box<dyn ValueDecoding>,
    arrays: Box<dyn ValueDecoding>,
    /// Rows before those that are being decoded.
    done: Vec<ArrayRef>,
}

impl Decoding {
    fn new(fields: Fields, options: &JsonOptions) -> Result<Self> {
        let element = Field::new_list_field(DataType::Struct(fields.clone()), true);
        let lenient = JsonOptions { mode: ParseMode::Permissive, ..options.clone() };
        let arrays = JsonDecoder::of_type(&DataType::List(Arc::new(element)), lenient)?.start();
        Ok(Self { rows: JsonDecoder::new(&fields, options.clone())?.start(), arrays, done: Vec::new() })
    }

    fn append(&mut self, record: &[u8]) -> Result<()> {
        if record.iter().find(|byte| **byte > b' ') != Some(&b'[') {
            return self.rows.append(Some(record));
        }
        self.arrays.append(Some(record))?;
        let array = self.arrays.finish()?;
        if array.is_null(0) {
            // As a row it is malformed, and the decoder of rows knows what follows from that.
            return self.rows.append(Some(record));
        }
        self.end_rows()?;
        self.done.push(array.as_list::<i32>().value(0));
        Ok(())
    }

    fn end_rows(&mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.done.push(self.rows.finish()?);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        if self.done.is_empty() {
            return self.rows.finish();
        }
        self.end_rows()?;
        let pieces: Vec<_> = self.done.iter().map(AsRef::as_ref).collect();
        let rows = concat(&pieces)?;
        self.done.clear();
        Ok(rows)
    }
}

/// The rows that are records.
fn records(schema: &Arc<Schema>, decoded: &ArrayRef, drop_malformed: bool) -> Result<RecordBatch> {
    let rows = kept(decoded, drop_malformed)?;
    batch_of(schema, rows.columns()[..schema.fields().len()].to_vec(), rows.len())
}

fn kept(decoded: &ArrayRef, drop_malformed: bool) -> Result<StructArray> {
    let rows = decoded.as_struct();
    let marks = if drop_malformed { rows.columns().last() } else { None };
    if rows.null_count() == 0 && marks.is_none() {
        return Ok(rows.clone());
    }
    let wanted: BooleanArray =
        (0..rows.len()).map(|row| Some(rows.is_valid(row) && marks.is_none_or(|marks| marks.is_null(row)))).collect();
    Ok(filter(rows, &wanted)?.as_struct().clone())
}
