//! What is written is what the format says, and what the reader of this crate reads.

use proptest::prelude::{ProptestConfig, Strategy, any, proptest};

use super::{BatchStamp, BatchWriter, NewRecord, ProducerStamp};
use crate::compression::{CompressionType, Compressor, Decompressor};
use crate::error::Place;
use crate::record_batch::{RecordBatch, TimestampType};

const CODECS: [CompressionType; 5] = [
    CompressionType::None,
    CompressionType::Gzip,
    CompressionType::Snappy,
    CompressionType::Lz4,
    CompressionType::Zstd,
];

/// A record that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn write(records: &[Owned], codec: CompressionType, stamp: &BatchStamp) -> Vec<u8> {
    let mut writer = BatchWriter::new();
    for record in records {
        let headers: Vec<_> = record.headers.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        let new = NewRecord {
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        let before = writer.bytes();
        writer.append(&new);
        assert!(writer.bytes() - before <= new.bytes_max());
    }
    writer.finish(codec, stamp, &mut Compressor::default())
}

fn read(bytes: &[u8]) -> Vec<(i64, Owned)> {
    let place = Place::default();
    let batch = RecordBatch::parse(bytes, &place).expect("valid").expect("whole");
    batch.check_crc().expect("right");
    let (mut room, mut all) = (Decompressor::new(), Vec::new());
    let mut records = batch.records(&mut room).expect("readable");
    while let Some(record) = records.next().expect("readable") {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let headers = record.headers.iter().map(|(name, value)| (name.to_vec(), owned(value))).collect();
        let read = Owned { timestamp: record.timestamp, key: owned(record.key), value: owned(record.value), headers };
        all.push((record.offset, read));
    }
    all
}

/// The batch of the format's description that the parser's tests use too, without its gap.
#[test]
fn the_bytes_are_those_of_the_format() {
    let record = |timestamp, key: Option<&[u8]>, value: Option<&[u8]>| Owned {
        timestamp,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: Vec::new(),
    };
    let mut first = record(1000, None, Some(b"abc"));
    first.headers.push((b"h".to_vec(), None));
    let bytes = write(&[first, record(1010, Some(b"k1"), None)], CompressionType::None, &BatchStamp::default());
    let records = [24, 0, 0, 0, 1, 6, b'a', b'b', b'c', 2, 2, b'h', 1, 16, 0, 20, 2, 4, b'k', b'1', 1, 0];
    assert_eq!(bytes[61..], records);
    assert_eq!(bytes[8..12], (bytes.len() as i32 - 12).to_be_bytes());
    assert_eq!(bytes[12..17], [0xff, 0xff, 0xff, 0xff, 2]);
    assert_eq!(bytes[21..27], [0, 0, 0, 0, 0, 1]);
    assert_eq!(bytes[27..43], [1000i64.to_be_bytes(), 1010i64.to_be_bytes()].concat());
    assert_eq!(bytes[43..57], [0xff; 14]);
    assert_eq!(bytes[57..61], [0, 0, 0, 2]);
}

#[test]
fn a_stamp_can_be_put_on_again() {
    let record = Owned { timestamp: 5, key: None, value: Some(b"v".to_vec()), headers: Vec::new() };
    let producer = ProducerStamp { id: 9, epoch: 2, base_sequence: 13 };
    for codec in CODECS {
        let mut bytes = write(std::slice::from_ref(&record), codec, &BatchStamp::default());
        for (producer, transactional) in [(Some(producer), true), (None, false)] {
            BatchStamp { producer, transactional }.put_on(&mut bytes);
            let place = Place::default();
            let batch = RecordBatch::parse(&bytes, &place).expect("valid").expect("whole");
            assert_eq!(
                (batch.producer(), batch.is_transactional(), batch.is_control()),
                (producer, transactional, false)
            );
            assert_eq!((batch.base_offset(), batch.next_offset(), batch.leader_epoch()), (0, 1, -1));
            assert_eq!(batch.timestamp_type(), TimestampType::CreateTime);
            assert_eq!(batch.compression().expect("known"), codec);
            assert_eq!(read(&bytes), [(0, record.clone())]);
        }
    }
}

#[test]
fn a_batch_that_is_cut_off_is_none() {
    let record = Owned { timestamp: 5, key: None, value: Some(b"v".to_vec()), headers: Vec::new() };
    let bytes = write(&[record], CompressionType::None, &BatchStamp::default());
    assert!(RecordBatch::parse(&bytes[..bytes.len() - 1], &Place::default()).expect("cut off").is_none());
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        records in proptest::collection::vec(
            (any::<i64>(), bytes(), bytes(), proptest::collection::vec((bytes(), bytes()), 0..3)), 1..40),
        codec in 0usize..5,
    ) {
        let records: Vec<_> = records
            .into_iter()
            .map(|(timestamp, key, value, headers)| {
                let headers = headers.into_iter().map(|(name, value)| (name.unwrap_or_default(), value)).collect();
                Owned { timestamp, key, value, headers }
            })
            .collect();
        let written = write(&records, CODECS[codec], &BatchStamp::default());
        let wanted: Vec<_> = (0..).zip(records).collect();
        assert_eq!(read(&written), wanted);
    }
}
