//! A column whose state is one cell a group, side by side.

use std::any::Any;
use std::fmt::Debug;

use arrow::array::ArrayRef;
use millstream_core::Result;

use super::{Argument, Column};
use crate::state::codec::Reader;
use crate::state::shard::Assignment;

/// The state of one group.
pub(super) trait Cell: Debug + Clone + Default + Send + Sync + 'static {
    /// Bytes held beside the cell itself.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// Appends the cell.
    fn write(&self, out: &mut Vec<u8>);
}

/// How one function works on its cells.
pub(super) trait Form: Debug + Send + Sync + 'static {
    /// The state of a group.
    type Cell: Cell;

    /// Takes rows in. Bytes that cells hold more, or less, beside themselves are added to `heap_bytes`.
    fn update(
        &self,
        cells: &mut [Self::Cell],
        argument: &Argument,
        rows: Assignment<'_>,
        heap_bytes: &mut isize,
    ) -> Result<()>;

    /// Adds what went into another cell.
    fn merge(&self, cell: &mut Self::Cell, other: &Self::Cell) -> Result<()>;

    /// Takes rows out; none where the form cannot.
    const RETRACT: Option<Retract<Self>> = None;

    /// The results of these cells.
    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Self::Cell> + Clone) -> Result<ArrayRef>;

    /// Reads a cell.
    fn read(&self, reader: &mut Reader<'_>) -> Result<Self::Cell>;
}

/// Takes rows out of the cells that they had been taken into. Bytes that cells hold more, or less, are added to the
/// last argument.
pub(super) type Retract<F> = fn(&F, &mut [<F as Form>::Cell], &Argument, Assignment<'_>, &mut isize) -> Result<()>;

/// The cells of groups 0, 1, 2 ….
#[derive(Debug)]
pub(super) struct Cells<F: Form> {
    form: F,
    cells: Vec<F::Cell>,
    heap_bytes: usize,
}

impl<F: Form> Cells<F> {
    pub(super) fn new(form: F) -> Self {
        Self { form, cells: vec![], heap_bytes: 0 }
    }

    fn same(other: &dyn Column) -> &Self {
        other.as_any().downcast_ref().expect("columns of one store are of one function")
    }
}

impl<F: Form> Column for Cells<F> {
    fn push_empty(&mut self) {
        self.cells.push(F::Cell::default());
    }

    fn push_from(&mut self, other: &dyn Column, group: u32) {
        let cell = Self::same(other).cells[group as usize].clone();
        self.heap_bytes += cell.heap_bytes();
        self.cells.push(cell);
    }

    fn copy_from(&mut self, group: u32, other: &dyn Column, other_group: u32) {
        let (cell, other) = (&mut self.cells[group as usize], &Self::same(other).cells[other_group as usize]);
        // In this order the difference cannot fall below zero.
        self.heap_bytes = self.heap_bytes + other.heap_bytes() - cell.heap_bytes();
        cell.clone_from(other);
    }

    fn truncate(&mut self, groups: usize) {
        self.heap_bytes -= self.cells.iter().skip(groups).map(Cell::heap_bytes).sum::<usize>();
        self.cells.truncate(groups);
    }

    fn bytes(&self) -> usize {
        size_of::<F::Cell>() * self.cells.capacity() + self.heap_bytes
    }

    fn update(&mut self, argument: &Argument, rows: Assignment<'_>) -> Result<()> {
        let mut more = 0;
        let updated = self.form.update(&mut self.cells, argument, rows, &mut more);
        // Also after an error: cells before the one that failed have grown.
        self.heap_bytes = self.heap_bytes.saturating_add_signed(more);
        updated
    }

    fn merge(&mut self, other: &dyn Column, groups: Assignment<'_>) -> Result<()> {
        let other = Self::same(other);
        for (&from, &to) in groups.rows.iter().zip(groups.entries) {
            let cell = &mut self.cells[to as usize];
            self.heap_bytes -= cell.heap_bytes();
            let merged = self.form.merge(cell, &other.cells[from as usize]);
            self.heap_bytes += cell.heap_bytes();
            merged?;
        }
        Ok(())
    }

    fn can_retract(&self) -> bool {
        F::RETRACT.is_some()
    }

    fn retract(&mut self, argument: &Argument, rows: Assignment<'_>) -> Result<()> {
        let mut more = 0;
        let retracted = match F::RETRACT {
            Some(retract) => retract(&self.form, &mut self.cells, argument, rows, &mut more),
            None => Err(millstream_core::Error::internal("an aggregate was asked to take out what it cannot")),
        };
        self.heap_bytes = self.heap_bytes.saturating_add_signed(more);
        retracted
    }

    fn results(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.form.results(groups.iter().map(|&group| &self.cells[group as usize]))
    }

    fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.cells[group as usize].write(out);
    }

    fn push_read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let cell = self.form.read(reader)?;
        self.heap_bytes += cell.heap_bytes();
        self.cells.push(cell);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
