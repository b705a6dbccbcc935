//! An entry of the function table: a function's names, its arguments, and how its calls are resolved and written.

use millstream_core::Result;

use super::call::{FunctionCall, FunctionContext, Resolved};
use super::failure::wrong_argument_count;
use super::sql_form::SqlForm;
use super::typed_expr::TypedExpr;

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy)]
pub enum Arity {
    /// Just so many.
    Exactly(usize),
    /// One of these numbers.
    Between(usize, usize),
    /// So many or more.
    AtLeast(usize),
}

/// A parameter that a call may name, as in `mask(str => 'a')`.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The parameter has this name in Spark.
    pub name: &'static str,
    /// The value of a call that leaves it out; none if a call has to give it.
    pub default: Option<Preset>,
}

/// The value of a parameter that is left out.
#[derive(Debug, Clone, Copy)]
pub enum Preset {
    /// The value is NULL.
    Null,
    /// The value is this text.
    Text(&'static str),
}

impl Parameter {
    /// A parameter that every call gives.
    pub(super) const fn required(name: &'static str) -> Self {
        Self { name, default: None }
    }

    /// A parameter that may be left out.
    pub(super) const fn optional(name: &'static str, default: Preset) -> Self {
        Self { name, default: Some(default) }
    }
}

type Resolve = fn(&FunctionCall<'_>) -> Result<Resolved>;

/// One function of Spark.
#[derive(Debug)]
pub struct FunctionEntry {
    /// Spark's name.
    pub name: &'static str,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// How many arguments it takes.
    pub arity: Arity,
    /// Its parameters, where Spark lets a call name them.
    pub parameters: &'static [Parameter],
    /// How its calls stand in SQL text, by whichever of its names.
    pub form: SqlForm,
    resolve: Resolve,
    /// What it does, in a line.
    pub doc: &'static str,
}

impl FunctionEntry {
    /// An entry without further names, whose calls are written `name(a, b)`.
    pub(super) const fn new(name: &'static str, arity: Arity, resolve: Resolve, doc: &'static str) -> Self {
        Self { name, aliases: &[], arity, parameters: &[], form: SqlForm::Call, resolve, doc }
    }

    /// The same under more names.
    pub(super) const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// The same with parameters that a call may name.
    pub(super) const fn named(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    /// The same with calls that are written in this form.
    pub(super) const fn shown(mut self, form: SqlForm) -> Self {
        self.form = form;
        self
    }

    /// A call by one of the names, as the user wrote it, with nothing but arguments.
    pub fn call<'a>(&self, name: &'a str, arguments: Vec<TypedExpr>, context: &'a FunctionContext) -> FunctionCall<'a> {
        let (filter, order_by) = (None, Vec::new());
        FunctionCall {
            name,
            form: self.form,
            arguments,
            distinct: false,
            filter,
            order_by,
            ordered: Vec::new(),
            ignore_nulls: false,
            context,
        }
    }

    /// Checks the number of arguments, then the arguments, and answers what the call means.
    pub fn resolve(&self, call: &FunctionCall<'_>) -> Result<Resolved> {
        let count = call.arguments.len();
        let (fits, expected) = match self.arity {
            Arity::Exactly(n) => (count == n, n.to_string()),
            Arity::Between(least, most) => {
                let numbers: Vec<_> = (least..=most).map(|n| n.to_string()).collect();
                ((least..=most).contains(&count), format!("[{}]", numbers.join(", ")))
            }
            Arity::AtLeast(least) => (count >= least, format!("> {}", least.saturating_sub(1))),
        };
        if !fits {
            return Err(wrong_argument_count(call, &expected).with_hint(format!("`{}`: {}", self.name, self.doc)));
        }
        (self.resolve)(call)
    }
}
