//! Mathematics.

mod digits;
mod elementary;
mod random;
mod rounding;

use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;
use super::sql_form::SqlForm;

/// The mathematical functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("abs", Exactly(1), rounding::abs, "without sign"),
    FunctionEntry::new("sign", Exactly(1), elementary::sign, "−1, 0 or 1").or(&["signum"]),
    FunctionEntry::new("ceil", Between(1, 2), rounding::ceil, "rounded up").shown(SqlForm::Capitals),
    FunctionEntry::new("ceiling", Between(1, 2), rounding::ceil, "`ceil` by another name"),
    FunctionEntry::new("floor", Between(1, 2), rounding::floor, "rounded down").shown(SqlForm::Capitals),
    FunctionEntry::new("round", Between(1, 2), rounding::round, "rounded, halves away from zero"),
    FunctionEntry::new("bround", Between(1, 2), rounding::bround, "rounded, halves to the even neighbour"),
    FunctionEntry::new("rint", Exactly(1), elementary::rint, "the nearest whole number as a double"),
    FunctionEntry::new("sqrt", Exactly(1), elementary::sqrt, "the square root"),
    FunctionEntry::new("cbrt", Exactly(1), elementary::cbrt, "the cube root"),
    FunctionEntry::new("pow", Exactly(2), elementary::pow, "to a power").or(&["power"]),
    FunctionEntry::new("exp", Exactly(1), elementary::exp, "e to a power"),
    FunctionEntry::new("expm1", Exactly(1), elementary::expm1, "e to a power, less 1"),
    FunctionEntry::new("ln", Exactly(1), elementary::ln, "the natural logarithm, NULL for what has none"),
    FunctionEntry::new("log", Between(1, 2), elementary::log, "the logarithm, to a base"),
    FunctionEntry::new("log10", Exactly(1), elementary::log10, "the logarithm to the base 10"),
    FunctionEntry::new("log2", Exactly(1), elementary::log2, "the logarithm to the base 2"),
    FunctionEntry::new("log1p", Exactly(1), elementary::log1p, "the natural logarithm of 1 and this"),
    FunctionEntry::new("sin", Exactly(1), elementary::sin, "the sine"),
    FunctionEntry::new("cos", Exactly(1), elementary::cos, "the cosine"),
    FunctionEntry::new("tan", Exactly(1), elementary::tan, "the tangent"),
    FunctionEntry::new("cot", Exactly(1), elementary::cot, "the cotangent"),
    FunctionEntry::new("asin", Exactly(1), elementary::asin, "the inverse sine"),
    FunctionEntry::new("acos", Exactly(1), elementary::acos, "the inverse cosine"),
    FunctionEntry::new("atan", Exactly(1), elementary::atan, "the inverse tangent"),
    FunctionEntry::new("atan2", Exactly(2), elementary::atan2, "the angle of a point"),
    FunctionEntry::new("sinh", Exactly(1), elementary::sinh, "the hyperbolic sine"),
    FunctionEntry::new("cosh", Exactly(1), elementary::cosh, "the hyperbolic cosine"),
    FunctionEntry::new("tanh", Exactly(1), elementary::tanh, "the hyperbolic tangent"),
    FunctionEntry::new("acosh", Exactly(1), elementary::acosh, "the inverse hyperbolic cosine"),
    FunctionEntry::new("asinh", Exactly(1), elementary::asinh, "the inverse hyperbolic sine"),
    FunctionEntry::new("atanh", Exactly(1), elementary::atanh, "the inverse hyperbolic tangent"),
    FunctionEntry::new("sec", Exactly(1), elementary::sec, "the secant"),
    FunctionEntry::new("csc", Exactly(1), elementary::csc, "the cosecant"),
    FunctionEntry::new("width_bucket", Exactly(4), elementary::width_bucket, "the bucket of a histogram"),
    FunctionEntry::new("degrees", Exactly(1), elementary::degrees, "radians as degrees"),
    FunctionEntry::new("radians", Exactly(1), elementary::radians, "degrees as radians"),
    FunctionEntry::new("hypot", Exactly(2), elementary::hypot, "the length of a hypotenuse"),
    FunctionEntry::new("pi", Exactly(0), elementary::pi, "π"),
    FunctionEntry::new("e", Exactly(0), elementary::e, "Euler's number"),
    FunctionEntry::new("bin", Exactly(1), digits::bin, "in base 2"),
    FunctionEntry::new("conv", Exactly(3), digits::conv, "from one base to another"),
    FunctionEntry::new("factorial", Exactly(1), digits::factorial, "the factorial, NULL beyond 20"),
    FunctionEntry::new("rand", Between(0, 1), random::rand, "random between 0 and 1").or(&["random"]),
    FunctionEntry::new("randn", Between(0, 1), random::randn, "random of the normal distribution"),
];
