//! Operators, under the names that Spark Connect gives them.
//!
//! Comparisons of what Arrow compares as Spark does, and logic, are DataFusion's expressions, because its optimizer knows
//! them. Arithmetic is ours: overflow is an error under ANSI and wraps otherwise, which DataFusion does not offer.

mod arithmetic;
mod bitwise;
mod comparison;
mod decimal;
mod logic;
mod matching;
mod time;

use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;

pub(super) use comparison::{choose, common_type_of, equal, less, normal_column};
pub(super) use logic::is_fallible;
pub(super) use time::add_months_to_days;

/// The operators.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::scalar("+", Between(1, 2), arithmetic::add, "sum; of dates and intervals too"),
    FunctionEntry::scalar("-", Between(1, 2), arithmetic::subtract, "difference, or the negative"),
    FunctionEntry::scalar("*", Exactly(2), arithmetic::multiply, "product"),
    FunctionEntry::scalar("/", Exactly(2), arithmetic::divide, "quotient, never integral"),
    FunctionEntry::scalar("div", Exactly(2), arithmetic::integral_divide, "integral quotient"),
    FunctionEntry::scalar("%", Exactly(2), arithmetic::remainder, "remainder with the dividend's sign").or(&["mod"]),
    FunctionEntry::scalar("negative", Exactly(1), arithmetic::negative, "the negative"),
    FunctionEntry::scalar("positive", Exactly(1), arithmetic::positive, "the value itself"),
    FunctionEntry::scalar("try_add", Exactly(2), arithmetic::try_add, "sum, NULL on overflow"),
    FunctionEntry::scalar("try_subtract", Exactly(2), arithmetic::try_subtract, "difference, NULL on overflow"),
    FunctionEntry::scalar("try_multiply", Exactly(2), arithmetic::try_multiply, "product, NULL on overflow"),
    FunctionEntry::scalar("try_divide", Exactly(2), arithmetic::try_divide, "quotient, NULL for a divisor of 0"),
    FunctionEntry::scalar("pmod", Exactly(2), arithmetic::pmod, "remainder that is not negative"),
    FunctionEntry::scalar("==", Exactly(2), comparison::equal_to, "equality; NaN equals NaN").or(&["="]),
    FunctionEntry::scalar("!=", Exactly(2), comparison::not_equal_to, "inequality").or(&["<>"]),
    FunctionEntry::scalar("<=>", Exactly(2), comparison::null_safe_equal, "equality for which NULL is a value")
        .or(&["equal_null"]),
    FunctionEntry::scalar("<", Exactly(2), comparison::less_than, "less; NaN is the greatest number"),
    FunctionEntry::scalar("<=", Exactly(2), comparison::less_or_equal, "less or equal"),
    FunctionEntry::scalar(">", Exactly(2), comparison::greater_than, "greater"),
    FunctionEntry::scalar(">=", Exactly(2), comparison::greater_or_equal, "greater or equal"),
    FunctionEntry::scalar("between", Exactly(3), comparison::between, "within two bounds, both included"),
    FunctionEntry::scalar("in", AtLeast(1), comparison::in_list, "equal to one of a list"),
    FunctionEntry::scalar("and", Exactly(2), logic::and, "both"),
    FunctionEntry::scalar("or", Exactly(2), logic::or, "one of them or both"),
    FunctionEntry::scalar("not", Exactly(1), logic::not, "the opposite").or(&["!"]),
    FunctionEntry::scalar("isnull", Exactly(1), logic::is_null, "whether it is NULL"),
    FunctionEntry::scalar("isnotnull", Exactly(1), logic::is_not_null, "whether it is not NULL"),
    FunctionEntry::scalar("istrue", Exactly(1), logic::is_true, "whether it is true"),
    FunctionEntry::scalar("isfalse", Exactly(1), logic::is_false, "whether it is false"),
    FunctionEntry::scalar("&", Exactly(2), bitwise::and, "bits of both"),
    FunctionEntry::scalar("|", Exactly(2), bitwise::or, "bits of either"),
    FunctionEntry::scalar("^", Exactly(2), bitwise::xor, "bits of just one"),
    FunctionEntry::scalar("~", Exactly(1), bitwise::not, "all bits turned"),
    FunctionEntry::scalar("shiftleft", Exactly(2), bitwise::shift_left, "bits moved up").or(&["<<"]),
    FunctionEntry::scalar("shiftright", Exactly(2), bitwise::shift_right, "bits moved down, the sign kept").or(&[">>"]),
    FunctionEntry::scalar("shiftrightunsigned", Exactly(2), bitwise::shift_right_unsigned, "bits moved down")
        .or(&[">>>"]),
    FunctionEntry::scalar("like", Between(2, 3), matching::like, "matches an SQL pattern"),
    FunctionEntry::scalar("ilike", Between(2, 3), matching::ilike, "matches an SQL pattern in any letter case"),
    FunctionEntry::scalar("rlike", Exactly(2), matching::rlike, "contains a match of a regular expression")
        .or(&["regexp", "regexp_like"]),
];
