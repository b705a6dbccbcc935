//! Files as a stream: each is read once, in the order in which they came (Spark: `FileStreamSource`).
//!
//! An offset is the number of an entry in the source's own log, which says which files it stands for. What is new is
//! what has not been seen; only new files are looked at, so that old ones cost their names alone.

mod clean;
mod entry;
mod options;
mod seen;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Clock, Error, Offset, ReadLimit, Result, ScanRequest, Source, SourceConfig, SourceLog,
};
use tokio::sync::Mutex;

use self::clean::Cleaner;
use self::entry::Entry;
use self::options::StreamOptions;
use self::seen::Seen;
use super::found_file::FoundFile;
use super::listing::Search;
use super::quiet_folders::QuietFolders;
use super::scan;
use super::table::FileTable;

/// How long nobody looks for files after none was found.
const POLL: Duration = Duration::from_millis(100);

/// Files of one format as they come.
#[derive(Debug)]
pub(super) struct FileStream {
    table: Arc<FileTable>,
    cleaner: Cleaner,
    reader: Arc<Reader>,
}

/// What the source knows of files, shared with the task that looks for them.
#[derive(Debug)]
struct Reader {
    search: Search,
    options: StreamOptions,
    /// The columns of partitions.
    partitions: Vec<String>,
    log: Arc<dyn SourceLog>,
    clock: Arc<dyn Clock>,
    state: Mutex<Option<State>>,
}

/// What was read of the log, and what has been added to it.
#[derive(Debug)]
struct State {
    seen: Seen,
    quiet: QuietFolders,
    newest: Option<u64>,
    /// The files of entries that are not committed.
    recent: BTreeMap<u64, Vec<FoundFile>>,
    /// The files that a run until everything is read will read, those to be read next last.
    available: Option<Vec<PathBuf>>,
}

impl FileStream {
    /// A stream of the files of a table.
    ///
    /// # Errors
    /// An option is none, or there is no log to remember files in.
    pub(super) fn open(
        table: Arc<FileTable>,
        search: Search,
        partitions: Vec<String>,
        config: &SourceConfig,
    ) -> Result<Self> {
        let options = StreamOptions::from_options(&config.options)?;
        let log = config.log.clone().ok_or_else(|| Error::internal("a stream of files has no log"))?;
        let cleaner = Cleaner::from_options(&config.options, &search)?;
        let reader =
            Reader { search, options, partitions, log, clock: Arc::clone(&config.clock), state: Mutex::default() };
        Ok(Self { table, cleaner, reader: Arc::new(reader) })
    }

    /// Looks for files and gives where the next batch ends. A caller that goes away does not stop it halfway.
    async fn advance(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        let start = entry::number(start)?;
        let reader = Arc::clone(&self.reader);
        let advanced = tokio::spawn(async move { reader.advance(start, limit).await });
        let newest =
            advanced.await.map_err(|error| Error::internal("a look for files broke off").with_source(error))??;
        Ok(LatestOffset { end: entry::offset(newest), latest: entry::offset(newest) })
    }

    /// The files of the entries behind `start` up to `end`.
    async fn files(&self, start: Option<u64>, end: u64) -> Result<Vec<FoundFile>> {
        let first = start.map_or(0, |start| start + 1);
        let state = self.reader.state.lock().await;
        let known = |state: &State| {
            let entries = (first..=end).map(|entry| state.recent.get(&entry));
            entries.collect::<Option<Vec<_>>>().map(|files| files.into_iter().flatten().cloned().collect())
        };
        if let Some(files) = state.as_ref().and_then(known) {
            return Ok(files);
        }
        drop(state);
        let lines = self.reader.log.lines_until(end).await?;
        let mut files = Vec::new();
        for line in lines {
            let entry = Entry::parse(&line)?;
            if (first..=end).contains(&entry.batch_id) {
                let path = entry.path()?;
                match self.reader.search.look_at(path.clone(), &self.reader.partitions)? {
                    Some(file) => files.push(file),
                    None => tracing::warn!(path = %path.display(), "a file that was to be read again is gone"),
                }
            }
        }
        Ok(files)
    }
}

impl Reader {
    /// The newest entry behind `start`, after adding one if there is none and there are new files.
    async fn advance(&self, start: Option<u64>, limit: ReadLimit) -> Result<Option<u64>> {
        let mut state = self.state.lock().await;
        let state = match &mut *state {
            Some(state) => state,
            none => none.insert(self.restored().await?),
        };
        if state.newest > start {
            return Ok(state.newest);
        }
        let added = self.add_entry(state, limit).await;
        if added.is_err() {
            // What was found and not added is found again only where its folder is read again.
            state.quiet.clear();
        }
        added
    }

    /// Adds an entry of new files, if there are any; gives the newest entry.
    async fn add_entry(&self, state: &mut State, limit: ReadLimit) -> Result<Option<u64>> {
        let files = self.new_files(state, limit)?;
        if files.is_empty() {
            return Ok(state.newest);
        }
        let number = state.newest.map_or(0, |newest| newest + 1);
        let lines: Vec<_> = files.iter().map(|file| Entry::of(file, number).line()).collect::<Result<_>>()?;
        self.log.add(number, &lines).await?;
        for file in &files {
            state.seen.add(&file.path, file.modified_ms);
        }
        state.seen.forget_old();
        state.newest = Some(number);
        state.recent.insert(number, files);
        Ok(Some(number))
    }

    async fn restored(&self) -> Result<State> {
        let newest = self.log.newest().await?;
        let mut seen = Seen::new(&self.options);
        if let Some(newest) = newest {
            for line in self.log.lines_until(newest).await? {
                let entry = Entry::parse(&line)?;
                seen.add(&entry.path()?, entry.timestamp);
            }
            seen.forget_old();
        }
        Ok(State { seen, quiet: QuietFolders::default(), newest, recent: BTreeMap::new(), available: None })
    }

    /// The files of the next batch.
    fn new_files(&self, state: &mut State, limit: ReadLimit) -> Result<Vec<FoundFile>> {
        let mut paths = Vec::new();
        match &state.available {
            Some(available) => paths.extend(available.iter().filter(|path| state.seen.is_new_name(path)).cloned()),
            None => {
                let State { seen, quiet, .. } = state;
                quiet.begin(self.clock.now_ms());
                self.search.candidates(!self.partitions.is_empty(), quiet, |path| {
                    if seen.is_new_name(&path) {
                        paths.push(path);
                    }
                })?;
            }
        }
        let found = paths.len();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            if let Some(file) = self.search.look_at(path, &self.partitions)?
                && state.seen.is_new_time(file.modified_ms)
            {
                files.push(file);
            }
        }
        files.sort_by(|left, right| (left.modified_ms, &left.path).cmp(&(right.modified_ms, &right.path)));
        if self.options.latest_first {
            files.reverse();
        }
        self.options.take(&mut files, limit);
        if files.len() < found {
            state.quiet.clear();
        }
        Ok(files)
    }
}

#[async_trait]
impl Source for FileStream {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn description(&self) -> String {
        let paths: Vec<_> = self.reader.search.paths().iter().map(|path| format!("file:{}", path.display())).collect();
        format!("FileStreamSource[{}]", paths.join(","))
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(entry::offset(None))
    }

    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        self.advance(start, limit).await
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        loop {
            let found = self.advance(start, ReadLimit::Options).await?;
            if found.end != *start {
                return Ok(found);
            }
            self.reader.clock.sleep(POLL).await;
        }
    }

    async fn prepare_available_now(&self) -> Result<()> {
        let mut state = self.reader.state.lock().await;
        let state = match &mut *state {
            Some(state) => state,
            none => none.insert(self.reader.restored().await?),
        };
        let mut paths = Vec::new();
        let has_partitions = !self.reader.partitions.is_empty();
        self.reader.search.candidates(has_partitions, &mut QuietFolders::default(), |path| paths.push(path))?;
        paths.retain(|path| state.seen.is_new_name(path));
        state.available = Some(paths);
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let (start, end) = (entry::number(&request.range.start)?, entry::number(&request.range.end)?);
        let files = match end {
            Some(end) => self.files(start, end).await?,
            None => Vec::new(),
        };
        let scan = self.table.scan(&request.columns, &request.filters, request.batch_rows)?;
        let parts = self.table.parts(&files, &request.filters);
        Ok(scan::streams(&self.table, &parts.into(), &scan, request.max_streams))
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        let Some(end) = entry::number(end)? else { return Ok(()) };
        let mut state = self.reader.state.lock().await;
        let Some(state) = &mut *state else { return Ok(()) };
        // The files of older entries are not asked for again in this run.
        let later = state.recent.split_off(&(end + 1));
        let done = std::mem::replace(&mut state.recent, later);
        self.cleaner.clean(done.into_values().flatten())
    }

    fn check_offset(&self, offset: &Offset) -> Result<()> {
        entry::number(offset).map(|_| ())
    }
}

#[cfg(test)]
mod tests;
