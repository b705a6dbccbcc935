//! What `df.column` means: the way from an operator down to the relation with a plan id (Spark:
//! `ColumnResolutionHelper.resolveDataFrameColumn`).
//!
//! A client marks a column of a DataFrame with the id of that DataFrame's plan. The plan may be below the operator in
//! several places, and the column may have been dropped, renamed or replaced on the way up; then it is not there any
//! more, whatever has its name now.

use std::sync::Arc;

use millstream_core::Result;

use super::attribute::Attribute;
use super::error;
use super::resolved_relation::ResolvedRelation;
use super::scope::Scope;
use crate::session::AnalysisContext;

/// An analysed relation as references by plan id see it.
#[derive(Debug)]
pub(crate) struct Lineage {
    plan_id: Option<i64>,
    columns: Vec<Attribute>,
    metadata: Vec<Attribute>,
    inputs: Vec<Arc<Lineage>>,
    /// Whether columns below it cannot be referred to above it.
    is_union: bool,
}

/// A column with a plan id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'r> {
    /// The client gave the DataFrame this id.
    pub(crate) plan_id: i64,
    /// The column's name.
    pub(crate) parts: &'r [String],
    /// The session's: how names are compared.
    pub(crate) context: &'r AnalysisContext,
}

/// Whether a relation has the plan id, and the columns of that name that got through to the operator.
#[derive(Debug, Default)]
struct Found {
    plan: bool,
    columns: Vec<FoundColumn>,
}

/// A column that was found.
#[derive(Debug, Clone)]
pub(crate) struct FoundColumn {
    /// The column, as its DataFrame gave it.
    pub(crate) column: Attribute,
    /// How many parts of the name it took; the others name fields.
    pub(crate) parts: usize,
    /// How many relations are above it and below the operator.
    depth: usize,
    /// Whether only the metadata of a relation above it has it.
    hidden: bool,
}

/// What a reference means to an operator.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// No relation below the operator has the plan id.
    NoPlan,
    /// The plan is there, the column is not any more.
    Gone,
    /// The reference means this column.
    Column(FoundColumn),
}

impl Lineage {
    pub(crate) fn new(
        plan_id: Option<i64>,
        relation: &ResolvedRelation,
        inputs: Vec<Arc<Lineage>>,
        is_union: bool,
    ) -> Self {
        Self { plan_id, columns: relation.columns.clone(), metadata: relation.metadata.clone(), inputs, is_union }
    }

    /// A union that is an input of another.
    pub(crate) fn of_union(plan_id: i64, columns: Vec<Attribute>, inputs: Vec<Arc<Self>>) -> Self {
        Self { plan_id: Some(plan_id), columns, metadata: Vec::new(), inputs, is_union: true }
    }

    fn shows(&self, column: &Attribute) -> bool {
        self.columns.iter().any(|one| one.column == column.column)
    }

    fn hides(&self, column: &Attribute) -> bool {
        self.metadata.iter().any(|one| one.column == column.column)
    }

    /// Adds what the relation and those below it have.
    fn find(&self, reference: Reference<'_>, depth: usize, found: &mut Found) -> Result<()> {
        let before = found.columns.len();
        if self.plan_id == Some(reference.plan_id) {
            found.plan = true;
            let scope = Scope { metadata: &self.metadata, ..Scope::new(&self.columns, false) };
            if let Some((column, parts)) = scope.find(reference.parts, reference.context)? {
                found.columns.push(FoundColumn { column: column.clone(), parts, depth, hidden: false });
            }
        } else if !self.is_union {
            for input in &self.inputs {
                input.find(reference, depth + 1, found)?;
            }
        }
        let below = found.columns.split_off(before);
        for column in below {
            let shown = self.shows(&column.column);
            if shown || self.hides(&column.column) {
                found.columns.push(FoundColumn { hidden: column.hidden || !shown, ..column });
            }
        }
        Ok(())
    }

    fn star(&self, plan_id: i64) -> Result<Option<&[Attribute]>> {
        let found =
            if self.plan_id == Some(plan_id) { Some(self.columns.as_slice()) } else { star_of(&self.inputs, plan_id)? };
        Ok(found.filter(|columns| columns.iter().all(|column| self.shows(column) || self.hides(column))))
    }
}

/// What a reference means to an operator over these inputs.
///
/// # Errors
/// `AMBIGUOUS_COLUMN_REFERENCE` where the column is there several times, and not one of them in an input itself.
pub(crate) fn meaning(inputs: &[Arc<Lineage>], reference: Reference<'_>) -> Result<Meaning> {
    let mut found = Found::default();
    for input in inputs {
        input.find(reference, 0, &mut found)?;
    }
    if !found.plan {
        return Ok(Meaning::NoPlan);
    }
    let mut columns = found.columns;
    if columns.iter().any(|one| !one.hidden) {
        columns.retain(|one| !one.hidden);
    }
    columns.sort_by_key(|one| one.depth);
    let mut columns = columns.into_iter();
    let Some(first) = columns.next() else { return Ok(Meaning::Gone) };
    if columns.any(|other| first.depth > 0 || other.depth == 0) {
        return Err(error::ambiguous_foreign_column(reference.parts));
    }
    Ok(Meaning::Column(first))
}

/// The column that a filter or sort over these inputs refers to, though the select lists below it left it out.
pub(crate) fn column_left_out(inputs: &[Arc<Lineage>], reference: Reference<'_>) -> Result<Option<FoundColumn>> {
    let mut inputs = inputs;
    while let [only] = inputs
        && only.inputs.len() == 1
    {
        inputs = &only.inputs;
        if let Meaning::Column(column) = meaning(inputs, reference)? {
            return Ok(Some(column));
        }
    }
    Ok(None)
}

/// The columns of `df["*"]` over these inputs, if all of them are still there.
///
/// # Errors
/// `AMBIGUOUS_COLUMN_REFERENCE` where the plan is there in several places.
pub(crate) fn star_of(inputs: &[Arc<Lineage>], plan_id: i64) -> Result<Option<&[Attribute]>> {
    let mut found = None;
    for input in inputs {
        if let Some(columns) = input.star(plan_id)?
            && found.replace(columns).is_some()
        {
            return Err(error::ambiguous_foreign_column(&[error::FOREIGN_STAR.to_owned()]));
        }
    }
    Ok(found)
}
