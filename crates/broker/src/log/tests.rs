//! The log in memory and on disk, by the same tests.

use std::path::Path;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use tempfile::TempDir;

use super::{Appended, Log, MemoryLimit, Place, ReadRequest, ValidBatch};
use crate::batch::{BatchHeader, EndMarker, HEADER_BYTES, seal};
use crate::records::put_varint;
use crate::response::Slice;
use crate::topic_config::TopicConfig;

pub(crate) const NOW: i64 = 1_700_000_000_000;

/// A batch as a producer writes it: record i has the key "key-i", or `keys[i]`.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) keys: Vec<Option<String>>,
    pub(crate) timestamp: i64,
    /// Id, epoch and first sequence.
    pub(crate) producer: (i64, i16, i32),
    pub(crate) transactional: bool,
    pub(crate) value_bytes: usize,
    pub(crate) tombstones: bool,
}

impl Draft {
    pub(crate) fn of(records: i32) -> Self {
        Self::keys((0..records).map(|i| Some(format!("key-{i}"))))
    }

    pub(crate) fn keys(keys: impl IntoIterator<Item = Option<String>>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            timestamp: NOW,
            producer: (-1, -1, -1),
            transactional: false,
            value_bytes: 10,
            tombstones: false,
        }
    }

    pub(crate) fn batch(&self) -> BytesMut {
        let mut body = Vec::new();
        for (delta, key) in self.keys.iter().enumerate() {
            let mut record = vec![0];
            put_varint(&mut record, delta as i64);
            put_varint(&mut record, delta as i64);
            put_varint(&mut record, key.as_ref().map_or(-1, |key| key.len() as i64));
            record.extend_from_slice(key.as_deref().unwrap_or_default().as_bytes());
            put_varint(&mut record, if self.tombstones { -1 } else { self.value_bytes as i64 });
            record.extend(std::iter::repeat_n(b'v', if self.tombstones { 0 } else { self.value_bytes }));
            put_varint(&mut record, 0);
            put_varint(&mut body, record.len() as i64);
            body.extend(record);
        }
        let last = self.keys.len() as i32 - 1;
        let mut batch = BytesMut::new();
        batch.put_bytes(0, 16);
        batch.put_i8(2);
        batch.put_u32(0);
        batch.put_i16(if self.transactional { 0x10 } else { 0 });
        batch.put_i32(last.max(0));
        batch.put_i64(self.timestamp);
        batch.put_i64(self.timestamp + i64::from(last));
        batch.put_i64(self.producer.0);
        batch.put_i16(self.producer.1);
        batch.put_i32(self.producer.2);
        batch.put_i32(self.keys.len() as i32);
        batch.put_slice(&body);
        seal(&mut batch);
        batch
    }
}

pub(crate) struct Fixture {
    folder: Option<TempDir>,
    pub(crate) memory: Arc<MemoryLimit>,
    pub(crate) log: Log,
}

impl Fixture {
    fn config(settings: &[(&str, &str)]) -> Arc<TopicConfig> {
        let set = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut config = TopicConfig::new(set).expect("valid settings");
        // Smaller than anyone may ask for, so that a test need not write megabytes.
        config.segment_bytes = config.segment_bytes.min(1 << 30) >> 10;
        Arc::new(config)
    }

    pub(crate) fn in_memory(limit: usize, settings: &[(&str, &str)]) -> Self {
        let memory = Arc::new(MemoryLimit::new(limit));
        let place = Place { folder: None, memory: Arc::clone(&memory) };
        let log = Log::create(place, Self::config(settings)).expect("a log");
        Self { folder: None, memory, log }
    }

    pub(crate) fn on_disk(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Arc::new(MemoryLimit::new(0));
        let place = Place { folder: Some(folder.path().join("0")), memory: Arc::clone(&memory) };
        let log = Log::create(place, Self::config(settings)).expect("a log");
        Self { folder: Some(folder), memory, log }
    }

    /// One of each kind.
    fn both(settings: &[(&str, &str)]) -> [Self; 2] {
        [Self::in_memory(64 << 20, settings), Self::on_disk(settings)]
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.as_ref().expect("it is on disk").path().join("0")
    }

    /// Opens it as the next start of the broker does.
    fn reopen(&mut self, settings: &[(&str, &str)]) {
        let place = Place { folder: Some(self.path()), memory: Arc::clone(&self.memory) };
        self.log = Log::open(place, Self::config(settings), (0, NOW)).expect("a log");
    }

    pub(crate) fn append(&mut self, draft: &Draft) -> Result<Appended, ResponseError> {
        let batch = ValidBatch::new(draft.batch(), &self.log.config, NOW)?;
        self.log.append(batch, NOW)
    }

    fn appended(&mut self, draft: &Draft) -> i64 {
        self.append(draft).expect("it is appended").base_offset
    }

    fn end(&mut self, producer_id: i64, commit: bool) {
        let marker = EndMarker { producer_id, producer_epoch: 0, commit, timestamp: NOW };
        self.log.append_marker(&marker).expect("a marker");
    }

    /// Base and last offsets of the batches that are read.
    fn read(&self, offset: i64, max_bytes: usize) -> Vec<(i64, i64)> {
        self.read_as(ReadRequest { offset, max_bytes, at_least_one: true, committed_only: false })
    }

    fn read_as(&self, request: ReadRequest) -> Vec<(i64, i64)> {
        let read = self.log.read(request).expect("the offset is there");
        let bytes = joined(&read.slices);
        assert_eq!(bytes.len(), read.bytes);
        headers(&bytes).map(|header| (header.base_offset, header.last_offset())).collect()
    }

    fn segment_files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }
}

fn joined(slices: &[Slice]) -> Bytes {
    let mut all = BytesMut::new();
    for slice in slices {
        match slice {
            Slice::Memory(bytes) => all.put_slice(bytes),
            Slice::File(part) => {
                use std::os::unix::fs::FileExt;
                let mut bytes = vec![0; part.len];
                part.file.read_exact_at(&mut bytes, part.position).expect("the bytes are there");
                all.put_slice(&bytes);
            }
        }
    }
    all.freeze()
}

fn headers(bytes: &Bytes) -> impl Iterator<Item = BatchHeader> {
    let mut rest = bytes.clone();
    std::iter::from_fn(move || {
        let header = BatchHeader::parse(&rest)?;
        assert!(header.crc_matches(&rest[..header.len]));
        rest = rest.slice(header.len..);
        Some(header)
    })
}

#[test]
fn batches_get_offsets_and_are_found_by_any_of_them() {
    for mut fixture in Fixture::both(&[]) {
        for _ in 0..3 {
            fixture.appended(&Draft::of(4));
        }
        let all = [(0, 3), (4, 7), (8, 11)];
        assert_eq!(fixture.read(0, usize::MAX), all);
        assert_eq!(fixture.read(3, usize::MAX), all);
        assert_eq!(fixture.read(4, usize::MAX), all[1..]);
        assert_eq!(fixture.read(11, usize::MAX), all[2..]);
        assert_eq!(fixture.read(12, usize::MAX), []);
        let outside = ReadRequest { offset: 13, max_bytes: 1, at_least_one: true, committed_only: false };
        assert_eq!(fixture.log.read(outside).err(), Some(ResponseError::OffsetOutOfRange));
    }
}

#[test]
fn a_read_takes_whole_batches_up_to_its_size_and_at_least_one() {
    let size = Draft::of(4).batch().len();
    for mut fixture in Fixture::both(&[]) {
        for _ in 0..3 {
            fixture.appended(&Draft::of(4));
        }
        assert_eq!(fixture.read(0, 1).len(), 1);
        assert_eq!(fixture.read(0, 2 * size).len(), 2);
        assert_eq!(fixture.read(5, 2 * size - 1).len(), 1);
        let none = ReadRequest { offset: 0, max_bytes: size - 1, at_least_one: false, committed_only: false };
        assert_eq!(fixture.read_as(none), []);
    }
}

#[test]
fn a_read_goes_over_segments() {
    // 1 KiB a segment: see Fixture::config.
    for mut fixture in Fixture::both(&[("segment.bytes", "1048576")]) {
        let large = Draft { value_bytes: 600, ..Draft::of(1) };
        (0..5).for_each(|at| assert_eq!(fixture.appended(&large), at));
        assert_eq!(fixture.log.segments.len(), 5);
        assert_eq!(fixture.read(1, usize::MAX).len(), 4);
    }
}

#[test]
fn a_read_skips_no_batch_that_does_not_fit_for_a_later_one_that_does() {
    // 1 KiB a segment: the third begins a new one.
    let drafts = [10, 600, 400].map(|value_bytes| Draft { value_bytes, ..Draft::of(1) });
    let [small, _, medium] = drafts.each_ref().map(|draft| draft.batch().len());
    for mut fixture in Fixture::both(&[("segment.bytes", "1048576")]) {
        for draft in &drafts {
            fixture.appended(draft);
        }
        assert_eq!(fixture.log.segments.len(), 2);
        assert_eq!(fixture.read(0, small + medium), [(0, 0)]);
        assert_eq!(fixture.read(0, usize::MAX), [(0, 0), (1, 1), (2, 2)]);
    }
}

#[test]
fn committed_readers_see_only_what_is_decided() {
    let of = |producer| Draft { producer: (producer, 0, 0), transactional: true, ..Draft::of(2) };
    for mut fixture in Fixture::both(&[]) {
        fixture.appended(&Draft::of(1)); // 0
        fixture.appended(&of(1)); // 1–2, will be aborted
        fixture.appended(&of(2)); // 3–4, stays open
        fixture.end(1, false); // 5
        fixture.appended(&Draft::of(1)); // 6
        let request = ReadRequest { offset: 0, max_bytes: usize::MAX, at_least_one: true, committed_only: true };
        assert_eq!(fixture.log.last_stable_offset(), 3);
        assert_eq!(fixture.read_as(request), [(0, 0), (1, 2)]);
        let aborted = fixture.log.read(request).expect("it is there").aborted.expect("they are listed");
        assert_eq!(aborted.iter().map(|one| (one.producer_id, one.first_offset)).collect::<Vec<_>>(), [(1, 1)]);
        fixture.end(2, true); // 7
        assert_eq!(fixture.log.last_stable_offset(), 8);
        assert_eq!(fixture.read_as(request).len(), 6);
    }
}

#[test]
fn a_compacted_topic_wants_keys() {
    let mut fixture = Fixture::in_memory(1 << 20, &[("cleanup.policy", "compact")]);
    assert_eq!(fixture.append(&Draft::keys([None])).err(), Some(ResponseError::InvalidRecord));
    assert_eq!(fixture.appended(&Draft::of(1)), 0);
}

#[test]
fn append_time_replaces_the_producers() {
    let mut fixture = Fixture::in_memory(1 << 20, &[("message.timestamp.type", "LogAppendTime")]);
    let appended = fixture.append(&Draft { timestamp: 5, ..Draft::of(2) }).expect("it is appended");
    assert_eq!(appended.append_time, NOW);
    assert_eq!(fixture.log.offset_at(NOW).expect("readable"), Some((0, NOW)));
}

#[test]
fn times_are_found() {
    for mut fixture in Fixture::both(&[]) {
        // Record i of a batch is i ms later than its first.
        for timestamp in [1000, 3000, 2000] {
            fixture.appended(&Draft { timestamp, ..Draft::of(3) });
        }
        let at = |timestamp| fixture.log.offset_at(timestamp).expect("readable");
        assert_eq!(at(0), Some((0, 1000)));
        assert_eq!(at(1001), Some((1, 1001)));
        assert_eq!(at(1003), Some((3, 3000)));
        assert_eq!(at(3002), Some((5, 3002)));
        assert_eq!(at(3003), None);
        assert_eq!(fixture.log.offset_of_max_timestamp().expect("readable"), Some((5, 3002)));
    }
}

#[test]
fn a_repeated_batch_is_kept_once() {
    for mut fixture in Fixture::both(&[]) {
        let draft = Draft { producer: (4, 0, 0), ..Draft::of(3) };
        assert_eq!(fixture.appended(&draft), 0);
        assert_eq!(fixture.appended(&draft), 0);
        assert_eq!(fixture.log.next_offset(), 3);
    }
}

#[test]
fn a_full_memory_refuses_until_retention_makes_room() {
    let mut fixture = Fixture::in_memory(200 << 10, &[("retention.bytes", "65536")]);
    let large = Draft { value_bytes: 10_000, ..Draft::of(1) };
    let refused = (0..100).find_map(|_| fixture.append(&large).err());
    assert_eq!(refused, Some(ResponseError::KafkaStorageError));
    assert!(refused.is_some_and(|error| error.is_retriable()));
    assert!(fixture.memory.used() <= 200 << 10);
    assert!(fixture.log.expire(NOW).expect("it can be dropped"));
    assert!(fixture.append(&large).is_ok());
    drop(fixture.log);
    assert_eq!(fixture.memory.used(), 0);
}

#[test]
fn old_segments_go_and_deleted_records_are_out_of_reach() {
    for mut fixture in Fixture::both(&[("segment.bytes", "1048576"), ("retention.ms", "1000")]) {
        let large = Draft { value_bytes: 600, ..Draft::of(1) };
        (0..4).for_each(|at| assert_eq!(fixture.appended(&large), at));
        assert!(!fixture.log.expire(NOW + 1000).expect("it works"), "nothing is old yet");
        assert_eq!(fixture.log.delete_records(2), Ok(2));
        assert_eq!(fixture.log.start_offset(), 2);
        assert_eq!(fixture.read(2, usize::MAX).len(), 2);
        assert!(fixture.log.expire(NOW + 1001).expect("it works"));
        assert_eq!((fixture.log.start_offset(), fixture.log.next_offset(), fixture.log.bytes()), (4, 4, 0));
        assert_eq!(fixture.appended(&large), 4, "offsets go on");
    }
}

type Tear = Box<dyn Fn(&Path)>;

#[test]
fn after_a_crash_whole_batches_are_there_and_the_torn_one_is_not() {
    let mut fixture = Fixture::on_disk(&[]);
    let draft = |sequence| Draft { producer: (4, 0, sequence), transactional: true, ..Draft::of(3) };
    fixture.appended(&draft(0));
    fixture.appended(&draft(3));
    let file = fixture.path().join(super::segment::file_name(0));
    let whole = std::fs::metadata(&file).expect("a file").len();
    let torn: Vec<(&str, Tear)> = vec![
        ("nothing", Box::new(|_| {})),
        ("half a batch", Box::new(|file| append_bytes(file, &Draft::of(9).batch()[..100]))),
        ("a few bytes", Box::new(|file| append_bytes(file, &[1, 2, 3]))),
        ("zeros", Box::new(|file| append_bytes(file, &[0; 300]))),
        (
            "a batch that does not match its checksum",
            Box::new(|file| {
                let mut batch = Draft::of(9).batch();
                crate::batch::stamp_offset(&mut batch, 6);
                batch[80] ^= 1;
                append_bytes(file, &batch);
            }),
        ),
    ];
    for (what, tear) in torn {
        tear(&file);
        fixture.reopen(&[]);
        assert_eq!(fixture.log.next_offset(), 6, "{what}");
        assert_eq!(fixture.read(0, usize::MAX), [(0, 2), (3, 5)], "{what}");
        assert_eq!(std::fs::metadata(&file).expect("a file").len(), whole, "{what}");
        assert_eq!(fixture.log.last_stable_offset(), 0, "{what}: its transaction is still open");
        assert_eq!(fixture.append(&draft(9)).err(), Some(ResponseError::OutOfOrderSequenceNumber), "{what}");
        assert_eq!(fixture.appended(&draft(3)), 3, "{what}: repeated batches are still known");
    }
}

fn append_bytes(file: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::File::options().append(true).open(file).expect("a file");
    file.write_all(bytes).expect("room");
}

#[test]
fn a_restart_keeps_offsets_where_all_records_are_gone() {
    let mut fixture = Fixture::on_disk(&[]);
    fixture.appended(&Draft::of(3));
    assert_eq!(fixture.log.delete_records(-1), Ok(3));
    fixture.reopen(&[]);
    assert_eq!((fixture.log.start_offset(), fixture.log.next_offset()), (3, 3));
}

#[test]
fn flushes_come_when_they_are_asked_for() {
    let mut fixture = Fixture::on_disk(&[("flush.messages", "5")]);
    assert!(fixture.append(&Draft::of(4)).expect("it is appended").flush.is_none());
    assert!(fixture.append(&Draft::of(1)).expect("it is appended").flush.is_some());
    assert!(fixture.append(&Draft::of(4)).expect("it is appended").flush.is_none());
    assert!(fixture.log.take_unflushed().is_some());
    assert!(fixture.log.take_unflushed().is_none());
}

#[test]
fn compaction_keeps_the_newest_of_each_key_and_all_offsets() {
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("delete.retention.ms", "0"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    for mut fixture in Fixture::both(&settings) {
        let keyed =
            |keys: &[&str]| Draft { value_bytes: 400, ..Draft::keys(keys.iter().map(|key| Some((*key).to_owned()))) };
        fixture.appended(&keyed(&["a", "b"])); // 0–1
        fixture.appended(&keyed(&["a", "c"])); // 2–3
        fixture.appended(&Draft { tombstones: true, ..keyed(&["c"]) }); // 4
        fixture.appended(&keyed(&["a", "d"])); // 5–6
        fixture.appended(&keyed(&["e", "e"])); // 7–8, active
        let before = fixture.memory.used();
        assert!(fixture.log.compact(NOW).expect("it works"));
        assert!(fixture.folder.is_some() || fixture.memory.used() < before);
        let keys = |fixture: &Fixture| keys_of(fixture);
        assert_eq!(keys(&fixture), [(1, "b"), (4, "c"), (5, "a"), (6, "d"), (7, "e"), (8, "e")].map(owned));
        assert!(!fixture.log.compact(NOW).expect("it works"), "there is nothing new");
        fixture.appended(&keyed(&["b", "b"])); // 9–10: what was active is closed now
        assert!(fixture.log.compact(NOW + 1000).expect("it works"));
        assert_eq!(keys(&fixture), [(1, "b"), (5, "a"), (6, "d"), (8, "e"), (9, "b"), (10, "b")].map(owned));
        if fixture.folder.is_some() {
            let names = fixture.segment_files();
            assert!(names.iter().all(|name| name.ends_with(".log")), "{names:?}");
            fixture.reopen(&settings);
            assert_eq!(keys(&fixture), [(1, "b"), (5, "a"), (6, "d"), (8, "e"), (9, "b"), (10, "b")].map(owned));
            assert_eq!(fixture.log.next_offset(), 11);
        }
    }
}

fn owned((offset, key): (i64, &str)) -> (i64, String) {
    (offset, key.to_owned())
}

fn keys_of(fixture: &Fixture) -> Vec<(i64, String)> {
    let request = ReadRequest { offset: 0, max_bytes: usize::MAX, at_least_one: true, committed_only: false };
    let bytes = joined(&fixture.log.read(request).expect("it is there").slices);
    let mut rest = &bytes[..];
    let mut keys = Vec::new();
    let mut unpacker = crate::records::Unpacker::default();
    while let Some(header) = BatchHeader::parse(rest) {
        assert!(header.len >= HEADER_BYTES && header.crc_matches(&rest[..header.len]));
        let mut records = unpacker.records(&header, rest).expect("records");
        while let Some(record) = records.next().expect("a record") {
            keys.push((record.offset, String::from_utf8(record.key.unwrap_or_default().to_vec()).expect("text")));
        }
        rest = &rest[header.len..];
    }
    keys
}
