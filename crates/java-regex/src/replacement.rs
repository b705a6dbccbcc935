//! Java's replacements (`Matcher.appendReplacement`).

use super::JavaRegex;

/// A part of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Group(usize),
}

/// Why a replacement cannot be used, in Java's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplacementError {
    /// An `IllegalArgumentException` with this message.
    Illegal(String),
    /// An `IndexOutOfBoundsException` with this message.
    NoGroup(String),
}

impl ReplacementError {
    /// The message of Java's exception.
    pub fn message(&self) -> &str {
        match self {
            Self::Illegal(message) | Self::NoGroup(message) => message,
        }
    }
}

/// A replacement, read for one pattern: `$1`, `${name}`, and a backslash before what is meant as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(pub(super) Vec<Part>);

impl Replacement {
    /// Reads a replacement. Java reads it at each match, so an error is one only where something matches.
    pub fn new(replacement: &str, regex: &JavaRegex) -> Result<Self, ReplacementError> {
        let illegal = |message: &str| ReplacementError::Illegal(message.to_owned());
        let (mut parts, mut text) = (Vec::new(), String::new());
        let mut letters = replacement.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.push(letters.next().ok_or_else(|| illegal("character to be escaped is missing"))?),
                '$' => {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    let first = letters.next();
                    let first = first.ok_or_else(|| illegal("Illegal group reference: group index is missing"))?;
                    parts.push(Part::Group(match first {
                        '{' => named_group(&mut letters, regex)?,
                        _ => numbered_group(first, &mut letters, regex)?,
                    }));
                }
                other => text.push(other),
            }
        }
        parts.push(Part::Text(text));
        parts.retain(|part| *part != Part::Text(String::new()));
        Ok(Self(parts))
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn named_group(letters: &mut Letters<'_>, regex: &JavaRegex) -> Result<usize, ReplacementError> {
    let mut name = String::new();
    while let Some(letter) = letters.next_if(char::is_ascii_alphanumeric) {
        name.push(letter);
    }
    let illegal = |message: String| Err(ReplacementError::Illegal(message));
    if name.is_empty() {
        return illegal("named capturing group has 0 length name".to_owned());
    }
    if letters.next() != Some('}') {
        return illegal("named capturing group is missing trailing '}'".to_owned());
    }
    if name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return illegal(format!("capturing group name {{{name}}} starts with digit character"));
    }
    match regex.group_named(&name) {
        Some(group) => Ok(group),
        None => illegal(format!("No group with name {{{name}}}")),
    }
}

/// As many digits as still name a group of the pattern, but always one.
fn numbered_group(first: char, letters: &mut Letters<'_>, regex: &JavaRegex) -> Result<usize, ReplacementError> {
    let Some(digit) = first.to_digit(10) else {
        return Err(ReplacementError::Illegal("Illegal group reference".to_owned()));
    };
    let mut group = digit as usize;
    if group > regex.group_count() {
        return Err(ReplacementError::NoGroup(format!("No group {group}")));
    }
    while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
        let longer = group * 10 + digit as usize;
        if longer > regex.group_count() {
            break;
        }
        group = longer;
        letters.next();
    }
    Ok(group)
}
