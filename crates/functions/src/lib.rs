//! Spark's functions: one table of names, and for each what its arguments may be, what type comes out, and what is
//! computed.
//!
//! A family of functions is a file with one static slice of [`entry::FunctionEntry`]s; [`lookup`] finds an entry under
//! any of its names. An entry *resolves* a call: it checks and casts the arguments by Spark's rules and answers an
//! expression with Spark's type. DataFusion's own coercion therefore never has anything to do, and what is computed is
//! either a DataFusion expression that is right for Spark or a [`kernel`] of ours.
//!
//! Deliberately not here: names, stars, lambdas' variables and the windows of window functions, which are the
//! analyzer's.

mod aggregate;
mod argument;
mod call;
mod cast;
pub mod coercion;
mod collection;
mod columns;
mod conditional;
mod conversion;
mod csv;
pub mod data_type;
mod date_time;
mod entry;
mod failure;
mod generator;
mod hash;
mod json;
mod kernel;
mod math;
mod operators;
mod room;
mod session;
mod sql_form;
mod string;
mod table;
mod typed_expr;
mod unbuilt;
mod window;
mod window_time;

pub use aggregate::{holds_floats, normal_key, normalized, over_rows};
pub use argument::{cast_in, constant_of};
pub use call::{FunctionCall, FunctionContext, Generator, Resolved, SessionWindow, TimeWindow};
pub use cast::{CastMode, SpecialMoment, cast};
pub use collection::{array_fold, array_sort_by, map_sorted};
pub use conditional::nullable;
pub use entry::{Arity, FunctionEntry, Parameter, Preset};
pub use kernel::set_origin;
pub use sql_form::SqlForm;
pub use table::{entries, lookup};
pub use typed_expr::TypedExpr;
pub use unbuilt::is_unbuilt;
