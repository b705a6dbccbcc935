//! Functions of an array and a lambda, in the form that DataFusion asks for: what each adds is two functions.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaParametersProgress, ValueOrLambda, Volatility,
};

/// A function of an array, of more values, and of a lambda behind them.
#[derive(Debug)]
pub(super) struct LambdaFunction {
    pub(super) name: &'static str,
    /// How many values stand before the lambda, the array among them.
    pub(super) values: usize,
    /// The type of the result.
    pub(super) data_type: DataType,
    /// The lambda's parameters, by the type of the result and the array's element.
    pub(super) parameters: fn(&DataType, FieldRef) -> Vec<FieldRef>,
    /// The result, whose type is given.
    pub(super) invoke: fn(&DataType, &HigherOrderFunctionArgs) -> Result<ColumnarValue>,
}

impl LambdaFunction {
    pub(super) fn into_udf(self) -> Arc<HigherOrderUDF> {
        let mut arguments = vec![ValueOrLambda::Value(()); self.values];
        arguments.push(ValueOrLambda::Lambda(()));
        let signature = HigherOrderSignature::exact(arguments, Volatility::Immutable);
        Arc::new(HigherOrderUDF::new_from_impl(Registered { function: self, signature }))
    }
}

pub(super) fn misused(name: &str) -> DataFusionError {
    DataFusionError::Internal(format!("{name} was called with other arguments than the analyzer gives it"))
}

#[derive(Debug)]
struct Registered {
    function: LambdaFunction,
    signature: HigherOrderSignature,
}

// The name stands for all that does not depend on the type.
impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        (self.function.name, &self.function.data_type) == (other.function.name, &other.function.data_type)
    }
}

impl Eq for Registered {}

impl Hash for Registered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.function.name, &self.function.data_type).hash(state);
    }
}

impl HigherOrderUDFImpl for Registered {
    fn name(&self) -> &'static str {
        self.function.name
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn coerce_value_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn lambda_parameters(
        &self,
        _step: usize,
        fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> Result<LambdaParametersProgress> {
        let element = element_of(fields).ok_or_else(|| misused(self.function.name))?;
        let parameters = (self.function.parameters)(&self.function.data_type, element);
        Ok(LambdaParametersProgress::Complete(vec![parameters]))
    }

    fn return_field_from_args(&self, _arguments: HigherOrderReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("", self.function.data_type.clone(), true)))
    }

    fn invoke_with_args(&self, arguments: HigherOrderFunctionArgs) -> Result<ColumnarValue> {
        (self.function.invoke)(&self.function.data_type, &arguments)
    }
}

/// The element's field of the first argument, which is an array.
fn element_of(fields: &[ValueOrLambda<FieldRef, Option<FieldRef>>]) -> Option<FieldRef> {
    match fields.first() {
        Some(ValueOrLambda::Value(list)) => match list.data_type() {
            DataType::List(element) => Some(Arc::clone(element)),
            _ => None,
        },
        _ => None,
    }
}
