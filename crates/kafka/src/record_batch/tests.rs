use proptest::prelude::{ProptestConfig, any, proptest};

use super::{BatchHeader, Front, RecordBatch, TimestampType, is_abort_marker};
use crate::compression::Decompressor;
use crate::error::{Error, Place};
use crate::wire::Malformed;

/// A batch put together by hand from the message format's description: offsets 100 and 102, one record with a header
/// and a null key, one with a null value.
fn batch(attributes: i16) -> Vec<u8> {
    let first = [0, 0, 0, 1, 6, b'a', b'b', b'c', 2, 2, b'h', 1];
    let second = [0, 20, 4, 4, b'k', b'1', 1, 0];
    let mut records = Vec::new();
    for record in [&first[..], &second[..]] {
        records.push((record.len() * 2) as u8);
        records.extend(record);
    }
    let mut after_crc = attributes.to_be_bytes().to_vec();
    after_crc.extend(2i32.to_be_bytes()); // last offset delta
    after_crc.extend(1000i64.to_be_bytes()); // base timestamp
    after_crc.extend(2000i64.to_be_bytes()); // max timestamp
    after_crc.extend(7i64.to_be_bytes()); // producer id
    after_crc.extend([0; 6]); // producer epoch, base sequence
    after_crc.extend(2i32.to_be_bytes()); // records
    after_crc.extend(records);
    let mut batch = 100i64.to_be_bytes().to_vec();
    batch.extend((after_crc.len() as i32 + 9).to_be_bytes());
    batch.extend(3i32.to_be_bytes()); // leader epoch
    batch.push(2); // magic
    batch.extend(crc32c::crc32c(&after_crc).to_be_bytes());
    batch.extend(after_crc);
    batch
}

type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>, usize);

fn read(bytes: &[u8], from: i64) -> Result<Vec<Row>, Error> {
    let place = Place::default();
    let header = match BatchHeader::parse(bytes).map_err(|reason| Error::malformed(&place, reason))? {
        Front::Batch(header) => header,
        Front::CutOff(_) | Front::OldFormat(_) => return Ok(Vec::new()),
    };
    let batch = RecordBatch { header, bytes: &bytes[..header.len], place: &place, from, to: i64::MAX };
    batch.check_crc()?;
    rows(&batch)
}

fn rows(batch: &RecordBatch<'_>) -> Result<Vec<Row>, Error> {
    let (mut room, mut rows) = (Decompressor::new(), Vec::new());
    let mut records = batch.records(&mut room)?;
    while let Some(record) = records.next()? {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        assert_eq!(record.headers.iter().count(), record.headers.len());
        rows.push((record.offset, record.timestamp, owned(record.key), owned(record.value), record.headers.len()));
    }
    Ok(rows)
}

#[test]
fn hand_made_batch() {
    let first = (100, 1000, None, Some(b"abc".to_vec()), 1);
    let second = (102, 1010, Some(b"k1".to_vec()), None, 0);
    assert_eq!(read(&batch(0), 0).expect("valid"), [first, second.clone()]);
    // A position within the batch.
    assert_eq!(read(&batch(0), 101).expect("valid"), [second]);
    let Ok(Front::Batch(header)) = BatchHeader::parse(&batch(0)) else { panic!("a batch") };
    assert_eq!((header.base_offset, header.next_offset, header.leader_epoch), (100, 103, 3));
    assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
}

#[test]
fn append_time_is_the_batchs() {
    let rows = read(&batch(0x08), 0).expect("valid");
    assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), [2000, 2000]);
}

#[test]
fn old_formats_and_cut_off_batches_are_told_apart() {
    for magic in [0, 1] {
        let mut old = batch(0);
        old[16] = magic;
        assert!(matches!(BatchHeader::parse(&old), Ok(Front::OldFormat(found)) if found == magic as i8));
    }
    let whole = batch(0);
    for end in 0..whole.len() {
        let Ok(Front::CutOff(len)) = BatchHeader::parse(&whole[..end]) else { panic!("{end}") };
        assert_eq!(len, if end < 12 { 0 } else { whole.len() });
    }
    let mut negative = batch(0);
    negative[8] = 0x80;
    assert!(matches!(BatchHeader::parse(&negative), Err(Malformed::NegativeLength)));
}

#[test]
fn every_flipped_bit_after_the_checksum_is_noticed() {
    for at in 17 * 8..batch(0).len() * 8 {
        let mut flipped = batch(0);
        flipped[at / 8] ^= 1 << (at % 8);
        let result = read(&flipped, 0);
        assert!(matches!(result, Err(Error::Checksum { .. } | Error::Malformed { .. })), "bit {at}: {result:?}");
    }
}

#[test]
fn markers_say_how_a_transaction_ended() {
    let marker = |kind: u8| {
        let record = [0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 0, 0, 0];
        let mut batch = batch(0x30)[..61].to_vec();
        batch.push(record.len() as u8 * 2);
        batch.extend(record);
        batch
    };
    assert_eq!(is_abort_marker(&marker(0)), Ok(true));
    assert_eq!(is_abort_marker(&marker(1)), Ok(false));
    assert_eq!(is_abort_marker(&batch(0x30)[..61]), Ok(false));
    assert_eq!(is_abort_marker(&batch(0x30)[..60]), Err(Malformed::EndsEarly));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// With checksums off nothing stands between bad bytes and the parser.
    #[test]
    fn bad_bytes_give_rows_or_errors_but_never_panic(
        changes in proptest::collection::vec((0usize..90, any::<u8>()), 1..6),
        cut in 0usize..90,
        attributes in 0i16..0x40,
    ) {
        let mut bytes = batch(attributes);
        for (at, byte) in changes {
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
            }
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let place = Place::default();
        if let Ok(Front::Batch(header)) = BatchHeader::parse(&bytes) {
            let batch = RecordBatch { header, bytes: &bytes[..header.len], place: &place, from: 0, to: i64::MAX };
            let _rows_or_error = rows(&batch);
            let _marker_or_error = is_abort_marker(batch.bytes);
        }
    }
}
