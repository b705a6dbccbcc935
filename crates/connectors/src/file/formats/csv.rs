//! `csv`: records of fields, with or without a header, a line each or several.

mod records;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_core::interval::DAY_US;
use millstream_core::{MemoryLedger, Result, spark_error};
use millstream_formats::calendar::to_local_us;
use millstream_formats::csv::{CsvDecoder, CsvDecoding, CsvOptions, TypeInference, column_names};
use millstream_formats::json::ParseMode;

use self::records::{CsvRecord, Records};
use crate::file::charset::Charset;
use crate::file::format::{FileDecoder, FileEncoder, FileFormat, FileRows, ReadConfig, Wanted, WriteConfig};
use crate::file::found_file::FoundFile;
use crate::file::line_rows::{batch_of, check_not_only_corrupt, check_sampling_ratio};
use crate::file::part::FilePart;
use crate::file::{unpack, write};

/// The format whose records are fields between commas.
#[derive(Debug)]
pub(super) struct Csv;

impl FileFormat for Csv {
    fn names(&self) -> &'static [&'static str] {
        &["csv"]
    }

    /// The first record names the columns or at least counts them; with `inferSchema` all records show their types.
    fn infer(&self, files: &[FoundFile], config: &ReadConfig) -> Result<Option<SchemaRef>> {
        if files.is_empty() {
            return Ok(None);
        }
        check_sampling_ratio(&config.options)?;
        let charset = Charset::of_csv(&config.options)?;
        let options = Arc::new(options(config)?);
        let tolerance = config.tolerance()?;
        let mut files: Vec<_> = files.iter().collect();
        if !options.multi_line {
            // Spark begins with the largest file, whose header names the columns.
            files.sort_by_key(|file| std::cmp::Reverse(file.size));
        }
        let mut shown = Shown::default();
        for file in files {
            tolerance.unless_left_out(file, shown.add(file, &options, charset, &config.memory))?;
            if shown.first.is_some() && !options.infers_types {
                break;
            }
        }
        let names = column_names(&shown.first.unwrap_or_default(), options.header, config.settings.case_sensitive);
        let fields = names.into_iter().zip(shown.types);
        let fields = fields.map(|(name, inferred)| Field::new(name, inferred.finish(), true));
        Ok(Some(Arc::new(Schema::new(fields.collect::<Vec<_>>()))))
    }

    fn decoder(&self, schema: &SchemaRef, config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        let charset = Charset::of_csv(&config.options)?;
        let options = Arc::new(options(config)?);
        let all: Vec<_> = (0..schema.fields().len()).collect();
        CsvDecoder::new(schema.fields(), &all, Arc::clone(&options))?;
        let case_sensitive = config.settings.case_sensitive;
        Ok(Arc::new(CsvFiles { schema: SchemaRef::clone(schema), options, charset, case_sensitive }))
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::csv::encoder(config)
    }

    fn title(&self) -> &'static str {
        "CSV"
    }
}

/// What files show of their columns.
#[derive(Default)]
struct Shown {
    /// The first record of all.
    first: Option<Vec<Option<String>>>,
    types: Vec<TypeInference>,
}

impl Shown {
    /// Looks at the records of a file, at the first alone where types are not wanted.
    fn add(
        &mut self,
        file: &FoundFile,
        options: &Arc<CsvOptions>,
        charset: Charset,
        memory: &MemoryLedger,
    ) -> Result<()> {
        let mut records = Records::open(&FilePart::whole(file.clone()), options, charset, memory)?;
        let mut is_first = true;
        while let Some(record) = records.next()? {
            let header = self.first.get_or_insert_with(|| {
                self.types = vec![TypeInference::default(); record.len()];
                (0..record.len()).map(|place| record.text(place, options)).collect()
            });
            if options.header && std::mem::take(&mut is_first) && is_same(&record, header, options) {
                continue;
            }
            if !options.infers_types {
                break;
            }
            for (place, inferred) in self.types.iter_mut().enumerate() {
                if let Some(text) = record.text(place, options) {
                    inferred.add(&text, options);
                }
            }
        }
        Ok(())
    }
}

/// The options, with the day on which they are read.
fn options(config: &ReadConfig) -> Result<CsvOptions> {
    let mut options = CsvOptions::from_options(&config.options, config.settings.time_zone)?;
    let local_us = to_local_us(config.now_ms.saturating_mul(1000), options.time_zone);
    options.today = local_us.div_euclid(DAY_US) as i32;
    Ok(options)
}

/// Whether a record is the header again, as each file has it.
fn is_same(record: &CsvRecord<'_>, header: &[Option<String>], options: &CsvOptions) -> bool {
    record.len() == header.len() && header.iter().enumerate().all(|(place, one)| record.text(place, options) == *one)
}

#[derive(Debug)]
struct CsvFiles {
    schema: SchemaRef,
    options: Arc<CsvOptions>,
    charset: Charset,
    case_sensitive: bool,
}

impl FileDecoder for CsvFiles {
    fn can_split(&self, file: &FoundFile) -> bool {
        let is_cut = !self.options.multi_line && self.charset == Charset::Utf8;
        is_cut && records::separator(&self.options).can_split() && !unpack::is_packed(file)
    }

    fn open(&self, part: &FilePart, wanted: &Wanted) -> Result<FileRows> {
        check_not_only_corrupt(&self.schema, wanted, &self.options.corrupt_record_column)?;
        let decoder = CsvDecoder::new(self.schema.fields(), &wanted.columns, Arc::clone(&self.options))?;
        let mut records = Records::open(part, &self.options, self.charset, &wanted.memory)?;
        if self.options.header
            && part.start == 0
            && let Some(header) = records.next()?
            && !self.options.enforce_schema
        {
            self.check_header(&header, &part.file)?;
        }
        Ok(Box::new(CsvRows {
            records,
            decoding: decoder.start(),
            counts: decoder.counts(),
            drops: self.options.mode == ParseMode::DropMalformed,
            schema: Arc::new(self.schema.project(&wanted.columns)?),
            batch_rows: wanted.batch_rows.max(1),
        }))
    }
}

impl CsvFiles {
    /// Refuses a header that is not the schema's.
    fn check_header(&self, header: &CsvRecord<'_>, file: &FoundFile) -> Result<()> {
        let names: Vec<_> =
            (0..header.len()).map(|place| header.text(place, &self.options).unwrap_or_default()).collect();
        let corrupt = &self.options.corrupt_record_column;
        let wanted: Vec<_> =
            self.schema.fields().iter().map(|field| field.name()).filter(|name| *name != corrupt).collect();
        let same = |left: &str, right: &str| match self.case_sensitive {
            true => left == right,
            false => left.to_lowercase() == right.to_lowercase(),
        };
        let fault = if names.len() != wanted.len() {
            format!(
                "Number of column in CSV header is not equal to number of fields in the schema:\n Header length: {}, \
                 schema size: {}",
                names.len(),
                wanted.len()
            )
        } else if let Some((name, field)) = names.iter().zip(&wanted).find(|(name, field)| !same(name, field)) {
            format!(
                "CSV header does not conform to the schema.\n Header: {}\n Schema: {}\nExpected: {field} but found: \
                 {name}",
                names.join(", "),
                wanted.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            )
        } else {
            return Ok(());
        };
        let fault = format!("{fault}\nCSV file: file://{}", file.path.display());
        Err(spark_error!("_LEGACY_ERROR_TEMP_3241", msg = fault))
    }
}

/// The rows of a part of a file.
struct CsvRows {
    records: Records,
    decoding: CsvDecoding,
    /// Every record is a row.
    counts: bool,
    drops: bool,
    schema: SchemaRef,
    batch_rows: usize,
}

impl CsvRows {
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let mut rows = 0;
        while rows < self.batch_rows {
            let Some(record) = self.records.next()? else { break };
            if self.counts {
                rows += 1;
                continue;
            }
            if record.is_too_large() {
                if !self.drops {
                    let text = String::from_utf8_lossy(record.line());
                    return Err(spark_error!("MALFORMED_CSV_RECORD", badRecord = text));
                }
                continue;
            }
            record.append_to(&mut self.decoding)?;
            rows = self.decoding.rows();
        }
        if rows == 0 {
            return Ok(None);
        }
        Ok(Some(batch_of(&self.schema, self.decoding.finish()?, rows)?))
    }
}

impl Iterator for CsvRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
