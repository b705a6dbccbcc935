//! The one DataFusion function behind all of our kernels: a plain function from columns to a column.
//!
//! The types were settled when the call was resolved, so a kernel takes its columns as they come. What else its meaning
//! depends on (zone, ANSI mode, types) stands in [`Evaluation`]; constants such as a pattern are arguments, and a
//! kernel that compiles one keeps it while it stays the same.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, GenericBinaryArray, PrimitiveArray, StringArray,
};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use millstream_core::query_context::QueryContext;
use millstream_core::{Error, QuerySettings, Result};
use millstream_engine::Work;
use millstream_engine::error::{from_datafusion, to_datafusion};
use millstream_engine::functions::{Meaning, unmarked, with_meaning};

use crate::failure::names_its_place;
use crate::room::Room;
use crate::typed_expr::TypedExpr;

use super::call::FunctionCall;

/// Columns that are larger than this in sum are computed from in slices. A kernel that is linear needs less than a
/// second for so much, and the rows of a stream's batch are fewer.
const SLICE_BYTES: usize = 64 << 20;

/// What a kernel computes from.
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    /// The function's name, for errors.
    pub(super) name: &'static str,
    /// The arguments, all of the same length. A constant argument has been repeated, unless all are constant.
    pub(super) columns: Vec<ArrayRef>,
    /// How many values are wanted: the length of the columns, or the number of rows for a kernel without columns.
    pub(super) rows: usize,
    /// Zone and ANSI mode of the session.
    pub(super) settings: &'a QuerySettings,
    /// The type of the result.
    pub(super) data_type: &'a DataType,
    /// The computation that this belongs to, where it can be given up.
    pub(super) work: Option<&'a Work>,
}

/// A function from columns to a column.
pub(super) type Kernel = fn(&Evaluation<'_>) -> Result<ArrayRef>;

impl Evaluation<'_> {
    /// The strings of an argument.
    pub(super) fn strings(&self, index: usize) -> &StringArray {
        self.columns[index].as_string()
    }

    /// The binary values of an argument.
    pub(super) fn binary(&self, index: usize) -> &GenericBinaryArray<i32> {
        self.columns[index].as_binary()
    }

    /// The booleans of an argument.
    pub(super) fn booleans(&self, index: usize) -> &BooleanArray {
        self.columns[index].as_boolean()
    }

    /// The numbers of an argument.
    pub(super) fn numbers<T: ArrowPrimitiveType>(&self, index: usize) -> &PrimitiveArray<T> {
        self.columns[index].as_primitive()
    }

    /// Fails once nobody waits for the result. For kernels whose work may be more than linear in their arguments;
    /// between slices of large columns it is asked for all of them.
    pub(super) fn check(&self) -> Result<()> {
        self.work.map_or(Ok(()), Work::check)
    }

    /// Where to ask for room for a result that may be longer than the arguments.
    pub(super) fn room(&self, function: &'static str) -> Room<'_> {
        Room::new(function, self.work)
    }

    /// Whether there are rows at all, and every argument has a value in this one.
    pub(super) fn all_valid(&self, row: usize) -> bool {
        self.columns.iter().all(|column| column.is_valid(row))
    }
}

/// How a kernel shows in plans, and what its meaning depends on.
#[derive(Clone)]
struct KernelFunction {
    function: &'static Function,
    data_type: DataType,
    nullable: bool,
    settings: QuerySettings,
    signature: Signature,
    /// Where in the user's program the call stands, for errors. No part of what the function means.
    origin: OnceLock<QueryContext>,
}

impl fmt::Debug for KernelFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelFunction").field("name", &self.function.name).field("data_type", &self.data_type).finish()
    }
}

/// Equal calls over equal arguments are computed once, so two of these are equal only if they compute the same: by the
/// same static, whatever the names say.
impl PartialEq for KernelFunction {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.function, other.function)
            && (&self.data_type, self.nullable, self.settings) == (&other.data_type, other.nullable, other.settings)
    }
}

impl Eq for KernelFunction {}

impl Hash for KernelFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.function.name, &self.data_type, self.nullable, self.settings).hash(state);
    }
}

impl KernelFunction {
    /// The error with the place of the call, if it is one of those for which Spark names it.
    fn placed(&self, error: Error) -> Error {
        if !self.function.placed || !names_its_place(&error) {
            return error;
        }
        error.with_query_context(|| self.origin.get().cloned().unwrap_or(QueryContext::Unknown))
    }

    /// Large columns go through the kernel in slices, so that a computation that was given up ends between two of them,
    /// and a long constant is repeated for the rows of a slice and not for all.
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, work: Option<&Work>) -> Result<ArrayRef> {
        let bytes = argument_bytes(arguments, rows);
        let is_sliced = work.is_some() && self.signature.volatility == Volatility::Immutable;
        let slices = if is_sliced { bytes.div_ceil(SLICE_BYTES).max(1) } else { 1 };
        let length = rows.div_ceil(slices).max(1);
        if length >= rows {
            let mut room = Room::new(self.function.name, work);
            if bytes > SLICE_BYTES && rows > 1 {
                room.take(bytes)?;
            }
            return self.evaluate_slice(&columns(arguments, 0, rows)?, rows, work);
        }
        let mut room = Room::new(self.function.name, work);
        let mut results = Vec::with_capacity(slices);
        for start in (0..rows).step_by(length) {
            work.map_or(Ok(()), Work::check)?;
            let length = length.min(rows - start);
            let result = self.evaluate_slice(&columns(arguments, start, length)?, length, work)?;
            // Taken for the copy that is made of all of them.
            room.take(result.get_array_memory_size())?;
            results.push(result);
        }
        Ok(concat(&results.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
    }

    fn evaluate_slice(&self, columns: &[ArrayRef], rows: usize, work: Option<&Work>) -> Result<ArrayRef> {
        let (name, settings, data_type) = (self.function.name, &self.settings, &self.data_type);
        let columns = columns.to_vec();
        let result = (self.function.kernel)(&Evaluation { name, columns, rows, settings, data_type, work })?;
        if let Some(work) = work {
            work.hold(&result, name)?;
        }
        Ok(result)
    }
}

/// How much the arguments hold once constants among them are repeated for each row. The quick look at a column counts
/// all that a slice of a larger one holds on to, and is too high at the worst, so a large one is looked at again.
fn argument_bytes(arguments: &[ColumnarValue], rows: usize) -> usize {
    let quick = |argument: &ColumnarValue| match argument {
        ColumnarValue::Array(column) => column.get_array_memory_size(),
        ColumnarValue::Scalar(value) => value.size().saturating_mul(rows),
    };
    let bytes = arguments.iter().map(quick).fold(0, usize::saturating_add);
    if bytes <= SLICE_BYTES {
        return bytes;
    }
    let exact = |argument: &ColumnarValue| match argument {
        ColumnarValue::Array(column) => column.to_data().get_slice_memory_size().unwrap_or_default(),
        scalar @ ColumnarValue::Scalar(_) => quick(scalar),
    };
    arguments.iter().map(exact).fold(0, usize::saturating_add)
}

/// Some rows of the arguments, each as a column.
fn columns(arguments: &[ColumnarValue], start: usize, length: usize) -> Result<Vec<ArrayRef>> {
    let column = |argument: &ColumnarValue| match argument {
        ColumnarValue::Array(column) if start == 0 && column.len() == length => Ok(Arc::clone(column)),
        ColumnarValue::Array(column) => Ok(column.slice(start, length)),
        ColumnarValue::Scalar(value) => value.to_array_of_size(length).map_err(from_datafusion),
    };
    arguments.iter().map(column).collect()
}

impl ScalarUDFImpl for KernelFunction {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs<'_>) -> datafusion::error::Result<FieldRef> {
        Ok(Arc::new(Field::new(self.function.name, self.data_type.clone(), self.nullable)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        // Constants over constants are one value, unless each row has to have its own.
        let folds = !arguments.args.is_empty()
            && arguments.args.iter().all(|one| matches!(one, ColumnarValue::Scalar(_)))
            && self.signature.volatility == Volatility::Immutable;
        let rows = if folds { arguments.number_rows.min(1) } else { arguments.number_rows };
        let work = Work::of(&arguments.config_options);
        let evaluated = self.evaluate(&arguments.args, rows, work);
        let column = evaluated.map_err(|error| to_datafusion(self.placed(error)))?;
        if folds && rows == 1 {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?));
        }
        Ok(ColumnarValue::Array(column))
    }
}

/// A kernel and the name it has in plans. Each is a `static`, whose address is what it is known by: a `const` would be
/// another kernel wherever it is used.
pub(super) struct Function {
    name: &'static str,
    kernel: Kernel,
    volatility: Volatility,
    fallible: bool,
    /// Whether Spark names the place of a call whose values cannot be computed.
    placed: bool,
    meaning: Option<Meaning>,
}

impl Function {
    /// A kernel that gives the same answer for the same arguments.
    pub(super) const fn new(name: &'static str, kernel: Kernel) -> Self {
        Self { name, kernel, volatility: Volatility::Immutable, fallible: true, placed: true, meaning: None }
    }

    /// A kernel that has an answer for all values, so that it does no harm to ask it for a row too many.
    pub(super) const fn total(name: &'static str, kernel: Kernel) -> Self {
        Self { fallible: false, ..Self::new(name, kernel) }
    }

    /// A kernel that has to be asked for every row.
    pub(super) const fn volatile(name: &'static str, kernel: Kernel) -> Self {
        Self { volatility: Volatility::Volatile, ..Self::new(name, kernel) }
    }

    /// A kernel whose errors Spark raises without naming the place of the call.
    pub(super) const fn placeless(self) -> Self {
        Self { placed: false, ..self }
    }

    /// The kernel with what it means to the engine.
    pub(super) const fn meaning(self, meaning: Meaning) -> Self {
        Self { meaning: Some(meaning), ..self }
    }

    /// The kernel over these arguments: NULL possible if it is for one of them.
    pub(super) fn call(
        &'static self,
        arguments: impl IntoIterator<Item = TypedExpr>,
        data_type: DataType,
        call: &FunctionCall<'_>,
    ) -> TypedExpr {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let nullable = arguments.iter().any(|argument| argument.nullable);
        self.over(arguments, data_type, nullable, &call.context.settings)
    }

    /// The kernel over these arguments, NULL possible in any case.
    pub(super) fn call_nullable(
        &'static self,
        arguments: impl IntoIterator<Item = TypedExpr>,
        data_type: DataType,
        call: &FunctionCall<'_>,
    ) -> TypedExpr {
        self.over(arguments, data_type, true, &call.context.settings)
    }

    /// The kernel over these arguments with this type and nullability.
    pub(super) fn over(
        &'static self,
        arguments: impl IntoIterator<Item = TypedExpr>,
        data_type: DataType,
        nullable: bool,
        settings: &QuerySettings,
    ) -> TypedExpr {
        let function = KernelFunction {
            function: self,
            data_type: data_type.clone(),
            nullable,
            settings: *settings,
            signature: Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], self.volatility),
            origin: OnceLock::new(),
        };
        let arguments = arguments.into_iter().map(|argument| argument.expr).collect();
        let function = ScalarUDF::new_from_impl(function);
        let function = match self.meaning {
            Some(meaning) => with_meaning(function, meaning),
            None => function,
        };
        TypedExpr::new(function.call(arguments), data_type, nullable)
    }
}

/// A DataFusion expression that needs no kernel.
pub(super) fn native(expr: Expr, data_type: DataType, nullable: bool) -> TypedExpr {
    TypedExpr::new(expr, data_type, nullable)
}

/// Whether computing this call, apart from its arguments, can fail for a value.
pub(super) fn is_fallible_call(expr: &Expr) -> bool {
    kernel_of(expr).is_some_and(|kernel| kernel.function.fallible)
}

/// What a call resolves to is that deep at most, down to its arguments: comparisons in a condition, each over a cast.
const RESOLVED_LEVELS_MAX: usize = 8;

/// Tells the calls in an expression where in the user's program they stand. Those that know it, and all below them,
/// came from a place inside, and are left as they are. Only the upper levels are new: walking all of a deep expression
/// at each of its levels would take quadratic time.
pub fn set_origin(expr: &Expr, origin: &QueryContext) {
    let told = tell(expr, origin, RESOLVED_LEVELS_MAX);
    debug_assert!(told.is_ok(), "the walk over an expression does not fail");
}

fn tell(expr: &Expr, origin: &QueryContext, levels: usize) -> datafusion::error::Result<TreeNodeRecursion> {
    if let Some(kernel) = kernel_of(expr) {
        if kernel.origin.get().is_some() {
            return Ok(TreeNodeRecursion::Continue);
        }
        kernel.origin.get_or_init(|| origin.clone());
    }
    match levels {
        0 => Ok(TreeNodeRecursion::Continue),
        _ => expr.apply_children(|child| tell(child, origin, levels - 1)),
    }
}

fn kernel_of(expr: &Expr) -> Option<&KernelFunction> {
    match expr {
        Expr::ScalarFunction(call) => unmarked(&call.func).inner().downcast_ref::<KernelFunction>(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
