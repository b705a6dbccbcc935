//! ROLLUP, CUBE and GROUPING SETS: the keys of an aggregation, the sets of them as bits, and the rows for each set.

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use millstream_core::{Error, Result};
use spark_connect_proto::Aggregate;
use spark_connect_proto::aggregate::{GroupType, GroupingSets};

use super::super::Analyzer;
use super::super::expression::Item;
use super::super::resolved_relation::project;
use super::super::scope::Scope;
use super::super::time_window::unnest;
use super::aggregate::Key;
use super::grouping_key::grouping_key;
use crate::grouping_sets;

/// The key that says which of the grouping sets a group belongs to.
pub(super) const GROUPING_ID: &str = "spark_grouping_id";

/// The key that tells sets of the same keys apart (Spark: `_gen_grouping_pos`).
pub(super) const GROUPING_POSITION: &str = "_gen_grouping_pos";

impl Analyzer<'_> {
    /// The different keys, and of ROLLUP, CUBE and GROUPING SETS the sets as bits that say which keys they leave out.
    /// A plain GROUP BY has no set. Keys that only a set names come after those that were written.
    pub(super) fn sets(
        &mut self,
        one: &Aggregate,
        items: &[Item],
        written: &[Item],
        scope: Scope<'_>,
    ) -> Result<(Vec<Item>, Vec<i64>)> {
        let mut keys = each_once(written);
        let sets = match one.group_type() {
            GroupType::Rollup => {
                grouping_sets::check_keys(written.len())?;
                of_keys(&grouping_sets::rollup(written.len()), written, &keys)
            }
            GroupType::Cube => {
                grouping_sets::check_keys(written.len())?;
                of_keys(&grouping_sets::cube(written.len())?, written, &keys)
            }
            GroupType::GroupingSets => self.listed_sets(&one.grouping_sets, items, &mut keys, scope)?,
            _ => Vec::new(),
        };
        Ok((keys, sets))
    }

    /// The sets of GROUPING SETS as bits; keys that only they name are added.
    fn listed_sets(
        &mut self,
        listed: &[GroupingSets],
        items: &[Item],
        keys: &mut Vec<Item>,
        scope: Scope<'_>,
    ) -> Result<Vec<i64>> {
        if listed.len() > grouping_sets::SETS_MAX {
            return Err(grouping_sets::too_many());
        }
        let mut members: Vec<Vec<usize>> = Vec::with_capacity(listed.len());
        for set in listed {
            let mut indexes = Vec::new();
            for item in self.groups(&set.grouping_set, items, scope)? {
                let known = keys.iter().position(|key| key.expr.expr == item.expr.expr);
                indexes.push(known.unwrap_or(keys.len()));
                if known.is_none() {
                    keys.push(item);
                }
            }
            members.push(indexes);
        }
        grouping_sets::check_keys(keys.len())?;
        let bits =
            |set: &Vec<usize>| (0..keys.len()).fold(0_i64, |bits, index| bits << 1 | i64::from(!set.contains(&index)));
        Ok(members.iter().map(bits).collect())
    }

    /// Every row once for each grouping set, with the keys that the set leaves out NULL, and the set's number as one
    /// more key. Where sets are the same, their places are a key too.
    pub(super) fn rows_of_sets(
        &mut self,
        below: LogicalPlan,
        mut keys: Vec<Key>,
        sets: &[i64],
    ) -> Result<(LogicalPlan, Vec<Key>)> {
        if sets.is_empty() || is_grand_total(&keys, sets) {
            return Ok((below, keys));
        }
        let count = keys.len();
        let number = self.fresh(GROUPING_ID);
        let (numbers, is_repeated) = grouping_sets::numbered(sets, count)?;
        let numbers: Vec<ScalarValue> = numbers.into_iter().map(ScalarValue::from).collect();
        let list = ScalarValue::List(ScalarValue::new_list(&numbers, &DataType::Int64, false));
        let mut exprs: Vec<Expr> = below.schema().columns().into_iter().map(Expr::Column).collect();
        let mut kept = exprs.clone();
        exprs.push(Expr::Literal(list, None).alias(&number));
        let copies = unnest(project(below, exprs)?, &number)?;
        let mut set = Expr::Column(Column::new_unqualified(&number));
        if is_repeated {
            let position = self.fresh(GROUPING_POSITION);
            kept.push(set.clone().alias(&position));
            let expr = Expr::Column(Column::new_unqualified(&position));
            keys.insert(0, Key { expr, column: position, is_session: false });
            set = binary(set, Operator::BitwiseAnd, lit((1_i64 << count) - 1));
        }
        kept.push(set.clone().alias(&number));
        let first = keys.len() - count;
        for (index, key) in keys[first..].iter_mut().enumerate() {
            let shift = i64::try_from(count - 1 - index).map_err(|_| Error::invalid("too many grouping columns"))?;
            let is_left_out = bit(&set, shift).not_eq(lit(0_i64));
            let column = self.fresh(&key.column);
            let whole = Expr::Column(Column::new_unqualified(&key.column));
            kept.push(grouping_key(whole, is_left_out).alias(&column));
            key.column = column;
        }
        keys.push(Key { expr: Expr::Column(Column::new_unqualified(&number)), column: number, is_session: false });
        Ok((project(copies, kept)?, keys))
    }
}

/// `GROUPING SETS (())`: one row of all rows, also where there are none, which is what an aggregation without keys
/// gives.
pub(super) fn is_grand_total(keys: &[Key], sets: &[i64]) -> bool {
    keys.is_empty() && sets.len() == 1
}

/// The bit of a key in the number of a set.
pub(super) fn bit(set: &Expr, shift: i64) -> Expr {
    binary(binary(set.clone(), Operator::BitwiseShiftRight, lit(shift)), Operator::BitwiseAnd, lit(1_i64))
}

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// Sets whose bits are over what was written, as bits over the keys. A key that was written twice is left out where
/// both are.
fn of_keys(sets: &[i64], written: &[Item], keys: &[Item]) -> Vec<i64> {
    let places = |key: &Item| {
        let same = written.iter().rev().enumerate().filter(|(_, item)| item.expr.expr == key.expr.expr);
        same.fold(0_i64, |places, (shift, _)| places | 1 << shift)
    };
    let places: Vec<i64> = keys.iter().map(places).collect();
    let over_keys = |bits: &i64| places.iter().fold(0_i64, |all, key| all << 1 | i64::from(bits & key == *key));
    sets.iter().map(over_keys).collect()
}

/// The items without those that compute the same as one before them.
fn each_once(items: &[Item]) -> Vec<Item> {
    let mut different: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        if !different.iter().any(|known| known.expr.expr == item.expr.expr) {
            different.push(item.clone());
        }
    }
    different
}
