//! The options of CSV by Spark's names.

use std::sync::Arc;

use chrono_tz::Tz;
use millstream_core::{Error, Options, Result, spark_error};

use super::record::FieldText;
use crate::date_time_pattern::ReadPattern;
use crate::json::ParseMode;

/// What becomes of a quote within a value that nothing escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnescapedQuotes {
    /// The value is taken as it stands, up to the next separator.
    #[default]
    StopAtDelimiter,
    /// The quotes belong to the value, which goes on to the quote that stands before a separator.
    StopAtClosingQuote,
}

/// How a record is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// Stands between fields; one byte or more.
    pub separator: Vec<u8>,
    /// Stands around fields.
    pub quote: Option<u8>,
    /// Makes a quote part of a field.
    pub escape: Option<u8>,
    /// Makes the escape part of a field.
    pub escape_of_escape: Option<u8>,
    /// With it a record begins that is none.
    pub comment: Option<u8>,
    /// White space before a field is no part of it.
    pub trims_start: bool,
    /// White space behind a field is no part of it.
    pub trims_end: bool,
    /// What becomes of stray quotes.
    pub unescaped_quotes: UnescapedQuotes,
    /// What ends a record.
    pub newline: u8,
    /// Fields of a record at the most.
    pub columns_max: usize,
    /// Characters of a field at the most.
    pub field_max: Option<usize>,
}

/// A pattern for dates or times. One that is none reads nothing: Spark takes it for a fault of each value.
pub(super) type Pattern = Option<Arc<ReadPattern>>;

/// All options of a reader.
#[derive(Debug, Clone)]
pub struct CsvOptions {
    /// How records are written.
    pub dialect: Dialect,
    /// What becomes of malformed records.
    pub mode: ParseMode,
    /// The column that takes the text of malformed records.
    pub corrupt_record_column: String,
    /// What stands for NULL.
    pub null: String,
    /// What quotes with nothing in them mean.
    pub empty: String,
    /// The number that is none.
    pub nan: String,
    /// The infinities, the positive one first.
    pub infinities: [String; 2],
    /// The zone of timestamps that name none.
    pub time_zone: Tz,
    /// The day of times that name none, in days since 1970-01-01.
    pub today: i32,
    /// Whether dates are looked for when types are guessed.
    pub prefers_date: bool,
    pub(super) date_pattern: Option<(String, Pattern)>,
    pub(super) timestamp_pattern: Option<Pattern>,
    pub(super) timestamp_ntz_pattern: Option<Pattern>,
    /// Whether texts that do not fit a pattern are read without it.
    pub(super) falls_back: bool,
    /// The first record of a file names its columns.
    pub header: bool,
    /// Records may span lines.
    pub multi_line: bool,
    /// The names of a header need not be those of the schema.
    pub enforce_schema: bool,
    /// Types are guessed from all records.
    pub infers_types: bool,
    /// What ends a line, where it is not one of the usual ends.
    pub line_separator: Option<String>,
}

/// An option of a single character; `None` where it is empty.
fn character(options: &Options, name: &str, default: Option<u8>) -> Result<Option<u8>> {
    let Some(text) = options.get(name) else { return Ok(default) };
    match text.as_bytes() {
        [] => Ok(None),
        [byte] if *byte != 0 => Ok(Some(*byte)),
        [_] => Ok(None),
        _ if text.chars().count() == 1 => {
            Err(Error::unsupported(format!("The CSV option '{name}' beyond ASCII is not supported by Millstream.")))
        }
        _ => Err(spark_error!("OPTION_VALUE_EXCEEDS_ONE_CHARACTER", paramName = name, actualValue = text)),
    }
}

fn flag(options: &Options, name: &str, default: bool) -> Result<bool> {
    match options.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(spark_error!("_LEGACY_ERROR_TEMP_2147", paramName = name)),
    }
}

fn integer(options: &Options, name: &str) -> Result<Option<i64>> {
    let Some(text) = options.get(name) else { return Ok(None) };
    let parsed = text.parse::<i32>().map(|value| Some(i64::from(value)));
    parsed.map_err(|_| spark_error!("_LEGACY_ERROR_TEMP_2146", paramName = name, value = text))
}

/// The separator with its escapes resolved.
fn separator(options: &Options) -> Result<Vec<u8>> {
    let text = options.get("sep").or_else(|| options.get("delimiter")).unwrap_or(",");
    if text.is_empty() {
        return Err(Error::illegal_argument("Delimiter cannot be empty"));
    }
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let Some(next) = letters.next() else {
            return Err(spark_error!("INVALID_DELIMITER_VALUE.SINGLE_BACKSLASH"));
        };
        out.push(match next {
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\'' | '\\' => next,
            other => {
                let shown = format!("\\{other}");
                return Err(spark_error!("INVALID_DELIMITER_VALUE.UNSUPPORTED_SPECIAL_CHARACTER", str = shown));
            }
        });
    }
    Ok(out.into_bytes())
}

fn unescaped_quotes(options: &Options) -> Result<UnescapedQuotes> {
    let Some(name) = options.get("unescapedQuoteHandling") else { return Ok(UnescapedQuotes::default()) };
    match name.to_ascii_uppercase().as_str() {
        "STOP_AT_DELIMITER" => Ok(UnescapedQuotes::StopAtDelimiter),
        "STOP_AT_CLOSING_QUOTE" => Ok(UnescapedQuotes::StopAtClosingQuote),
        "BACK_TO_DELIMITER" | "SKIP_VALUE" | "RAISE_ERROR" => Err(Error::unsupported(format!(
            "The CSV option 'unescapedQuoteHandling' = '{name}' is not supported by Millstream."
        ))),
        other => Err(Error::illegal_argument(format!(
            "No enum constant com.univocity.parsers.csv.UnescapedQuoteHandling.{other}"
        ))),
    }
}

/// A pattern to read by.
///
/// # Errors
/// A pattern that only Spark 2 knew.
fn pattern(compiled: Result<ReadPattern>) -> Result<Pattern> {
    match compiled {
        Ok(pattern) => Ok(Some(Arc::new(pattern))),
        Err(error) if error.class().is_some_and(|class| class.ends_with("DATETIME_PATTERN_RECOGNITION")) => Err(error),
        Err(_) => Ok(None),
    }
}

impl Dialect {
    fn from_options(options: &Options, line_separator: Option<&str>) -> Result<Self> {
        let quote = character(options, "quote", Some(b'"'))?;
        let escape = character(options, "escape", Some(b'\\'))?;
        let of_escape = match options.contains("charToEscapeQuoteEscaping") {
            true => character(options, "charToEscapeQuoteEscaping", None)?,
            false => escape.filter(|_| quote != escape),
        };
        Ok(Self {
            separator: separator(options)?,
            quote,
            escape,
            escape_of_escape: of_escape,
            comment: character(options, "comment", None)?,
            trims_start: flag(options, "ignoreLeadingWhiteSpace", false)?,
            trims_end: flag(options, "ignoreTrailingWhiteSpace", false)?,
            unescaped_quotes: unescaped_quotes(options)?,
            newline: line_separator.and_then(|text| text.bytes().next()).unwrap_or(b'\n'),
            columns_max: integer(options, "maxColumns")?.map_or(20_480, |most| most.max(0) as usize),
            field_max: integer(options, "maxCharsPerColumn")?.filter(|most| *most >= 0).map(|most| most as usize),
        })
    }
}

impl CsvOptions {
    /// The options as the user wrote them.
    pub fn from_options(options: &Options, session_zone: Tz) -> Result<Self> {
        let text = |name: &str, default: &str| options.get(name).unwrap_or(default).to_owned();
        let line_separator = options.get("lineSep").map(str::to_owned);
        match line_separator.as_deref() {
            Some("") => {
                return Err(Error::illegal_argument("requirement failed: 'lineSep' cannot be an empty string."));
            }
            Some(separator) if separator.chars().count() > 2 => {
                return Err(Error::illegal_argument("requirement failed: 'lineSep' can contain only 1 character."));
            }
            _ => {}
        }
        let zone = match options.get("timeZone") {
            None => session_zone,
            Some(zone) => zone
                .parse()
                .map_err(|_| Error::illegal_argument(format!("option 'timeZone' is '{zone}', which is no region")))?,
        };
        let date_pattern = options.get("dateFormat").map(|text| (text.to_owned(), ReadPattern::new(text)));
        let timestamp_pattern = options.get("timestampFormat").map(ReadPattern::new);
        let has_pattern = date_pattern.is_some() || timestamp_pattern.is_some();
        let locale = options.get("locale").filter(|locale| !locale.to_ascii_lowercase().starts_with("en"));
        if let Some(locale) = locale.filter(|_| has_pattern) {
            return Err(Error::unsupported(format!("The locale '{locale}' of CSV is not supported by Millstream.")));
        }
        let falls_back = flag(options, "enableDateTimeParsingFallback", false)?;
        Ok(Self {
            dialect: Dialect::from_options(options, line_separator.as_deref())?,
            mode: ParseMode::from_name(options.get("mode").unwrap_or_default()),
            corrupt_record_column: text("columnNameOfCorruptRecord", "_corrupt_record"),
            null: text("nullValue", ""),
            empty: text("emptyValue", ""),
            nan: text("nanValue", "NaN"),
            infinities: [text("positiveInf", "Inf"), text("negativeInf", "-Inf")],
            time_zone: zone,
            today: 0,
            prefers_date: flag(options, "preferDate", true)?,
            date_pattern: date_pattern.map(|(text, read)| Ok::<_, Error>((text, pattern(read)?))).transpose()?,
            timestamp_pattern: timestamp_pattern.map(pattern).transpose()?,
            timestamp_ntz_pattern: options
                .get("timestampNTZFormat")
                .map(ReadPattern::of_local_times)
                .map(pattern)
                .transpose()?,
            falls_back,
            header: flag(options, "header", false)?,
            multi_line: flag(options, "multiLine", false)?,
            enforce_schema: flag(options, "enforceSchema", true)?,
            infers_types: flag(options, "inferSchema", false)?,
            line_separator,
        })
    }

    /// What stands for the fields that the text alone does not decide.
    pub fn meaning<'a>(&'a self, field: FieldText<'a>) -> &'a [u8] {
        match field {
            FieldText::Missing => self.null.as_bytes(),
            FieldText::Empty => self.empty.as_bytes(),
            FieldText::Text(text) => text,
        }
    }
}
