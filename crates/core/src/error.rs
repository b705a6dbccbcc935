//! One public error: a [`ErrorKind`] that says what the caller should do, Spark's error class where Spark has one,
//! and a message for a person.
//!
//! Adding a kind needs a decision record. Adding a message needs nothing.

use std::collections::BTreeMap;
use std::fmt;

use crate::condition::Condition;
use crate::query_context::QueryContext;
use crate::spark_error;

/// How the classes begin that Spark made up for messages of old. It does not show them.
const LEGACY: &str = "_LEGACY";

/// A result with Millstream's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Valid Spark that is not built here. The query never starts.
    Unsupported,
    /// The user's plan, rule or option is wrong. The query never starts.
    Invalid,
    /// No such query, session, table or file.
    NotFound,
    /// An outside system failed; trying again may help.
    Unavailable,
    /// Someone else runs on this checkpoint.
    Conflict,
    /// A record, file or checkpoint cannot be read, or a value cannot be computed (ANSI errors).
    Data,
    /// The caller asked to stop.
    Cancelled,
    /// A bug of ours.
    Internal,
}

impl ErrorKind {
    pub(crate) const fn named(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"Unsupported" => Self::Unsupported,
            b"Invalid" => Self::Invalid,
            b"NotFound" => Self::NotFound,
            b"Unavailable" => Self::Unavailable,
            b"Conflict" => Self::Conflict,
            b"Data" => Self::Data,
            b"Cancelled" => Self::Cancelled,
            b"Internal" => Self::Internal,
            _ => return None,
        })
    }
}

/// The JVM exception class under which Spark raises an error; clients choose their own exception class by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SparkException {
    /// `org.apache.spark.sql.AnalysisException`
    Analysis,
    /// `org.apache.spark.sql.catalyst.parser.ParseException`
    Parse,
    /// `org.apache.spark.sql.streaming.StreamingQueryException`
    StreamingQuery,
    /// `org.apache.spark.SparkArithmeticException`
    Arithmetic,
    /// `org.apache.spark.SparkArrayIndexOutOfBoundsException`
    ArrayIndexOutOfBounds,
    /// `org.apache.spark.SparkClassNotFoundException`
    ClassNotFound,
    /// `org.apache.spark.SparkDateTimeException`
    DateTime,
    /// `org.apache.spark.SparkIllegalArgumentException`
    IllegalArgument,
    /// `org.apache.spark.sql.connect.common.InvalidPlanInput`
    InvalidPlanInput,
    /// `org.apache.spark.SparkNoSuchElementException`
    NoSuchElement,
    /// `org.apache.spark.SparkNumberFormatException`
    NumberFormat,
    /// `org.apache.spark.SparkRuntimeException`
    Runtime,
    /// `org.apache.spark.SparkUnsupportedOperationException`
    UnsupportedOperation,
    /// `org.apache.spark.SparkUpgradeException`
    Upgrade,
    /// `org.apache.spark.SparkException`
    Spark,
}

/// An error of Millstream. [`fmt::Display`] prints its own message only; the chain is printed once, at the edge.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    spark: Option<Spark>,
    hint: Option<String>,
    place: Option<TextPlace>,
    context: Option<QueryContext>,
    source: Option<BoxError>,
}

/// A place in a text that the user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPlace {
    /// The whole text.
    pub text: String,
    /// The byte at which the trouble begins.
    pub offset: usize,
}

#[derive(Clone)]
struct Spark {
    condition: Option<Condition>,
    exception: SparkException,
    parameters: BTreeMap<String, String>,
    location: String,
}

impl Error {
    /// An error of Spark's: see [`spark_error!`].
    pub(crate) fn of_condition(condition: Condition, message: String, parameters: BTreeMap<String, String>) -> Self {
        let mut error = Self::new(condition.kind(), message);
        error.0.spark = Some(Spark {
            condition: Some(condition),
            exception: condition.exception(),
            parameters,
            location: String::new(),
        });
        error
    }

    /// An error of this kind. Messages are lower case without a full stop, say what was attempted and quote user
    /// values.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (message, spark, hint, place, context, source) = (message.into(), None, None, None, None, None);
        Self(Box::new(Inner { kind, message, spark, hint, place, context, source }))
    }

    /// Valid Spark that is not built here, with Spark's class for it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        spark_error!("UNSUPPORTED_FEATURE": message)
    }

    /// The user's plan, rule or option is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// An option has a value that cannot be used; Spark raises an IllegalArgumentException for these.
    pub fn illegal_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message).with_exception(SparkException::IllegalArgument)
    }

    /// A text that should be a number; Spark raises Java's NumberFormatException for these.
    pub fn number_format(text: &str) -> Self {
        Self::new(ErrorKind::Invalid, format!("For input string: \"{text}\""))
            .with_exception(SparkException::NumberFormat)
    }

    /// No such query, session, table or file.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// An outside system failed; trying again may help.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Someone else runs on this checkpoint.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// A record, file or checkpoint cannot be read.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// The caller asked to stop.
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Cancelled, message)
    }

    /// A bug of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        spark_error!("INTERNAL_ERROR", message = message.into())
    }

    /// What the caller should do, where that is not what the class usually asks for.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The JVM exception: for an error to which Spark gives no class, and for one whose class stands under several.
    #[must_use]
    pub fn with_exception(mut self, exception: SparkException) -> Self {
        let spark = self.0.spark.get_or_insert_with(Spark::unclassified);
        let known = spark.condition.is_none_or(|condition| condition.exceptions().any(|known| known == exception));
        debug_assert!(known, "conditions.tsv does not have {:?} under {exception:?}", spark.condition);
        spark.exception = exception;
        self
    }

    /// A parameter that Spark gives beside those that its message shows.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        let spark = self.0.spark.get_or_insert_with(Spark::unclassified);
        spark.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Where in the user's text it is, as Spark prints it after the SQLSTATE: ` (line 1, pos 7)` and the quoted text.
    #[must_use]
    pub fn with_location(mut self, location: impl Into<String>) -> Self {
        self.0.spark.get_or_insert_with(Spark::unclassified).location = location.into();
        self
    }

    /// Where in a text of the user's it is, for those who show the line around it.
    #[must_use]
    pub fn with_place(mut self, place: TextPlace) -> Self {
        self.0.place = Some(place);
        self
    }

    /// The error without a place that means nothing to whoever gets it.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        self.0.place = None;
        self
    }

    /// Where in the user's program it comes from, unless that is known already: whoever is nearest knows it best.
    #[must_use]
    pub fn with_query_context(mut self, context: impl FnOnce() -> QueryContext) -> Self {
        self.0.context.get_or_insert_with(context);
        self
    }

    /// What the user can do about it, in one sentence.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The error below this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// This error below one that says where it happened, of the same kind and with the same hint and place.
    #[must_use]
    pub fn within(mut self, place: impl Into<String>) -> Self {
        let mut outer = Self::new(self.kind(), place);
        outer.0.hint = self.0.hint.take();
        outer.0.place = self.0.place.take();
        outer.with_source(self)
    }

    /// The same error without its source, for those who share one failure.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let inner = &self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            message: inner.message.clone(),
            spark: inner.spark.clone(),
            hint: inner.hint.clone(),
            place: inner.place.clone(),
            context: inner.context.clone(),
            source: None,
        }))
    }

    /// What the caller should do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without class, hint or chain.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Spark's condition, if it has one for this.
    fn condition(&self) -> Option<Condition> {
        self.0.spark.as_ref().and_then(|spark| spark.condition)
    }

    /// Spark's error class, if it has one for this.
    pub fn class(&self) -> Option<&'static str> {
        self.condition().map(Condition::class)
    }

    /// The class's SQLSTATE.
    pub fn sql_state(&self) -> Option<&'static str> {
        self.condition().and_then(Condition::sql_state)
    }

    /// The JVM exception under which Spark raises this.
    pub fn exception(&self) -> SparkException {
        match (&self.0.spark, self.0.kind) {
            (Some(spark), _) => spark.exception,
            (None, ErrorKind::Invalid | ErrorKind::NotFound) => SparkException::Analysis,
            (None, ErrorKind::Unsupported) => SparkException::UnsupportedOperation,
            (None, _) => SparkException::Spark,
        }
    }

    /// The class's message parameters.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .spark
            .iter()
            .flat_map(|spark| spark.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where in a text of the user's it is, if that is known.
    pub fn place(&self) -> Option<&TextPlace> {
        self.0.place.as_ref()
    }

    /// Where in the user's program it comes from, if that is known.
    pub fn query_context(&self) -> Option<&QueryContext> {
        self.0.context.as_ref()
    }

    /// The message as Spark prints it: `[CLASS] text SQLSTATE: xxxxx`, where in the program it is, then the hint.
    pub fn to_spark_message(&self) -> String {
        let mut text = match self.class().filter(|class| !class.starts_with(LEGACY)) {
            Some(class) => format!("[{class}] {}", self.message()),
            None => self.message().to_owned(),
        };
        if let Some(state) = self.sql_state() {
            text.push_str(" SQLSTATE: ");
            text.push_str(state);
        }
        if let Some(spark) = &self.0.spark {
            text.push_str(&spark.location);
        }
        text.push_str(&self.context_in_message());
        if let Some(hint) = self.hint() {
            text.truncate(text.trim_end_matches('\n').len());
            text.push_str("\nhint: ");
            text.push_str(hint);
        }
        text
    }
}

impl Error {
    /// An analysis error ends with the line and column in the SQL text; all others end with the summary of the place.
    fn context_in_message(&self) -> String {
        match (self.exception(), &self.0.context) {
            (_, None) => String::new(),
            (SparkException::Analysis, Some(QueryContext::Sql(context))) => {
                let (line, column) = context.line_and_column();
                format!("; line {line} pos {column}")
            }
            (SparkException::Analysis, Some(_)) => String::new(),
            (_, Some(context)) => {
                let summary = context.summary();
                if summary.is_empty() { summary } else { format!("\n{summary}") }
            }
        }
    }
}

impl Spark {
    fn unclassified() -> Self {
        Self { condition: None, exception: SparkException::Spark, parameters: BTreeMap::new(), location: String::new() }
    }
}

impl SparkException {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Analysis" => Self::Analysis,
            "Parse" => Self::Parse,
            "StreamingQuery" => Self::StreamingQuery,
            "Arithmetic" => Self::Arithmetic,
            "ArrayIndexOutOfBounds" => Self::ArrayIndexOutOfBounds,
            "ClassNotFound" => Self::ClassNotFound,
            "DateTime" => Self::DateTime,
            "IllegalArgument" => Self::IllegalArgument,
            "InvalidPlanInput" => Self::InvalidPlanInput,
            "NoSuchElement" => Self::NoSuchElement,
            "NumberFormat" => Self::NumberFormat,
            "Runtime" => Self::Runtime,
            "UnsupportedOperation" => Self::UnsupportedOperation,
            "Upgrade" => Self::Upgrade,
            "Spark" => Self::Spark,
            _ => return None,
        })
    }

    /// The JVM classes of the exception, most special first, as a Spark Connect client expects them in
    /// `error_type_hierarchy`.
    pub fn hierarchy(self) -> &'static [&'static str] {
        match self {
            Self::Analysis => &["org.apache.spark.sql.AnalysisException", "java.lang.Exception", "java.lang.Throwable"],
            Self::Parse => &[
                "org.apache.spark.sql.catalyst.parser.ParseException",
                "org.apache.spark.sql.AnalysisException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::StreamingQuery => &[
                "org.apache.spark.sql.streaming.StreamingQueryException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::Arithmetic => &[
                "org.apache.spark.SparkArithmeticException",
                "java.lang.ArithmeticException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::ArrayIndexOutOfBounds => &[
                "org.apache.spark.SparkArrayIndexOutOfBoundsException",
                "java.lang.ArrayIndexOutOfBoundsException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::ClassNotFound => &[
                "org.apache.spark.SparkClassNotFoundException",
                "java.lang.ClassNotFoundException",
                "java.lang.ReflectiveOperationException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::DateTime => &[
                "org.apache.spark.SparkDateTimeException",
                "java.time.DateTimeException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::IllegalArgument => &[
                "org.apache.spark.SparkIllegalArgumentException",
                "java.lang.IllegalArgumentException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::InvalidPlanInput => {
                &["org.apache.spark.sql.connect.common.InvalidPlanInput", "java.lang.Exception", "java.lang.Throwable"]
            }
            Self::NoSuchElement => &[
                "org.apache.spark.SparkNoSuchElementException",
                "java.util.NoSuchElementException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::NumberFormat => &[
                "org.apache.spark.SparkNumberFormatException",
                "java.lang.NumberFormatException",
                "java.lang.IllegalArgumentException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::Runtime => &[
                "org.apache.spark.SparkRuntimeException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::UnsupportedOperation => &[
                "org.apache.spark.SparkUnsupportedOperationException",
                "java.lang.UnsupportedOperationException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::Upgrade => &[
                "org.apache.spark.SparkUpgradeException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
            ],
            Self::Spark => &["org.apache.spark.SparkException", "java.lang.Exception", "java.lang.Throwable"],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class().filter(|class| !class.starts_with(LEGACY)) {
            Some(class) => write!(f, "[{class}] {}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.to_spark_message())?;
        match &self.0.source {
            Some(source) => write!(f, "\ncaused by: {source:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl From<arrow::error::ArrowError> for Error {
    /// An error of ours that travelled through Arrow comes back as itself.
    fn from(error: arrow::error::ArrowError) -> Self {
        match error {
            arrow::error::ArrowError::ExternalError(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::internal("a column operation failed").with_source(other),
            },
            other => Self::internal(format!("a column operation failed: {other}")).with_source(other),
        }
    }
}
