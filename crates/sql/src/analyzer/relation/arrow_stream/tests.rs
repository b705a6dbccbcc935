use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
use arrow::datatypes::Int32Type;
use arrow::ipc::writer::StreamWriter;
use millstream_core::ErrorKind;

use super::*;

fn rows() -> RecordBatch {
    let lists = [Some(vec![Some(1), None]), None, Some(vec![])];
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    RecordBatch::try_from_iter([
        ("number", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef),
        ("text", Arc::new(StringArray::from(vec!["a", "longer than twelve bytes", ""]))),
        ("list", Arc::new(lists)),
    ])
    .unwrap()
}

fn stream() -> Vec<u8> {
    let rows = rows();
    let mut writer = StreamWriter::try_new(vec![], &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn the_rows_of_a_whole_stream_are_read() {
    assert_eq!(batches(&stream()).unwrap(), [rows(), rows()]);
}

#[test]
fn a_length_of_four_exabytes_is_refused_and_not_allocated() {
    let whole = stream();
    // The lengths of bodies and buffers are 8 bytes each, and lie at multiples of 8.
    let lengths = (0..whole.len() - 8).step_by(8);
    let mut refused = 0;
    for at in lengths {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&(1_i64 << 62).to_le_bytes());
        if let Err(error) = batches(&bytes) {
            assert_eq!(error.kind(), ErrorKind::Invalid, "at byte {at}: {error}");
            refused += 1;
        }
    }
    assert!(refused > 10, "only {refused} lengths were refused");
}

#[test]
fn a_stream_that_is_damaged_anywhere_is_read_or_refused() {
    let whole = stream();
    let mut refused = 0;
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Err(error) = batches(&bytes) {
                assert_eq!(error.kind(), ErrorKind::Invalid, "byte {at} is {value}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "only {refused} damages were noticed");
}

#[test]
fn a_stream_that_is_cut_in_a_message_is_refused() {
    let whole = stream();
    let error = batches(&whole[..whole.len() - 40]).unwrap_err();
    assert!(error.to_string().contains("no valid Arrow IPC stream"), "{error}");
}
