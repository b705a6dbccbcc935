//! The simulated source as one that keeps what its offsets mean in its log of the checkpoint, as sources of files do:
//! an offset is the number of an entry, and an entry has a line for each partition that goes on in it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::source::LatestOffset;
use millstream_core::{BatchStream, Error, Offset, OffsetRange, ReadLimit, Result, ScanRequest, Source, SourceLog};
use tokio::sync::Mutex;

use crate::source::{SimSource, offset, positions};

/// What the source says of a log that lacks what it has written.
pub(crate) const LACKS: &str = "the simulated source has no such entry";

/// A process's view of the source and of its log.
#[derive(Debug)]
pub(crate) struct LoggedSource {
    source: SimSource,
    log: Arc<dyn SourceLog>,
    /// How far each entry reads, once somebody has asked.
    entries: Mutex<Option<Vec<Vec<usize>>>>,
}

impl LoggedSource {
    pub(crate) fn new(source: SimSource, log: Arc<dyn SourceLog>) -> Self {
        Self { source, log, entries: Mutex::new(None) }
    }

    /// The newest entry behind `start`, after adding one if there is none and rows have come.
    async fn advance(&self, start: &Offset, limit: ReadLimit) -> Result<Offset> {
        let mut entries = self.entries.lock().await;
        let entries = match &mut *entries {
            Some(entries) => entries,
            none => none.insert(self.restored().await?),
        };
        if entries.len() > count(start) {
            return Ok(numbered(entries.len()));
        }
        let before = entries.last().cloned().unwrap_or_else(|| positions(&self.source.start()));
        let after = positions(&self.source.latest_offset(&offset(&before), limit).await?.end);
        if after != before {
            let moved = before.iter().zip(&after).enumerate().filter(|(_, (before, after))| before != after);
            let lines: Vec<_> = moved.map(|(part, (_, end))| format!("{} {part} {end}", entries.len())).collect();
            self.log.add(entries.len() as u64, &lines).await?;
            entries.push(after);
        }
        Ok(numbered(entries.len()))
    }

    /// How far each entry of the log reads.
    async fn restored(&self) -> Result<Vec<Vec<usize>>> {
        match self.log.newest().await? {
            Some(newest) => self.read(newest).await,
            None => Ok(Vec::new()),
        }
    }

    async fn read(&self, newest: u64) -> Result<Vec<Vec<usize>>> {
        let mut entries: Vec<Vec<usize>> = Vec::new();
        for line in self.log.lines_until(newest).await? {
            let numbers: Option<Vec<usize>> = line.split(' ').map(|number| number.parse().ok()).collect();
            let Some([entry, part, end]) = numbers.as_deref() else { return Err(Error::data(LACKS)) };
            if *entry == entries.len() {
                entries.push(entries.last().cloned().unwrap_or_else(|| positions(&self.source.start())));
            }
            let place = entries.get_mut(*entry).and_then(|ends| ends.get_mut(*part));
            *place.ok_or_else(|| Error::data(LACKS))? = *end;
        }
        if entries.len() as u64 == newest + 1 { Ok(entries) } else { Err(Error::data(LACKS)) }
    }

    /// How far an offset reads that has been given out, or was before this process began.
    async fn meaning(&self, number: &Offset) -> Result<Offset> {
        let mut entries = self.entries.lock().await;
        let entries = match &mut *entries {
            Some(entries) => entries,
            none => none.insert(self.restored().await?),
        };
        self.end_of(entries, number)
    }

    /// How far an offset reads, by these entries.
    fn end_of(&self, entries: &[Vec<usize>], number: &Offset) -> Result<Offset> {
        match count(number).checked_sub(1) {
            None => Ok(self.source.start()),
            Some(entry) => Ok(offset(entries.get(entry).ok_or_else(|| Error::data(LACKS))?)),
        }
    }
}

/// The offset behind so many entries.
fn numbered(entries: usize) -> Offset {
    Offset::new(serde_json::Value::from(entries))
}

/// How many entries an offset stands for.
fn count(offset: &Offset) -> usize {
    let number = offset.json().as_u64().expect("the engine gives back what it was given");
    usize::try_from(number).expect("small")
}

#[async_trait]
impl Source for LoggedSource {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn description(&self) -> String {
        self.source.description()
    }

    async fn initial_offset(&self) -> Result<Offset> {
        self.source.initial_offset().await?;
        Ok(numbered(0))
    }

    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        let end = self.advance(start, limit).await?;
        Ok(LatestOffset { latest: end.clone(), end })
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        loop {
            let found = self.latest_offset(start, ReadLimit::Options).await?;
            if found.end != *start {
                return Ok(found);
            }
            self.source.ready(&self.meaning(start).await?).await?;
        }
    }

    async fn prepare_available_now(&self) -> Result<()> {
        self.source.prepare_available_now().await
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        // By the log alone, and only by what it must still have for a batch that ends there.
        let entries = match count(&request.range.end).checked_sub(1) {
            Some(newest) => self.read(newest as u64).await?,
            None => Vec::new(),
        };
        let range = OffsetRange {
            start: self.end_of(&entries, &request.range.start)?,
            end: self.end_of(&entries, &request.range.end)?,
        };
        self.source.scan(ScanRequest { range, ..request }).await
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        let end = self.meaning(end).await?;
        self.source.commit(&end).await
    }
}
