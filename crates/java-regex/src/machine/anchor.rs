//! Places that a pattern asks for.

use super::super::tree::Anchor;
use super::super::unicode::{is_letter_or_digit, is_non_spacing_mark, is_unicode_word};
use super::super::units::{point_at, point_before};
use super::{Machine, cluster_end};

const CR: u16 = 0x0D;
const LF: u16 = 0x0A;

fn ends_line(unit: u16) -> bool {
    matches!(unit, LF | CR | 0x85 | 0x2028 | 0x2029)
}

impl Machine<'_> {
    pub(super) fn is_at(&self, anchor: Anchor, at: usize) -> bool {
        match anchor {
            Anchor::Begin => at == self.region,
            Anchor::End => at == self.text.len(),
            Anchor::Line { unix } => self.begins_line(at, unix),
            Anchor::Dollar { unix: true, multiline } => self.ends_unix_line(at, multiline),
            Anchor::Dollar { unix: false, multiline } => self.ends_line(at, multiline),
            Anchor::LastMatch => self.last_match == Some(at as u32),
            Anchor::Word { inside, unicode } => {
                let left = at > self.region && self.is_word(point_before(&self.text, at).0, unicode, at - 1);
                let right = at < self.text.len() && self.is_word(point_at(&self.text, at).0, unicode, at);
                (left == right) == inside
            }
            Anchor::Grapheme => self.is_between_clusters(at),
        }
    }

    /// Behind a line terminator, but not at the end of the text.
    fn begins_line(&self, at: usize, unix: bool) -> bool {
        if at == self.text.len() {
            return false;
        }
        if at <= self.region {
            return true;
        }
        let before = self.text[at - 1];
        if unix { before == LF } else { ends_line(before) && !(before == CR && self.text[at] == LF) }
    }

    fn ends_unix_line(&self, at: usize, multiline: bool) -> bool {
        let end = self.text.len();
        at == end || self.text[at] == LF && (multiline || at + 1 == end)
    }

    fn ends_line(&self, at: usize, multiline: bool) -> bool {
        let end = self.text.len();
        if !multiline && (at + 2 < end || at + 2 == end && self.text[at..] != [CR, LF]) {
            return false;
        }
        match self.text.get(at) {
            None => true,
            // Not between the two of a line's end.
            Some(&LF) => at == 0 || self.text[at - 1] != CR,
            Some(&unit) => ends_line(unit),
        }
    }

    /// A mark belongs to a word if a letter carries it.
    fn is_word(&self, point: u32, unicode: bool, at: usize) -> bool {
        let word = if unicode { is_unicode_word(point) } else { point == 0x5F || is_letter_or_digit(point) };
        word || is_non_spacing_mark(point) && self.has_base(at)
    }

    fn has_base(&self, at: usize) -> bool {
        for at in (self.region..=at).rev() {
            let point = point_at(&self.text, at).0;
            if is_letter_or_digit(point) {
                return true;
            }
            if !is_non_spacing_mark(point) {
                return false;
            }
        }
        false
    }

    /// Java looks from where anything matched last, not from the cluster's beginning.
    fn is_between_clusters(&self, at: usize) -> bool {
        if at == self.region || at >= self.text.len() {
            return true;
        }
        let half = (0xD800..0xDC00).contains(&self.text[at - 1]) && (0xDC00..0xE000).contains(&self.text[at]);
        let last = self.last as usize;
        let inside = last < self.text.len() && cluster_end(&self.text, last) > at;
        !half && !inside
    }
}
