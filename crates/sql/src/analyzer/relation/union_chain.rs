//! `a UNION ALL b UNION ALL c …`, which nests as deep as it is long: read from the left without recursion, and one union
//! of many inputs as long as the types of the columns stay.

use millstream_core::Result;
use spark_connect_proto::Relation;
use spark_connect_proto::relation::RelType;

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::expression::required;
use super::super::resolved_relation::ResolvedRelation;
use super::set_operation::{is_union_all, union_under};

/// The inputs so far, and the columns of their union.
struct Inputs {
    relations: Vec<ResolvedRelation>,
    columns: Vec<Attribute>,
}

impl Inputs {
    fn into_union(self) -> Result<ResolvedRelation> {
        match <[ResolvedRelation; 1]>::try_from(self.relations) {
            Ok([only]) => Ok(only),
            Err(several) => union_under(several, self.columns),
        }
    }

    /// Whether the columns of another input have the types that these have.
    fn fit(&self, other: &ResolvedRelation) -> bool {
        self.relations.len() > 1
            && self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(|(one, other)| one.data_type == other.data_type)
    }
}

impl Analyzer<'_> {
    pub(super) fn union_chain(&mut self, outermost: &Relation) -> Result<ResolvedRelation> {
        let mut links = Vec::new();
        let mut first = outermost;
        while let Some(RelType::SetOp(one)) = first.rel_type.as_ref().filter(|kind| links_inputs(kind)) {
            links.push((first, required(one.right_input.as_deref())?));
            first = required(one.left_input.as_deref())?;
        }
        // Each link is a relation around those before it.
        let around = self.depth;
        self.depth += links.len() - 1;
        let first = self.relation(first)?;
        let mut inputs = Inputs { columns: first.columns.clone(), relations: vec![first] };
        while let Some((link, right)) = links.pop() {
            let right = self.relation(right)?;
            inputs = self.one_more(inputs, right)?;
            self.depth = self.depth.saturating_sub(1).max(around);
            if !links.is_empty() {
                self.remember(link, &inputs.columns);
            }
        }
        inputs.into_union()
    }

    fn one_more(&mut self, mut inputs: Inputs, right: ResolvedRelation) -> Result<Inputs> {
        if inputs.fit(&right) {
            for (column, other) in inputs.columns.iter_mut().zip(&right.columns) {
                column.nullable |= other.nullable;
            }
            inputs.relations.push(right.visible()?);
            return Ok(inputs);
        }
        let relations = self.same_columns(vec![inputs.into_union()?, right], "UNION")?;
        let columns = self.merged_columns(&relations);
        Ok(Inputs { relations, columns })
    }
}

fn links_inputs(kind: &RelType) -> bool {
    matches!(kind, RelType::SetOp(one) if is_union_all(one))
}
