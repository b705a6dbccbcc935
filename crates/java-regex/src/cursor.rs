//! A pattern's characters and the place of the parser among them.
//!
//! Errors name the place just before the parser's, so each step moves it as Java's does. Under `(?x)` most steps pass
//! over white space and comments; those with `raw` in their name do not.

use super::PatternError;

/// The flags that a pattern can set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) any_case: bool,
    pub(super) multiline: bool,
    pub(super) dot_all: bool,
    pub(super) unix_lines: bool,
    pub(super) unicode_case: bool,
    pub(super) comments: bool,
    pub(super) unicode_classes: bool,
}

#[derive(Debug)]
pub(super) struct Cursor {
    /// The code points, and zeros behind them.
    points: Vec<u32>,
    length: usize,
    at: usize,
    pub(super) flags: Flags,
}

impl Cursor {
    pub(super) fn new(pattern: &str) -> Self {
        let mut points = unquoted(pattern);
        let length = points.len();
        points.extend([0, 0]);
        Self { points, length, at: 0, flags: Flags::default() }
    }

    /// The place of the next character.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn move_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.length
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The character at a place; zero behind the last.
    pub(super) fn point(&self, at: usize) -> u32 {
        self.points.get(at).copied().unwrap_or(0)
    }

    /// The characters between two places.
    pub(super) fn text(&self, from: usize, to: usize) -> String {
        self.points[from..to]
            .iter()
            .map(|&point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// Writes what a scan for `point` stops at behind the last character.
    pub(super) fn mark_end(&mut self, point: u32) {
        let length = self.length;
        self.points[length] = point;
    }

    /// The next character, which stays the next.
    pub(super) fn peek(&mut self) -> u32 {
        if self.flags.comments {
            self.pass_comments();
        }
        self.point(self.at)
    }

    /// Takes the next character.
    pub(super) fn read(&mut self) -> u32 {
        let point = self.peek();
        self.at += 1;
        point
    }

    /// Passes over one character, and looks at the one behind it.
    pub(super) fn next(&mut self) -> u32 {
        self.at += 1;
        self.peek()
    }

    /// Passes over one character, and looks at the one behind it, whatever it is.
    pub(super) fn next_raw(&mut self) -> u32 {
        self.at += 1;
        self.point(self.at)
    }

    /// Passes over one character, and takes the one behind it, whatever it is.
    pub(super) fn skip_raw(&mut self) -> u32 {
        self.at += 2;
        self.point(self.at - 1)
    }

    pub(super) fn unread(&mut self) {
        self.at -= 1;
    }

    /// An error at the place before the next character.
    pub(super) fn error(&self, description: impl Into<String>) -> PatternError {
        PatternError::Syntax { description: description.into(), index: self.at as i32 - 1 }
    }

    fn pass_comments(&mut self) {
        while is_space(self.point(self.at)) || self.point(self.at) == u32::from('#') {
            while is_space(self.point(self.at)) {
                self.at += 1;
            }
            if self.point(self.at) == u32::from('#') {
                self.pass_line();
            }
        }
    }

    fn pass_line(&mut self) {
        self.at += 1;
        while self.point(self.at) != 0 && !self.is_line_separator(self.point(self.at)) {
            self.at += 1;
        }
        // A scan for a mark behind the end stops there.
        if self.point(self.at) == 0 && self.at > self.length {
            self.at = self.length;
        }
    }

    fn is_line_separator(&self, point: u32) -> bool {
        point == 0x0A || !self.flags.unix_lines && matches!(point, 0x0D | 0x85 | 0x2028 | 0x2029)
    }
}

fn is_space(point: u32) -> bool {
    matches!(point, 0x09..=0x0D | 0x20)
}

/// The pattern without `\Q` and `\E`: what stands between them is escaped, before anything else is looked at.
fn unquoted(pattern: &str) -> Vec<u32> {
    let backslash = u32::from('\\');
    let mut out = Vec::with_capacity(pattern.len() + 2);
    let mut points = pattern.chars().peekable();
    let (mut quoted, mut begins) = (false, false);
    // Without a quote nothing is changed: `\E` alone is an error then, and is one behind a quote too.
    while let Some(point) = points.next() {
        let number = u32::from(point);
        match point {
            '\\' if quoted => {
                if points.next_if_eq(&'E').is_some() {
                    quoted = false;
                } else {
                    out.extend([backslash, backslash]);
                }
            }
            '\\' => {
                if points.next_if_eq(&'Q').is_some() {
                    (quoted, begins) = (true, true);
                    continue;
                }
                out.push(backslash);
                out.extend(points.next().map(u32::from));
            }
            // A digit may not join an escape that stands before the quote.
            '0'..='9' if begins => out.extend(['\\', 'x', '3'].map(u32::from).into_iter().chain([number])),
            '0'..='9' | 'a'..='z' | 'A'..='Z' => out.push(number),
            _ => {
                if quoted && point.is_ascii() {
                    out.push(backslash);
                }
                out.push(number);
            }
        }
        begins = false;
    }
    out
}
