//! Where in the user's program an error comes from: the place of the innermost expression or relation that has one.
//!
//! The parser gives places in SQL text ([`crate::parser`]), PySpark's client gives calls of methods. They are put on an
//! error on its way out of the analysis, and on the calls in an expression for the errors that its values raise.

use std::sync::Arc;

use millstream_core::error::{ErrorKind, SparkException};
use millstream_core::query_context::{CallContext, QueryContext, SqlContext, SqlText};
use millstream_core::{Error, Result};
use spark_connect_proto::origin::Function;
use spark_connect_proto::{Expression, JvmOrigin, Origin, Relation};

use super::Analyzer;

/// Classes of errors that Spark raises without the place of the expression or relation at fault.
const PLACELESS: [&str; 8] = [
    "AMBIGUOUS_COLUMN_REFERENCE",
    "FIELD_NOT_FOUND",
    "MISSING_AGGREGATION",
    "MISSING_WINDOW_SPECIFICATION",
    "REQUIRES_SINGLE_PART_NAMESPACE",
    "UNRESOLVED_USING_COLUMN_FOR_JOIN",
    "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
    "WINDOW_FUNCTION_FRAME_NOT_ORDERED",
];

/// Classes of errors of an expression that Spark finds when it looks at the relation.
const OF_RELATIONS: [&str; 1] = ["WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE"];

/// Functions whose number of arguments Spark checks when it has lost sight of the call.
const COUNTED_LATE: [&str; 2] = ["`map`", "`named_struct`"];

/// An SQL text whose parts are being analysed.
#[derive(Debug, Clone)]
pub(crate) struct CurrentText {
    text: Arc<SqlText>,
    /// Places are counted from so many bytes before the text.
    base: usize,
}

impl Analyzer<'_> {
    /// Runs a step of the analysis of an expression.
    pub(crate) fn at_expression<T>(
        &mut self,
        expression: &Expression,
        walk: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let origin = expression.common.as_ref().and_then(|common| common.origin.as_ref());
        self.at(origin, |class| !OF_RELATIONS.contains(&class), walk)
    }

    /// Runs a step of the analysis of a relation.
    pub(crate) fn at_relation<T>(
        &mut self,
        relation: &Relation,
        walk: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.at(relation.common.as_ref().and_then(|common| common.origin.as_ref()), |_| true, walk)
    }

    /// `takes` says which classes of errors get this place.
    fn at<T>(
        &mut self,
        origin: Option<&Origin>,
        takes: impl Fn(&str) -> bool,
        walk: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let Some(function) = origin.and_then(|origin| origin.function.as_ref()) else { return walk(self) };
        let text = text_of(function);
        let is_root = text.is_some();
        let outer = if is_root { std::mem::replace(&mut self.text, text) } else { None };
        let result = walk(self).map_err(|error| {
            let is_placed = is_placed(&error) && error.class().is_none_or(takes);
            match self.context_of(function) {
                Some(context) if is_placed => error.with_query_context(|| context),
                _ => error,
            }
        });
        if is_root {
            self.text = outer;
        }
        result
    }

    /// The place that an expression carries.
    pub(crate) fn query_context(&self, expression: &Expression) -> Option<QueryContext> {
        let origin = expression.common.as_ref()?.origin.as_ref()?;
        self.context_of(origin.function.as_ref()?)
    }

    fn context_of(&self, function: &Function) -> Option<QueryContext> {
        match function {
            Function::PythonOrigin(call) => Some(QueryContext::DataFrame(Arc::new(CallContext {
                fragment: call.fragment.clone(),
                call_site: call.call_site.clone(),
            }))),
            Function::JvmOrigin(origin) => {
                let CurrentText { text, base } = self.text.as_ref()?;
                let byte = |index: i32| usize::try_from(index).ok()?.checked_sub(*base);
                let part = byte(origin.start_index?)?..byte(origin.stop_index?)?;
                Some(QueryContext::Sql(SqlContext { text: Arc::clone(text), part }))
            }
        }
    }
}

/// Whether Spark names a place for errors of this kind.
fn is_placed(error: &Error) -> bool {
    let is_of_plan = matches!(error.exception(), SparkException::Analysis | SparkException::Parse)
        && matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Unsupported);
    let is_counted_late = error.class() == Some("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
        && error.parameters().any(|(name, value)| name == "functionName" && COUNTED_LATE.contains(&value));
    is_of_plan && !is_counted_late && error.class().is_none_or(|class| !PLACELESS.contains(&class))
}

/// The text that the places below a root are counted in.
fn text_of(function: &Function) -> Option<CurrentText> {
    let Function::JvmOrigin(JvmOrigin { sql_text: Some(text), object_type, object_name, start_position, .. }) =
        function
    else {
        return None;
    };
    let object = object_type.clone().zip(object_name.clone());
    let base = start_position.and_then(|base| usize::try_from(base).ok()).unwrap_or_default();
    Some(CurrentText { text: Arc::new(SqlText { text: text.clone(), object }), base })
}
