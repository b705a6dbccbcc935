//! What Spark's SQL can say and Spark Connect has no message for: a few messages of our own, carried in the `extension`
//! fields of expressions and relations as `google.protobuf.Any`.
//!
//! The analyzer reads them with [`ExpressionExtension::decode`] and [`RelationExtension::decode`]. They never leave the
//! process.

use millstream_core::error::{Error, Result};
use prost::bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use spark_connect_proto::expression::{ExprType, SortOrder};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Join, Relation, RelationCommon};

use super::message;
use crate::nesting;

const PACKAGE: &str = "millstream";

/// Spark has no use left for the field `source_info`; here it tells SQL's aggregates and DISTINCT from those of a
/// DataFrame.
const SELECT_LIST: &str = "select list";

/// Marks an [`Aggregate`](spark_connect_proto::Aggregate) as coming from `SELECT … GROUP BY …`, a
/// [`Deduplicate`](spark_connect_proto::Deduplicate) from `SELECT DISTINCT`, or a
/// [`Filter`](spark_connect_proto::Filter) from `HAVING`. A message around it would be cleaner, but decoding one has a
/// limit on nesting, and most streaming queries aggregate.
pub(crate) fn mark_select_list(mut relation: Relation) -> Relation {
    #[allow(deprecated, reason = "that Spark gave the field up is why it is free")]
    let common = RelationCommon { source_info: SELECT_LIST.to_owned(), ..relation.common.unwrap_or_default() };
    relation.common = Some(common);
    relation
}

/// Whether this comes from SQL. The aggregate expressions of such an aggregate are the whole select list, so that the
/// grouping columns are not put before them (DataFrame); such a DISTINCT is an aggregate over a stream too; such a
/// filter means keys before it means aliases.
pub fn is_select_list(relation: &Relation) -> bool {
    #[allow(deprecated, reason = "that Spark gave the field up is why it is free")]
    relation.common.as_ref().is_some_and(|common| common.source_info == SELECT_LIST)
}

/// `GROUP BY 2`, `ORDER BY 2`: the second column of the select list. A literal elsewhere is a literal.
#[derive(Clone, PartialEq, Message)]
pub struct Ordinal {
    /// Counted from one; may be out of range.
    #[prost(int32, tag = "1")]
    pub position: i32,
}

/// `* EXCEPT (a, b.c)`.
#[derive(Clone, PartialEq, Message)]
pub struct StarExcept {
    /// The star.
    #[prost(message, optional, boxed, tag = "1")]
    pub star: Option<Box<Expression>>,
    /// Columns or fields left out.
    #[prost(message, repeated, tag = "2")]
    pub except: Vec<Expression>,
}

/// `TIMESTAMP '2024-01-31 12:00'` on the clock of the session's zone, which the parser does not know.
#[derive(Clone, PartialEq, Message)]
pub struct LocalTimestamp {
    /// What stands between the quotes.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// `TIMESTAMP 'now'`, `DATE 'today'`: a literal that is a word for a moment.
#[derive(Clone, PartialEq, Message)]
pub struct SpecialLiteral {
    /// The type before the quotes, in upper case.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What stands between the quotes.
    #[prost(string, tag = "2")]
    pub text: String,
}

/// A call with what stands behind its parentheses: FILTER, IGNORE NULLS, WITHIN GROUP.
#[derive(Clone, PartialEq, Message)]
pub struct QualifiedCall {
    /// The unresolved function.
    #[prost(message, optional, boxed, tag = "1")]
    pub function: Option<Box<Expression>>,
    /// `FILTER (WHERE …)`.
    #[prost(message, optional, boxed, tag = "2")]
    pub filter: Option<Box<Expression>>,
    /// `IGNORE NULLS`.
    #[prost(bool, tag = "3")]
    pub ignore_nulls: bool,
    /// `WITHIN GROUP (ORDER BY …)`.
    #[prost(message, repeated, tag = "4")]
    pub within_group: Vec<SortOrder>,
}

/// The root of an expression text that contains subqueries, with their plans by plan id.
#[derive(Clone, PartialEq, Message)]
pub struct ExpressionWithRelations {
    /// The expression.
    #[prost(message, optional, boxed, tag = "1")]
    pub expression: Option<Box<Expression>>,
    /// The plans that its subquery expressions name.
    #[prost(message, repeated, tag = "2")]
    pub references: Vec<Relation>,
}

/// `a NATURAL JOIN b`: on all columns that both sides have.
#[derive(Clone, PartialEq, Message)]
pub struct NaturalJoin {
    /// The join without condition or columns.
    #[prost(message, optional, boxed, tag = "1")]
    pub join: Option<Box<Join>>,
}

/// `VALUES (1, 'a'), (2, 'b')`; columns are `col1`, `col2` and so on, types are widened down each column.
#[derive(Clone, PartialEq, Message)]
pub struct InlineTable {
    /// The rows, all of one length.
    #[prost(message, repeated, tag = "1")]
    pub rows: Vec<InlineRow>,
}

/// A row of [`InlineTable`].
#[derive(Clone, PartialEq, Message)]
pub struct InlineRow {
    /// One expression a column.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Expression>,
}

/// `PIVOT (sum(x) AS s FOR (a, b) IN ((1, 2) AS c))`, grouped by all columns that it does not name.
#[derive(Clone, PartialEq, Message)]
pub struct PivotSelect {
    /// What is pivoted.
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<Relation>>,
    /// Aggregates, with aliases where given.
    #[prost(message, repeated, tag = "2")]
    pub aggregates: Vec<Expression>,
    /// The pivot columns.
    #[prost(message, repeated, tag = "3")]
    pub columns: Vec<Expression>,
    /// The pivot values, with aliases where given; a `struct` call for several columns.
    #[prost(message, repeated, tag = "4")]
    pub values: Vec<Expression>,
}

/// `UNPIVOT (v FOR n IN (a, b))`, with all other columns as identifiers.
#[derive(Clone, PartialEq, Message)]
pub struct UnpivotSelect {
    /// What is unpivoted.
    #[prost(message, optional, boxed, tag = "1")]
    pub input: Option<Box<Relation>>,
    /// Columns turned into rows, with aliases for the name column; a `struct` call for several value columns.
    #[prost(message, repeated, tag = "2")]
    pub columns: Vec<Expression>,
    /// The column that gets the names.
    #[prost(string, tag = "3")]
    pub variable_column_name: String,
    /// The columns that get the values.
    #[prost(string, repeated, tag = "4")]
    pub value_column_names: Vec<String>,
    /// `INCLUDE NULLS`.
    #[prost(bool, tag = "5")]
    pub include_nulls: bool,
}

macro_rules! extensions {
    ($(#[$doc:meta])* $enum_name:ident in $message:ident as $field:path: $($name:ident),+) => {
        $(impl Name for $name {
            const NAME: &'static str = stringify!($name);
            const PACKAGE: &'static str = PACKAGE;
        })+

        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each variant is the message of its name")]
        pub enum $enum_name {
            $($name(Box<$name>)),+
        }

        impl $enum_name {
            /// Reads the extension field.
            ///
            /// # Errors
            /// Internal, for a message that is none of ours.
            pub fn decode(any: &Any) -> Result<Self> {
                $(if any.type_url == $name::type_url() {
                    return nesting::decode(&Bytes::copy_from_slice(&any.value)).map(Box::new).map(Self::$name);
                })+
                Err(Error::unsupported(format!("the extension message '{}' is not known", any.type_url)))
            }
        }

        $(impl From<$name> for $message {
            fn from(extension: $name) -> Self {
                let any = Any { type_url: $name::type_url(), value: extension.encode_to_vec() };
                $field(any)
            }
        })+
    };
}

fn expression_of(any: Any) -> Expression {
    message::expression(ExprType::Extension(any))
}

fn relation_of(any: Any) -> Relation {
    message::relation(RelType::Extension(any))
}

extensions! {
    /// The extension messages that stand for an expression.
    ExpressionExtension in Expression as expression_of:
        Ordinal, StarExcept, LocalTimestamp, SpecialLiteral, QualifiedCall, ExpressionWithRelations
}

extensions! {
    /// The extension messages that stand for a relation.
    RelationExtension in Relation as relation_of: NaturalJoin, InlineTable, PivotSelect, UnpivotSelect
}
