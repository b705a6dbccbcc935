//! `java.util.Formatter`, by which `format_string` prints: `%[argument$][flags][width][.precision]conversion`.
//!
//! Deliberately not here: dates and times (`%t…`), because Spark hands numbers to them, and `%a` with a precision.

mod number;

use std::iter::Peekable;
use std::str::Chars;

/// A value as Spark hands it to Java.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Argument {
    Null,
    Boolean(bool),
    /// A whole number of so many bits.
    Integer {
        value: i64,
        bits: u32,
    },
    Float(f32),
    Double(f64),
    /// What is printed as text only, and its Java class.
    Text {
        text: String,
        class: &'static str,
        hash: Option<i32>,
    },
}

/// Why a format cannot be printed by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Java's sentence, under an IllegalArgumentException.
    Illegal(String),
    /// What is not built.
    Unbuilt(String),
}

fn illegal<T>(sentence: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Illegal(sentence.into()))
}

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JavaFormat(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Specifier(Specifier),
}

/// Which argument is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The one behind the last that was printed in order.
    Next,
    /// The last that was printed.
    Last,
    /// The one with this number, from 1.
    At(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Specifier {
    text: String,
    place: Place,
    flags: String,
    width: Option<usize>,
    precision: Option<usize>,
    /// The conversion's letter in lower case.
    conversion: char,
    upper: bool,
    dates: bool,
}

impl JavaFormat {
    /// Compiles a format.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn new(format: &str) -> Result<Self, Refusal> {
        let mut parts = Vec::new();
        let mut rest = format;
        while let Some(start) = rest.find('%') {
            if start > 0 {
                parts.push(Part::Text(rest[..start].to_owned()));
            }
            let (specifier, behind) = Specifier::read(&rest[start + 1..])?;
            specifier.check()?;
            parts.push(Part::Specifier(specifier));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The bytes that the format may need, beside its arguments' texts.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Specifier(one) => {
                one.width.unwrap_or(0).saturating_add(one.precision.unwrap_or(0)).saturating_add(400)
            }
        };
        self.0.iter().map(bytes).fold(0, usize::saturating_add)
    }

    /// The arguments as text.
    ///
    /// # Errors
    /// An argument is missing, or has a type that the conversion does not print.
    pub(super) fn print(&self, arguments: &[Argument]) -> Result<String, Refusal> {
        let mut out = String::new();
        let (mut ordinary, mut last) = (0, None);
        for part in &self.0 {
            let specifier = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Specifier(specifier) => specifier,
            };
            match specifier.conversion {
                'n' => out.push('\n'),
                '%' => out.push_str(&specifier.justified("%".to_owned())),
                _ => {
                    let index = match specifier.place {
                        Place::Next => {
                            ordinary += 1;
                            Some(ordinary - 1)
                        }
                        Place::Last => last,
                        Place::At(number) => Some(number - 1),
                    };
                    let Some(argument) = index.and_then(|index| arguments.get(index)) else {
                        return illegal(format!("Format specifier '{}'", specifier.text));
                    };
                    last = index;
                    out.push_str(&specifier.print(argument)?);
                }
            }
        }
        Ok(out)
    }
}

fn digits(letters: &mut Peekable<Chars<'_>>) -> String {
    std::iter::from_fn(|| letters.next_if(char::is_ascii_digit)).collect()
}

impl Specifier {
    /// The specifier behind a `%`, and what is behind it.
    fn read(text: &str) -> Result<(Self, &str), Refusal> {
        let unknown = || {
            let letter = text.chars().next().unwrap_or('%');
            illegal(format!("Conversion = '{letter}'"))
        };
        let mut letters = text.chars().peekable();
        let mut place = Place::Next;
        let number = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        if number > 0 && text[number..].starts_with('$') {
            place = match text[..number].parse() {
                Ok(0) | Err(_) => return illegal(format!("Illegal format argument index = {}", &text[..number])),
                Ok(index) => Place::At(index),
            };
            letters = text[number + 1..].chars().peekable();
        }
        let flags: String = std::iter::from_fn(|| letters.next_if(|letter| "-#+ 0,(<".contains(*letter))).collect();
        let width = digits(&mut letters);
        let mut precision = None;
        if letters.next_if_eq(&'.').is_some() {
            let digits = digits(&mut letters);
            if digits.is_empty() {
                return unknown();
            }
            precision = Some(digits);
        }
        let mut dates = false;
        let mut conversion = letters.next();
        if let (Some('t' | 'T'), Some(letter)) = (conversion, letters.peek())
            && letter.is_ascii_alphabetic()
        {
            dates = true;
            conversion = letters.next();
        }
        let Some(conversion) = conversion.filter(|letter| letter.is_ascii_alphabetic() || *letter == '%') else {
            return unknown();
        };
        let doubled = flags.char_indices().find(|(at, flag)| flags[at + 1..].contains(*flag));
        if let Some((_, flag)) = doubled {
            return illegal(format!("Flags = '{flag}'"));
        }
        if flags.contains('<') {
            place = Place::Last;
        }
        let behind: String = letters.collect();
        let behind = &text[text.len() - behind.len()..];
        let limited = |digits: String| match digits.parse::<i32>() {
            Ok(value) => Ok(value as usize),
            Err(_) => illegal(i32::MIN.to_string()),
        };
        let specifier = Self {
            text: format!("%{}", &text[..text.len() - behind.len()]),
            place,
            flags: flags.replace('<', ""),
            width: if width.is_empty() { None } else { Some(limited(width)?) },
            precision: precision.map(limited).transpose()?,
            conversion: if dates { conversion } else { conversion.to_ascii_lowercase() },
            upper: conversion.is_ascii_uppercase(),
            dates,
        };
        Ok((specifier, behind))
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn letter(&self) -> char {
        if self.upper { self.conversion.to_ascii_uppercase() } else { self.conversion }
    }

    /// Checks what a conversion may be told.
    fn check(&self) -> Result<(), Refusal> {
        if self.dates {
            return Err(Refusal::Unbuilt("dates and times (%t) in format_string".to_owned()));
        }
        match (self.conversion, self.upper) {
            ('b' | 'h', _) => {
                self.refuse_flags("#")?;
                self.check_text()
            }
            ('s', _) => self.check_text(),
            ('c', _) => {
                self.refuse_precision()?;
                self.refuse_flags("#")?;
                self.check_text()
            }
            ('d' | 'o', false) | ('x', _) => {
                self.check_number()?;
                self.refuse_precision()?;
                self.refuse_flags(if self.conversion == 'd' { "#" } else { "," })
            }
            ('f', false) => self.check_number(),
            ('e', _) => {
                self.check_number()?;
                self.refuse_flags(",")
            }
            ('g', _) => {
                self.check_number()?;
                self.refuse_flags("#")
            }
            ('a', _) => {
                self.check_number()?;
                self.refuse_flags("(,")
            }
            ('%', _) => {
                self.refuse_precision()?;
                if !matches!(self.flags.as_str(), "" | "-") {
                    return illegal(format!("Flags = '{}'", self.flags));
                }
                self.check_width(false)
            }
            ('n', false) => {
                self.refuse_precision()?;
                match self.width {
                    Some(width) => illegal(width.to_string()),
                    None if self.flags.is_empty() => Ok(()),
                    None => illegal(format!("Flags = '{}'", self.flags)),
                }
            }
            _ => illegal(format!("Conversion = '{}'", self.letter())),
        }
    }

    fn check_text(&self) -> Result<(), Refusal> {
        self.check_width(false)?;
        self.refuse_flags("+ 0,(")
    }

    fn check_number(&self) -> Result<(), Refusal> {
        self.check_width(true)?;
        if self.has('+') && self.has(' ') || self.has('-') && self.has('0') {
            return illegal(format!("Flags = '{}'", self.flags));
        }
        Ok(())
    }

    fn check_width(&self, zeros: bool) -> Result<(), Refusal> {
        if self.width.is_none() && (self.has('-') || zeros && self.has('0')) {
            return illegal(self.text.clone());
        }
        Ok(())
    }

    fn refuse_precision(&self) -> Result<(), Refusal> {
        self.precision.map_or(Ok(()), |precision| illegal(precision.to_string()))
    }

    fn refuse_flags(&self, flags: &str) -> Result<(), Refusal> {
        match flags.chars().find(|flag| self.has(*flag)) {
            Some(flag) => illegal(format!("Conversion = {}, Flags = {flag}", self.conversion)),
            None => Ok(()),
        }
    }

    fn print(&self, argument: &Argument) -> Result<String, Refusal> {
        match (self.conversion, argument) {
            ('b', Argument::Null) => Ok(self.text("false")),
            ('b', Argument::Boolean(value)) => Ok(self.text(&value.to_string())),
            ('b', _) => Ok(self.text("true")),
            (_, Argument::Null) => Ok(self.text("null")),
            ('s', _) if self.has('#') => illegal("Conversion = s, Flags = #"),
            ('s', _) => Ok(self.text(&shown(argument))),
            ('h', _) => match hash(argument) {
                Some(hash) => Ok(self.text(&format!("{hash:x}"))),
                None => Err(Refusal::Unbuilt("a hash code (%h) of this type in format_string".to_owned())),
            },
            ('c', Argument::Integer { value, bits: ..=32 }) => self.letter_of(*value),
            ('d', Argument::Integer { value, .. }) => Ok(self.justified(number::decimal(self, *value))),
            ('x' | 'o', Argument::Integer { value, bits }) => {
                self.refuse_flags("( +")?;
                Ok(self.justified(number::other_base(self, *value, *bits)))
            }
            ('e' | 'f' | 'g' | 'a', Argument::Float(_) | Argument::Double(_)) => {
                let value = match argument {
                    Argument::Float(value) => f64::from(*value),
                    Argument::Double(value) => *value,
                    _ => 0.0,
                };
                Ok(self.justified(number::double(self, value)?))
            }
            _ => illegal(format!("{} != {}", self.letter(), class_of(argument))),
        }
    }

    fn letter_of(&self, code: i64) -> Result<String, Refusal> {
        match u32::try_from(code).ok().filter(|code| *code <= 0x0010_ffff) {
            // Half of a pair has no place in a string of Spark's.
            Some(code) => Ok(self.text(&char::from_u32(code).unwrap_or('?').to_string())),
            None => illegal(format!("Code point = 0x{:x}", code as i32)),
        }
    }

    /// A text, cut to the precision.
    fn text(&self, text: &str) -> String {
        let mut text = match self.precision {
            Some(most) if text.encode_utf16().count() > most => {
                let units: Vec<u16> = text.encode_utf16().take(most).collect();
                char::decode_utf16(units).map(|letter| letter.unwrap_or('?')).collect()
            }
            _ => text.to_owned(),
        };
        if self.upper {
            text = text.to_uppercase();
        }
        self.justified(text)
    }

    /// A text, filled up to the width.
    fn justified(&self, text: String) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.encode_utf16().count());
        let blanks = " ".repeat(missing);
        if self.has('-') { text + &blanks } else { blanks + &text }
    }
}

/// What `%s` prints.
fn shown(argument: &Argument) -> String {
    match argument {
        Argument::Null => "null".to_owned(),
        Argument::Boolean(value) => value.to_string(),
        Argument::Integer { value, .. } => value.to_string(),
        Argument::Float(value) => number::float_text(*value),
        Argument::Double(value) => number::double_text(*value),
        Argument::Text { text, .. } => text.clone(),
    }
}

/// Java's `hashCode`.
fn hash(argument: &Argument) -> Option<i32> {
    let fold = |bits: u64| (bits ^ (bits >> 32)) as i32;
    Some(match argument {
        Argument::Null => return None,
        Argument::Boolean(value) => {
            if *value {
                1231
            } else {
                1237
            }
        }
        Argument::Integer { value, bits: 64 } => fold(*value as u64),
        Argument::Integer { value, .. } => *value as i32,
        Argument::Float(value) => value.to_bits() as i32,
        Argument::Double(value) => fold(value.to_bits()),
        Argument::Text { hash, .. } => (*hash)?,
    })
}

fn class_of(argument: &Argument) -> &'static str {
    match argument {
        Argument::Null => "null",
        Argument::Boolean(_) => "java.lang.Boolean",
        Argument::Integer { bits: 8, .. } => "java.lang.Byte",
        Argument::Integer { bits: 16, .. } => "java.lang.Short",
        Argument::Integer { bits: 32, .. } => "java.lang.Integer",
        Argument::Integer { .. } => "java.lang.Long",
        Argument::Float(_) => "java.lang.Float",
        Argument::Double(_) => "java.lang.Double",
        Argument::Text { class, .. } => class,
    }
}
