//! What the JDK knows of characters: the sets behind its property names, and its case mappings.
//!
//! `unicode.txt` was written by a JDK 17 (`dev/conformance/java_regex/Tables.java` says how), so
//! the version of Unicode and every peculiarity are that JDK's. A set is decoded when a pattern names it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::code_set::CodeSet;

static TEXT: &str = include_str!("unicode.txt");

/// The lines of the file by kind and name, and the sets by number.
struct Tables {
    names: HashMap<(&'static str, &'static str), &'static str>,
    sets: HashMap<&'static str, &'static str>,
    upper: HashMap<u32, u32>,
    lower: HashMap<u32, u32>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables =
        Tables { names: HashMap::new(), sets: HashMap::new(), upper: HashMap::new(), lower: HashMap::new() };
    for line in TEXT.lines() {
        let Some((kind, rest)) = line.split_once('\t') else { continue };
        match (kind, rest.split_once('\t')) {
            ("set", Some((number, set))) => drop(tables.sets.insert(number, set)),
            ("upper", None) => tables.upper = mapping(rest),
            ("lower", None) => tables.lower = mapping(rest),
            (kind, Some((name, sets))) => drop(tables.names.insert((kind, name), sets)),
            _ => {}
        }
    }
    tables
});

fn numbers(text: &str) -> impl Iterator<Item = i64> + '_ {
    text.split(',').filter_map(|number| i64::from_str_radix(number, 36).ok())
}

fn mapping(text: &str) -> HashMap<u32, u32> {
    let (mut map, mut point) = (HashMap::new(), 0);
    let mut numbers = numbers(text);
    while let (Some(gap), Some(difference)) = (numbers.next(), numbers.next()) {
        point += gap;
        map.insert(point as u32, (point + difference) as u32);
    }
    map
}

fn set(number: &str) -> Option<CodeSet> {
    let (mut ranges, mut end) = (Vec::new(), 0);
    let mut numbers = numbers(TABLES.sets.get(number)?);
    while let (Some(gap), Some(length)) = (numbers.next(), numbers.next()) {
        let from = end + gap;
        end = from + length;
        ranges.push((from as u32, (end - 1) as u32));
    }
    Some(CodeSet::new(ranges))
}

/// The kinds of names that the file has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// General categories, POSIX names and Java's own, `\p{…}`; as they are written.
    Property,
    /// Binary properties of Unicode, `\p{Is…}`, in upper case.
    Binary,
    /// POSIX names under `(?U)`, in upper case.
    Posix,
    /// `\d`, `\s` and `\w` under `(?U)`.
    Class,
    /// Scripts, in upper case.
    Script,
    /// Blocks, in upper case.
    Block,
    /// Kinds of grapheme breaks.
    Grapheme,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Binary => "unicode",
            Self::Posix => "posix",
            Self::Class => "class",
            Self::Script => "script",
            Self::Block => "block",
            Self::Grapheme => "grapheme",
        }
    }
}

/// The set of this name, in the form that it has without regard to case if `any_case`.
pub(super) fn named(kind: Kind, name: &str, any_case: bool) -> Option<CodeSet> {
    let sets = TABLES.names.get(&(kind.name(), name))?;
    let (usual, folded) = sets.split_once('\t').unwrap_or((sets, sets));
    set(if any_case { folded } else { usual })
}

/// The set of this name, which the file is certain to have.
pub(super) fn known(kind: Kind, name: &str) -> CodeSet {
    named(kind, name, false).expect("the table has every name that the crate asks for")
}

/// The upper case of a character (`Character.toUpperCase`).
pub(super) fn upper(point: u32) -> u32 {
    TABLES.upper.get(&point).copied().unwrap_or(point)
}

/// The lower case of a character (`Character.toLowerCase`).
pub(super) fn lower(point: u32) -> u32 {
    TABLES.lower.get(&point).copied().unwrap_or(point)
}

/// All characters that differ from their upper or their lower case.
pub(super) fn cased() -> impl Iterator<Item = u32> {
    TABLES.upper.keys().chain(TABLES.lower.keys()).copied()
}

/// `true` for letters and digits (`Character.isLetterOrDigit`).
pub(super) fn is_letter_or_digit(point: u32) -> bool {
    static LETTER_OR_DIGIT: LazyLock<CodeSet> = LazyLock::new(|| known(Kind::Property, "LD"));
    LETTER_OR_DIGIT.contains(point)
}

/// `true` for marks that take no room (`Character.NON_SPACING_MARK`).
pub(super) fn is_non_spacing_mark(point: u32) -> bool {
    static MARKS: LazyLock<CodeSet> = LazyLock::new(|| known(Kind::Property, "Mn"));
    MARKS.contains(point)
}

/// `\w` under `(?U)`
pub(super) fn is_unicode_word(point: u32) -> bool {
    static WORD: LazyLock<CodeSet> = LazyLock::new(|| known(Kind::Class, "w"));
    WORD.contains(point)
}
