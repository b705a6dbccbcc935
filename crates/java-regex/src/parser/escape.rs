//! What a backslash begins.

use super::{Parser, Result, is_digit};
use crate::code_set::CodeSet;
use crate::tree::{Anchor, Fold, Node};
use crate::unicode::{Kind, known};
use crate::{PatternError, code_set};

/// What an escape stands for.
pub(super) enum Escaped {
    Letter(u32),
    Set(CodeSet),
    Node(Node),
}

impl Parser {
    /// Reads an escape whose backslash is the next character. In a class some are errors, and `\v` is a letter where a
    /// range follows (`in_range`). Without `create` the place alone matters: whatever is no letter is read again.
    pub(super) fn escape(&mut self, in_class: bool, create: bool, in_range: bool) -> Result<Escaped> {
        let point = self.cursor.skip_raw();
        let flags = self.cursor.flags;
        let letter = char::from_u32(point).unwrap_or('\u{FFFD}');
        let place = match letter {
            'A' => Some(Anchor::Begin),
            'B' => Some(Anchor::Word { inside: true, unicode: flags.unicode_classes }),
            'G' => Some(Anchor::LastMatch),
            'Z' => Some(Anchor::Dollar { unix: flags.unix_lines, multiline: false }),
            'z' => Some(Anchor::End),
            _ => None,
        };
        if let Some(place) = place.filter(|_| !in_class) {
            return Ok(Escaped::Node(Node::Anchor(place)));
        }
        let unusual = match letter {
            '0' => return self.octal().map(Escaped::Letter),
            '1'..='9' if !in_class => {
                return Ok(Escaped::Node(if create { self.numbered(point) } else { Node::Concat(Vec::new()) }));
            }
            'R' if !in_class => return Ok(Escaped::Node(Node::LineEnding)),
            'X' if !in_class => return Ok(Escaped::Node(Node::Grapheme)),
            'b' if !in_class => return self.boundary(create),
            'k' if !in_class => return self.named(create),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'h' | 'H' | 'V' => return Ok(Escaped::Set(self.shorthand(letter))),
            'v' if !in_range => return Ok(Escaped::Set(self.shorthand(letter))),
            'N' => return self.character_name(),
            'a' => 0x07,
            'c' => return self.control().map(Escaped::Letter),
            'e' => 0x1B,
            'f' => 0x0C,
            'n' => 0x0A,
            'r' => 0x0D,
            't' => 0x09,
            'u' => return self.utf16().map(Escaped::Letter),
            'v' => 0x0B,
            'x' => return self.hexadecimal().map(Escaped::Letter),
            '1'..='9' | 'A'..='Z' | 'a'..='z' => {
                return Err(self.cursor.error("Illegal/unsupported escape sequence"));
            }
            _ => point,
        };
        Ok(Escaped::Letter(unusual))
    }

    /// `\d` and its kin; in upper case the complement.
    fn shorthand(&self, letter: char) -> CodeSet {
        let unicode = self.cursor.flags.unicode_classes;
        let small = letter.to_ascii_lowercase();
        let set = match small {
            'd' if unicode => known(Kind::Class, "d"),
            's' if unicode => known(Kind::Class, "s"),
            'w' if unicode => known(Kind::Class, "w"),
            'd' => CodeSet::range(0x30..=0x39).in_bmp(),
            's' => CodeSet::new(vec![(0x09, 0x0D), (0x20, 0x20)]).in_bmp(),
            'w' => CodeSet::new(vec![(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]).in_bmp(),
            'h' => {
                let wide = [(0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)];
                let narrow = [(0x09, 0x09), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x180E, 0x180E)];
                CodeSet::new([narrow.as_slice(), wide.as_slice()].concat()).in_bmp()
            }
            _ => CodeSet::new(vec![(0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029)]).in_bmp(),
        };
        if letter == small { set } else { set.complement() }
    }

    /// `\1`: as many digits as still name a group that has begun.
    fn numbered(&mut self, digit: u32) -> Node {
        let mut group = digit - u32::from('0');
        loop {
            let point = self.cursor.peek();
            if !is_digit(point) {
                break;
            }
            let longer = group.saturating_mul(10).saturating_add(point - u32::from('0'));
            if self.groups - 1 < longer {
                break;
            }
            group = longer;
            self.cursor.read();
        }
        self.back_reference(group)
    }

    fn back_reference(&mut self, group: u32) -> Node {
        self.refers_back = true;
        let flags = self.cursor.flags;
        let fold = match (flags.any_case, flags.unicode_case) {
            (false, _) => Fold::Exact,
            (true, false) => Fold::Ascii,
            (true, true) => Fold::Unicode,
        };
        Node::BackReference { group, fold }
    }

    /// Reads a back-reference by name, `\k<name>`.
    fn named(&mut self, create: bool) -> Result<Escaped> {
        if self.cursor.read() != u32::from('<') {
            return Err(self.cursor.error("\\k is not followed by '<' for named capturing group"));
        }
        let first = self.cursor.read();
        let name = self.group_name(first)?;
        let Some(&(_, group)) = self.names.iter().find(|(known, _)| *known == name) else {
            return Err(self.cursor.error(format!("named capturing group <{name}> does not exist")));
        };
        Ok(Escaped::Node(if create { self.back_reference(group) } else { Node::Concat(Vec::new()) }))
    }

    /// `\b` and `\b{g}`
    fn boundary(&mut self, create: bool) -> Result<Escaped> {
        if create && self.cursor.peek() == u32::from('{') {
            if self.cursor.skip_raw() == u32::from('g') {
                if self.cursor.read() == u32::from('}') {
                    return Ok(Escaped::Node(Node::Anchor(Anchor::Grapheme)));
                }
                return Err(self.cursor.error("Illegal/unsupported escape sequence"));
            }
            self.cursor.unread();
            self.cursor.unread();
        }
        let unicode = self.cursor.flags.unicode_classes;
        Ok(Escaped::Node(Node::Anchor(Anchor::Word { inside: false, unicode })))
    }

    /// `\0n`, `\0nn` and `\0mnn` with an m up to 3.
    fn octal(&mut self) -> Result<u32> {
        let digit = |point: u32| (0x30..=0x37).contains(&point).then(|| point - 0x30);
        let Some(first) = digit(self.cursor.read()) else {
            return Err(self.cursor.error("Illegal octal escape sequence"));
        };
        let Some(second) = digit(self.cursor.read()) else {
            self.cursor.unread();
            return Ok(first);
        };
        match digit(self.cursor.read()).filter(|_| first < 4) {
            Some(third) => Ok(first * 64 + second * 8 + third),
            None => {
                self.cursor.unread();
                Ok(first * 8 + second)
            }
        }
    }

    /// Reads a control character, `\cX`.
    fn control(&mut self) -> Result<u32> {
        if self.cursor.is_at_end() {
            return Err(self.cursor.error("Illegal control escape sequence"));
        }
        Ok(self.cursor.read() ^ 64)
    }

    /// `\xhh` and `\x{h…}`
    fn hexadecimal(&mut self) -> Result<u32> {
        let point = self.cursor.read();
        if let Some(high) = hex_digit(point) {
            let next = self.cursor.read();
            if let Some(low) = hex_digit(next) {
                return Ok(high * 16 + low);
            }
        } else if point == u32::from('{') && hex_digit(self.cursor.peek()).is_some() {
            let mut value = 0;
            let mut next = self.cursor.read();
            while let Some(digit) = hex_digit(next) {
                value = (value << 4) + digit;
                if value > code_set::LAST {
                    return Err(self.cursor.error("Hexadecimal codepoint is too big"));
                }
                next = self.cursor.read();
            }
            if next != u32::from('}') {
                return Err(self.cursor.error("Unclosed hexadecimal escape sequence"));
            }
            return Ok(value);
        }
        Err(self.cursor.error("Illegal hexadecimal escape sequence"))
    }

    /// `\uhhhh`, and two of them for a supplementary character.
    fn utf16(&mut self) -> Result<u32> {
        let high = self.unit()?;
        if (0xD800..0xDC00).contains(&high) {
            let behind = self.cursor.at();
            if self.cursor.read() == u32::from('\\') && self.cursor.read() == u32::from('u') {
                let low = self.unit()?;
                if (0xDC00..0xE000).contains(&low) {
                    return Ok(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                }
            }
            self.cursor.move_to(behind);
        }
        Ok(high)
    }

    fn unit(&mut self) -> Result<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let point = self.cursor.read();
            let digit = hex_digit(point).ok_or_else(|| self.cursor.error("Illegal Unicode escape sequence"))?;
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    /// `\N{name}`: the names of all characters are not here.
    fn character_name(&mut self) -> Result<Escaped> {
        if self.cursor.read() != u32::from('{') {
            return Err(self.cursor.error("Illegal character name escape sequence"));
        }
        while self.cursor.read() != u32::from('}') {
            if self.cursor.is_at_end() {
                return Err(self.cursor.error("Unclosed character name escape sequence"));
            }
        }
        Err(PatternError::Unsupported("names of characters, \\N{…}"))
    }
}

pub(super) fn hex_digit(point: u32) -> Option<u32> {
    char::from_u32(point).and_then(|letter| letter.to_digit(16))
}
