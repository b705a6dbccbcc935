use bytes::Bytes;

use super::{BatchHeader, EndMarker, is_commit_marker, stamp_append_time, stamp_offset};

fn marker(commit: bool) -> EndMarker {
    EndMarker { producer_id: 7, producer_epoch: 3, commit, timestamp: 1_700_000_000_000 }
}

/// What Apache Kafka 4.1 wrote for a commit of producer 0, epoch 0, at that time, as offset 10 of a partition.
const KAFKAS_MARKER_RECORD: [u8; 17] = [32, 0, 0, 0, 8, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn a_marker_is_a_control_batch_of_one_record() {
    let mut batch = marker(true).batch();
    stamp_offset(&mut batch, 10);
    let header = BatchHeader::parse(&batch).expect("a header");
    assert!(header.is_control() && header.is_transactional() && header.crc_matches(&batch));
    assert_eq!((header.base_offset, header.last_offset(), header.len), (10, 10, batch.len()));
    assert_eq!((header.producer_id, header.producer_epoch, header.records), (7, 3, 1));
    assert_eq!(batch[61..], KAFKAS_MARKER_RECORD);
}

#[test]
fn commit_and_abort_are_told_apart() {
    assert!(is_commit_marker(&marker(true).batch().freeze()));
    assert!(!is_commit_marker(&marker(false).batch().freeze()));
    // Compaction may leave a marker's batch without its record.
    assert!(is_commit_marker(&Bytes::copy_from_slice(&marker(false).batch()[..61])));
}

#[test]
fn the_offset_is_outside_of_the_checksum_and_the_time_is_within() {
    let mut batch = marker(true).batch();
    stamp_offset(&mut batch, i64::from(u32::MAX));
    let mut header = BatchHeader::parse(&batch).expect("a header");
    assert!(header.crc_matches(&batch));
    stamp_append_time(&mut batch, &mut header, 42);
    let stamped = BatchHeader::parse(&batch).expect("a header");
    assert!(stamped.crc_matches(&batch) && stamped.has_append_time());
    assert_eq!(stamped.max_timestamp, 42);
    batch[70] ^= 1;
    assert!(!stamped.crc_matches(&batch));
}

#[test]
fn what_cannot_be_a_batch_is_none() {
    let good = marker(true).batch();
    let with = |at: usize, bytes: &[u8]| {
        let mut batch = good.to_vec();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        batch
    };
    assert_eq!(BatchHeader::parse(&good[..60]), None);
    assert_eq!(BatchHeader::parse(&with(8, &(-1i32).to_be_bytes())), None, "a negative length");
    assert_eq!(BatchHeader::parse(&with(8, &48i32.to_be_bytes())), None, "shorter than its header");
    assert_eq!(BatchHeader::parse(&with(23, &(-1i32).to_be_bytes())), None, "runs backwards");
    assert_eq!(BatchHeader::parse(&with(0, &i64::MAX.to_be_bytes())), None, "beyond the last offset");
}

#[test]
fn sequence_numbers_wrap_around() {
    let mut batch = marker(true).batch();
    batch[23..27].copy_from_slice(&4i32.to_be_bytes());
    batch[53..57].copy_from_slice(&(i32::MAX - 2).to_be_bytes());
    // MAX−2, MAX−1, MAX, 0, 1
    assert_eq!(BatchHeader::parse(&batch).expect("a header").last_sequence(), 1);
}
