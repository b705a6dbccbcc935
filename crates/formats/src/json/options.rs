//! The options of `from_json`.

use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;

use chrono_tz::Tz;

use millstream_core::Options;
use millstream_core::error::{Error, Result};

/// Reads one date (in days) or timestamp (in microseconds) out of a text by a pattern; `None` where it does not fit.
pub type TextParser = Arc<dyn Fn(&str) -> Option<i64> + Send + Sync>;

/// What becomes of a malformed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParseMode {
    /// NULL in what could not be read; the text goes to the column for corrupt records if there is one.
    #[default]
    Permissive,
    /// An error.
    FailFast,
    /// It is left out, which only a reader of whole rows can do.
    DropMalformed,
}

impl ParseMode {
    /// Any letter case; an unknown word means permissive, as in Spark.
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "FAILFAST" => Self::FailFast,
            "DROPMALFORMED" => Self::DropMalformed,
            _ => Self::Permissive,
        }
    }
}

/// The options of `from_json`.
#[derive(Clone)]
pub struct JsonOptions {
    /// `mode`
    pub mode: ParseMode,
    /// `columnNameOfCorruptRecord`: a STRING field of this name takes the text of malformed records.
    pub corrupt_record_column: String,
    /// `timeZone`, else the session's: for timestamps that name none.
    pub time_zone: Tz,
    /// The `allow…` options.
    pub syntax: JsonSyntax,
    /// `timestampFormat`
    pub timestamp_parser: Option<TextParser>,
    /// `timestampNTZFormat`
    pub timestamp_ntz_parser: Option<TextParser>,
    /// `dateFormat`
    pub date_parser: Option<TextParser>,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            mode: ParseMode::Permissive,
            corrupt_record_column: "_corrupt_record".to_string(),
            time_zone: Tz::UTC,
            syntax: JsonSyntax::default(),
            timestamp_parser: None,
            timestamp_ntz_parser: None,
            date_parser: None,
        }
    }
}

impl Debug for JsonOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonOptions")
            .field("mode", &self.mode)
            .field("corrupt_record_column", &self.corrupt_record_column)
            .field("time_zone", &self.time_zone)
            .field("syntax", &self.syntax)
            .finish_non_exhaustive()
    }
}

impl JsonOptions {
    /// The options as the user wrote them. Who can read patterns takes the three `…Format` options out first and sets
    /// the parsers afterwards; here they are refused rather than passed over.
    pub fn from_options(options: &Options, session_zone: Tz) -> Result<Self> {
        for name in ["timestampFormat", "timestampNTZFormat", "dateFormat"] {
            if options.contains(name) {
                return Err(Error::unsupported(format!("the option '{name}' of JSON")));
            }
        }
        let mut read = Self { time_zone: session_zone, ..Self::default() };
        if let Some(zone) = options.get("timeZone") {
            read.time_zone = Tz::from_str(zone)
                .map_err(|_| Error::illegal_argument(format!("option 'timeZone' is '{zone}', which is no region")))?;
        }
        if let Some(mode) = options.get("mode") {
            read.mode = ParseMode::from_name(mode);
        }
        if let Some(column) = options.get("columnNameOfCorruptRecord") {
            read.corrupt_record_column = column.to_string();
        }
        let syntax = &mut read.syntax;
        for (name, switch) in [
            ("allowComments", &mut syntax.allow_comments),
            ("allowUnquotedFieldNames", &mut syntax.allow_unquoted_field_names),
            ("allowSingleQuotes", &mut syntax.allow_single_quotes),
            ("allowNumericLeadingZeros", &mut syntax.allow_numeric_leading_zeros),
            ("allowNonNumericNumbers", &mut syntax.allow_non_numeric_numbers),
            ("allowUnquotedControlChars", &mut syntax.allow_unquoted_control_chars),
            ("allowBackslashEscapingAnyCharacter", &mut syntax.allow_backslash_escaping_any_character),
        ] {
            *switch = options.get_bool(name)?.unwrap_or(*switch);
        }
        Ok(read)
    }
}

/// Which deviations from JSON are let pass; the names are Spark's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "these are seven independent switches of Spark")]
pub struct JsonSyntax {
    /// `/* … */` and `// …` between tokens.
    pub allow_comments: bool,
    /// `{a: 1}`
    pub allow_unquoted_field_names: bool,
    /// `{'a': 'b'}`
    pub allow_single_quotes: bool,
    /// `007`
    pub allow_numeric_leading_zeros: bool,
    /// `NaN`, `Infinity`, `+INF`, `-INF` …, bare and as strings in a number's place.
    pub allow_non_numeric_numbers: bool,
    /// Control characters within strings.
    pub allow_unquoted_control_chars: bool,
    /// `\q`
    pub allow_backslash_escaping_any_character: bool,
}

impl Default for JsonSyntax {
    fn default() -> Self {
        Self {
            allow_comments: false,
            allow_unquoted_field_names: false,
            allow_single_quotes: true,
            allow_numeric_leading_zeros: false,
            allow_non_numeric_numbers: true,
            allow_unquoted_control_chars: false,
            allow_backslash_escaping_any_character: false,
        }
    }
}
