//! Regular expressions as Java 17 understands them (`java.util.regex`), which are Spark's.
//!
//! ```text
//!  pattern ─► parser ─► tree ─┬─► linear ──► the `regex` crate        where both have the same answer
//!                             └─► program ─► machine (backtracks)     everywhere else
//! ```
//!
//! The JDK is the oracle: its sets of characters are a table here (`unicode.rs`), and `dev/conformance/java_regex`
//! compares both over generated patterns and texts. Where Java's matcher forgets to undo a group, so does ours.
//!
//! A pattern that would run for ever is given up after a number of steps ([`LimitError`]), and no pattern and no text
//! overflows the stack. Not here: names of characters (`\N{…}`) and Java's undocumented flag `c`.

mod code_set;
mod cursor;
mod fold;
mod grapheme;
mod linear;
mod machine;
mod matcher;
mod measure;
mod parser;
mod program;
mod replacement;
mod tree;
mod unicode;
mod units;

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

use self::linear::Linear;
pub use self::linear::Wanted;
use self::machine::Machine;
pub use self::matcher::Matcher;
use self::program::Program;
pub use self::replacement::{Replacement, ReplacementError};

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// Java refuses the pattern.
    Syntax {
        /// The description in Java's words.
        description: String,
        /// The place in the pattern, in characters.
        index: i32,
    },
    /// Java takes the pattern, and it is not built here.
    Unsupported(&'static str),
    /// Brackets within brackets are deeper than is supported.
    TooDeep,
}

impl PatternError {
    /// The message, as Java's `PatternSyntaxException` has it where Java refuses the pattern.
    pub fn message(&self, pattern: &str) -> String {
        match self {
            Self::Syntax { description, index } => {
                let mut message = description.clone();
                if *index >= 0 {
                    message.push_str(&format!(" near index {index}"));
                }
                message.push('\n');
                message.push_str(pattern);
                if let Ok(index) = usize::try_from(*index)
                    && index < pattern.encode_utf16().count()
                {
                    message.push_str(&format!("\n{}^", " ".repeat(index)));
                }
                message
            }
            Self::Unsupported(what) => {
                format!("the regular expression '{pattern}' has {what}, which are not supported")
            }
            Self::TooDeep => {
                format!("a regular expression has more than {} brackets within brackets", parser::DEPTH_MAX)
            }
        }
    }
}

/// Why a match was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitError {
    /// After ten million steps and a thousand for each UTF-16 unit of the text.
    Steps,
    /// With more than four million places to come back to.
    Memory,
    /// There was no room for the result.
    Room,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Steps => "too many steps",
            Self::Memory => "too many places to come back to",
            Self::Room => "no room for the result",
        })
    }
}

/// Patterns with more brackets than this are compiled on a thread with a larger stack.
const SHALLOW: usize = 50;

/// Enough for the deepest pattern that is taken, in a debug build too.
const STACK_BYTES: usize = 128 << 20;

/// A compiled pattern.
pub struct JavaRegex {
    program: Program,
    names: Vec<(String, u32)>,
    linear: Option<Linear>,
    /// `linear`, compiled when a text is first looked at. The crate refuses what would be too large.
    compiled: OnceLock<Option<Regex>>,
}

impl fmt::Debug for JavaRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JavaRegex").field("linear", &self.linear).finish_non_exhaustive()
    }
}

impl JavaRegex {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        if pattern.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'&')).count() <= SHALLOW {
            return Self::compile(pattern);
        }
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let compiled = thread.spawn_scoped(scope, || Self::compile(pattern));
            compiled
                .map_or(Err(PatternError::TooDeep), |compiled| compiled.join().unwrap_or(Err(PatternError::TooDeep)))
        })
    }

    fn compile(pattern: &str) -> Result<Self, PatternError> {
        let tree = parser::parse(pattern)?;
        let (program, linear) = (program::compile(&tree), Linear::of(&tree));
        Ok(Self { program, names: tree.names, linear, compiled: OnceLock::new() })
    }

    /// How many groups the pattern has, beside the whole match.
    pub fn group_count(&self) -> usize {
        self.program.groups - 1
    }

    /// The number of a named group.
    fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|&(_, group)| group as usize)
    }

    /// The pattern of the `regex` crate, if that gives Java's answer for this text.
    fn linear_for(&self, text: &str, wanted: Wanted) -> Option<&Regex> {
        let linear = self.linear.as_ref().filter(|linear| linear.most >= wanted && linear.fits(text))?;
        self.compiled.get_or_init(|| Regex::new(&linear.pattern).ok()).as_ref()
    }

    /// `true` if there is a match anywhere in the text (`Matcher.find`).
    pub fn is_found_in(&self, text: &str) -> Result<bool, LimitError> {
        match self.linear_for(text, Wanted::Existence) {
            Some(regex) => Ok(regex.is_match(text)),
            None => Machine::new(&self.program, text.encode_utf16().collect(), 0).search(0),
        }
    }

    /// `true` if the whole text matches (`Matcher.matches`).
    pub fn matches(&self, text: &str) -> Result<bool, LimitError> {
        Machine::new(&self.program, text.encode_utf16().collect(), 0).matches()
    }

    /// A search through a text, match after match.
    pub fn matcher<'t>(&'t self, text: &'t str, wanted: Wanted) -> Matcher<'t> {
        Matcher::new(self, text, wanted, 0)
    }

    /// A search behind the first `skipped` UTF-16 units of a text, as if the text began there.
    pub fn matcher_behind<'t>(&'t self, text: &'t str, wanted: Wanted, skipped: usize) -> Matcher<'t> {
        Matcher::new(self, text, wanted, skipped)
    }
}
