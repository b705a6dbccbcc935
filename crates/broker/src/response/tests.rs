use std::io::Write;
use std::sync::Arc;

use bytes::{BufMut, Bytes};

use super::{COPIED_BELOW_BYTES, FILE_CHUNK_BYTES, FileSlice, Response, Slice};

#[tokio::test]
async fn slices_of_all_kinds_come_out_in_order_behind_the_length() {
    let mut file = tempfile::tempfile().expect("a file");
    let stored: Vec<u8> = (0..FILE_CHUNK_BYTES * 2 + 77).map(|i| i as u8).collect();
    file.write_all(&stored).expect("room");
    let large = vec![7; COPIED_BELOW_BYTES];
    let mut response = Response::default();
    let mut expected = Vec::new();
    response.tail.put_slice(b"head");
    expected.extend_from_slice(b"head");
    for _ in 0..100 {
        response.push(Slice::Memory(Bytes::copy_from_slice(&large)));
        expected.extend_from_slice(&large);
        response.push(Slice::Memory(Bytes::from_static(b"small")));
        expected.extend_from_slice(b"small");
    }
    let slice = FileSlice { file: Arc::new(file), position: 5, len: stored.len() - 5 };
    response.push(Slice::File(slice));
    expected.extend_from_slice(&stored[5..]);
    response.tail.put_slice(b"tail");
    expected.extend_from_slice(b"tail");
    assert_eq!(response.len(), expected.len());
    let mut written = Vec::new();
    response.write_to(&mut written).await.expect("it is written");
    assert_eq!(written[..4], (expected.len() as i32).to_be_bytes());
    assert!(written[4..] == expected);
}
