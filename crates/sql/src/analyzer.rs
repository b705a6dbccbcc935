//! From Spark Connect's unresolved messages to typed DataFusion plans.
//!
//! One pass, bottom-up, without rules that run to a fixed point: a relation is analysed after its input, an expression
//! against the columns of its relation's input. Names, stars, aliases, windows and aggregates are resolved here; what a
//! function means is `millstream_functions`' business. The plan that comes out has every cast written into it, so
//! DataFusion's own type coercion never runs.
//!
//! Deliberately not here: whether a streaming query is allowed in an output mode (the engine decides), and commands.

mod attribute;
mod batch;
mod data;
mod dependent_join;
mod error;
mod expression;
mod identifier;
mod lineage;
mod origin;
mod relation;
mod resolved_relation;
mod scope;
mod session_window;
mod time_window;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::Result;
use millstream_functions::FunctionContext;
use spark_connect_proto::Relation;

use crate::nesting::too_complex;
use crate::session::AnalysisContext;
use attribute::Attribute;
use lineage::Lineage;
use resolved_relation::ResolvedRelation;

pub use batch::collect_stream;
pub use data::analyze_with_data;
pub use error::table_not_found;
pub use identifier::parse_name;
pub use relation::Observation;

/// A plan that can be executed.
#[derive(Debug, Clone)]
pub struct Analyzed {
    /// The plan; its columns are those of `schema` in order, under names of their own where Spark's are not unique.
    pub plan: LogicalPlan,
    /// The columns as Spark shows them: names may repeat.
    pub schema: SchemaRef,
    /// Whether a leaf is a stream.
    pub is_streaming: bool,
    /// What `observe` asks for, each name once.
    pub observations: Vec<Observation>,
}

/// Analyses a relation.
///
/// # Errors
/// Spark's analysis errors, with their classes; [`millstream_core::ErrorKind::Unsupported`] for what is not built.
pub fn analyze(relation: &Relation, context: &AnalysisContext) -> Result<Analyzed> {
    Analyzer::new(context).analyzed(relation)
}

/// Relations and expressions in one another beyond this are refused, whether they stand in one message or come
/// together from views and common tables.
const NESTING_MAX: usize = 3000;

/// A plan of more relations is refused. Each use of a view or a common table is one more plan, so that a few lines can
/// stand for billions.
const RELATIONS_MAX: usize = 30_000;

/// The state of one analysis.
#[derive(Debug)]
pub(crate) struct Analyzer<'a> {
    context: &'a AnalysisContext,
    now_us: i64,
    /// Internal column names that are taken.
    names: HashSet<String>,
    /// How many relations and expressions are around the one under analysis.
    nesting: usize,
    /// Relations analysed so far; a view counts wherever it is used.
    relations: usize,
    /// The analysed inputs of the relation under analysis, and of those around it, innermost last.
    inputs: Vec<Vec<Arc<Lineage>>>,
    /// Plans of subquery expressions, by plan id.
    references: HashMap<i64, Relation>,
    /// Streaming relations already made, by plan id: a reader that is used twice stays one.
    streams: HashMap<i64, LogicalPlan>,
    /// Views that are being analysed, so that one that contains itself is refused.
    views: Vec<Vec<String>>,
    /// For each of them the database of its names, where it is not the session's.
    databases: Vec<Option<String>>,
    /// Common tables (`WITH`) in scope, innermost last.
    common_tables: Vec<(String, Relation)>,
    /// Columns of the queries around the subquery under analysis, innermost last.
    outer: Vec<Vec<Attribute>>,
    /// Whether a generator was met inside an expression.
    nested_generator: bool,
    /// Whether the call that is resolved next has a window behind it.
    under_window: bool,
    /// Texts of the aggregate functions met, for an error that lists them.
    aggregates: Vec<String>,
    /// Event-time windows that the operator under analysis needs below it.
    windows: Vec<time_window::PendingWindow>,
    /// The observations met.
    observations: Vec<Observation>,
    /// Answers to the questions that earlier attempts at this analysis had about data.
    known: Vec<RecordBatch>,
    /// How many questions this attempt has come to.
    asked: usize,
    /// The question that ended this attempt.
    question: Option<Analyzed>,
    /// The SQL text that is under analysis.
    text: Option<origin::CurrentText>,
}

impl<'a> Analyzer<'a> {
    fn new(context: &'a AnalysisContext) -> Self {
        Self {
            context,
            now_us: context.clock.now_us(),
            names: HashSet::new(),
            nesting: 0,
            relations: 0,
            inputs: Vec::new(),
            references: HashMap::new(),
            streams: HashMap::new(),
            views: Vec::new(),
            databases: Vec::new(),
            common_tables: Vec::new(),
            outer: Vec::new(),
            nested_generator: false,
            under_window: false,
            aggregates: Vec::new(),
            windows: Vec::new(),
            observations: Vec::new(),
            known: Vec::new(),
            asked: 0,
            question: None,
            text: None,
        }
    }

    /// Analyses a whole plan.
    fn analyzed(&mut self, relation: &Relation) -> Result<Analyzed> {
        let resolved = self.relation(relation)?;
        let observations = std::mem::take(&mut self.observations);
        Ok(Analyzed { observations, ..Self::finished(resolved)? })
    }

    /// A relation under the names that the user sees.
    fn finished(relation: ResolvedRelation) -> Result<Analyzed> {
        let resolved = relation.with_user_names()?;
        let fields: Vec<_> = resolved.columns.iter().map(Attribute::field).collect();
        let (schema, is_streaming) = (Arc::new(Schema::new(fields)), resolved.streaming);
        Ok(Analyzed { plan: resolved.plan, schema, is_streaming, observations: Vec::new() })
    }

    /// Walks a level deeper into a plan.
    fn deeper<T>(&mut self, walk: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting == NESTING_MAX {
            return Err(too_complex(format!(
                "{NESTING_MAX} relations and expressions may be in one another, with views"
            )));
        }
        self.nesting += 1;
        let walked = walk(self);
        self.nesting -= 1;
        walked
    }

    /// The analysed inputs of the relation under analysis.
    fn current_inputs(&self) -> &[Arc<Lineage>] {
        self.inputs.last().map_or(&[], Vec::as_slice)
    }

    /// An internal name that no column has yet: the user's own where possible, so that plans read well.
    fn fresh(&mut self, name: &str) -> String {
        if self.names.insert(name.to_owned()) {
            return name.to_owned();
        }
        let mut number = self.names.len();
        loop {
            let candidate = format!("{name}#{number}");
            if self.names.insert(candidate.clone()) {
                return candidate;
            }
            number += 1;
        }
    }

    /// SQL text with the values of `${…}` in their places.
    fn with_variables<'t>(&self, text: &'t str) -> Result<Cow<'t, str>> {
        crate::parser::with_variables(text, &|key| self.context.conf.get(key).cloned())
    }

    /// What functions may know of the session.
    fn function_context(&self, streaming: bool) -> FunctionContext {
        FunctionContext { streaming, now_us: self.now_us, ..function_context(self.context) }
    }
}

/// What functions may know of a session, for a plan that reads no stream and does not ask for the time.
fn function_context(context: &AnalysisContext) -> FunctionContext {
    FunctionContext {
        settings: context.settings,
        streaming: false,
        now_us: 0,
        schema_of: crate::data_type::from_text,
        user: context.user.clone(),
        database: context.database.clone(),
        time_zone_text: context.conf("spark.sql.session.timeZone", context.settings.time_zone.name()).to_owned(),
    }
}

#[cfg(test)]
mod tests;
