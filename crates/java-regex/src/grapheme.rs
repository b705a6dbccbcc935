//! Where the character that a reader sees ends: extended grapheme clusters (Unicode Standard Annex 29), for `\X` and
//! `\b{g}`.

use std::sync::LazyLock;

use super::code_set::CodeSet;
use super::unicode::{Kind, known};
use super::units::point_at;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Other,
    Cr,
    Lf,
    Control,
    Extend,
    Joiner,
    Regional,
    Prepend,
    SpacingMark,
    Leading,
    Vowel,
    Trailing,
    LeadingVowel,
    LeadingVowelTrailing,
    Pictographic,
}

const NAMES: [(&str, Break); 14] = [
    ("CR", Break::Cr),
    ("LF", Break::Lf),
    ("CONTROL", Break::Control),
    ("EXTEND", Break::Extend),
    ("ZWJ", Break::Joiner),
    ("RI", Break::Regional),
    ("PREPEND", Break::Prepend),
    ("SPACINGMARK", Break::SpacingMark),
    ("L", Break::Leading),
    ("V", Break::Vowel),
    ("T", Break::Trailing),
    ("LV", Break::LeadingVowel),
    ("LVT", Break::LeadingVowelTrailing),
    ("EXTENDED_PICTOGRAPHIC", Break::Pictographic),
];

fn break_of(point: u32) -> Break {
    static SETS: LazyLock<Vec<(CodeSet, Break)>> =
        LazyLock::new(|| NAMES.iter().map(|(name, kind)| (known(Kind::Grapheme, name), *kind)).collect());
    SETS.iter().find(|(set, _)| set.contains(point)).map_or(Break::Other, |(_, kind)| *kind)
}

/// The end of the cluster that begins at `from`, which is before the end of the text.
pub(super) fn cluster_end(text: &[u16], from: usize) -> usize {
    let (point, mut end) = point_at(text, from);
    let mut left = break_of(point);
    let mut regionals = usize::from(left == Break::Regional);
    // A picture, and marks behind it: a joiner then joins another picture.
    let mut picture = left == Break::Pictographic;
    while end < text.len() {
        let (point, behind) = point_at(text, end);
        let right = break_of(point);
        let joined = picture && left == Break::Joiner && right == Break::Pictographic
            || left == Break::Regional && right == Break::Regional && regionals % 2 == 1
            || joins(left, right);
        if !joined {
            break;
        }
        regionals += usize::from(right == Break::Regional);
        picture = right == Break::Pictographic || picture && matches!(right, Break::Extend | Break::Joiner);
        (left, end) = (right, behind);
    }
    end
}

/// The rules that look at two characters alone.
fn joins(left: Break, right: Break) -> bool {
    let breaks = |one| matches!(one, Break::Cr | Break::Lf | Break::Control);
    match (left, right) {
        (Break::Cr, Break::Lf) => true,
        _ if breaks(left) || breaks(right) => false,
        (_, Break::Extend | Break::Joiner | Break::SpacingMark) | (Break::Prepend, _) => true,
        (Break::Leading, Break::Leading | Break::Vowel | Break::LeadingVowel | Break::LeadingVowelTrailing) => true,
        (Break::LeadingVowel | Break::Vowel, Break::Vowel | Break::Trailing) => true,
        (Break::LeadingVowelTrailing | Break::Trailing, Break::Trailing) => true,
        _ => false,
    }
}
