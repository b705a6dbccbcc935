//! What an analysis has to know of the data: the values of a pivoted column, the rows that become columns.
//!
//! An analysis runs no query. Where it needs rows it stops with a question, the caller computes the answer, and the
//! analysis begins anew with all answers so far. It takes the same way each time, so the first answer belongs to the
//! first question.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::TryStreamExt;
use millstream_core::{Error, Result};
use spark_connect_proto::Relation;

use super::resolved_relation::ResolvedRelation;
use super::{Analyzed, Analyzer, collect_stream};
use crate::session::AnalysisContext;

/// Analyses a relation whose columns may depend on data, such as a pivot without values.
///
/// # Errors
/// What [`super::analyze`] and the queries that answer its questions fail with.
pub async fn analyze_with_data(relation: &Relation, context: &AnalysisContext) -> Result<Analyzed> {
    let mut known = Vec::new();
    loop {
        let question = {
            let mut analyzer = Analyzer { known: known.clone(), ..Analyzer::new(context) };
            let analyzed = analyzer.analyzed(relation);
            match analyzer.question {
                Some(question) => question,
                None => return analyzed,
            }
        };
        let rows: Vec<RecordBatch> = collect_stream(&question, context).await?.try_collect().await?;
        known.push(concat_batches(&question.schema, &rows)?);
    }
}

impl Analyzer<'_> {
    /// The rows of a relation, which the caller bounds. Until they are known the analysis ends here.
    pub(crate) fn data(&mut self, relation: ResolvedRelation) -> Result<RecordBatch> {
        let number = self.asked;
        self.asked += 1;
        if let Some(rows) = self.known.get(number) {
            return Ok(rows.clone());
        }
        self.question = Some(Self::finished(relation)?);
        Err(Error::unsupported("Columns that only the data names are not supported here."))
    }
}
