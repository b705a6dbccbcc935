//! `a UNION ALL b UNION ALL c …`, which nests as deep as it is long: read from the left without recursion, and one
//! union of many inputs as long as the types of the columns stay.

use std::sync::Arc;

use millstream_core::Result;
use spark_connect_proto::Relation;
use spark_connect_proto::relation::RelType;

use super::super::Analyzer;
use super::super::attribute::Attribute;
use super::super::expression::required;
use super::super::lineage::Lineage;
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
        let first = self.relation(first)?;
        let mut inputs = Inputs { columns: first.columns.clone(), relations: vec![first] };
        while let Some((link, right)) = links.pop() {
            let right = self.relation(right)?;
            inputs = self.one_more(inputs, right)?;
            if !links.is_empty() {
                self.link(link, &inputs.columns);
            }
        }
        inputs.into_union()
    }

    /// Remembers a link that a client may refer to; the outermost is remembered as every relation is.
    fn link(&mut self, link: &Relation, columns: &[Attribute]) {
        let plan_id = link.common.as_ref().and_then(|common| common.plan_id);
        if let (Some(plan_id), Some(siblings)) = (plan_id, self.inputs.last_mut()) {
            let inputs = std::mem::take(siblings);
            siblings.push(Arc::new(Lineage::of_union(plan_id, columns.to_vec(), inputs)));
        }
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
