//! Texts in every encoding come back as they were, however the bytes arrive.

use std::io::{self, Read};

use super::Charset;

/// Gives one byte at a time.
struct Drops(io::Cursor<Vec<u8>>);

impl Read for Drops {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min(1);
        self.0.read(&mut out[..most])
    }
}

fn decoded(charset: Charset, bytes: Vec<u8>) -> String {
    let mut text = String::new();
    charset.decoded(Box::new(Drops(io::Cursor::new(bytes)))).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_was_encoded_is_decoded() {
    let text = "a,\u{e9}\n\u{4e2d}\u{1f600}\u{a41}";
    for charset in [Charset::Utf8, Charset::Utf16, Charset::Utf16Be, Charset::Utf16Le, Charset::Utf32] {
        assert_eq!(decoded(charset, charset.encode(text, true)), text, "{charset:?}");
    }
    let western = "a,\u{e9}\n";
    assert_eq!(decoded(Charset::Latin1, Charset::Latin1.encode(western, true)), western);
}

#[test]
fn a_mark_says_the_order_of_the_bytes_and_is_no_letter() {
    assert_eq!(decoded(Charset::Utf16, vec![0xff, 0xfe, b'a', 0]), "a");
    assert_eq!(decoded(Charset::Utf16, vec![0, b'a']), "a");
    assert_eq!(decoded(Charset::Utf32, vec![0xff, 0xfe, 0, 0, b'a', 0, 0, 0]), "a");
    assert_eq!(decoded(Charset::Utf16, Vec::new()), "");
}

#[test]
fn what_is_no_letter_is_shown_as_one() {
    assert_eq!(decoded(Charset::Ascii, vec![b'a', 0xe9]), "a\u{fffd}");
    assert_eq!(decoded(Charset::Utf16Le, vec![b'a', 0, b'b']), "a\u{fffd}");
    // A first half, then `a` and `b`: the first half takes `a` with it.
    assert_eq!(decoded(Charset::Utf16Be, vec![0xd8, 0, 0, b'a', 0, b'b']), "\u{fffd}b");
    assert_eq!(decoded(Charset::Utf32, vec![0, 0x11, 0, 0]), "\u{fffd}");
}
