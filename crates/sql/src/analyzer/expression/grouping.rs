//! `grouping(key)` and `grouping_id()`: marks in an expression until the aggregation around it knows its grouping sets.

use arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use millstream_core::Result;
use millstream_functions::{SqlForm, TypedExpr};

use super::super::Analyzer;
use super::super::scope::Scope;
use super::Value;
use super::call::Call;

impl Analyzer<'_> {
    /// Marks the call.
    pub(crate) fn grouping(&mut self, call: &Call<'_>, scope: Scope<'_>) -> Result<Value> {
        let of_one = call.name.eq_ignore_ascii_case("grouping");
        let mut arguments = Vec::new();
        for argument in call.arguments {
            arguments.push(self.expression(argument, scope)?);
        }
        let sql = SqlForm::Call.text(call.name, &arguments, false);
        let data_type = if of_one { DataType::Int8 } else { DataType::Int64 };
        let marked = arguments.into_iter().map(|argument| argument.expr).collect();
        let mark = GroupingMark { of_one, signature: Signature::variadic_any(Volatility::Immutable) };
        let expr = ScalarUDF::new_from_impl(mark).call(marked);
        Ok(Value::One(TypedExpr::new(expr, data_type, false).with_sql(sql)))
    }
}

/// A marked call is one of these two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GroupingCall<'e> {
    /// It asks whether this key is left out: `grouping(key)`.
    Of(&'e Expr),
    /// It asks for the set: `grouping_id()`, or with all keys in their order.
    Id(&'e [Expr]),
}

/// The marked call that an expression is.
pub(crate) fn grouping_call(expr: &Expr) -> Option<GroupingCall<'_>> {
    match expr {
        Expr::ScalarFunction(call) if call.name() == OF_ONE => call.args.first().map(GroupingCall::Of),
        Expr::ScalarFunction(call) if call.name() == OF_ALL => Some(GroupingCall::Id(&call.args)),
        _ => None,
    }
}

/// Whether `grouping` or `grouping_id` is called in it.
pub(crate) fn has_grouping(expr: &Expr) -> bool {
    expr.exists(|inner| Ok(grouping_call(inner).is_some())).unwrap_or(false)
}

const OF_ONE: &str = "grouping";
const OF_ALL: &str = "grouping_id";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct GroupingMark {
    of_one: bool,
    signature: Signature,
}

impl ScalarUDFImpl for GroupingMark {
    fn name(&self) -> &str {
        if self.of_one { OF_ONE } else { OF_ALL }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(if self.of_one { DataType::Int8 } else { DataType::Int64 })
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        internal_err!("grouping() was not resolved by an aggregation with grouping sets")
    }
}
