use super::{Cursor, Malformed};

/// Zigzag values and their bytes, from the Protocol Buffers encoding guide, which Kafka's varints follow.
#[test]
fn signed_varints() {
    let check = |bytes: &[u8], value: i64| {
        let mut cursor = Cursor::new(bytes);
        assert_eq!(cursor.signed_long(), Ok(value), "{bytes:?}");
        assert!(cursor.is_empty());
    };
    check(&[0], 0);
    check(&[1], -1);
    check(&[2], 1);
    check(&[0x7f], -64);
    check(&[0x80, 1], 64);
    check(&[0xff, 0x7f], -8192);
    check(&[0x80, 0x80, 1], 8192);
    check(&[0xfe, 0xff, 0xff, 0xff, 0x0f], i64::from(i32::MAX));
    check(&[0xff, 0xff, 0xff, 0xff, 0x0f], i64::from(i32::MIN));
    check(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MAX);
    check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MIN);
}

#[test]
fn bad_varints_are_refused() {
    let read = |bytes: &[u8]| Cursor::new(bytes).unsigned_long();
    assert_eq!(read(&[]), Err(Malformed::EndsEarly));
    assert_eq!(read(&[0x80]), Err(Malformed::EndsEarly));
    assert_eq!(read(&[0x80, 0x80, 0x80]), Err(Malformed::EndsEarly));
    assert_eq!(read(&[0xff; 10]), Err(Malformed::VarintTooLong));
    assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), Err(Malformed::VarintTooLong));
    assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).unsigned(), Err(Malformed::VarintTooLong));
}

#[test]
fn null_empty_and_impossible_bytes() {
    let read = |bytes: &'static [u8]| Cursor::new(bytes).nullable_bytes();
    assert_eq!(read(&[1]), Ok(None));
    assert_eq!(read(&[0]), Ok(Some(&[][..])));
    assert_eq!(read(&[4, 7, 8, 9]), Ok(Some(&[7, 8][..])));
    assert_eq!(read(&[4, 7]), Err(Malformed::EndsEarly));
    assert_eq!(read(&[3]), Err(Malformed::NegativeLength));
}
