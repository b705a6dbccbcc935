//! Conditions of which each is asked only where those before it are not false.

use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::meaning::{Meaning, meaning_of};

/// The parts of a condition, all of which must hold. Who asks a part for a row in which one before it is false may get
/// an error that the condition as a whole does not raise.
pub fn split_lazy_conjunction(condition: Expr) -> Vec<Expr> {
    let mut parts = Vec::new();
    for part in split_conjunction_owned(condition) {
        match both_of(&part) {
            Some((first, second)) => {
                parts.extend(split_lazy_conjunction(first.clone()));
                parts.extend(split_lazy_conjunction(second.clone()));
            }
            None => parts.push(part),
        }
    }
    parts
}

/// The two conditions of a call with [`Meaning::LazyAnd`], which is `call(CASE WHEN first IS NOT FALSE THEN call(first
/// AND second) ELSE …)`.
fn both_of(part: &Expr) -> Option<(&Expr, &Expr)> {
    let Expr::ScalarFunction(call) = part else { return None };
    let (Some(Meaning::LazyAnd), [Expr::Case(Case { when_then_expr, .. })]) = (meaning_of(&call.func), &*call.args)
    else {
        return None;
    };
    let [(_, then)] = when_then_expr.as_slice() else { return None };
    let Expr::ScalarFunction(number) = &**then else { return None };
    match number.args.as_slice() {
        [Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right })] => Some((left, right)),
        _ => None,
    }
}
