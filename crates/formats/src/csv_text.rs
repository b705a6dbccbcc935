//! Rows as lines of CSV, as Spark's writer has them.

use std::fmt::{self, Debug};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, TimestampMicrosecondType};
use chrono_tz::Tz;
use millstream_core::{BinaryStyle, Error, Options, Result, spark_error};

use crate::json_patterns::PrintFormats;
use crate::json_text::{JsonTextOptions, TextPrinter, push_decimal, push_iso_timestamp, push_iso_timestamp_ntz};
use crate::text::{Style, ValueText, push_date};

/// The options of a CSV writer.
#[derive(Clone)]
pub struct CsvTextOptions {
    /// What lies between fields: `sep`.
    pub separator: String,
    /// What stands around a field that needs it: `quote`.
    pub quote: char,
    /// What stands before a quote inside of quotes: `escape`.
    pub escape: char,
    /// What stands before an escape inside of quotes, where that is no quote: `charToEscapeQuoteEscaping`.
    pub escape_of_escape: Option<char>,
    /// A first field that begins with it is quoted: `comment`.
    pub comment: char,
    /// A field that has a quote in it is quoted: `escapeQuotes`.
    pub escapes_quotes: bool,
    /// Every field is quoted: `quoteAll`.
    pub quotes_all: bool,
    /// What stands for NULL: `nullValue`.
    pub null: String,
    /// What stands for a text without a letter: `emptyValue`.
    pub empty: String,
    /// Blanks before a text are left out: `ignoreLeadingWhiteSpace`.
    pub trims_start: bool,
    /// Blanks behind a text are left out: `ignoreTrailingWhiteSpace`.
    pub trims_end: bool,
    /// What ends a line: `lineSep`.
    pub line_end: char,
    /// `timeZone`, else the session's.
    pub time_zone: Tz,
    /// How BINARY is shown.
    pub binary: BinaryStyle,
    /// Writes TIMESTAMP by a pattern: `timestampFormat`.
    pub timestamp_printer: Option<TextPrinter>,
    /// Writes TIMESTAMP_NTZ by a pattern: `timestampNTZFormat`.
    pub timestamp_ntz_printer: Option<TextPrinter>,
    /// Writes DATE by a pattern: `dateFormat`.
    pub date_printer: Option<TextPrinter>,
}

impl Debug for CsvTextOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CsvTextOptions")
            .field("separator", &self.separator)
            .field("quote", &self.quote)
            .field("null", &self.null)
            .finish_non_exhaustive()
    }
}

impl CsvTextOptions {
    /// The options as the user wrote them.
    ///
    /// # Errors
    /// Spark's for more letters than an option takes and for a pattern; a switch that is none; a zone that is none.
    pub fn from_options(options: &Options, session_zone: Tz, binary: BinaryStyle) -> Result<Self> {
        let flag = |name: &str, default: bool| Ok::<_, Error>(options.get_bool(name)?.unwrap_or(default));
        let time_zone = match options.get("timeZone") {
            Some(zone) => zone
                .parse()
                .map_err(|_| Error::illegal_argument(format!("option 'timeZone' is '{zone}', which is no region")))?,
            None => session_zone,
        };
        let mut printers = JsonTextOptions { time_zone, ..JsonTextOptions::default() };
        PrintFormats::from_options(options)?.set(&mut printers)?;
        Ok(Self {
            separator: separator(options.get("sep").or_else(|| options.get("delimiter")).unwrap_or(","))?,
            quote: letter(options, "quote", '"')?,
            escape: letter(options, "escape", '\\')?,
            escape_of_escape: options
                .contains("charToEscapeQuoteEscaping")
                .then(|| letter(options, "charToEscapeQuoteEscaping", '\0'))
                .transpose()?,
            // Univocity's own, which Spark leaves as it is.
            comment: Some(letter(options, "comment", '\0')?).filter(|comment| *comment != '\0').unwrap_or('#'),
            escapes_quotes: flag("escapeQuotes", true)?,
            quotes_all: flag("quoteAll", false)?,
            null: options.get("nullValue").unwrap_or_default().to_owned(),
            empty: options.get("emptyValue").unwrap_or("\"\"").to_owned(),
            trims_start: flag("ignoreLeadingWhiteSpace", true)?,
            trims_end: flag("ignoreTrailingWhiteSpace", true)?,
            line_end: line_end(options)?,
            time_zone,
            binary,
            timestamp_printer: printers.timestamp_printer,
            timestamp_ntz_printer: printers.timestamp_ntz_printer,
            date_printer: printers.date_printer,
        })
    }
}

fn letter(options: &Options, name: &str, default: char) -> Result<char> {
    let Some(text) = options.get(name) else { return Ok(default) };
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (None, _) => Ok('\0'),
        (Some(letter), None) => Ok(letter),
        (Some(_), Some(_)) => {
            Err(spark_error!("OPTION_VALUE_EXCEEDS_ONE_CHARACTER", paramName = name, actualValue = text))
        }
    }
}

fn line_end(options: &Options) -> Result<char> {
    let Some(text) = options.get("lineSep") else { return Ok('\n') };
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (None, _) => Err(Error::illegal_argument("requirement failed: 'lineSep' cannot be an empty string.")),
        (Some(letter), None) => Ok(letter),
        _ => Err(Error::illegal_argument("requirement failed: 'lineSep' can contain only 1 character.")),
    }
}

/// A separator, in which letters may be written with a backslash before them.
fn separator(text: &str) -> Result<String> {
    if text.is_empty() {
        return Err(spark_error!("INVALID_DELIMITER_VALUE.EMPTY_STRING"));
    }
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        out.push(match letters.next() {
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(same @ ('"' | '\'' | '\\')) => same,
            Some('u') if letters.clone().take(4).eq("0000".chars()) => {
                letters.by_ref().take(4).for_each(drop);
                '\0'
            }
            None => return Err(spark_error!("INVALID_DELIMITER_VALUE.SINGLE_BACKSLASH")),
            Some(_) => return Err(spark_error!("INVALID_DELIMITER_VALUE.UNSUPPORTED_SPECIAL_CHARACTER", str = text)),
        });
    }
    Ok(out)
}

/// Writes lines of CSV.
#[derive(Debug, Clone)]
pub struct CsvText {
    options: CsvTextOptions,
}

impl CsvText {
    /// A writer with these options.
    pub fn new(options: CsvTextOptions) -> Self {
        Self { options }
    }

    /// The line of the columns' names.
    pub fn push_header<'n>(&self, out: &mut String, names: impl Iterator<Item = &'n str>) {
        for (place, name) in names.enumerate() {
            self.push_field(out, Some(name), place);
        }
        out.push(self.options.line_end);
    }

    /// A line for each row of the columns.
    ///
    /// # Errors
    /// A type without a text.
    pub fn push_rows(&self, out: &mut String, columns: &[ArrayRef], rows: usize) -> Result<()> {
        let cells = columns.iter().map(|column| Cells::new(column, &self.options)).collect::<Result<Vec<_>>>()?;
        let mut text = String::new();
        for row in 0..rows {
            let start = out.len();
            for (place, cells) in cells.iter().enumerate() {
                text.clear();
                let value = if cells.column.is_null(row) {
                    None
                } else {
                    cells.push(&mut text, row);
                    Some(text.as_str())
                };
                self.push_field(out, value, place);
            }
            // Spark's writer leaves out a line without a letter, and with it the row.
            if out.len() > start {
                out.push(self.options.line_end);
            }
        }
        Ok(())
    }

    fn push_field(&self, out: &mut String, value: Option<&str>, place: usize) {
        let options = &self.options;
        if place > 0 {
            out.push_str(&options.separator);
        }
        let blank = |letter: char| letter <= ' ';
        let trimmed = |text| {
            let text: &str = if options.trims_start { str::trim_start_matches(text, blank) } else { text };
            if options.trims_end { text.trim_end_matches(blank) } else { text }
        };
        let text = match value {
            None => &options.null,
            Some(text) if trimmed(text).is_empty() => &options.empty,
            Some(text) => return self.push_text(out, trimmed(text), place == 0),
        };
        // What stands for no value is written as it is where it has its quotes already.
        if text.len() >= 2 && text.starts_with(options.quote) && text.ends_with(options.quote)
            || text == "\"\"" && options.quote == '\0'
        {
            return out.push_str(text);
        }
        self.push_text(out, trimmed(text), place == 0);
    }

    fn push_text(&self, out: &mut String, text: &str, first: bool) {
        let options = &self.options;
        let quote = options.quote;
        let needs = options.quotes_all
            || text.contains(['\n', '\r', options.line_end])
            || text.contains(options.separator.as_str())
            || (options.escapes_quotes && text.contains(quote))
            || text.starts_with(quote)
            || (first && text.starts_with(options.comment));
        if !needs {
            return out.push_str(text);
        }
        out.push(quote);
        for letter in text.chars() {
            if letter == quote {
                out.push(options.escape);
            } else if letter == options.escape {
                out.push(options.escape_of_escape.unwrap_or(options.escape));
            }
            out.push(letter);
        }
        out.push(quote);
    }
}

/// The texts of a column, before they are fields.
struct Cells<'a> {
    column: &'a ArrayRef,
    options: &'a CsvTextOptions,
    text: ValueText<'a>,
}

impl<'a> Cells<'a> {
    fn new(column: &'a ArrayRef, options: &'a CsvTextOptions) -> Result<Self> {
        let style = match column.data_type() {
            DataType::Binary => Style::Show(options.binary),
            _ => Style::Cast,
        };
        Ok(Self { column, options, text: ValueText::new(column.as_ref(), options.time_zone, style)? })
    }

    fn push(&self, out: &mut String, row: usize) {
        let options = self.options;
        let micros = || self.column.as_primitive::<TimestampMicrosecondType>().value(row);
        match self.column.data_type() {
            DataType::Timestamp(_, Some(_)) => match &options.timestamp_printer {
                Some(print) => out.push_str(&print(micros())),
                None => push_iso_timestamp(out, micros(), options.time_zone),
            },
            DataType::Timestamp(_, None) => match &options.timestamp_ntz_printer {
                Some(print) => out.push_str(&print(micros())),
                None => push_iso_timestamp_ntz(out, micros()),
            },
            DataType::Date32 => {
                let days = self.column.as_primitive::<Date32Type>().value(row);
                match &options.date_printer {
                    Some(print) => out.push_str(&print(days.into())),
                    None => push_date(out, days),
                }
            }
            DataType::Decimal128(_, scale) => {
                push_decimal(out, self.column.as_primitive::<Decimal128Type>().value(row), *scale);
            }
            _ => self.text.push(out, row),
        }
    }
}

#[cfg(test)]
mod tests;
