use kafka_protocol::ResponseError;

use super::{Aborted, Producers};
use crate::batch::BatchHeader;
use crate::log::tests::Draft;

fn data(sequence: i32, records: i32, epoch: i16) -> Draft {
    Draft { producer: (9, epoch, sequence), transactional: true, ..Draft::of(records) }
}

fn header(draft: &Draft, base_offset: i64) -> BatchHeader {
    let mut header = BatchHeader::parse(&draft.batch()).expect("a header");
    header.base_offset = base_offset;
    header
}

/// After batches 0–1 and 2–4 of epoch 1.
fn known() -> Producers {
    let mut producers = Producers::default();
    producers.note_data(&header(&data(0, 2, 1), 100), 0);
    producers.note_data(&header(&data(2, 3, 1), 102), 0);
    producers
}

#[test]
fn sequences_are_checked_as_kafka_does() {
    let check = |sequence, records, epoch| known().check(&header(&data(sequence, records, epoch), 0));
    assert_eq!(check(5, 1, 1), Ok(None), "the next");
    assert_eq!(check(2, 3, 1).map(|found| found.map(|(offset, _)| offset)), Ok(Some(102)), "the last again");
    assert_eq!(check(0, 2, 1).map(|found| found.map(|(offset, _)| offset)), Ok(Some(100)), "an older one again");
    assert_eq!(check(6, 1, 1), Err(ResponseError::OutOfOrderSequenceNumber), "one is missing");
    assert_eq!(check(2, 1, 1), Err(ResponseError::OutOfOrderSequenceNumber), "another cut of the same records");
    assert_eq!(check(5, 1, 0), Err(ResponseError::InvalidProducerEpoch), "fenced");
    assert_eq!(check(0, 1, 2), Ok(None), "a new epoch begins at 0");
    assert_eq!(check(5, 1, 2), Err(ResponseError::OutOfOrderSequenceNumber), "a new epoch does not go on");
    assert_eq!(Producers::default().check(&header(&data(77, 1, 0), 0)), Ok(None), "nothing is known of it");
}

#[test]
fn only_the_last_five_batches_are_remembered() {
    let mut producers = Producers::default();
    for sequence in 0..6 {
        producers.note_data(&header(&data(sequence, 1, 0), i64::from(sequence)), 0);
    }
    assert_eq!(producers.check(&header(&data(0, 1, 0), 0)), Err(ResponseError::DuplicateSequenceNumber));
    assert_eq!(producers.check(&header(&data(1, 1, 0), 0)).map(|found| found.map(|(offset, _)| offset)), Ok(Some(1)));
}

#[test]
fn an_open_transaction_holds_the_stable_offset_and_an_aborted_one_is_listed() {
    let mut producers = known();
    assert_eq!(producers.first_open_offset(), Some(100));
    producers.note_end(&header(&data(-1, 1, 1), 105), false, 0);
    assert_eq!(producers.first_open_offset(), None);
    let aborted = Aborted { producer_id: 9, first_offset: 100, last_offset: 105 };
    let within = |from, to| producers.aborted(from, to).collect::<Vec<_>>();
    assert_eq!(within(0, 101), [aborted]);
    assert_eq!(within(105, 200), [aborted]);
    assert_eq!(within(0, 100), []);
    assert_eq!(within(106, 200), []);
}

#[test]
fn idle_producers_are_forgotten_but_not_open_transactions() {
    let mut producers = known();
    producers.forget(0, 1);
    assert_eq!(producers.iter().count(), 1, "its transaction is open");
    producers.note_end(&header(&data(-1, 1, 1), 105), false, 0);
    producers.forget(106, 1);
    assert_eq!(producers.iter().count(), 0);
    assert_eq!(producers.aborted(0, 1000).count(), 0, "its records are gone");
}
