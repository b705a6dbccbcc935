//! What the engine must know of a function that is not its own.
//!
//! A name says nothing: two functions may have one name, and one function two. So the crate that makes a function marks
//! it, and the engine finds the mark by type.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// What a function means to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The result is event time if the first argument is: an event-time window, and the last moment of one.
    EventTime,
    /// The argument is a session, and rows that are grouped by it are grouped by the sessions that come of those that
    /// overlap or touch. Event time as [`Meaning::EventTime`].
    Session,
    /// The bytes of the argument as text; what is no UTF-8 is replaced. Who reads bytes needs no text.
    BytesAsText,
    /// A number for each row that depends on how the rows are read. A stream cannot be read again in the same way.
    RowNumber,
    /// Both arguments are equal; NULL where one of them is NULL.
    Equality,
    /// Both arguments are equal, or both are NULL.
    NullSafeEquality,
    /// The sum of both arguments.
    Plus,
    /// The first argument less the second.
    Minus,
    /// Two conditions, the second of which is asked only where the first is not false: see
    /// [`split_lazy_conjunction`](super::split_lazy_conjunction).
    LazyAnd,
}

/// The function with a mark for the engine.
pub fn with_meaning(function: impl Into<ScalarUDF>, meaning: Meaning) -> ScalarUDF {
    ScalarUDF::new_from_impl(Marked { inner: function.into(), meaning })
}

/// The mark of a function, if it has one.
pub fn meaning_of(function: &ScalarUDF) -> Option<Meaning> {
    function.inner().downcast_ref::<Marked>().map(|marked| marked.meaning)
}

/// The function below a mark, or the function itself.
pub fn unmarked(function: &ScalarUDF) -> &ScalarUDF {
    function.inner().downcast_ref::<Marked>().map_or(function, |marked| &marked.inner)
}

/// A function and its mark. In all else it is the function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Marked {
    inner: ScalarUDF,
    meaning: Meaning,
}

impl ScalarUDFImpl for Marked {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    /// What a function becomes loses the mark: it is another function then.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }
}

#[cfg(test)]
mod tests;
