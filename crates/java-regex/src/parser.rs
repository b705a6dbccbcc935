//! Java's syntax of regular expressions, to a [`Tree`].
//!
//! The grammar is small and was never written down: what a character means depends on what was read before it, on the
//! flags, and on the order in which `java.util.regex.Pattern` looks. So the order here is that of Java, and errors are
//! found in the same places.

mod class;
mod escape;
mod group;
mod property;

use std::sync::Arc;

use self::escape::Escaped;
use super::PatternError;
use super::code_set::CodeSet;
use super::cursor::Cursor;
use super::tree::{Anchor, Greed, Node, Times, Tree, UNBOUNDED};
use super::{fold, measure};

/// Brackets within brackets at the most. Java ends in a StackOverflowError at some thousands.
pub(super) const DEPTH_MAX: usize = 2000;

/// What a parse knows beside the place in the pattern.
pub(super) struct Parser {
    cursor: Cursor,
    names: Vec<(String, u32)>,
    groups: u32,
    locals: u32,
    loops: u32,
    /// The loops that stand in no other and in no look-behind.
    outer_loops: Vec<u32>,
    refers_back: bool,
    supplementary: bool,
    depth: usize,
}

type Result<T> = std::result::Result<T, PatternError>;

/// Parses a pattern.
pub(super) fn parse(pattern: &str) -> Result<Tree> {
    let mut parser = Parser {
        cursor: Cursor::new(pattern),
        names: Vec::new(),
        groups: 1,
        locals: 0,
        loops: 0,
        outer_loops: Vec::new(),
        refers_back: false,
        supplementary: false,
        depth: 0,
    };
    let root = parser.expression()?;
    if parser.cursor.at() != parser.cursor.length() {
        let unmatched = parser.cursor.peek() == u32::from(')');
        return Err(parser.cursor.error(if unmatched { "Unmatched closing ')'" } else { "Unexpected internal error" }));
    }
    let mut remembers = vec![false; parser.loops as usize];
    // A group that is referred to is part of what a failure depends on.
    for &number in parser.outer_loops.iter().filter(|_| !parser.refers_back) {
        remembers[number as usize] = true;
    }
    Ok(Tree {
        root,
        names: parser.names,
        groups: parser.groups,
        locals: parser.locals,
        remembers,
        supplementary: parser.supplementary,
    })
}

impl Parser {
    /// Alternatives, up to a closing bracket or the end.
    fn expression(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(PatternError::TooDeep);
        }
        let mut alternatives = vec![self.sequence()?];
        while self.cursor.peek() == u32::from('|') {
            self.cursor.next();
            alternatives.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if alternatives.len() > 1 { Node::Alternate(alternatives) } else { alternatives.remove(0) })
    }

    fn sequence(&mut self) -> Result<Node> {
        let mut nodes = Vec::new();
        loop {
            let point = self.cursor.peek();
            let node = match char::from_u32(point).unwrap_or('\u{FFFD}') {
                '(' => {
                    // A group reads its own quantifier. Flags alone are nothing that could have one.
                    nodes.extend(self.group()?);
                    continue;
                }
                '[' => {
                    let set = self.class(true)?;
                    self.set(set)
                }
                '\\' => self.backslash()?,
                '^' => {
                    self.cursor.next();
                    let flags = self.cursor.flags;
                    let line = Anchor::Line { unix: flags.unix_lines };
                    Node::Anchor(if flags.multiline { line } else { Anchor::Begin })
                }
                '$' => {
                    self.cursor.next();
                    let flags = self.cursor.flags;
                    Node::Anchor(Anchor::Dollar { unix: flags.unix_lines, multiline: flags.multiline })
                }
                '.' => {
                    self.cursor.next();
                    self.dot()
                }
                '|' | ')' => break,
                letter @ ('?' | '*' | '+') => {
                    self.cursor.next();
                    return Err(self.cursor.error(format!("Dangling meta character '{letter}'")));
                }
                '\0' if self.cursor.is_at_end() => break,
                _ => self.atom()?,
            };
            let node = match self.quantifier()? {
                Some(times) => Node::Repeat { body: Box::new(node), times, group: None },
                None => node,
            };
            nodes.push(node);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Concat(nodes) })
    }

    /// `\p` at once, other escapes with the letters that follow them.
    fn backslash(&mut self) -> Result<Node> {
        let letter = self.cursor.next_raw();
        if letter == u32::from('p') || letter == u32::from('P') {
            let set = self.property_escape(letter)?;
            return Ok(self.set(set));
        }
        self.cursor.unread();
        self.atom()
    }

    /// A set as a node; one that may have supplementary characters changes where searches begin.
    fn set(&mut self, set: CodeSet) -> Node {
        self.supplementary |= !set.bmp;
        Node::Set(Arc::new(set))
    }

    fn dot(&self) -> Node {
        let flags = self.cursor.flags;
        let line_ends: &[u32] = match (flags.dot_all, flags.unix_lines) {
            (true, _) => &[],
            (false, true) => &[0x0A],
            (false, false) => &[0x0A, 0x0D, 0x85, 0x2028, 0x2029],
        };
        Node::Set(Arc::new(CodeSet::of(line_ends).complement()))
    }

    /// Letters as they are written, up to what means something else. The last of several belongs to a quantifier that
    /// follows, and is left for the next call then.
    fn atom(&mut self) -> Result<Node> {
        let (mut letters, mut last) = (Vec::new(), self.cursor.at());
        let mut point = self.cursor.peek();
        loop {
            match char::from_u32(point).unwrap_or('\u{FFFD}') {
                '*' | '+' | '?' | '{' => {
                    if letters.len() > 1 {
                        self.cursor.move_to(last);
                        letters.pop();
                    }
                    break;
                }
                '$' | '.' | '^' | '(' | '[' | '|' | ')' => break,
                '\\' => {
                    let letter = self.cursor.next_raw();
                    if letter == u32::from('p') || letter == u32::from('P') {
                        if letters.is_empty() {
                            let set = self.property_escape(letter)?;
                            return Ok(self.set(set));
                        }
                        self.cursor.unread();
                        break;
                    }
                    self.cursor.unread();
                    last = self.cursor.at();
                    match self.escape(false, letters.is_empty(), false)? {
                        Escaped::Letter(letter) => letters.push(letter),
                        Escaped::Node(node) if letters.is_empty() => return Ok(node),
                        Escaped::Set(set) if letters.is_empty() => return Ok(self.set(set)),
                        Escaped::Node(_) | Escaped::Set(_) => {
                            self.cursor.move_to(last);
                            break;
                        }
                    }
                    point = self.cursor.peek();
                }
                '\0' if self.cursor.is_at_end() => break,
                _ => {
                    last = self.cursor.at();
                    letters.push(point);
                    point = self.cursor.next();
                }
            }
        }
        let mut nodes: Vec<Node> = letters.into_iter().map(|letter| self.letter(letter)).collect();
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Concat(nodes) })
    }

    /// A letter, which may stand for others under `(?i)`.
    fn letter(&mut self, letter: u32) -> Node {
        let set = fold::single(letter, self.cursor.flags);
        self.supplementary |= !set.bmp;
        if set.ranges() == [(letter, letter)] { Node::Char(letter) } else { Node::Set(Arc::new(set)) }
    }

    /// A quantifier, if one follows.
    fn quantifier(&mut self) -> Result<Option<Times>> {
        let point = self.cursor.peek();
        let (min, max) = match char::from_u32(point) {
            Some('?') => (0, 1),
            Some('*') => (0, UNBOUNDED),
            Some('+') => (1, UNBOUNDED),
            Some('{') => self.counts()?,
            _ => return Ok(None),
        };
        let greed = match char::from_u32(self.cursor.next()) {
            Some('?') => {
                self.cursor.next();
                Greed::Lazy
            }
            Some('+') => {
                self.cursor.next();
                Greed::Possessive
            }
            _ => Greed::Greedy,
        };
        Ok(Some(Times { min, max, greed, optional: (min, max) == (0, 1) }))
    }

    /// `{n}`, `{n,}` or `{n,m}`; the closing bracket is the next character then.
    fn counts(&mut self) -> Result<(u32, u32)> {
        let mut point = self.cursor.skip_raw();
        if !is_digit(point) {
            return Err(self.cursor.error("Illegal repetition"));
        }
        let min = self.count(&mut point)?;
        let mut max = min;
        if point == u32::from(',') {
            point = self.cursor.read();
            max = if point == u32::from('}') { UNBOUNDED } else { self.count(&mut point)? };
        }
        if point != u32::from('}') {
            return Err(self.cursor.error("Unclosed counted closure"));
        }
        if max < min {
            return Err(self.cursor.error("Illegal repetition range"));
        }
        self.cursor.unread();
        Ok((min, max))
    }

    /// A number that begins with `point`, which becomes the character behind it.
    fn count(&mut self, point: &mut u32) -> Result<u32> {
        let mut count = 0_i32;
        while is_digit(*point) {
            let digit = (*point - u32::from('0')) as i32;
            let longer = count.checked_mul(10).and_then(|tens| tens.checked_add(digit));
            count = longer.ok_or_else(|| self.cursor.error("Illegal repetition range"))?;
            *point = self.cursor.read();
        }
        Ok(count as u32)
    }
}

fn is_digit(point: u32) -> bool {
    (u32::from('0')..=u32::from('9')).contains(&point)
}
