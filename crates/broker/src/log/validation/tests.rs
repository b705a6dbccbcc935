//! The answers are those of Apache Kafka 4.1 to the same bytes, but where a line says that we are stricter, or clearer
//! than its UNKNOWN_SERVER_ERROR. A record inside a compressed batch whose length is wrong Kafka takes; we do not.

use std::io::Write;

use bytes::{BufMut, BytesMut};
use kafka_protocol::ResponseError::{
    self, CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge, UnknownServerError,
};

use super::{NO_TIMESTAMP, ValidBatch};
use crate::batch::{BatchHeader, seal};
use crate::log::tests::NOW;
use crate::records::put_varint;
use crate::topic_config::TopicConfig;

/// A record as it might be written, right or wrong.
#[derive(Clone, Copy)]
struct Draft {
    offset_delta: i64,
    timestamp_delta: i64,
    key: Option<&'static [u8]>,
    /// In the place of the key's length.
    key_len: Option<i64>,
    value_len: i64,
    /// Counts, names and values, as written.
    headers: &'static [u8],
    /// In the place of the record's length.
    len: Option<i64>,
}

const RECORD: Draft =
    Draft { offset_delta: 0, timestamp_delta: 0, key: None, key_len: None, value_len: 1, headers: &[0], len: None };
const SECOND: Draft = Draft { offset_delta: 1, ..RECORD };

impl Draft {
    fn bytes(&self) -> Vec<u8> {
        let mut body = vec![0];
        put_varint(&mut body, self.timestamp_delta);
        put_varint(&mut body, self.offset_delta);
        put_varint(&mut body, self.key_len.unwrap_or(self.key.map_or(-1, |key| key.len() as i64)));
        body.extend_from_slice(self.key.unwrap_or_default());
        put_varint(&mut body, self.value_len);
        body.push(b'v');
        body.extend_from_slice(self.headers);
        let mut bytes = Vec::new();
        put_varint(&mut bytes, self.len.unwrap_or(body.len() as i64));
        bytes.extend(body);
        bytes
    }
}

/// The bytes of a first record and of one that is right.
fn with(first: Draft) -> Vec<u8> {
    [first.bytes(), SECOND.bytes()].concat()
}

/// A batch of two records around these bytes, with a right checksum.
fn batch(attributes: i16, records: &[u8]) -> BytesMut {
    let mut batch = BytesMut::new();
    batch.put_bytes(0, 16);
    batch.put_i8(2);
    batch.put_u32(0);
    batch.put_i16(attributes);
    batch.put_i32(1);
    batch.put_i64(NOW);
    batch.put_i64(NOW);
    batch.put_i64(-1);
    batch.put_i16(-1);
    batch.put_i32(-1);
    batch.put_i32(2);
    batch.put_slice(records);
    seal(&mut batch);
    batch
}

fn changed(at: usize, bytes: &[u8]) -> BytesMut {
    let mut batch = batch(0, &with(RECORD));
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    seal(&mut batch);
    batch
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn answer_with(settings: &[(&str, &str)], batch: BytesMut) -> Option<ResponseError> {
    let set = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ValidBatch::new(batch, &TopicConfig::new(set).expect("valid settings"), NOW).err()
}

fn assert_answers<'a>(cases: impl IntoIterator<Item = (&'a str, BytesMut, Option<ResponseError>)>) {
    for (what, batch, expected) in cases {
        assert_eq!(answer_with(&[], batch), expected, "{what}");
    }
}

#[test]
fn bytes_that_no_codec_can_unpack_are_refused() {
    let garbage = [0xde, 0xad, 0xbe, 0xef].repeat(10);
    let cut = gzip(&with(RECORD));
    let xerial = [&[0x82][..], b"SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x04\xff\xff\xff\xff"].concat();
    let block = snap::raw::Encoder::new().compress_vec(&with(RECORD)).expect("small");
    // The block says that it unpacks to 512 MB.
    let boastful = [&[0x80, 0x80, 0x80, 0x80, 0x02][..], &block[1..]].concat();
    assert_answers([
        ("nothing", batch(0, b""), Some(InvalidRecord)),
        ("no codec: clearer", batch(0, &garbage), Some(InvalidRecord)),
        ("gzip", batch(1, &garbage), Some(UnknownServerError)),
        ("snappy", batch(2, &garbage), Some(UnknownServerError)),
        ("snappy of Java", batch(2, &xerial), Some(UnknownServerError)),
        ("snappy that boasts", batch(2, &boastful), Some(UnknownServerError)),
        ("lz4", batch(3, &garbage), Some(UnknownServerError)),
        ("zstd", batch(4, &garbage), Some(UnknownServerError)),
        ("codec 5", batch(5, &with(RECORD)), Some(UnknownServerError)),
        ("codec 7", batch(7, &with(RECORD)), Some(UnknownServerError)),
        ("cut gzip", batch(1, &cut[..cut.len() - 12]), Some(UnknownServerError)),
        ("no gzip", batch(1, b""), Some(UnknownServerError)),
        ("gzip of nothing", batch(1, &gzip(b"")), Some(InvalidRecord)),
    ]);
}

#[test]
fn records_that_are_none_are_refused_packed_or_not() {
    let long = "a length that goes beyond the batch";
    let records: &[(&str, Draft, Option<ResponseError>)] = &[
        ("as it should be", RECORD, None),
        (long, Draft { len: Some(i64::from(i32::MAX)), ..RECORD }, Some(InvalidRecord)),
        ("a length beyond 32 bits: clearer", Draft { len: Some(1 << 40), ..RECORD }, Some(InvalidRecord)),
        ("a negative length", Draft { len: Some(-1), ..RECORD }, Some(InvalidRecord)),
        ("a short length", Draft { len: Some(5), ..RECORD }, Some(InvalidRecord)),
        ("a length too long by one", Draft { len: Some(8), ..RECORD }, Some(InvalidRecord)),
        ("a long key", Draft { key_len: Some(1000), ..RECORD }, Some(InvalidRecord)),
        ("a key's length of −2: stricter", Draft { key_len: Some(-2), ..RECORD }, Some(InvalidRecord)),
        ("a long value", Draft { value_len: 1000, ..RECORD }, Some(InvalidRecord)),
        ("a value's length of −2", Draft { value_len: -2, ..RECORD }, Some(InvalidRecord)),
        ("a short value", Draft { value_len: 0, ..RECORD }, Some(InvalidRecord)),
        ("−1 headers", Draft { headers: &[1], ..RECORD }, Some(InvalidRecord)),
        ("5 headers that are not there", Draft { headers: &[10], ..RECORD }, Some(InvalidRecord)),
        ("a header without a name", Draft { headers: &[2, 1, 1], ..RECORD }, Some(InvalidRecord)),
        ("a header without a value", Draft { headers: &[2, 2, b'k', 1], ..RECORD }, None),
        ("more than the record", Draft { headers: &[0, b'z', b'z'], ..RECORD }, Some(InvalidRecord)),
        ("the delta of the second: stricter", Draft { offset_delta: 1, ..RECORD }, Some(InvalidRecord)),
        ("a delta of −1: stricter", Draft { offset_delta: -1, ..RECORD }, Some(InvalidRecord)),
        ("a delta of 2³³: stricter", Draft { offset_delta: 1 << 33, ..RECORD }, Some(InvalidRecord)),
    ];
    for (what, record, expected) in records {
        let bytes = with(*record);
        let lz4 = {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(&bytes).expect("memory");
            encoder.finish().expect("memory")
        };
        let snappy = snap::raw::Encoder::new().compress_vec(&bytes).expect("small");
        let zstd = ruzstd::encoding::compress_to_vec(&bytes[..], ruzstd::encoding::CompressionLevel::Fastest);
        let packed = [(0, bytes.clone()), (1, gzip(&bytes)), (2, snappy), (3, lz4), (4, zstd)];
        for (codec, packed) in packed {
            assert_eq!(answer_with(&[], batch(codec, &packed)), *expected, "{what}, codec {codec}");
        }
    }
}

#[test]
fn headers_that_do_not_fit_their_batch_are_refused() {
    let good = batch(0, &with(RECORD));
    let trailing = [with(RECORD), b"xyz".to_vec()].concat();
    let mut crc = good.clone();
    crc[70] ^= 1;
    let mut shorter = good.clone();
    shorter[11] -= 1;
    let mut longer = good.clone();
    longer[11] += 1;
    let half = BytesMut::from(&[&good[..], b"abc"].concat()[..]);
    let two = BytesMut::from(&[&good[..], &good[..]].concat()[..]);
    let i32s = |numbers: [i32; 1]| numbers[0].to_be_bytes();
    assert_answers([
        ("as it should be", good.clone(), None),
        ("a wrong checksum", crc, Some(CorruptMessage)),
        ("3 records of 2", changed(57, &i32s([3])), Some(InvalidRecord)),
        ("1 record of 2", changed(57, &i32s([1])), Some(InvalidRecord)),
        ("no record", changed(57, &i32s([0])), Some(InvalidRecord)),
        ("−1 records", changed(57, &i32s([-1])), Some(InvalidRecord)),
        ("2³¹−1 records", changed(57, &i32s([i32::MAX])), Some(InvalidRecord)),
        ("a last delta of 5", changed(23, &i32s([5])), Some(InvalidRecord)),
        ("a last delta of −1", changed(23, &i32s([-1])), Some(InvalidRecord)),
        ("more than the records", batch(0, &trailing), Some(InvalidRecord)),
        ("more than the records, packed", batch(1, &gzip(&trailing)), Some(InvalidRecord)),
        ("a base offset", changed(0, &5i64.to_be_bytes()), Some(InvalidRecord)),
        ("a base offset of −1", changed(0, &(-1i64).to_be_bytes()), Some(InvalidRecord)),
        ("the largest base offset", changed(0, &i64::MAX.to_be_bytes()), Some(InvalidRecord)),
        ("a control batch", batch(0x20, &with(RECORD)), Some(InvalidRecord)),
        ("magic 0", changed(16, &[0]), Some(InvalidRecord)),
        ("magic 1", changed(16, &[1]), Some(InvalidRecord)),
        ("magic 3", changed(16, &[3]), Some(CorruptMessage)),
        ("magic −1", changed(16, &[255]), Some(CorruptMessage)),
        ("a producer without a sequence", changed(43, &7i64.to_be_bytes()), Some(InvalidRecord)),
        ("two batches", two, Some(InvalidRecord)),
        ("half a batch behind it", half, None),
        ("a length too long by one", longer, Some(InvalidRecord)),
        ("a length too short by one", shorter, Some(CorruptMessage)),
        ("zeros", BytesMut::zeroed(61), Some(CorruptMessage)),
        ("10 bytes", BytesMut::zeroed(10), Some(InvalidRecord)),
        ("no bytes", BytesMut::new(), Some(InvalidRecord)),
    ]);
    assert_eq!(answer_with(&[("max.message.bytes", "70")], good), Some(MessageTooLarge));
}

#[test]
fn a_compacted_topic_wants_keys() {
    let compacted = [("cleanup.policy", "compact")];
    let keyed = Draft { key: Some(b"k"), ..RECORD };
    let both = [keyed.bytes(), Draft { offset_delta: 1, ..keyed }.bytes()].concat();
    assert_eq!(answer_with(&compacted, batch(0, &both)), None);
    assert_eq!(answer_with(&compacted, batch(1, &gzip(&both))), None);
    assert_eq!(answer_with(&compacted, batch(0, &with(keyed))), Some(InvalidRecord));
    assert_eq!(answer_with(&compacted, batch(1, &gzip(&with(keyed)))), Some(InvalidRecord));
}

#[test]
fn the_times_of_the_records_count_and_not_those_of_the_header() {
    let limits = [("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "1000")];
    let shifted = |by: i64| with(Draft { timestamp_delta: by, ..RECORD });
    for by in [-10_000, 10_000, i64::MIN / 2] {
        assert_eq!(answer_with(&limits, batch(0, &shifted(by))), Some(InvalidTimestamp), "{by}");
        assert_eq!(answer_with(&limits, batch(1, &gzip(&shifted(by)))), Some(InvalidTimestamp), "{by}, packed");
    }
    let mut no_time = batch(0, &with(RECORD));
    for at in [27, 35] {
        no_time[at..at + 8].copy_from_slice(&NO_TIMESTAMP.to_be_bytes());
    }
    seal(&mut no_time);
    assert_eq!(answer_with(&limits, no_time), None);
    let append_time = [("message.timestamp.type", "LogAppendTime")];
    assert_eq!(answer_with(&append_time, batch(8, &with(RECORD))), Some(InvalidTimestamp));
    assert_eq!(answer_with(&append_time, batch(0, &shifted(i64::MAX))), None);
}

#[test]
fn the_largest_timestamp_of_a_batch_is_put_right() {
    let later = with(Draft { timestamp_delta: 100, ..RECORD });
    for (attributes, records) in [(0, later.clone()), (1, gzip(&later))] {
        let valid = ValidBatch::new(batch(attributes, &records), &TopicConfig::default(), NOW).expect("it is right");
        assert_eq!(valid.header.max_timestamp, NOW + 100);
        let header = BatchHeader::parse(&valid.batch).expect("a header");
        assert!(header.crc_matches(&valid.batch) && header.max_timestamp == NOW + 100 && !header.has_append_time());
    }
}
