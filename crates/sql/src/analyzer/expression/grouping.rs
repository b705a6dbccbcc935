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
        let marked = if of_one { arguments.into_iter().map(|argument| argument.expr).collect() } else { Vec::new() };
        let mark =
            GroupingMark { data_type: data_type.clone(), signature: Signature::variadic_any(Volatility::Immutable) };
        let expr = ScalarUDF::new_from_impl(mark).call(marked);
        Ok(Value::One(TypedExpr::new(expr, data_type, false).with_sql(sql)))
    }
}

/// The argument of a marked `grouping`, or none for `grouping_id`; nothing at all for another expression.
pub(crate) fn grouping_argument(expr: &Expr) -> Option<Option<&Expr>> {
    match expr {
        Expr::ScalarFunction(call) if call.name() == MARK => Some(call.args.first()),
        _ => None,
    }
}

/// Whether `grouping` or `grouping_id` is called in it.
pub(crate) fn has_grouping(expr: &Expr) -> bool {
    expr.exists(|inner| Ok(grouping_argument(inner).is_some())).unwrap_or(false)
}

const MARK: &str = "grouping";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct GroupingMark {
    data_type: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for GroupingMark {
    fn name(&self) -> &str {
        MARK
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        internal_err!("grouping() was not resolved by an aggregation with grouping sets")
    }
}
