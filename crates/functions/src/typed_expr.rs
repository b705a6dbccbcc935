//! An expression after resolution: DataFusion's expression together with what Spark knows of it.
//!
//! DataFusion computes types and nullability of its own from an expression; Spark's may differ (an ANSI division is
//! never NULL for non-NULL inputs, DataFusion's is). What the user sees is Spark's, so it travels beside the
//! expression.

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::Expr;

/// A resolved expression with Spark's type, nullability and text.
#[derive(Debug, Clone)]
pub struct TypedExpr {
    /// What is computed. Its DataFusion type equals `data_type`, up to nullability inside nested types.
    pub expr: Expr,
    /// Spark's type, in the Arrow form that [`crate::data_type`] fixes.
    pub data_type: DataType,
    /// Whether Spark says that it can be NULL.
    pub nullable: bool,
    /// Spark's `toPrettySQL`: the column name when the user gives none, and the text in error messages. Empty in what a
    /// function returns when the usual `name(argument, …)` is right: the analyzer then fills it in.
    pub sql: String,
}

impl TypedExpr {
    /// An expression whose text is still the usual one of its function.
    pub fn new(expr: Expr, data_type: DataType, nullable: bool) -> Self {
        Self { expr, data_type, nullable, sql: String::new() }
    }

    /// A literal with this text.
    pub fn literal(value: ScalarValue, sql: impl Into<String>) -> Self {
        let (data_type, nullable) = (value.data_type(), value.is_null());
        Self { expr: Expr::Literal(value, None), data_type, nullable, sql: sql.into() }
    }

    /// A column of the input plan by its internal, unique name.
    pub fn column(internal_name: &str, data_type: DataType, nullable: bool) -> Self {
        Self::new(Expr::Column(Column::new_unqualified(internal_name)), data_type, nullable)
    }

    /// The same with another text.
    #[must_use]
    pub fn with_sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = sql.into();
        self
    }

    /// The literal's value, if this is one (aliases looked through).
    pub fn as_literal(&self) -> Option<&ScalarValue> {
        let mut expr = &self.expr;
        while let Expr::Alias(alias) = expr {
            expr = &alias.expr;
        }
        match expr {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        }
    }
}
