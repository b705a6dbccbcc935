//! Java's `Matcher` over one text: match after match, and what Spark makes of them.

use std::borrow::Cow;
use std::ops::Range;

use regex::{CaptureLocations, Regex};

use super::machine::Machine;
use super::replacement::{Part, Replacement};
use super::units::to_text;
use super::{JavaRegex, LimitError, Wanted};

/// The engine that looks, with the text as it wants it.
enum Engine<'t> {
    /// Places are bytes of the text.
    Linear { regex: &'t Regex, text: &'t str, locations: Option<CaptureLocations>, span: Option<Range<usize>> },
    /// Places are UTF-16 units of the text.
    Machine(Machine<'t>),
}

/// A search through one text.
pub struct Matcher<'t> {
    engine: Engine<'t>,
    /// Where the region begins; it ends with the text.
    region: usize,
    /// Where the match before began and ended.
    before: Option<Range<usize>>,
}

impl<'t> Matcher<'t> {
    /// A search through the text behind its first `skipped` UTF-16 units.
    pub(super) fn new(regex: &'t JavaRegex, text: &'t str, wanted: Wanted, skipped: usize) -> Self {
        let place = if skipped == 0 { Some(0) } else { byte_of_unit(text, skipped) };
        if let (Some(linear), Some(from)) = (regex.linear_for(text, wanted), place) {
            let locations = (wanted == Wanted::Groups).then(|| linear.capture_locations());
            let engine = Engine::Linear { regex: linear, text, locations, span: None };
            return Self { engine, region: from, before: None };
        }
        let machine = Machine::new(&regex.program, text.encode_utf16().collect(), skipped);
        Self { engine: Engine::Machine(machine), region: skipped, before: None }
    }

    fn end(&self) -> usize {
        match &self.engine {
            Engine::Linear { text, .. } => text.len(),
            Engine::Machine(machine) => machine.text().len(),
        }
    }

    /// Looks for the next match. Behind an empty one it begins one place further.
    pub fn find(&mut self) -> Result<bool, LimitError> {
        let from = match &self.before {
            None => self.region,
            Some(before) if before.is_empty() => self.behind(before.end),
            Some(before) => before.end,
        };
        if from > self.end() {
            return Ok(false);
        }
        let region = self.region;
        let found = match &mut self.engine {
            Engine::Linear { regex, text, locations, span } => {
                // `^` means the beginning of the region, so the text begins there.
                let (rest, from) = (&text[region..], from - region);
                *span = match locations {
                    Some(locations) => regex.captures_read_at(locations, rest, from).map(|found| found.range()),
                    None => regex.find_at(rest, from).map(|found| found.range()),
                };
                span.is_some()
            }
            Engine::Machine(machine) => machine.search(from)?,
        };
        self.before = self.span(0);
        Ok(found)
    }

    /// The place behind the character, or UTF-16 unit, at a place.
    fn behind(&self, at: usize) -> usize {
        match &self.engine {
            Engine::Linear { text, .. } => at + text[at..].chars().next().map_or(1, char::len_utf8),
            Engine::Machine(_) => at + 1,
        }
    }

    /// Where a group of the match begins and ends; `None` for one that has no part in it.
    pub fn span(&self, group: usize) -> Option<Range<usize>> {
        match &self.engine {
            Engine::Linear { locations, span, .. } => {
                let span = span.clone()?;
                let found = match locations {
                    Some(locations) if group > 0 => locations.get(group).map(|(from, to)| from..to),
                    _ => (group == 0).then_some(span),
                };
                found.map(|found| found.start + self.region..found.end + self.region)
            }
            Engine::Machine(machine) => machine.group(group).map(|(from, to)| from..to),
        }
    }

    /// The text between two places.
    pub fn text(&self, range: Range<usize>) -> Cow<'t, str> {
        match &self.engine {
            Engine::Linear { text, .. } => Cow::Borrowed(&text[range]),
            Engine::Machine(machine) => Cow::Owned(to_text(&machine.text()[range])),
        }
    }

    /// The text of a group; empty for one that has no part in the match.
    pub fn group(&self, group: usize) -> Cow<'t, str> {
        self.span(group).map_or(Cow::Borrowed(""), |range| self.text(range))
    }

    /// How many UTF-16 units are before a place.
    pub fn units_before(&self, at: usize) -> usize {
        match &self.engine {
            Engine::Linear { text, .. } => text[..at].encode_utf16().count(),
            Engine::Machine(_) => at,
        }
    }

    /// The text with all matches replaced. Before the result grows, `has_room` is asked for so many bytes.
    pub fn replace_all(
        mut self,
        replacement: &Replacement,
        has_room: &mut dyn FnMut(usize) -> bool,
    ) -> Result<String, LimitError> {
        let mut out = Output::new(&self.engine);
        let mut copied = 0;
        while self.find()? {
            let Some(span) = self.span(0) else { break };
            out.copy(&self.engine, copied..span.start);
            copied = span.end;
            if !has_room(out.bytes()) {
                return Err(LimitError::Room);
            }
            for part in &replacement.0 {
                match part {
                    Part::Text(text) => out.push(text),
                    Part::Group(group) => {
                        if let Some(range) = self.span(*group) {
                            out.copy(&self.engine, range);
                        }
                    }
                }
            }
        }
        out.copy(&self.engine, copied..self.end());
        Ok(out.into_text())
    }

    /// The parts of the text between matches, `limit` at the most where that is positive. An empty match at the
    /// beginning splits nothing off.
    pub fn split(mut self, limit: i32) -> Result<Vec<Cow<'t, str>>, LimitError> {
        let (mut parts, mut from) = (Vec::new(), 0);
        while self.find()? {
            let Some(span) = self.span(0) else { break };
            if span == (0..0) {
                continue;
            }
            if limit > 0 && parts.len() + 1 >= limit as usize {
                break;
            }
            parts.push(self.text(from..span.start));
            from = span.end;
        }
        parts.push(self.text(from..self.end()));
        Ok(parts)
    }
}

/// A text that grows, in the encoding of the engine: halves of a surrogate pair may come together again.
enum Output {
    Bytes(String),
    Units(Vec<u16>),
}

impl Output {
    fn new(engine: &Engine<'_>) -> Self {
        match engine {
            Engine::Linear { text, .. } => Self::Bytes(String::with_capacity(text.len())),
            Engine::Machine(machine) => Self::Units(Vec::with_capacity(machine.text().len())),
        }
    }

    fn copy(&mut self, engine: &Engine<'_>, range: Range<usize>) {
        match (self, engine) {
            (Self::Bytes(out), Engine::Linear { text, .. }) => out.push_str(&text[range]),
            (Self::Units(out), Engine::Machine(machine)) => out.extend_from_slice(&machine.text()[range]),
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(out) => out.len(),
            Self::Units(out) => out.len() * size_of::<u16>(),
        }
    }

    fn push(&mut self, text: &str) {
        match self {
            Self::Bytes(out) => out.push_str(text),
            Self::Units(out) => out.extend(text.encode_utf16()),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Bytes(out) => out,
            Self::Units(out) => to_text(&out),
        }
    }
}

/// Where a UTF-16 unit begins in a text; `None` inside of a character and behind the end.
fn byte_of_unit(text: &str, unit: usize) -> Option<usize> {
    let mut units = 0;
    for (at, letter) in text.char_indices() {
        if units >= unit {
            return (units == unit).then_some(at);
        }
        units += letter.len_utf16();
    }
    (units == unit).then_some(text.len())
}
