use std::io::Write;

use super::{Unpacker, put_varint, take_varint};
use crate::batch::{BatchHeader, seal};
use crate::log::tests::{Draft, NOW};

/// The batch with its records packed, as a producer would send it.
fn packed(codec: u8, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut batch = Draft::of(50).batch();
    let records = pack(&batch[61..]);
    batch.truncate(61);
    batch.extend_from_slice(&records);
    batch[22] |= codec;
    seal(&mut batch);
    batch.to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).expect("small")
}

/// As Java writes it: a header, then blocks with their lengths.
fn snappy_of_java(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
    for block in bytes.chunks(100) {
        let block = snappy(block);
        out.extend_from_slice(&(block.len() as u32).to_be_bytes());
        out.extend(block);
    }
    out
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn records_of_all_codecs_are_read() {
    let batches = [
        packed(0, <[u8]>::to_vec),
        packed(1, gzip),
        packed(2, snappy),
        packed(2, snappy_of_java),
        packed(3, lz4),
        packed(4, zstd),
    ];
    for batch in batches {
        let header = BatchHeader::parse(&batch).expect("a header");
        let mut unpacker = Unpacker::default();
        let mut records = unpacker.records(&header, &batch).expect("it can be unpacked");
        let mut count = 0;
        while let Some(record) = records.next().expect("a record") {
            assert_eq!((record.offset, record.timestamp), (count, NOW + count));
            assert_eq!(record.key, Some(format!("key-{count}").as_bytes()));
            assert!(!record.is_tombstone);
            count += 1;
        }
        assert_eq!(count, 50);
    }
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let whole = packed(0, <[u8]>::to_vec);
    for at in 61..whole.len() {
        let mut batch = whole.clone();
        batch[at] = 0xff;
        let header = BatchHeader::parse(&batch).expect("the header is good");
        let mut unpacker = Unpacker::default();
        let mut records = unpacker.records(&header, &batch).expect("it is not packed");
        while let Ok(Some(_)) = records.next() {}
    }
    for codec in 1..=7 {
        let batch = packed(codec, <[u8]>::to_vec);
        let header = BatchHeader::parse(&batch).expect("the header is good");
        assert!(Unpacker::default().records(&header, &batch).is_err(), "codec {codec}");
    }
}

#[test]
fn varints_come_back() {
    for value in [0, -1, 1, 63, 64, -65, 300, i64::from(i32::MAX), i64::MAX, i64::MIN] {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value);
        let mut rest = &bytes[..];
        assert_eq!(take_varint(&mut rest), Some(value));
        assert!(rest.is_empty());
    }
    assert_eq!(take_varint(&mut &[0x80; 3][..]), None);
}
