//! The place in a user's program that an error comes from: Spark's `QueryContext`.
//!
//! It is known when a plan is made and looked at when an error is, so everything that takes work (characters, lines,
//! the summary) is computed on demand, and a copy costs no more than a few counters.

use std::ops::Range;
use std::sync::Arc;

/// Characters that a summary shows before and behind the part, at most. Spark takes a line for cut from there on.
const SHOWN_BESIDE: usize = 32;
const CUT: &str = "...";

/// The place in a user's program that an error comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryContext {
    /// A part of an SQL text.
    Sql(SqlContext),
    /// A call of a DataFrame's or column's method.
    DataFrame(Arc<CallContext>),
    /// No place is known of a computation that Spark always names one for: it then names an empty one.
    Unknown,
}

/// A part of an SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlContext {
    /// The text.
    pub text: Arc<SqlText>,
    /// The bytes of the part.
    pub part: Range<usize>,
}

/// An SQL text, and what it defines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SqlText {
    /// The whole text.
    pub text: String,
    /// Kind and name of the object whose definition the text is, such as `VIEW` and a view's name.
    pub object: Option<(String, String)>,
}

/// A call in a program, as its client names it.
#[derive(Debug, PartialEq, Eq)]
pub struct CallContext {
    /// The method, such as `__truediv__`.
    pub fragment: String,
    /// The line of the program.
    pub call_site: String,
}

impl QueryContext {
    /// The place for a person: the text with the part underlined, or the line with the call.
    pub fn summary(&self) -> String {
        match self {
            Self::Sql(context) => context.summary(),
            Self::DataFrame(call) => {
                format!("== DataFrame ==\n\"{}\" was called from\n{}\n", call.fragment, call.call_site)
            }
            Self::Unknown => String::new(),
        }
    }
}

impl SqlContext {
    /// The number of characters in the text before the part.
    pub fn start_index(&self) -> usize {
        self.characters(self.part.start)
    }

    /// The place of the part's last character, counted from 0.
    pub fn stop_index(&self) -> usize {
        self.characters(self.part.end).saturating_sub(1)
    }

    /// The part's text.
    pub fn fragment(&self) -> &str {
        self.text.text.get(self.part.clone()).unwrap_or_default()
    }

    /// The line on which the part begins, counted from 1, and the number of characters before it on that line.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.text.text.get(..self.part.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count())
    }

    fn characters(&self, bytes: usize) -> usize {
        self.text.text.get(..bytes).map_or(0, |before| before.chars().count())
    }

    fn summary(&self) -> String {
        if self.fragment().is_empty() {
            return String::new();
        }
        let (line, column) = self.line_and_column();
        let object = self.text.object.as_ref().map(|(kind, name)| format!(" of {kind} {name}")).unwrap_or_default();
        format!("== SQL{object} (line {line}, position {}) ==\n{}", column + 1, self.underlined())
    }

    /// The lines of the part, shortened before and behind it, each over a line that underlines what belongs to it.
    fn underlined(&self) -> String {
        let text: Vec<char> = self.text.text.chars().collect();
        let (start, stop) = (self.start_index(), self.stop_index());
        let before = text[..start].iter().rev().take_while(|char| **char != '\n').count();
        let behind = text[stop + 1..].iter().take_while(|char| **char != '\n').count();
        let shown = (start - before.min(SHOWN_BESIDE))..(stop + 1 + behind.min(SHOWN_BESIDE));
        let mut lines = String::new();
        let mut at = shown.start;
        for line in text[shown.clone()].split(|char| *char == '\n') {
            let margin = if at == shown.start && before >= SHOWN_BESIDE { CUT } else { "" };
            let end = if at + line.len() == shown.end && behind >= SHOWN_BESIDE { CUT } else { "" };
            lines.push_str(margin);
            lines.extend(line);
            lines.push_str(end);
            lines.push('\n');
            lines.push_str(&" ".repeat(margin.len()));
            let marked = (at..at + line.len()).take_while(|place| *place <= stop);
            lines.extend(marked.map(|place| if place < start { ' ' } else { '^' }));
            lines.push('\n');
            at += line.len() + 1;
        }
        lines
    }
}

#[cfg(test)]
mod tests;
