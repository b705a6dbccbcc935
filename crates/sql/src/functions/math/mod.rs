//! Mathematics.

mod digits;
mod elementary;
mod random;
mod rounding;

use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;

pub(super) use rounding::{Rounding, divide};

/// The mathematical functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::scalar("abs", Exactly(1), rounding::abs, "without sign"),
    FunctionEntry::scalar("sign", Exactly(1), elementary::sign, "−1, 0 or 1").or(&["signum"]),
    FunctionEntry::scalar("ceil", Between(1, 2), rounding::ceil, "rounded up").or(&["ceiling"]),
    FunctionEntry::scalar("floor", Between(1, 2), rounding::floor, "rounded down"),
    FunctionEntry::scalar("round", Between(1, 2), rounding::round, "rounded, halves away from zero"),
    FunctionEntry::scalar("bround", Between(1, 2), rounding::bround, "rounded, halves to the even neighbour"),
    FunctionEntry::scalar("rint", Exactly(1), elementary::rint, "the nearest whole number as a double"),
    FunctionEntry::scalar("sqrt", Exactly(1), elementary::sqrt, "the square root"),
    FunctionEntry::scalar("cbrt", Exactly(1), elementary::cbrt, "the cube root"),
    FunctionEntry::scalar("pow", Exactly(2), elementary::pow, "to a power").or(&["power"]),
    FunctionEntry::scalar("exp", Exactly(1), elementary::exp, "e to a power"),
    FunctionEntry::scalar("expm1", Exactly(1), elementary::expm1, "e to a power, less 1"),
    FunctionEntry::scalar("ln", Exactly(1), elementary::ln, "the natural logarithm, NULL for what has none"),
    FunctionEntry::scalar("log", Between(1, 2), elementary::log, "the logarithm, to a base"),
    FunctionEntry::scalar("log10", Exactly(1), elementary::log10, "the logarithm to the base 10"),
    FunctionEntry::scalar("log2", Exactly(1), elementary::log2, "the logarithm to the base 2"),
    FunctionEntry::scalar("log1p", Exactly(1), elementary::log1p, "the natural logarithm of 1 and this"),
    FunctionEntry::scalar("sin", Exactly(1), elementary::sin, "the sine"),
    FunctionEntry::scalar("cos", Exactly(1), elementary::cos, "the cosine"),
    FunctionEntry::scalar("tan", Exactly(1), elementary::tan, "the tangent"),
    FunctionEntry::scalar("cot", Exactly(1), elementary::cot, "the cotangent"),
    FunctionEntry::scalar("asin", Exactly(1), elementary::asin, "the inverse sine"),
    FunctionEntry::scalar("acos", Exactly(1), elementary::acos, "the inverse cosine"),
    FunctionEntry::scalar("atan", Exactly(1), elementary::atan, "the inverse tangent"),
    FunctionEntry::scalar("atan2", Exactly(2), elementary::atan2, "the angle of a point"),
    FunctionEntry::scalar("sinh", Exactly(1), elementary::sinh, "the hyperbolic sine"),
    FunctionEntry::scalar("cosh", Exactly(1), elementary::cosh, "the hyperbolic cosine"),
    FunctionEntry::scalar("tanh", Exactly(1), elementary::tanh, "the hyperbolic tangent"),
    FunctionEntry::scalar("degrees", Exactly(1), elementary::degrees, "radians as degrees"),
    FunctionEntry::scalar("radians", Exactly(1), elementary::radians, "degrees as radians"),
    FunctionEntry::scalar("hypot", Exactly(2), elementary::hypot, "the length of a hypotenuse"),
    FunctionEntry::scalar("pi", Exactly(0), elementary::pi, "π"),
    FunctionEntry::scalar("e", Exactly(0), elementary::e, "Euler's number"),
    FunctionEntry::scalar("bin", Exactly(1), digits::bin, "in base 2"),
    FunctionEntry::scalar("conv", Exactly(3), digits::conv, "from one base to another"),
    FunctionEntry::scalar("factorial", Exactly(1), digits::factorial, "the factorial, NULL beyond 20"),
    FunctionEntry::scalar("rand", Between(0, 1), random::rand, "random between 0 and 1").or(&["random"]),
    FunctionEntry::scalar("randn", Between(0, 1), random::randn, "random of the normal distribution"),
];
