//! What a format of files is: how files are read as columns, and how columns are written as files.
//!
//! A format knows one file at a time. Which files there are, their partitions, `_metadata`, the log of a stream and the
//! commit of a write are not its business.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_core::{Error, MemoryLedger, Options, QuerySettings, Result, ScanFilter};

use super::found_file::FoundFile;
use super::part::FilePart;
use super::tolerance::Tolerance;

/// A format of files by name. One that reads alone, or writes alone, refuses the other half.
pub trait FileFormat: Send + Sync + Debug {
    /// The names under which `format(…)` finds it; the first is the one shown in errors.
    fn names(&self) -> &'static [&'static str];

    /// The columns of these files as Spark infers them, without partitions; `None` where nothing shows them.
    fn infer(&self, files: &[FoundFile], config: &ReadConfig) -> Result<Option<SchemaRef>> {
        let (_, _) = (files, config);
        Err(Error::unsupported(format!("Guessing the schema of {} files is not supported by Millstream.", self.name()))
            .with_hint("give one with .schema(…), or in SQL as CREATE TABLE name (columns) USING format"))
    }

    /// How files are read as the columns of `schema`, which are those inside the files; checks every option.
    fn decoder(&self, schema: &SchemaRef, config: &ReadConfig) -> Result<Arc<dyn FileDecoder>> {
        let (_, _) = (schema, config);
        Err(Error::unsupported(format!("Reading {} files is not supported by Millstream.", self.name())))
    }

    /// How rows are written as files; checks every option and the types of the columns.
    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        let _ = config;
        Err(Error::unsupported(format!("Writing {} files is not supported by Millstream.", self.name())))
    }

    /// Options with the setting that has their value where a write does not set them.
    fn conf_of_options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("maxRecordsPerFile", "spark.sql.files.maxRecordsPerFile"),
            ("partitionOverwriteMode", "spark.sql.sources.partitionOverwriteMode"),
        ]
    }

    /// The format's name in Spark's errors of a write.
    fn title(&self) -> &'static str {
        self.name()
    }

    /// The format's name in errors.
    fn name(&self) -> &'static str {
        self.names()[0]
    }
}

/// What a format is told of a read.
#[derive(Debug, Clone)]
pub struct ReadConfig {
    /// The reader's options.
    pub options: Options,
    /// Session settings that change what a text means.
    pub settings: QuerySettings,
    /// The time of the read, in milliseconds since 1970.
    pub now_ms: i64,
    /// Where buffers are counted.
    pub memory: MemoryLedger,
}

impl ReadConfig {
    /// Which files may be left out.
    pub(super) fn tolerance(&self) -> Result<Tolerance> {
        Tolerance::new(&self.options, &self.settings)
    }
}

/// What is wanted of a file.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The columns by index in the decoder's schema, in the order of the output; possibly none.
    pub columns: Vec<usize>,
    /// What is wanted of the rows, by index in the decoder's schema. Every filter may be ignored.
    pub filters: Vec<ScanFilter>,
    /// Rows of one batch at the most.
    pub batch_rows: usize,
    /// Where buffers are counted.
    pub memory: MemoryLedger,
}

/// The rows of a file, some at a time. To pull blocks.
pub type FileRows = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Reads files of one format as columns that are known.
pub trait FileDecoder: Send + Sync + Debug {
    /// Whether tasks may read parts of this file at the same time.
    fn can_split(&self, file: &FoundFile) -> bool {
        let _ = file;
        false
    }

    /// Opens a part of a file. Each batch has the wanted columns and no others.
    fn open(&self, part: &FilePart, wanted: &Wanted) -> Result<FileRows>;
}

/// What a format is told of a write.
#[derive(Debug, Clone)]
pub struct WriteConfig {
    /// The writer's options.
    pub options: Options,
    /// The columns of each file, without those of partitions.
    pub schema: SchemaRef,
    /// Session settings that change the text of a value.
    pub settings: QuerySettings,
}

/// Writes rows of known columns as files of one format.
pub trait FileEncoder: Send + Sync + Debug {
    /// What a file's name ends with, the codec's extension included: `.csv.gz`.
    fn extension(&self) -> String;

    /// Begins a file. Writing blocks.
    fn start(&self, out: Box<dyn Write + Send>) -> Result<Box<dyn FileEncoding>>;
}

/// A file that is being written.
pub trait FileEncoding: Send {
    /// Appends rows.
    fn write(&mut self, rows: &RecordBatch) -> Result<()>;

    /// The bytes that are held back until more rows come or the file ends.
    fn held(&self) -> usize {
        0
    }

    /// Writes what is still to be written. A file that is not finished is none.
    fn finish(self: Box<Self>) -> Result<()>;
}
