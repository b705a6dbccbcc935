//! What a stateful operator is called in the checkpoint: by what it means, not by its place in the plan.

use std::fmt;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Extension, LogicalPlan};

use super::node::StreamingExtension;
use super::nodes::StreamingRelationNode;

/// The name of an operator. State follows it from one start of a query to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OperatorName {
    /// What it does, with which keys, over which sources: `StatefulAggregate by [user, window] over
    /// [kafka]`.
    pub(crate) name: String,
    /// Tells it from operators of the same name: a hash of it and of all below it, as the plan shows them.
    pub(crate) meaning: String,
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The names of a plan's stateful operators, from the sources upward as they are numbered. The plan is the one whose
/// sources are not open yet.
pub(crate) fn operator_names(plan: &LogicalPlan) -> Vec<OperatorName> {
    let mut names: Vec<OperatorName> = plan.inputs().into_iter().flat_map(operator_names).collect();
    if let Some(extension) = StreamingExtension::of(plan).filter(|extension| extension.node().is_stateful()) {
        let (what, keys) = (extension.node().name(), extension.node().state_keys().join(", "));
        let meaning = xxhash_rust::xxh3::xxh3_64(plan.display_indent().to_string().as_bytes());
        names.push(OperatorName {
            name: format!("{what} by [{keys}] over [{}]", sources(plan).join(", ")),
            meaning: format!("{meaning:016x}"),
        });
    }
    names
}

/// The formats of the sources below, in the plan's order.
fn sources(plan: &LogicalPlan) -> Vec<String> {
    let mut formats = Vec::new();
    let _: datafusion::error::Result<_> = plan.apply(|plan| {
        if let LogicalPlan::Extension(Extension { node }) = plan
            && let Some(relation) = node.as_any().downcast_ref::<StreamingRelationNode>()
        {
            formats.push(relation.format().to_lowercase());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    formats
}
