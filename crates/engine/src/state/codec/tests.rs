use millstream_core::ErrorKind;
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{Reader, put_bytes, put_i64, put_u64};

#[test]
fn numbers_take_seven_bits_a_byte() {
    let cases: [(i64, &[u8]); 5] = [(0, &[0]), (-1, &[1]), (1, &[2]), (64, &[0x80, 1]), (-65, &[0x81, 1])];
    for (number, expected) in cases {
        let mut bytes = vec![];
        put_i64(&mut bytes, number);
        assert_eq!(bytes, expected, "{number}");
    }
}

#[test]
fn a_number_beyond_64_bits_is_refused() {
    for bytes in [&[0xff; 10][..], &[0x80, 0x80]] {
        assert_eq!(Reader::new(bytes).u64().unwrap_err().kind(), ErrorKind::Data, "{bytes:x?}");
    }
    // The largest that there is.
    assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).u64().unwrap(), u64::MAX);
}

proptest! {
    #[test]
    fn what_was_written_is_read(signed in any::<i64>(), unsigned in any::<u64>(), bytes in vec(any::<u8>(), 0..300)) {
        let mut out = vec![];
        put_i64(&mut out, signed);
        put_u64(&mut out, unsigned);
        put_bytes(&mut out, &bytes);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.i64().unwrap(), signed);
        prop_assert_eq!(reader.u64().unwrap(), unsigned);
        prop_assert_eq!(reader.bytes().unwrap(), &bytes);
        prop_assert_eq!(reader.is_empty(), true);
    }

    #[test]
    fn garbage_never_panics(garbage in vec(any::<u8>(), 0..40)) {
        let mut reader = Reader::new(&garbage);
        while !reader.is_empty() && reader.bytes().is_ok() && reader.i64().is_ok() && reader.array::<3>().is_ok() {}
    }
}
