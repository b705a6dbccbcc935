//! A parsed pattern.

use std::sync::Arc;

use super::code_set::CodeSet;

/// The bound of a quantifier without one.
pub(super) const UNBOUNDED: u32 = i32::MAX as u32;

/// A place that a pattern asks for, without a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// `\A`, and `^` outside of `(?m)`.
    Begin,
    /// The end of the text, `\z`.
    End,
    /// `^` under `(?m)`; `unix` under `(?d)`.
    Line { unix: bool },
    /// `$` and `\Z`: before the last line terminator or at the end; under `(?m)` before each.
    Dollar { unix: bool, multiline: bool },
    /// The end of the match before, `\G`.
    LastMatch,
    /// `\b`, or `\B` where `inside`; `unicode` under `(?U)`.
    Word { inside: bool, unicode: bool },
    /// A place between grapheme clusters, `\b{g}`.
    Grapheme,
}

/// How letters are compared with those of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    Exact,
    Ascii,
    Unicode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

/// A quantifier: how often, and in which order that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) greed: Greed,
    /// `?` and `{0,1}`, of which an empty match counts.
    pub(super) optional: bool,
}

/// A group in brackets.
#[derive(Debug)]
pub(super) struct Group {
    /// Its number, if it captures.
    pub(super) index: Option<u32>,
    /// The number of its place among the groups of the pattern, for where it began.
    pub(super) local: u32,
    pub(super) body: Node,
}

/// How far a look-behind looks back, as Java computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) min: i32,
    pub(super) max: i32,
    /// Counted in code points and not in UTF-16 units: the pattern has supplementary characters behind it.
    pub(super) points: bool,
}

/// Of a repetition whose body is a group: the number of the group that an iteration sets, if it captures.
#[derive(Debug, Clone, Copy)]
pub(super) struct RepeatedGroup {
    pub(super) captures: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Node {
    Char(u32),
    Set(Arc<CodeSet>),
    Anchor(Anchor),
    BackReference {
        group: u32,
        fold: Fold,
    },
    /// The end of a line, `\R`.
    LineEnding,
    /// A grapheme cluster, `\X`.
    Grapheme,
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    Group(Box<Group>),
    /// A quantifier over what is matched as a whole: once an iteration has matched, no other way of it is tried.
    Repeat {
        body: Box<Node>,
        times: Times,
        group: Option<RepeatedGroup>,
    },
    /// A quantifier over a group whose iterations are tried in every way.
    Loop {
        group: Box<Group>,
        times: Times,
        number: u32,
    },
    Look {
        behind: Option<Behind>,
        negative: bool,
        body: Box<Node>,
    },
}

/// A pattern and what is known of all of it.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Node,
    /// Names of groups with their numbers.
    pub(super) names: Vec<(String, u32)>,
    /// Groups that capture, the whole match included.
    pub(super) groups: u32,
    /// Brackets of all kinds.
    pub(super) locals: u32,
    /// Of each loop, whether a failure at a place holds for the rest of a search (Java's remedy against patterns
    /// such as `(x+x+)+y`).
    pub(super) remembers: Vec<bool>,
    /// A search passes over the second half of a surrogate pair.
    pub(super) supplementary: bool,
}
