//! Spark's functions: one table of names, and for each what its arguments may be, what type comes out, and what is
//! computed.
//!
//! A family of functions is a file with one static slice of [`FunctionEntry`]s; [`lookup`] finds an entry under any of its
//! names. An entry *resolves* a call: it checks and casts the arguments by Spark's rules and answers an expression with
//! Spark's type. DataFusion's own coercion therefore never has anything to do, and what is computed is either a
//! DataFusion expression that is right for Spark or a [`kernel`] of ours.
//!
//! Deliberately not here: names, stars, lambdas' variables and the windows of window functions, which are the analyzer's.

mod aggregate;
mod argument;
mod call;
mod cast;
mod collection;
mod conditional;
mod conversion;
mod csv;
mod date_time;
mod entry;
mod failure;
mod generator;
mod hash;
mod json;
mod kernel;
mod math;
mod operators;
mod session;
mod string;
mod window;
mod window_time;

pub(crate) use argument::constant_of;
pub(crate) use call::{FunctionCall, FunctionContext, Generator, Resolved, SessionWindow, TimeWindow};
pub(crate) use cast::{CastMode, cast};
pub(crate) use collection::{array_fold, array_sort_by};
pub(crate) use entry::lookup;
