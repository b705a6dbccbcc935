//! Takes records apart, with the steps of the parser that Spark uses (univocity's): what it makes of stray quotes,
//! escapes and white space is what users have seen in their tables.

use memchr::{memchr2, memchr3};

use super::options::{Dialect, UnescapedQuotes};
use super::record::Record;

/// Takes records of one dialect apart.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    dialect: Dialect,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokenized {
    /// It took this many bytes, with what ends it.
    Record(usize),
    /// The input ends within it, and there is more.
    Incomplete,
    /// It has more fields, or longer ones, than it may.
    TooLarge,
}

/// Why a record stops early.
enum Stop {
    Incomplete,
    TooLarge,
}

impl Tokenizer {
    /// A tokenizer of this dialect.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect }
    }

    /// The first record of `input`; nothing follows the input if it is `whole`.
    pub fn read(&self, input: &[u8], whole: bool, record: &mut Record) -> Tokenized {
        record.clear();
        match (Reading { dialect: &self.dialect, input, whole, at: 0 }).record(record) {
            Ok(read) => Tokenized::Record(read),
            Err(Stop::Incomplete) => Tokenized::Incomplete,
            Err(Stop::TooLarge) => Tokenized::TooLarge,
        }
    }
}

struct Reading<'a> {
    dialect: &'a Dialect,
    input: &'a [u8],
    whole: bool,
    at: usize,
}

impl Reading<'_> {
    /// The byte here; `None` at the end of everything.
    fn peek(&self) -> Result<Option<u8>, Stop> {
        match self.input.get(self.at) {
            Some(byte) => Ok(Some(*byte)),
            None if self.whole => Ok(None),
            None => Err(Stop::Incomplete),
        }
    }

    fn at_separator(&self) -> bool {
        self.input[self.at..].starts_with(&self.dialect.separator)
    }

    /// Whether a field ends here.
    fn at_end_of_field(&self) -> Result<bool, Stop> {
        Ok(self.peek()?.is_none_or(|byte| byte == self.dialect.newline) || self.at_separator())
    }

    fn record(mut self, record: &mut Record) -> Result<usize, Stop> {
        loop {
            self.field(record)?;
            if record.len() > self.dialect.columns_max {
                return Err(Stop::TooLarge);
            }
            match self.peek()? {
                None => return Ok(self.at),
                Some(byte) if byte == self.dialect.newline && !self.at_separator() => return Ok(self.at + 1),
                Some(_) => self.at += self.dialect.separator.len(),
            }
        }
    }

    /// Reads one field; what follows it is a separator or an end.
    fn field(&mut self, record: &mut Record) -> Result<(), Stop> {
        if self.dialect.trims_start {
            self.skip_blanks()?;
        }
        if self.dialect.quote.is_some() && self.peek()? == self.dialect.quote {
            let start = self.at;
            self.at += 1;
            if !self.plainly_quoted(start, record) {
                self.at = start + 1;
                let begin = record.begin();
                self.quoted(begin, record)?;
                self.check_length(record.begin() - begin)?;
            }
            return Ok(());
        }
        let start = self.at;
        self.skip_to_end_of_field()?;
        let end = start + self.kept(&self.input[start..self.at]);
        self.check_length(end - start)?;
        record.push_slice(start..end);
        Ok(())
    }

    fn check_length(&self, bytes: usize) -> Result<(), Stop> {
        if self.dialect.field_max.is_some_and(|most| bytes > most) { Err(Stop::TooLarge) } else { Ok(()) }
    }

    fn skip_blanks(&mut self) -> Result<(), Stop> {
        while self.peek()?.is_some_and(|byte| byte <= b' ') && !self.at_end_of_field()? {
            self.at += 1;
        }
        Ok(())
    }

    fn skip_to_end_of_field(&mut self) -> Result<(), Stop> {
        loop {
            let rest = &self.input[self.at..];
            match memchr2(self.dialect.separator[0], self.dialect.newline, rest) {
                Some(found) => self.at += found,
                None => {
                    self.at = self.input.len();
                    return self.peek().map(|_| ());
                }
            }
            if self.at_end_of_field()? {
                return Ok(());
            }
            self.at += 1;
        }
    }

    /// How much of an unquoted text is kept.
    fn kept(&self, text: &[u8]) -> usize {
        if !self.dialect.trims_end {
            return text.len();
        }
        text.iter().rposition(|byte| *byte > b' ').map_or(0, |last| last + 1)
    }

    /// A field whose only quotes are the two around it; `false` where it is not so plain.
    fn plainly_quoted(&mut self, start: usize, record: &mut Record) -> bool {
        let dialect = self.dialect;
        let (Some(quote), escape) = (dialect.quote, dialect.escape) else { return false };
        let inside = &self.input[start + 1..];
        let Some(end) = memchr2(quote, escape.unwrap_or(quote), inside) else { return false };
        if inside[end] != quote {
            return false;
        }
        let behind = &inside[end + 1..];
        let ends = behind.first() == Some(&dialect.newline) || behind.starts_with(&dialect.separator);
        let is_bare = end == 0 && escape.is_none();
        if ends || (behind.is_empty() && self.whole && !is_bare) {
            self.at = start + 1 + end + 1;
            record.push_quoted(start + 1..start + 1 + end);
            return self.dialect.field_max.is_none_or(|most| end <= most);
        }
        false
    }

    /// A field behind its first quote. `before` is the special byte before this one; 0 where that means nothing more.
    fn quoted(&mut self, begin: usize, record: &mut Record) -> Result<(), Stop> {
        let special = |byte: Option<u8>| byte.unwrap_or_default();
        let dialect = self.dialect;
        let (quote, escape) = (special(dialect.quote), special(dialect.escape));
        let of_escape = special(dialect.escape_of_escape);
        let mut before = 0;
        let start = self.at;
        while let Some(byte) = self.peek()? {
            if before == quote && (byte <= b' ' || self.at_end_of_field()?) {
                return self.behind_quote(begin, record);
            }
            if byte != quote && byte != escape {
                if before == quote {
                    return self.stray_quote(begin, record);
                }
                if before == escape && escape != 0 {
                    record.text().push(escape);
                }
                before = self.append_until([quote, escape, of_escape], record)?;
            } else if byte == escape && before == of_escape && of_escape != 0 {
                record.text().push(escape);
                before = 0;
            } else if before == escape && byte == quote {
                record.text().push(quote);
                before = 0;
            } else if before == escape {
                record.text().push(before);
                before = byte;
            } else if before == quote && byte != quote {
                return self.stray_quote(begin, record);
            } else {
                if before == quote {
                    record.text().push(quote);
                }
                before = byte;
            }
            self.at += 1;
        }
        self.unclosed(self.at == start, begin, record)
    }

    /// The closing quote is missing.
    fn unclosed(&self, is_bare: bool, begin: usize, record: &mut Record) -> Result<(), Stop> {
        if is_bare {
            record.text().extend(self.dialect.quote);
        }
        record.push_built(begin, true);
        Ok(())
    }

    /// Appends up to one of these bytes and gives it; 0 at the end. It stands here then.
    fn append_until(&mut self, stops: [u8; 3], record: &mut Record) -> Result<u8, Stop> {
        let rest = &self.input[self.at..];
        let found = memchr3(stops[0], stops[1], stops[2], rest);
        let end = found.unwrap_or(rest.len());
        record.text().extend_from_slice(&rest[..end]);
        self.at += end;
        match self.peek()? {
            Some(stop) => Ok(stop),
            None => {
                // The caller steps behind what stands here.
                self.at -= 1;
                Ok(0)
            }
        }
    }

    /// White space behind a closing quote is no part of the field, unless more than that follows.
    fn behind_quote(&mut self, begin: usize, record: &mut Record) -> Result<(), Stop> {
        let blanks = self.at;
        self.skip_blanks()?;
        if self.at_end_of_field()? {
            record.push_built(begin, true);
            return Ok(());
        }
        self.at = blanks;
        self.stray_quote(begin, record)
    }

    /// The quote before this place ends nothing: the field is taken as it stands, its first quote included.
    fn stray_quote(&mut self, begin: usize, record: &mut Record) -> Result<(), Stop> {
        let quote = self.dialect.quote;
        record.text().extend(quote);
        if self.dialect.unescaped_quotes == UnescapedQuotes::StopAtClosingQuote {
            return self.quoted(begin, record);
        }
        let text = record.text();
        text.splice(begin..begin, quote);
        let start = self.at;
        self.skip_to_end_of_field()?;
        let end = start + self.kept(&self.input[start..self.at]);
        record.text().extend_from_slice(&self.input[start..end]);
        record.push_built(begin, true);
        Ok(())
    }
}
