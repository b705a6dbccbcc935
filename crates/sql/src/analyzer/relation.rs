//! Relations: one function a kind of message, one file a family.

mod aggregate;
mod arrow_stream;
mod data_source;
mod deduplicate;
mod generate;
mod grouping_key;
mod grouping_sets;
mod join;
mod leaf;
mod limit;
mod missing_values;
mod nearest_by_join;
mod observe;
mod parse;
mod pivot;
mod project;
mod reshape;
mod set_operation;
mod sort_filter;
mod statistic;
mod summary;
mod transpose;
mod union_chain;
mod watermark;
mod with_relations;

pub(crate) use aggregate::PendingAggregate;
pub use observe::Observation;

use std::sync::Arc;

use millstream_core::{Error, Result};
use spark_connect_proto::Relation;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::set_operation::SetOpType;

use super::expression::required;
use super::lineage::Lineage;
use super::resolved_relation::ResolvedRelation;
use super::{Analyzer, RELATIONS_MAX};
use crate::nesting::too_complex;
use crate::parser::extension::RelationExtension;

impl Analyzer<'_> {
    /// Analyses a relation and remembers its output under its plan id.
    pub(crate) fn relation(&mut self, relation: &Relation) -> Result<ResolvedRelation> {
        // A plan may name a relation so often that to analyse it takes hours.
        self.context.work.check()?;
        self.relations += 1;
        if self.relations > RELATIONS_MAX {
            return Err(too_complex(format!("a plan may have {RELATIONS_MAX} relations, each use of a view counted")));
        }
        self.inputs.push(Vec::new());
        let resolved =
            self.at_relation(relation, |analyzer| analyzer.deeper(|analyzer| analyzer.relation_of_kind(relation)));
        let inputs = self.inputs.pop().unwrap_or_default();
        let resolved = resolved?;
        self.without_generator("generator")?;
        if let Some(siblings) = self.inputs.last_mut() {
            let plan_id = relation.common.as_ref().and_then(|common| common.plan_id);
            siblings.push(Arc::new(Lineage::new(plan_id, &resolved, inputs, is_union(relation))));
        }
        Ok(resolved)
    }

    /// The analysed input of an operator.
    fn input(&mut self, input: Option<&Relation>) -> Result<ResolvedRelation> {
        self.relation(required(input)?)
    }

    fn relation_of_kind(&mut self, relation: &Relation) -> Result<ResolvedRelation> {
        let kind = relation.rel_type.as_ref().ok_or_else(|| Error::invalid("a relation without a kind"))?;
        match kind {
            RelType::Read(one) => self.read(one, relation.common.as_ref().and_then(|common| common.plan_id)),
            RelType::Range(one) => self.range(one),
            RelType::LocalRelation(one) => self.local_relation(one),
            RelType::CachedLocalRelation(one) => self.cached_local_relation(one),
            RelType::ChunkedCachedLocalRelation(one) => self.chunked_local_relation(one),
            RelType::CachedRemoteRelation(one) => self.cached_remote_relation(one),
            RelType::Sql(one) => self.sql(one),
            RelType::WithRelations(one) => self.with_relations(one),
            RelType::SubqueryAlias(one) => self.subquery_alias(one),
            RelType::Project(one) => self.project(one),
            RelType::WithColumns(one) => self.with_columns(one),
            RelType::WithColumnsRenamed(one) => self.with_columns_renamed(one),
            RelType::ToDf(one) => self.renamed_all(one),
            RelType::ToSchema(one) => self.reshaped(one),
            RelType::Drop(one) => self.drop_columns(one),
            RelType::Filter(one) => self.filter(one, crate::parser::extension::is_select_list(relation)),
            RelType::Sort(one) => self.sort(one),
            RelType::Limit(one) => self.limit(one),
            RelType::Offset(one) => self.offset(one),
            RelType::Aggregate(one) => self.aggregate(one, crate::parser::extension::is_select_list(relation)),
            RelType::Join(one) => self.join(one),
            RelType::LateralJoin(one) => self.lateral_join(one),
            RelType::NearestByJoin(one) => self.nearest_by_join(one),
            RelType::SetOp(one) if set_operation::is_union_all(one) => self.union_chain(relation),
            RelType::SetOp(one) => self.set_operation(one),
            RelType::Deduplicate(one) => self.deduplicate(one, crate::parser::extension::is_select_list(relation)),
            RelType::Unpivot(one) => self.unpivot(one),
            RelType::UnresolvedTableValuedFunction(one) => self.table_function(one),
            RelType::Describe(one) => self.describe(one),
            RelType::Summary(one) => self.summary(one),
            RelType::Corr(one) => self.correlation(one),
            RelType::Cov(one) => self.covariance(one),
            RelType::ApproxQuantile(one) => self.approx_quantile(one),
            RelType::Sample(one) => self.sample(one),
            RelType::SampleBy(one) => self.sample_by(one),
            RelType::Repartition(one) => self.input(one.input.as_deref()),
            RelType::RepartitionByExpression(one) => self.input(one.input.as_deref()),
            RelType::Hint(one) => self.input(one.input.as_deref()),
            RelType::FillNa(one) => self.fill_na(one),
            RelType::DropNa(one) => self.drop_na(one),
            RelType::Replace(one) => self.replace(one),
            RelType::WithWatermark(one) => self.with_watermark(one),
            RelType::Transpose(one) => self.transpose(one),
            RelType::Crosstab(one) => self.crosstab(one),
            RelType::Parse(one) => self.parse(one),
            RelType::CollectMetrics(one) => {
                self.collect_metrics(one, relation.common.as_ref().and_then(|common| common.plan_id))
            }
            RelType::Extension(any) => self.relation_extension(&RelationExtension::decode(any)?),
            other => Err(unsupported(other)),
        }
    }
}

fn is_union(relation: &Relation) -> bool {
    matches!(&relation.rel_type, Some(RelType::SetOp(one)) if one.set_op_type() == SetOpType::Union)
}

fn unsupported(kind: &RelType) -> Error {
    let what = match kind {
        RelType::ShowString(_) | RelType::HtmlString(_) => "A table as text inside a plan",
        RelType::Tail(_) => "tail()",
        RelType::MapPartitions(_) => "mapInPandas and its kin",
        RelType::GroupMap(_) | RelType::CoGroupMap(_) => "applyInPandas and its kin",
        RelType::ApplyInPandasWithState(_) => "applyInPandasWithState",
        RelType::AsOfJoin(_) => "An as-of join",
        RelType::FreqItems(_) => "freqItems()",
        RelType::Catalog(_) => "The catalog",
        RelType::MlRelation(_) => "Machine learning over Connect",
        RelType::CommonInlineUserDefinedTableFunction(_) => "A user-defined table function",
        RelType::CommonInlineUserDefinedDataSource(_) => "A Python data source",
        RelType::RelationChanges(_) => "Reading a table's changes",
        _ => "This kind of relation",
    };
    Error::unsupported(format!("The feature is not supported: {what} is not supported."))
}
