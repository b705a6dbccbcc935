//! The values of an aggregation: a column for each of its functions.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use millstream_core::{Error, Result};

use super::Values;
use crate::state::aggregates::{Argument, Column, KeyedAggregate};
use crate::state::codec::Reader;
use crate::state::entries::{Entries, StoreLayout};
use crate::state::shard::Assignment;

/// The functions of an aggregation.
pub type AggregatesLayout = Vec<Arc<dyn KeyedAggregate>>;

/// One column an aggregate function, for groups 0, 1, 2 ….
#[derive(Debug)]
pub struct Aggregates {
    columns: Vec<Box<dyn Column>>,
}

impl Aggregates {
    /// Takes rows into their groups, with the arguments of each function.
    pub fn update(&mut self, arguments: &[Argument], rows: Assignment<'_>) -> Result<()> {
        self.columns.iter_mut().zip(arguments).try_for_each(|(column, argument)| column.update(argument, rows))
    }

    /// Adds to a group what went into a group of another's.
    pub fn merge(&mut self, group: u32, other: &Self, other_group: u32) -> Result<()> {
        let groups = Assignment { rows: &[other_group], entries: &[group] };
        self.columns.iter_mut().zip(&other.columns).try_for_each(|(column, other)| column.merge(&**other, groups))
    }

    /// The results of each function for these groups.
    pub(super) fn results(&self, layout: &AggregatesLayout, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let columns = self.columns.iter().zip(layout);
        columns.map(|(column, function)| function.present(column.results(groups)?)).collect()
    }
}

/// Rows and the entries that they belong to, in lists of their own.
#[derive(Debug, Default)]
struct Picked {
    rows: Vec<u32>,
    entries: Vec<u32>,
}

impl Picked {
    fn assignment(&self) -> Assignment<'_> {
        Assignment { rows: &self.rows, entries: &self.entries }
    }
}

impl Aggregates {
    /// Takes rows into their groups and out of them: each as often as the weights of the function say, which are one a
    /// row.
    pub fn change(&mut self, arguments: &[Argument], weights: &[Arc<[i64]>], rows: Assignment<'_>) -> Result<()> {
        for ((column, argument), weights) in self.columns.iter_mut().zip(arguments).zip(weights) {
            let (mut added, mut taken_back) = (Picked::default(), Picked::default());
            for (&row, &entry) in rows.rows.iter().zip(rows.entries) {
                let weight = weights[row as usize];
                let picked = if weight > 0 { &mut added } else { &mut taken_back };
                for _ in 0..weight.unsigned_abs() {
                    picked.rows.push(row);
                    picked.entries.push(entry);
                }
            }
            column.update(argument, added.assignment())?;
            if !taken_back.rows.is_empty() {
                column.retract(argument, taken_back.assignment())?;
            }
        }
        Ok(())
    }

    /// What the last function has counted in a group.
    pub(crate) fn last_count(&self, group: u32) -> Result<i64> {
        let counts = self.columns.last().map(|column| column.results(&[group])).transpose()?;
        let count = counts.as_ref().and_then(|counts| counts.as_primitive_opt::<Int64Type>());
        count.map(|count| count.value(0)).ok_or_else(|| Error::internal("the last function of a group counts nothing"))
    }
}

impl Values for Aggregates {
    type Layout = AggregatesLayout;

    fn new(layout: &AggregatesLayout) -> Self {
        Self { columns: layout.iter().map(|function| function.new_column()).collect() }
    }

    fn push_empty(&mut self) {
        self.columns.iter_mut().for_each(|column| column.push_empty());
    }

    fn push_from(&mut self, other: &Self, entry: u32) {
        for (column, other) in self.columns.iter_mut().zip(&other.columns) {
            column.push_from(&**other, entry);
        }
    }

    fn copy_from(&mut self, entry: u32, other: &Self, other_entry: u32) {
        for (column, other) in self.columns.iter_mut().zip(&other.columns) {
            column.copy_from(entry, &**other, other_entry);
        }
    }

    fn truncate(&mut self, entries: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(entries));
    }

    fn bytes(&self) -> usize {
        self.columns.iter().map(|column| column.bytes()).sum()
    }

    fn write(&self, entry: u32, out: &mut Vec<u8>) {
        self.columns.iter().for_each(|column| column.write(entry, out));
    }

    fn push_read(&mut self, _layout: &AggregatesLayout, reader: &mut Reader<'_>) -> Result<()> {
        self.columns.iter_mut().try_for_each(|column| column.push_read(reader))
    }

    fn describe(layout: &AggregatesLayout) -> Vec<String> {
        layout.iter().map(|function| function.describe()).collect()
    }
}

/// Key columns, then results, of all these groups.
pub(crate) fn group_columns(groups: &Entries<Aggregates>, layout: &StoreLayout<Aggregates>) -> Result<Vec<ArrayRef>> {
    let numbers: Vec<u32> = (0..groups.len() as u32).collect();
    let keys: Vec<&[u8]> = numbers.iter().map(|&group| groups.key(group)).collect();
    let mut columns = layout.codec().decode(&keys)?;
    columns.extend(groups.values().results(layout.values(), &numbers)?);
    Ok(columns)
}
