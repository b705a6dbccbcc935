//! The console sink: prints the first rows of each batch as a table (Spark: `ConsoleWrite`).
//!
//! Options: `numRows` (default 20), `truncate` (`true`, `false`, or characters of a cell; default true, which is 20).
//! Not exactly once: a batch that is run again is printed again.

use std::fmt::{self, Debug};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::TryStreamExt;
use millstream_core::{
    Connector, Error, KnownOptions, LoggedBatch, Options, Result, SaveMode, Sink, SinkBatch, SinkConfig, SinkProgress,
};
use millstream_formats::show::{ShowOptions, show_string};
use parking_lot::Mutex;

/// Where tables are printed.
pub type Output = Arc<Mutex<dyn Write + Send>>;

/// `format("console")`.
#[derive(Clone)]
pub struct Console {
    output: Output,
    pace: Duration,
}

impl Console {
    /// Prints to `output`, at most ten batches a second: nobody reads faster.
    pub fn new(output: Output) -> Self {
        Self { output, pace: Duration::from_millis(100) }
    }

    /// Prints at most one batch in this time.
    #[must_use]
    pub fn with_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// Prints to standard output.
    pub fn to_stdout() -> Self {
        Self::new(Arc::new(Mutex::new(std::io::stdout())))
    }
}

impl Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

impl Connector for Console {
    fn names(&self) -> &'static [&'static str] {
        &["console"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions::of(&["numRows", "truncate"]))
    }

    fn requires_checkpoint(&self) -> bool {
        false
    }

    fn check_save_mode(&self, _mode: SaveMode, _format: &str) -> Result<()> {
        Ok(())
    }

    fn open_sink(&self, config: SinkConfig) -> Result<Arc<dyn Sink>> {
        let show = ShowOptions {
            num_rows: num_rows(&config.options)?,
            truncate: truncate(&config.options)?,
            vertical: false,
            time_zone: config.settings.time_zone,
            binary: config.settings.binary,
        };
        Ok(Arc::new(ConsoleSink { output: Arc::clone(&self.output), pace: self.pace, show }))
    }
}

fn num_rows(options: &Options) -> Result<usize> {
    let rows = options.get_u64("numRows")?.unwrap_or(20);
    usize::try_from(rows)
        .map_err(|_| Error::illegal_argument(format!("option 'numRows' is {rows}, which is too large")))
}

fn truncate(options: &Options) -> Result<usize> {
    let Some(text) = options.get("truncate") else { return Ok(20) };
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(20),
        "false" => Ok(0),
        number => number.parse().map_err(|_| {
            Error::illegal_argument(format!("option 'truncate' is '{text}', but must be true, false or a number"))
        }),
    }
}

struct ConsoleSink {
    output: Output,
    pace: Duration,
    show: ShowOptions,
}

impl Debug for ConsoleSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConsoleSink({:?})", self.show)
    }
}

#[async_trait]
impl Sink for ConsoleSink {
    fn description(&self) -> String {
        // Spark prints its table object here; the hash of ours would mean as little.
        format!("org.apache.spark.sql.execution.streaming.ConsoleTable$@{:x}", std::ptr::from_ref(self).addr())
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        let mut shown: Vec<RecordBatch> = Vec::new();
        let (mut held, mut rows) = (0, 0_u64);
        // All streams are drained at the same time, because together they are the batch; only what is shown is kept.
        let mut streams = futures::stream::select_all(batch.rows);
        while let Some(part) = streams.try_next().await? {
            rows += part.num_rows() as u64;
            let wanted = (self.show.num_rows + 1 - held).min(part.num_rows());
            if wanted > 0 {
                held += wanted;
                shown.push(part.slice(0, wanted));
            }
        }
        let table = show_string(&shown, &batch.schema, &self.show)?;
        let rule = "-".repeat(43);
        let mut output = self.output.lock();
        write!(output, "{rule}\nBatch: {}\n{rule}\n{table}\n", batch.id).and_then(|()| output.flush()).map_err(
            |error| Error::unavailable(format!("cannot print batch {}: {error}", batch.id)).with_source(error),
        )?;
        Ok(SinkProgress { rows_written: rows, ..SinkProgress::default() })
    }
}

#[cfg(test)]
mod tests;
