//! Everything but records that must be there after a restart: topics, settings, committed offsets, transactions.
//!
//! One file of checksummed entries, appended before anyone hears of the change, and written anew when most of it is
//! history. Kafka keeps the same in internal topics; nobody reads those, so there are none here. In memory it is
//! nothing.

mod entry;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use kafka_protocol::ResponseError;
use parking_lot::Mutex;
use uuid::Uuid;

pub(crate) use entry::{CommittedOffset, Entry, TransactionRecord, TransactionState};

const FILE_NAME: &str = "journal";
/// Length and checksum.
const FRAME_HEADER_BYTES: usize = 8;
/// Below this it is not worth writing anew.
const REWRITE_FROM_BYTES: u64 = 4 << 20;

/// A topic as the journal has it.
#[derive(Debug, Clone)]
pub(crate) struct TopicEntry {
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    pub(crate) config: BTreeMap<String, String>,
}

/// The sum of all entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) cluster: Option<String>,
    pub(crate) topics: BTreeMap<String, TopicEntry>,
    pub(crate) log_starts: HashMap<(Uuid, i32), i64>,
    pub(crate) next_producer_id: i64,
    pub(crate) transactions: BTreeMap<String, TransactionRecord>,
    pub(crate) offsets: BTreeMap<String, BTreeMap<(String, i32), CommittedOffset>>,
}

impl Snapshot {
    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Cluster { id } => self.cluster = Some(id),
            Entry::Topic { name, id, partitions, config } => {
                self.topics.insert(name, TopicEntry { id, partitions, config });
            }
            Entry::TopicDeleted { name } => {
                if let Some(topic) = self.topics.remove(&name) {
                    self.log_starts.retain(|(id, _), _| *id != topic.id);
                }
            }
            Entry::LogStart { topic, partition, offset } => {
                self.log_starts.insert((topic, partition), offset);
            }
            Entry::ProducerIds { next } => self.next_producer_id = next,
            Entry::Transaction(record) => {
                self.transactions.insert(record.id.clone(), record);
            }
            Entry::TransactionForgotten { id } => {
                self.transactions.remove(&id);
            }
            Entry::Offset { group, topic, partition, committed } => {
                self.offsets.entry(group).or_default().insert((topic, partition), committed);
            }
            Entry::OffsetDeleted { group, topic, partition } => {
                if let Some(offsets) = self.offsets.get_mut(&group) {
                    offsets.remove(&(topic, partition));
                }
            }
            Entry::GroupDeleted { group } => {
                self.offsets.remove(&group);
            }
        }
    }

    /// The fewest entries that give this.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![Entry::ProducerIds { next: self.next_producer_id }];
        entries.extend(self.cluster.clone().map(|id| Entry::Cluster { id }));
        entries.extend(self.topics.iter().map(|(name, topic)| Entry::Topic {
            name: name.clone(),
            id: topic.id,
            partitions: topic.partitions,
            config: topic.config.clone(),
        }));
        let starts = self.log_starts.iter();
        entries.extend(starts.map(|(&(topic, partition), &offset)| Entry::LogStart { topic, partition, offset }));
        entries.extend(self.transactions.values().cloned().map(Entry::Transaction));
        for (group, offsets) in &self.offsets {
            entries.extend(offsets.iter().map(|((topic, partition), committed)| Entry::Offset {
                group: group.clone(),
                topic: topic.clone(),
                partition: *partition,
                committed: committed.clone(),
            }));
        }
        entries
    }
}

/// Where changes are written before they are made.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<Mutex<JournalFile>>,
}

#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    file: File,
    len: u64,
    /// Its length when it was last written anew.
    rewritten_len: u64,
    /// The sum of what is in the file, from which it is written anew.
    sum: Snapshot,
}

impl Journal {
    /// Remembers nothing.
    pub(crate) fn in_memory() -> Self {
        Self { file: None }
    }

    /// Opens the journal of a data folder; gives what it says. What is torn at its end is cut.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Snapshot)> {
        let path = folder.join(FILE_NAME);
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut sum = Snapshot::default();
        let mut whole = 0;
        while let Some((entry, len)) = read_frame(&bytes[whole..]) {
            sum.apply(entry);
            whole += len;
        }
        if whole < bytes.len() {
            tracing::warn!(path = %path.display(), cut = bytes.len() - whole, "the journal's torn end is cut");
            file.set_len(whole as u64)?;
        }
        let opened = JournalFile { path, file, len: whole as u64, rewritten_len: 0, sum: sum.clone() };
        Ok((Self { file: Some(Mutex::new(opened)) }, sum))
    }

    /// Writes changes down, all of them or none as far as the caller is concerned.
    pub(crate) fn append(&self, entries: Vec<Entry>) -> Result<(), ResponseError> {
        let Some(file) = &self.file else { return Ok(()) };
        file.lock().append(entries).map_err(|error| {
            tracing::warn!(%error, "the journal cannot be written");
            ResponseError::KafkaStorageError
        })
    }

    /// Writes it anew if most of it is history, and flushes it.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut file = file.lock();
        if file.len > REWRITE_FROM_BYTES && file.len / 2 > file.rewritten_len {
            file.rewrite()?;
        }
        Ok(())
    }

    /// Makes all of it outlive a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.lock().file.sync_data())
    }
}

impl JournalFile {
    fn append(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        let bytes = frames(&entries)?;
        if let Err(error) = self.file.write_all_at(&bytes, self.len) {
            // What was written of it is cut; if that fails too, the next append writes over it.
            let _ = self.file.set_len(self.len);
            return Err(error);
        }
        self.len += bytes.len() as u64;
        for entry in entries {
            self.sum.apply(entry);
        }
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let bytes = frames(&self.sum.entries())?;
        let beside = self.path.with_extension("new");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&beside)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_data()?;
        std::fs::rename(&beside, &self.path)?;
        self.file = file;
        self.len = bytes.len() as u64;
        self.rewritten_len = self.len;
        Ok(())
    }
}

fn frames(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        let payload = serde_json::to_vec(entry)?;
        let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&payload).to_be_bytes());
        bytes.extend_from_slice(&payload);
    }
    Ok(bytes)
}

/// The entry at the front, and the bytes it takes; `None` if no whole one is there.
fn read_frame(bytes: &[u8]) -> Option<(Entry, usize)> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..u32::from_be_bytes(*len) as usize)?;
    if crc32c::crc32c(payload) != u32::from_be_bytes(*crc) {
        return None;
    }
    Some((serde_json::from_slice(payload).ok()?, FRAME_HEADER_BYTES + payload.len()))
}

#[cfg(test)]
mod tests;
