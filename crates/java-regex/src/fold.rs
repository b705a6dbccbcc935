//! Letters without regard to case, by Java's rules: ASCII alone under `(?i)`, by simple case mappings under `(?iu)`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::code_set::CodeSet;
use super::cursor::Flags;
use super::unicode::{cased, lower, upper};

const SURROGATES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;

/// The letters whose upper case has this lower case.
static BY_LOWER: LazyLock<HashMap<u32, Vec<u32>>> = LazyLock::new(|| {
    let mut map: HashMap<u32, Vec<u32>> = HashMap::new();
    for point in cased() {
        map.entry(folded(point)).or_default().push(point);
    }
    map
});

/// The form in which letters are compared under `(?iu)`.
pub(super) fn folded(point: u32) -> u32 {
    lower(upper(point))
}

/// The lower case of an ASCII letter.
pub(super) fn ascii_lower(point: u32) -> u32 {
    if (0x41..=0x5A).contains(&point) { point + 0x20 } else { point }
}

fn ascii_upper(point: u32) -> u32 {
    if (0x61..=0x7A).contains(&point) { point - 0x20 } else { point }
}

/// What one letter stands for.
pub(super) fn single(point: u32, flags: Flags) -> CodeSet {
    if flags.any_case && flags.unicode_case {
        let capital = upper(point);
        let small = lower(capital);
        if capital != small {
            let mut all = BY_LOWER.get(&small).cloned().unwrap_or_default();
            all.push(small);
            return CodeSet::of(&all);
        }
    } else if flags.any_case && point < 128 && ascii_lower(point) != ascii_upper(point) {
        return CodeSet::of(&[ascii_lower(point), ascii_upper(point)]).in_bmp();
    }
    let beyond = point > 0xFFFF || SURROGATES.contains(&point);
    if beyond { CodeSet::of(&[point]) } else { CodeSet::of(&[point]).in_bmp() }
}

/// What one letter of a class stands for, where Java keeps it in a table of the first 256; `None` where it does not.
pub(super) fn low(point: u32, flags: Flags) -> Option<CodeSet> {
    let folds_out = matches!(point, 0xFF | 0xB5 | 0x49 | 0x69 | 0x53 | 0x73 | 0x4B | 0x6B | 0xC5 | 0xE5);
    if point > 0xFF || flags.any_case && flags.unicode_case && folds_out {
        return None;
    }
    let set = match (flags.any_case, flags.unicode_case) {
        (true, _) if point < 128 => CodeSet::of(&[point, ascii_lower(point), ascii_upper(point)]),
        (true, true) => CodeSet::of(&[point, lower(point), upper(point)]),
        _ => CodeSet::of(&[point]),
    };
    Some(set.in_bmp())
}

/// What a range of a class stands for.
pub(super) fn range(from: u32, to: u32, flags: Flags) -> CodeSet {
    let plain = CodeSet::range(from..=to);
    let inside = |point: u32| (from..=to).contains(&point);
    if flags.any_case && flags.unicode_case {
        let more = cased().filter(|&point| inside(upper(point)) || inside(folded(point)));
        return plain.union(&CodeSet::of(&more.collect::<Vec<_>>()));
    }
    if flags.any_case {
        let more = (0..128).filter(|&point| inside(ascii_upper(point)) || inside(ascii_lower(point)));
        return plain.union(&CodeSet::of(&more.collect::<Vec<_>>()));
    }
    let beyond = to >= *SURROGATES.start() && from <= *SURROGATES.end() || to > 0xFFFF;
    if beyond { plain } else { plain.in_bmp() }
}
