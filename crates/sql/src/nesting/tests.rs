//! Bytes that nest, and bytes that only look like it.

use millstream_core::ErrorKind;
use prost::Message;
use prost::bytes::Bytes;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Limit, Range, Relation};

use super::{LEVELS_MAX, STACK_BYTES, decode, levels};

fn range() -> Relation {
    Relation { common: None, rel_type: Some(RelType::Range(Range { end: 3, ..Range::default() })) }
}

/// Two levels each.
fn limits(relations: usize) -> Relation {
    (0..relations).fold(range(), |input, _| Relation {
        common: None,
        rel_type: Some(RelType::Limit(Box::new(Limit { input: Some(Box::new(input)), limit: 1 }))),
    })
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = vec![];
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Messages in messages, with these bytes behind each.
fn nested(depth: usize, behind: &[u8]) -> Vec<u8> {
    let mut headers = vec![];
    let mut size = 0;
    for field in (0..depth).map(|level| if level % 2 == 0 { 0x0a } else { 0x42 }) {
        let header = [vec![field], varint(size)].concat();
        size += header.len() + behind.len();
        headers.push(header);
    }
    headers.into_iter().rev().flatten().chain(behind.repeat(depth)).collect()
}

#[test]
fn messages_in_messages_are_counted() {
    assert_eq!(levels(&range().encode_to_vec()), 2);
    assert_eq!(levels(&limits(50).encode_to_vec()), 102);
    assert_eq!(levels(b""), 1);
}

#[test]
fn text_is_no_nesting() {
    for text in ["k", "3", "\n", "(", "[", "\u{8}", "\n\u{2}", "x\u{1}"] {
        let literal = Range { end: 1, ..Range::default() };
        let text = text.repeat(100_000);
        let bytes = [vec![0x12], varint(text.len()), text.into_bytes(), literal.encode_to_vec()].concat();
        assert!(levels(&bytes) <= 3, "a string of many bytes");
    }
}

#[test]
fn a_deep_message_is_decoded_and_a_deeper_one_refused() {
    // To drop it goes as deep again.
    let whole = || drop(decode::<Relation>(&nested(LEVELS_MAX - 2, b"").into()).expect("within the bound"));
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(whole).expect("a thread");
    thread.join().expect("no assertion fails");
    for depth in [LEVELS_MAX + 2, 1_000_000] {
        let error = decode::<Relation>(&nested(depth, b"").into()).expect_err("beyond it");
        assert_eq!(error.class(), Some("FAILED_TO_PARSE_TOO_COMPLEX"));
    }
}

#[test]
fn damage_in_each_level_never_overflows_the_stack() {
    // Behind each message stands what is none: field 0, a group that ends nowhere, a length beyond the end.
    for behind in [&b"\x00"[..], b"\x0b", b"\x0a\xff\x7f"] {
        for depth in [10, 3000, 1_000_000] {
            decode::<Relation>(&nested(depth, behind).into()).expect_err("damaged");
        }
    }
    let groups = Bytes::from(vec![0x0b; 10_000_000]);
    decode::<Relation>(&groups).expect_err("groups in groups");
    let error = decode::<Relation>(&Bytes::from_static(b"\x00")).expect_err("damaged");
    assert_eq!(error.kind(), ErrorKind::Internal);
}
