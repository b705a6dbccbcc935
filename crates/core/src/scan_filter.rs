//! What a scan may leave out: conditions on columns, in a form that a reader understands without seeing a plan.
//!
//! A filter is a hint. A reader uses those that let it read less (a Kafka partition, a range of offsets, a row group)
//! and ignores all others; whoever asked checks every row again. So a reader may give rows that fail a filter, and must
//! never leave out a row that passes all of them.

/// A condition that every wanted row meets: a test of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanFilter {
    /// The column's index in the schema of the source or reader.
    pub column: usize,
    /// What holds for the column's value.
    pub test: ColumnTest,
}

/// What holds for a value. Every test but [`ColumnTest::IsNull`] fails for NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnTest {
    /// The value compares like this with a literal.
    Compare(Comparison, Literal),
    /// The value is one of these.
    In(Vec<Literal>),
    /// The value is NULL.
    IsNull,
    /// The value is not NULL.
    IsNotNull,
}

/// How a value compares with a literal on its right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The comparison that says the same with its sides exchanged.
    #[must_use]
    pub fn exchanged(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// A value that is not NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Of a BOOLEAN column.
    Boolean(bool),
    /// Of an integer column of any width.
    Integer(i64),
    /// Of a FLOAT or DOUBLE column.
    Double(f64),
    /// Of a STRING column.
    Text(String),
    /// Of a BINARY column.
    Binary(Vec<u8>),
    /// Of a DATE column: days since 1970-01-01.
    Date(i32),
    /// Of a TIMESTAMP column: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}
