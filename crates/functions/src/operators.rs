//! Operators, under the names that Spark Connect gives them.
//!
//! Comparisons of what Arrow compares as Spark does, and logic, are DataFusion's expressions, because its optimizer
//! knows them. Arithmetic is ours: overflow is an error under ANSI and wraps otherwise, which DataFusion does not
//! offer.

mod arithmetic;
mod bitwise;
mod comparison;
mod decimal;
mod interval;
mod logic;
mod matching;
mod time;

use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;
use super::sql_form::SqlForm::{Capitals, Infix, Symbol, Template};

pub(super) use arithmetic::time_plus;
pub(super) use comparison::{equal, null_safe};
pub(super) use logic::{is_fallible, lazy_case};

/// The operators.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("+", Between(1, 2), arithmetic::add, "sum; of dates and intervals too").shown(Infix("+")),
    FunctionEntry::new("-", Between(1, 2), arithmetic::subtract, "difference, or the negative").shown(Infix("-")),
    FunctionEntry::new("*", Exactly(2), arithmetic::multiply, "product").shown(Infix("*")),
    FunctionEntry::new("/", Exactly(2), arithmetic::divide, "quotient, never integral").shown(Infix("/")),
    FunctionEntry::new("div", Exactly(2), arithmetic::integral_divide, "integral quotient").shown(Infix("div")),
    FunctionEntry::new("%", Exactly(2), arithmetic::remainder, "remainder with the dividend's sign").shown(Infix("%")),
    FunctionEntry::new("mod", Exactly(2), arithmetic::remainder, "`%` by its name"),
    FunctionEntry::new("negative", Exactly(1), arithmetic::negative, "the negative"),
    FunctionEntry::new("positive", Exactly(1), arithmetic::positive, "the value itself").shown(Template("(+ {})")),
    FunctionEntry::new("try_add", Exactly(2), arithmetic::try_add, "sum, NULL on overflow"),
    FunctionEntry::new("try_subtract", Exactly(2), arithmetic::try_subtract, "difference, NULL on overflow"),
    FunctionEntry::new("try_multiply", Exactly(2), arithmetic::try_multiply, "product, NULL on overflow"),
    FunctionEntry::new("try_divide", Exactly(2), arithmetic::try_divide, "quotient, NULL for a divisor of 0"),
    FunctionEntry::new("try_mod", Exactly(2), arithmetic::try_mod, "the remainder, NULL for division by zero"),
    FunctionEntry::new("pmod", Exactly(2), arithmetic::pmod, "remainder that is not negative"),
    FunctionEntry::new("==", Exactly(2), comparison::equal_to, "equality; NaN equals NaN").or(&["="]).shown(Infix("=")),
    FunctionEntry::new("!=", Exactly(2), comparison::not_equal_to, "inequality")
        .or(&["<>"])
        .shown(Template("(NOT ({} = {}))")),
    FunctionEntry::new("<=>", Exactly(2), comparison::null_safe_equal, "equality for which NULL is a value")
        .shown(Infix("<=>")),
    FunctionEntry::new("equal_null", Exactly(2), comparison::null_safe_equal, "`<=>` by its name"),
    FunctionEntry::new("<", Exactly(2), comparison::less_than, "less; NaN is the greatest number").shown(Infix("<")),
    FunctionEntry::new("<=", Exactly(2), comparison::less_or_equal, "less or equal").shown(Infix("<=")),
    FunctionEntry::new(">", Exactly(2), comparison::greater_than, "greater").shown(Infix(">")),
    FunctionEntry::new(">=", Exactly(2), comparison::greater_or_equal, "greater or equal").shown(Infix(">=")),
    FunctionEntry::new("between", Exactly(3), comparison::between, "within two bounds, both included"),
    FunctionEntry::new("in", AtLeast(1), comparison::in_list, "equal to one of a list")
        .shown(Template("({} IN ({..}))")),
    FunctionEntry::new("and", Exactly(2), logic::and, "both").shown(Infix("AND")),
    FunctionEntry::new("or", Exactly(2), logic::or, "one of them or both").shown(Infix("OR")),
    FunctionEntry::new("not", Exactly(1), logic::not, "the opposite").or(&["!"]).shown(Template("(NOT {})")),
    FunctionEntry::new("isnull", Exactly(1), logic::is_null, "whether it is NULL").shown(Template("({} IS NULL)")),
    FunctionEntry::new("isnotnull", Exactly(1), logic::is_not_null, "whether it is not NULL")
        .shown(Template("({} IS NOT NULL)")),
    FunctionEntry::new("istrue", Exactly(1), logic::is_true, "whether it is true"),
    FunctionEntry::new("isfalse", Exactly(1), logic::is_false, "whether it is false"),
    FunctionEntry::new("&", Exactly(2), bitwise::and, "bits of both").shown(Infix("&")),
    FunctionEntry::new("|", Exactly(2), bitwise::or, "bits of either").shown(Infix("|")),
    FunctionEntry::new("^", Exactly(2), bitwise::xor, "bits of just one").shown(Infix("^")),
    FunctionEntry::new("bit_count", Exactly(1), bitwise::bit_count, "how many bits are set"),
    FunctionEntry::new("bit_get", Exactly(2), bitwise::bit_get, "the bit at a place").or(&["getbit"]),
    FunctionEntry::new("~", Exactly(1), bitwise::not, "all bits turned").shown(Template("~{}")),
    FunctionEntry::new("shiftleft", Exactly(2), bitwise::shift_left, "bits moved up").or(&["<<"]).shown(Symbol),
    FunctionEntry::new("shiftright", Exactly(2), bitwise::shift_right, "bits moved down, the sign kept")
        .or(&[">>"])
        .shown(Symbol),
    FunctionEntry::new("shiftrightunsigned", Exactly(2), bitwise::shift_right_unsigned, "bits moved down")
        .or(&[">>>"])
        .shown(Symbol),
    FunctionEntry::new("like", Between(2, 3), matching::like, "matches an SQL pattern").shown(Template("{} LIKE {}")),
    FunctionEntry::new("likeany", AtLeast(2), matching::like_any, "`LIKE ANY` of constants"),
    FunctionEntry::new("likeall", AtLeast(2), matching::like_all, "`LIKE ALL` of constants"),
    FunctionEntry::new("notlikeany", AtLeast(2), matching::not_like_any, "`NOT LIKE ANY` of constants"),
    FunctionEntry::new("notlikeall", AtLeast(2), matching::not_like_all, "`NOT LIKE ALL` of constants"),
    FunctionEntry::new("ilike", Between(2, 3), matching::ilike, "matches an SQL pattern in any letter case"),
    FunctionEntry::new("rlike", Exactly(2), matching::rlike, "contains a match of a regular expression")
        .or(&["regexp", "regexp_like"])
        .shown(Capitals),
];
