//! What a client may ask for, and what it gets.

use super::*;

fn asked(allow: bool, bytes: Option<i64>) -> Pieces {
    let options = ResultChunkingOptions { allow_arrow_batch_chunking: allow, preferred_arrow_chunk_size: bytes };
    Pieces::asked(&options)
}

#[test]
fn sizes_out_of_range_are_ours() {
    assert_eq!(asked(false, Some(5000)), Pieces::Whole);
    assert_eq!(asked(true, Some(5000)), Pieces::Of(5000));
    for bytes in [None, Some(i64::MIN), Some(0), Some(1023), Some(i64::MAX)] {
        assert_eq!(asked(true, bytes), Pieces::Of(PIECE_BYTES), "{bytes:?}");
    }
}

#[test]
fn pieces_are_the_whole() {
    let batch: Bytes = (0..=255).cycle().take(2500).collect();
    let pieces = Pieces::Of(1024).of(&batch).unwrap();
    assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [1024, 1024, 452]);
    assert_eq!(pieces.concat(), batch);
}

#[test]
fn a_row_that_no_message_holds_is_refused_by_its_size() {
    let batch = Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]);
    let error = Pieces::Whole.of(&batch).unwrap_err();
    assert_eq!(error.class(), Some("UNSUPPORTED_FEATURE"));
    assert!(error.message().contains(&batch.len().to_string()), "{}", error.message());
    assert_eq!(Pieces::Whole.of(&batch.slice(1..)).unwrap().len(), 1);
}
