use tokio::time::Instant;

use super::{Batch, Content, Identity, after};
use crate::compression::{CompressionType, Compressor, Decompressor};
use crate::error::Place;
use crate::record_batch::RecordBatch;
use crate::record_batch::builder::NewRecord;

#[test]
fn sequences_go_round_as_javas() {
    assert_eq!(after(0, 5), 5);
    assert_eq!(after(i32::MAX - 1, 1), i32::MAX);
    assert_eq!(after(i32::MAX, 1), 0);
    assert_eq!(after(i32::MAX - 2, 5), 2);
}

#[test]
fn halves_have_all_records_and_follow_each_other() {
    let mut batch = Batch::new(1, Instant::now());
    for index in 0u8..5 {
        let Content::Open(writer) = &mut batch.content else { panic!("open") };
        let headers: &[(&[u8], Option<&[u8]>)] = &[(b"h", None)];
        writer.append(&NewRecord { timestamp: i64::from(index), key: None, value: Some(&[index]), headers });
        batch.records += 1;
    }
    batch.memory = 101;
    let identity = Identity { id: 7, epoch: 1 };
    batch.sequence = Some((identity, 10));
    batch.seal(CompressionType::Gzip, false, &mut Compressor::default());
    let mut halves = batch.split().expect("readable");
    assert_eq!(halves.iter().map(|half| half.records).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(halves.iter().map(|half| half.memory).collect::<Vec<_>>(), [50, 51]);
    assert_eq!(
        halves.iter().map(|half| half.sequence).collect::<Vec<_>>(),
        [Some((identity, 10)), Some((identity, 13))]
    );
    assert_eq!(halves.iter().map(|half| half.position).collect::<Vec<_>>(), [1, 4]);
    let mut values = Vec::new();
    for half in &mut halves {
        let bytes = half.seal(CompressionType::None, false, &mut Compressor::default());
        let (place, mut room) = (Place::default(), Decompressor::new());
        let batch = RecordBatch::parse(&bytes, &place).expect("valid").expect("whole");
        let mut records = batch.records(&mut room).expect("readable");
        while let Some(record) = records.next().expect("readable") {
            assert_eq!(record.headers.len(), 1);
            assert_eq!(record.value, Some(&[record.timestamp as u8][..]));
            values.push(record.timestamp);
        }
    }
    assert_eq!(values, [0, 1, 2, 3, 4]);
}
