//! Texts as Java has them: UTF-16 units, between any two of which a match may begin.

/// The character at a place and where it ends. A half of a surrogate pair alone is a character too.
pub(super) fn point_at(text: &[u16], at: usize) -> (u32, usize) {
    let unit = text[at];
    if let (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) = (unit, text.get(at + 1)) {
        return (0x1_0000 + ((u32::from(unit) - 0xD800) << 10) + (u32::from(*low) - 0xDC00), at + 2);
    }
    (unit.into(), at + 1)
}

/// The character that ends at a place and where it begins.
pub(super) fn point_before(text: &[u16], at: usize) -> (u32, usize) {
    if at >= 2 && (0xDC00..=0xDFFF).contains(&text[at - 1]) && (0xD800..=0xDBFF).contains(&text[at - 2]) {
        return (point_at(text, at - 2).0, at - 2);
    }
    (text[at - 1].into(), at - 1)
}

/// The place that is `count` characters before `at`, or the beginning.
pub(super) fn points_back(text: &[u16], mut at: usize, count: i32) -> usize {
    for _ in 0..count {
        if at == 0 {
            break;
        }
        at = point_before(text, at).1;
    }
    at
}

/// The place that is `count` characters behind `at`, or the end.
pub(super) fn points_ahead(text: &[u16], mut at: usize, count: i32) -> usize {
    for _ in 0..count {
        if at >= text.len() {
            break;
        }
        at = point_at(text, at).1;
    }
    at
}

/// Units as a string. A half of a surrogate pair becomes a question mark, as where Spark makes UTF-8 of Java's text.
pub(super) fn to_text(units: &[u16]) -> String {
    char::decode_utf16(units.iter().copied()).map(|one| one.unwrap_or('?')).collect()
}
