//! Mathematics.

mod bitmap;
mod digits;
mod elementary;
mod java;
mod random;
mod rounding;

use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;
use super::sql_form::SqlForm;

/// The mathematical functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("abs", Exactly(1), rounding::abs, "without sign"),
    FunctionEntry::new("sign", Exactly(1), elementary::sign, "−1, 0 or 1"),
    FunctionEntry::new("signum", Exactly(1), elementary::sign, "−1, 0 or 1").shown(SqlForm::Capitals),
    FunctionEntry::new("ceil", Between(1, 2), rounding::ceil, "rounded up").shown(SqlForm::CapitalsOfOne),
    FunctionEntry::new("ceiling", Between(1, 2), rounding::ceil, "`ceil` by another name"),
    FunctionEntry::new("floor", Between(1, 2), rounding::floor, "rounded down").shown(SqlForm::CapitalsOfOne),
    FunctionEntry::new("round", Between(1, 2), rounding::round, "rounded, halves away from zero"),
    FunctionEntry::new("bround", Between(1, 2), rounding::bround, "rounded, halves to the even neighbour"),
    FunctionEntry::new("rint", Exactly(1), elementary::rint, "the nearest whole number as a double"),
    FunctionEntry::new("sqrt", Exactly(1), elementary::sqrt, "the square root").shown(SqlForm::Capitals),
    FunctionEntry::new("cbrt", Exactly(1), elementary::cbrt, "the cube root").shown(SqlForm::Capitals),
    FunctionEntry::new("pow", Exactly(2), elementary::pow, "to a power").or(&["power"]),
    FunctionEntry::new("exp", Exactly(1), elementary::exp, "e to a power").shown(SqlForm::Capitals),
    FunctionEntry::new("expm1", Exactly(1), elementary::expm1, "e to a power, less 1").shown(SqlForm::Capitals),
    FunctionEntry::new("ln", Exactly(1), elementary::ln, "the natural logarithm, NULL for what has none"),
    FunctionEntry::new("log", Between(1, 2), elementary::log, "the logarithm, to a base").shown(SqlForm::Capitals),
    FunctionEntry::new("log10", Exactly(1), elementary::log10, "the logarithm to the base 10").shown(SqlForm::Capitals),
    FunctionEntry::new("log2", Exactly(1), elementary::log2, "the logarithm to the base 2").shown(SqlForm::Capitals),
    FunctionEntry::new("log1p", Exactly(1), elementary::log1p, "the natural logarithm of 1 and this")
        .shown(SqlForm::Capitals),
    FunctionEntry::new("sin", Exactly(1), elementary::sin, "the sine").shown(SqlForm::Capitals),
    FunctionEntry::new("cos", Exactly(1), elementary::cos, "the cosine").shown(SqlForm::Capitals),
    FunctionEntry::new("tan", Exactly(1), elementary::tan, "the tangent").shown(SqlForm::Capitals),
    FunctionEntry::new("cot", Exactly(1), elementary::cot, "the cotangent").shown(SqlForm::Capitals),
    FunctionEntry::new("asin", Exactly(1), elementary::asin, "the inverse sine").shown(SqlForm::Capitals),
    FunctionEntry::new("acos", Exactly(1), elementary::acos, "the inverse cosine").shown(SqlForm::Capitals),
    FunctionEntry::new("atan", Exactly(1), elementary::atan, "the inverse tangent").shown(SqlForm::Capitals),
    FunctionEntry::new("atan2", Exactly(2), elementary::atan2, "the angle of a point").shown(SqlForm::Capitals),
    FunctionEntry::new("sinh", Exactly(1), elementary::sinh, "the hyperbolic sine").shown(SqlForm::Capitals),
    FunctionEntry::new("cosh", Exactly(1), elementary::cosh, "the hyperbolic cosine").shown(SqlForm::Capitals),
    FunctionEntry::new("tanh", Exactly(1), elementary::tanh, "the hyperbolic tangent").shown(SqlForm::Capitals),
    FunctionEntry::new("acosh", Exactly(1), elementary::acosh, "the inverse hyperbolic cosine")
        .shown(SqlForm::Capitals),
    FunctionEntry::new("asinh", Exactly(1), elementary::asinh, "the inverse hyperbolic sine").shown(SqlForm::Capitals),
    FunctionEntry::new("atanh", Exactly(1), elementary::atanh, "the inverse hyperbolic tangent")
        .shown(SqlForm::Capitals),
    FunctionEntry::new("sec", Exactly(1), elementary::sec, "the secant").shown(SqlForm::Capitals),
    FunctionEntry::new("csc", Exactly(1), elementary::csc, "the cosecant").shown(SqlForm::Capitals),
    FunctionEntry::new("width_bucket", Exactly(4), elementary::width_bucket, "the bucket of a histogram"),
    FunctionEntry::new("degrees", Exactly(1), elementary::degrees, "radians as degrees").shown(SqlForm::Capitals),
    FunctionEntry::new("radians", Exactly(1), elementary::radians, "degrees as radians").shown(SqlForm::Capitals),
    FunctionEntry::new("hypot", Exactly(2), elementary::hypot, "the length of a hypotenuse").shown(SqlForm::Capitals),
    FunctionEntry::new("pi", Exactly(0), elementary::pi, "π").shown(SqlForm::Capitals),
    FunctionEntry::new("e", Exactly(0), elementary::e, "Euler's number").shown(SqlForm::Capitals),
    FunctionEntry::new("bitmap_bit_position", Exactly(1), bitmap::bit_position, "the place of a number in its bitmap"),
    FunctionEntry::new("bitmap_bucket_number", Exactly(1), bitmap::bucket_number, "the number of its bitmap"),
    FunctionEntry::new("bitmap_count", Exactly(1), bitmap::count, "the number of bits that are set"),
    FunctionEntry::new("randstr", Between(1, 2), random::randstr, "so many letters and digits of chance"),
    FunctionEntry::new("uniform", Between(2, 3), random::uniform, "a number of chance between two"),
    FunctionEntry::new("bin", Exactly(1), digits::bin, "in base 2"),
    FunctionEntry::new("conv", Exactly(3), digits::conv, "from one base to another"),
    FunctionEntry::new("factorial", Exactly(1), digits::factorial, "the factorial, NULL beyond 20"),
    FunctionEntry::new("rand", Between(0, 1), random::rand, "random between 0 and 1")
        .or(&["random"])
        .shown(SqlForm::Named("rand")),
    FunctionEntry::new("randn", Between(0, 1), random::randn, "random of the normal distribution"),
];
