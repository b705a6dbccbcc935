//! `\p{…}`

use super::{Parser, Result};
use crate::code_set::CodeSet;
use crate::unicode::{Kind, named};

/// Names whose sets Java knows to lie in the basic plane.
const BMP_NAMES: [&str; 15] = [
    "ASCII",
    "Alnum",
    "Alpha",
    "Blank",
    "Cntrl",
    "Digit",
    "Graph",
    "Lower",
    "Print",
    "Punct",
    "Space",
    "Upper",
    "XDigit",
    "L1",
    "javaISOControl",
];

impl Parser {
    /// Reads a property whose `p` or `P` is the next character.
    pub(super) fn property_escape(&mut self, letter: u32) -> Result<CodeSet> {
        let complement = letter == u32::from('P');
        let braces = self.cursor.next() == u32::from('{');
        if !braces {
            self.cursor.unread();
        }
        let name = self.property_name(braces)?;
        let set = self.property(&name)?;
        if complement {
            self.supplementary = true;
            return Ok(set.complement());
        }
        Ok(set)
    }

    fn property_name(&mut self, braces: bool) -> Result<String> {
        self.cursor.next();
        let from = self.cursor.at();
        if !braces {
            self.cursor.read();
            let single = char::from_u32(self.cursor.point(from)).unwrap_or(char::REPLACEMENT_CHARACTER);
            return Ok(single.to_string());
        }
        self.cursor.mark_end(u32::from('}'));
        while self.cursor.read() != u32::from('}') {}
        self.cursor.mark_end(0);
        let to = self.cursor.at();
        if to > self.cursor.length() {
            return Err(self.cursor.error("Unclosed character family"));
        }
        if from + 1 >= to {
            return Err(self.cursor.error("Empty character family"));
        }
        Ok(self.cursor.text(from, to - 1))
    }

    fn property(&self, name: &str) -> Result<CodeSet> {
        let any_case = self.cursor.flags.any_case;
        if let Some((kind, value)) = name.split_once('=') {
            let kind = kind.to_lowercase();
            let set = match kind.as_str() {
                "sc" | "script" => named(Kind::Script, &value.to_uppercase(), any_case),
                "blk" | "block" => named(Kind::Block, &value.to_uppercase(), any_case),
                "gc" | "general_category" => named(Kind::Property, value, any_case),
                _ => None,
            };
            let unknown = || format!("Unknown Unicode property {{name=<{kind}>, value=<{value}>}}");
            return set.ok_or_else(|| self.cursor.error(unknown()));
        }
        let set = if let Some(block) = name.strip_prefix("In") {
            named(Kind::Block, &block.to_uppercase(), any_case)
        } else if let Some(short) = name.strip_prefix("Is") {
            let upper = short.to_uppercase();
            named(Kind::Binary, &upper, any_case)
                .or_else(|| self.category(short))
                .or_else(|| named(Kind::Script, &upper, any_case))
        } else {
            let posix = self.cursor.flags.unicode_classes;
            let unicode = if posix { named(Kind::Posix, &name.to_uppercase(), any_case) } else { None };
            unicode.or_else(|| self.category(name))
        };
        set.ok_or_else(|| self.cursor.error(format!("Unknown character property name {{{name}}}")))
    }

    fn category(&self, name: &str) -> Option<CodeSet> {
        let set = named(Kind::Property, name, self.cursor.flags.any_case)?;
        Some(if BMP_NAMES.contains(&name) { set.in_bmp() } else { set })
    }
}
