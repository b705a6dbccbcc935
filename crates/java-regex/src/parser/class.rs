//! Classes in square brackets.
//!
//! `&&` is read as Java reads it, which follows no rule: what stands to its right up to a bracket or the next `&` is a
//! class of its own, and single letters below 256 are kept in a table that is joined to the rest late, so that letters
//! behind an intersection may come back into what stands before it.

use super::escape::Escaped;
use super::{DEPTH_MAX, Parser, Result};
use crate::code_set::CodeSet;
use crate::{PatternError, fold};

/// What has been read of a class.
#[derive(Default)]
struct Reading {
    /// The sets that were joined, in the order of their joining. The table of letters may still grow.
    sets: Option<Joined>,
    /// The table of letters below 256.
    letters: Option<CodeSet>,
    /// The table has letters that are not yet joined.
    pending: bool,
}

/// Sets that are joined when the class has been read, because the table of letters grows until then.
enum Joined {
    Letters,
    Set(CodeSet),
    Union(Box<Joined>, Box<Joined>),
    Intersection(Box<Joined>, Box<Joined>),
}

impl Joined {
    fn into_set(self, letters: &CodeSet) -> CodeSet {
        match self {
            Self::Letters => letters.clone(),
            Self::Set(set) => set,
            Self::Union(left, right) => left.into_set(letters).union(&right.into_set(letters)),
            Self::Intersection(left, right) => left.into_set(letters).intersection(&right.into_set(letters)),
        }
    }
}

impl Reading {
    fn join(&mut self, set: Joined) {
        self.sets = Some(match self.sets.take() {
            None => set,
            Some(sets) => Joined::Union(Box::new(sets), Box::new(set)),
        });
    }

    fn letter(&mut self, set: CodeSet) {
        self.letters = Some(self.letters.take().map_or_else(|| set.clone(), |known| known.union(&set)));
        self.pending = true;
    }

    fn finish(mut self, negated: bool) -> CodeSet {
        if self.pending {
            self.join(Joined::Letters);
        }
        let letters = self.letters.unwrap_or_else(|| CodeSet::of(&[]));
        let set = self.sets.map_or_else(|| CodeSet::of(&[]), |sets| sets.into_set(&letters));
        if negated { set.complement() } else { set }
    }
}

/// One part of a class.
enum Part {
    Letter(CodeSet),
    Set(CodeSet),
}

const OPEN: u32 = '[' as u32;
const CLOSE: u32 = ']' as u32;
const AND: u32 = '&' as u32;

impl Parser {
    /// Reads a class whose bracket is the next character. The closing bracket is taken if `consume`: to the right of
    /// `&&` it is not, because the class has no brackets of its own there.
    pub(super) fn class(&mut self, consume: bool) -> Result<CodeSet> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(PatternError::TooDeep);
        }
        let set = self.class_parts(consume)?;
        self.depth -= 1;
        Ok(set)
    }

    fn class_parts(&mut self, consume: bool) -> Result<CodeSet> {
        let mut reading = Reading::default();
        let mut point = self.cursor.next();
        let before = self.cursor.at().checked_sub(1).map(|at| self.cursor.point(at));
        let negated = point == u32::from('^') && before == Some(OPEN);
        if negated {
            point = self.cursor.next();
        }
        // Of the last part that was a set: what `&&` without a right side takes.
        let mut last = None;
        loop {
            match point {
                OPEN => {
                    let set = self.class(true)?;
                    last = Some(set.clone());
                    reading.join(Joined::Set(set));
                    point = self.cursor.peek();
                    continue;
                }
                AND => {
                    if self.cursor.next() == AND {
                        self.intersection(&mut reading, &mut last)?;
                        point = self.cursor.peek();
                        continue;
                    }
                    // A single one is a letter.
                    self.cursor.unread();
                }
                0 if self.cursor.is_at_end() => return Err(self.cursor.error("Unclosed character class")),
                CLOSE if reading.sets.is_some() || reading.pending => {
                    if consume {
                        self.cursor.next();
                    }
                    return Ok(reading.finish(negated));
                }
                _ => {}
            }
            match self.class_part()? {
                Part::Letter(letter) => {
                    last = None;
                    reading.letter(letter);
                }
                Part::Set(set) => {
                    last = Some(set.clone());
                    reading.join(Joined::Set(set));
                }
            }
            point = self.cursor.peek();
        }
    }

    /// What stands to the right of `&&`, of which the second `&` is the next character.
    fn intersection(&mut self, reading: &mut Reading, last: &mut Option<CodeSet>) -> Result<()> {
        let mut right: Option<CodeSet> = None;
        let mut point = self.cursor.next();
        while point != CLOSE && point != AND {
            let set = if point == OPEN {
                self.class(true)?
            } else {
                self.cursor.unread();
                self.class(false)?
            };
            right = Some(right.map_or_else(|| set.clone(), |known| known.union(&set)));
            point = self.cursor.peek();
        }
        let mut current = last.take().map(Joined::Set);
        if reading.pending {
            if reading.sets.is_none() {
                current = Some(Joined::Letters);
            }
            reading.join(Joined::Letters);
            reading.pending = false;
        }
        if let Some(set) = right {
            *last = Some(set.clone());
            current = Some(Joined::Set(set));
        }
        reading.sets = Some(match (reading.sets.take(), current) {
            (None, None) => return Err(self.cursor.error("Bad class syntax")),
            (None, Some(right)) => right,
            (Some(left), Some(right)) => Joined::Intersection(Box::new(left), Box::new(right)),
            (Some(left), None) => left,
        });
        Ok(())
    }

    /// A letter, a range, or an escape.
    fn class_part(&mut self) -> Result<Part> {
        let point = self.cursor.peek();
        let from = if point == u32::from('\\') {
            let letter = self.cursor.next_raw();
            if letter == u32::from('p') || letter == u32::from('P') {
                return self.property_escape(letter).map(Part::Set);
            }
            let ranges = self.cursor.point(self.cursor.at() + 1) == u32::from('-');
            self.cursor.unread();
            match self.escape(true, true, ranges)? {
                Escaped::Letter(letter) => letter,
                Escaped::Set(set) => return Ok(Part::Set(set)),
                Escaped::Node(_) => return Err(self.cursor.error("Illegal/unsupported escape sequence")),
            }
        } else {
            self.cursor.next();
            point
        };
        if self.cursor.peek() == u32::from('-') {
            let end = self.cursor.point(self.cursor.at() + 1);
            if end != OPEN && end != CLOSE {
                return self.class_range(from).map(Part::Set);
            }
        }
        let flags = self.cursor.flags;
        Ok(fold::low(from, flags).map_or_else(|| Part::Set(fold::single(from, flags)), Part::Letter))
    }

    /// The rest of a range, of which the hyphen is the next character.
    fn class_range(&mut self, from: u32) -> Result<CodeSet> {
        self.cursor.next();
        let mut to = self.cursor.peek();
        if to == u32::from('\\') {
            to = match self.escape(true, false, true)? {
                Escaped::Letter(letter) => letter,
                Escaped::Set(_) | Escaped::Node(_) => return Err(self.cursor.error("Illegal character range")),
            };
        } else {
            self.cursor.next();
        }
        if to < from {
            return Err(self.cursor.error("Illegal character range"));
        }
        Ok(fold::range(from, to, self.cursor.flags))
    }
}
