//! Which column a name means.

use millstream_core::Result;
use millstream_functions::TypedExpr;

use super::attribute::Attribute;
use super::error;
use super::resolved_relation::ResolvedRelation;
use crate::session::AnalysisContext;

/// What names can refer to where an expression stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'s> {
    /// The columns of the input.
    pub(crate) columns: &'s [Attribute],
    /// Columns that a qualified name reaches when no column fits.
    pub(crate) metadata: &'s [Attribute],
    /// Columns that are asked only when no other fits.
    pub(crate) hidden: &'s [Attribute],
    /// Values of the select list before the expression, by their aliases: asked when no column fits.
    pub(crate) lateral: &'s [(String, TypedExpr)],
    /// Parameters of the lambda functions around the expression, innermost last.
    pub(crate) lambda: &'s [Attribute],
    /// Whether the input is an aggregation, whose output a column with a plan id may name after all.
    pub(crate) grouped: bool,
    /// Whether the input is a stream.
    pub(crate) streaming: bool,
}

impl<'s> Scope<'s> {
    /// A scope of these columns alone.
    pub(crate) fn new(columns: &'s [Attribute], streaming: bool) -> Self {
        Self { columns, metadata: &[], hidden: &[], lateral: &[], lambda: &[], grouped: false, streaming }
    }

    /// The scope of an operator over this relation.
    pub(crate) fn over(relation: &'s ResolvedRelation) -> Self {
        Self { metadata: &relation.metadata, ..Self::new(&relation.columns, relation.streaming) }
    }

    /// A scope in which nothing has a name.
    pub(crate) fn empty() -> Scope<'static> {
        Scope::new(&[], false)
    }

    /// The column that the first parts name, and the parts left over for its fields.
    pub(crate) fn resolve<'p>(
        &self,
        parts: &'p [String],
        context: &AnalysisContext,
    ) -> Result<(&'s Attribute, &'p [String])> {
        if let Some((column, used)) = self.find(parts, context)? {
            return Ok((column, &parts[used..]));
        }
        match candidates(self.hidden, parts, context).first() {
            Some((attribute, used)) => Ok((attribute, &parts[*used..])),
            None => {
                // Spark proposes names in the order of its attribute sets: by name, then by age.
                let mut known: Vec<&Attribute> = self.columns.iter().collect();
                known.sort_by(|one, other| one.name.cmp(&other.name));
                Err(error::unresolved_column(parts, known.into_iter().map(full_name).collect()))
            }
        }
    }

    /// The column that the first parts name, and how many they are; nothing if no column has that name.
    ///
    /// # Errors
    /// `AMBIGUOUS_REFERENCE` if several have it.
    pub(crate) fn find(&self, parts: &[String], context: &AnalysisContext) -> Result<Option<(&'s Attribute, usize)>> {
        let mut fits = candidates(self.columns, parts, context);
        if fits.is_empty() {
            fits = qualified_candidates(self.metadata, parts, context);
        }
        if fits.is_empty() {
            let named = |column: &&Attribute| column.is_metadata_column() && context.same_name(&column.name, &parts[0]);
            fits = self.metadata.iter().filter(named).map(|column| (column, 1)).collect();
        }
        let Some((first, used)) = fits.first() else { return Ok(None) };
        if fits.iter().all(|(other, _)| other.column == first.column) {
            return Ok(Some((first, *used)));
        }
        let names: Vec<_> = fits.iter().map(|(attribute, _)| full_name(attribute)).collect();
        Err(error::ambiguous_reference(parts, &names))
    }

    /// The column with this name in the plan.
    pub(crate) fn reachable(&self, column: &str) -> Option<&'s Attribute> {
        self.columns.iter().chain(self.metadata).chain(self.hidden).find(|one| one.column == column)
    }
}

/// Columns that fit, with the number of parts used. A match with a qualifier goes before one without.
fn candidates<'s>(
    columns: &'s [Attribute],
    parts: &[String],
    context: &AnalysisContext,
) -> Vec<(&'s Attribute, usize)> {
    let fits = qualified_candidates(columns, parts, context);
    if !fits.is_empty() {
        return fits;
    }
    columns.iter().filter(|column| context.same_name(&column.name, &parts[0])).map(|column| (column, 1)).collect()
}

/// Columns that fit with their qualifier, the longest match only.
fn qualified_candidates<'s>(
    columns: &'s [Attribute],
    parts: &[String],
    context: &AnalysisContext,
) -> Vec<(&'s Attribute, usize)> {
    let longest = columns.iter().map(|column| column.qualifier.len()).max().unwrap_or(0);
    for used in (1..=longest).rev().filter(|used| parts.len() > *used) {
        let fits: Vec<_> = columns
            .iter()
            .filter(|column| {
                context.same_name(&column.name, &parts[used]) && qualifier_ends_with(column, &parts[..used], context)
            })
            .map(|column| (column, used + 1))
            .collect();
        if !fits.is_empty() {
            return fits;
        }
    }
    Vec::new()
}

/// Whether the last parts of the column's qualifier are these.
pub(crate) fn qualifier_ends_with(column: &Attribute, parts: &[String], context: &AnalysisContext) -> bool {
    column.qualifier.len() >= parts.len()
        && column.qualifier[column.qualifier.len() - parts.len()..]
            .iter()
            .zip(parts)
            .all(|(own, wanted)| context.same_name(own, wanted))
}

fn full_name(attribute: &Attribute) -> Vec<String> {
    attribute.qualifier.iter().chain([&attribute.name]).cloned().collect()
}
