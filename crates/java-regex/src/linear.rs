//! Patterns for the `regex` crate, which matches in linear time, where it has the same answer as Java.
//!
//! It has none of look-around, back-references, possessive quantifiers and atomic groups, and counts characters where
//! Java counts UTF-16 units. What it has is Java's unless an iteration can be empty; groups within repetitions differ.
//! Other differences depend on the text and are asked for each: whether it is ASCII, how it ends, whether it has
//! characters beyond the basic plane.

use std::fmt::Write;

use super::code_set::CodeSet;
use super::tree::{Anchor, Greed, Group, Node, Times, Tree, UNBOUNDED};

/// What is wanted of a match. What is right for more is right for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// `true` if there is one.
    Existence,
    /// Where it begins and ends.
    Span,
    /// Its groups too.
    Groups,
}

/// A pattern of the `regex` crate, and when it answers as Java's.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub(super) pattern: String,
    pub(super) most: Wanted,
    /// The pattern has `\b` or `\B`.
    needs_ascii: bool,
    /// The pattern has `$`, which is the end of a text that ends with no line terminator.
    needs_open_end: bool,
    /// A match may be empty, so one may begin between the halves of a surrogate pair.
    needs_basic_plane: bool,
}

impl Linear {
    /// Translates a tree, if that can be done.
    pub(super) fn of(tree: &Tree) -> Option<Self> {
        let nullable = is_nullable(&tree.root);
        let mut linear = Self {
            pattern: String::new(),
            most: Wanted::Groups,
            needs_ascii: false,
            needs_open_end: false,
            needs_basic_plane: nullable,
        };
        linear.node(&tree.root, false)?;
        Some(linear)
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        let open = || !text.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
        // In UTF-8 a character beyond the basic plane begins with one of the highest bytes.
        let basic = || text.bytes().fold(0, u8::max) < 0xF0;
        (!self.needs_ascii || text.is_ascii())
            && (!self.needs_open_end || open())
            && (!self.needs_basic_plane || basic())
    }

    /// Adds a node, which is repeated or not; `None` where there is no translation.
    fn node(&mut self, node: &Node, repeated: bool) -> Option<()> {
        match node {
            Node::Char(char) => self.set(&[(*char, *char)]),
            Node::Set(set) => self.set(set.ranges()),
            Node::Anchor(anchor) => self.anchor(*anchor)?,
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node, repeated))?,
            Node::Alternate(alternatives) => {
                self.pattern.push_str("(?:");
                for (place, alternative) in alternatives.iter().enumerate() {
                    if place > 0 {
                        self.pattern.push('|');
                    }
                    self.node(alternative, repeated)?;
                }
                self.pattern.push(')');
            }
            Node::Group(group) => self.group(group, repeated)?,
            Node::Repeat { body, times, group } => {
                self.repeated(body, *times, group.is_some_and(|group| group.captures.is_some()))?;
            }
            Node::Loop { group, times, .. } => self.repeated(&group.body, *times, group.index.is_some())?,
            Node::LineEnding if !repeated => {
                self.pattern.push_str(r"(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])");
            }
            Node::BackReference { .. } | Node::LineEnding | Node::Grapheme | Node::Look { .. } => return None,
        }
        Some(())
    }

    fn group(&mut self, group: &Group, repeated: bool) -> Option<()> {
        if group.index.is_some() && repeated {
            self.most = self.most.min(Wanted::Span);
        }
        self.pattern.push_str(if group.index.is_some() { "(" } else { "(?:" });
        self.node(&group.body, repeated)?;
        self.pattern.push(')');
        Some(())
    }

    fn repeated(&mut self, body: &Node, times: Times, captures: bool) -> Option<()> {
        if times.greed == Greed::Possessive {
            return None;
        }
        if captures {
            self.most = self.most.min(Wanted::Span);
        }
        if times.max > 1 && is_nullable(body) {
            self.most = Wanted::Existence;
        }
        self.pattern.push_str(if captures { "(" } else { "(?:" });
        self.node(body, true)?;
        self.pattern.push(')');
        match (times.min, times.max) {
            (0, 1) => self.pattern.push('?'),
            (0, UNBOUNDED) => self.pattern.push('*'),
            (1, UNBOUNDED) => self.pattern.push('+'),
            (min, UNBOUNDED) => write!(self.pattern, "{{{min},}}").ok()?,
            (min, max) => write!(self.pattern, "{{{min},{max}}}").ok()?,
        }
        if times.greed == Greed::Lazy {
            self.pattern.push('?');
        }
        Some(())
    }

    fn anchor(&mut self, anchor: Anchor) -> Option<()> {
        self.pattern.push_str(match anchor {
            Anchor::Begin => r"\A",
            Anchor::End => r"\z",
            Anchor::Dollar { multiline: false, .. } => {
                self.needs_open_end = true;
                r"\z"
            }
            Anchor::Word { inside, .. } => {
                self.needs_ascii = true;
                if inside { r"\B" } else { r"(?-u:\b)" }
            }
            Anchor::Line { .. } | Anchor::Dollar { .. } | Anchor::LastMatch | Anchor::Grapheme => return None,
        });
        Some(())
    }

    fn set(&mut self, ranges: &[(u32, u32)]) {
        if let [(one, other)] = ranges
            && one == other
            && let Some(letter) = char::from_u32(*one)
        {
            self.pattern.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4])));
            return;
        }
        // A text has no half of a surrogate pair, and the crate no word for one.
        let halves = CodeSet::range(0xD800..=0xDFFF).complement();
        let set = CodeSet::new(ranges.to_vec()).intersection(&halves);
        if set.ranges().is_empty() {
            self.pattern.push_str(r"[^\x{0}-\x{10FFFF}]");
            return;
        }
        self.pattern.push('[');
        for (from, to) in set.ranges() {
            // Writing to a string does not fail.
            let _ = write!(self.pattern, r"\x{{{from:X}}}-\x{{{to:X}}}");
        }
        self.pattern.push(']');
    }
}

/// `true` if the node can match nothing.
fn is_nullable(node: &Node) -> bool {
    match node {
        Node::Char(_) | Node::Set(_) | Node::LineEnding | Node::Grapheme => false,
        Node::Anchor(_) | Node::BackReference { .. } | Node::Look { .. } => true,
        Node::Concat(nodes) => nodes.iter().all(is_nullable),
        Node::Alternate(alternatives) => alternatives.iter().any(is_nullable),
        Node::Group(group) => is_nullable(&group.body),
        Node::Repeat { body, times, .. } => times.min == 0 || is_nullable(body),
        Node::Loop { group, times, .. } => times.min == 0 || is_nullable(&group.body),
    }
}
