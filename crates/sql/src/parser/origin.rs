//! Where in its text a part of a statement stands. Expressions and relations carry it in the field that Spark Connect
//! has for it (`common.origin`), as the bytes of the part. The text itself is at the root of a query alone, which is
//! where the places below it are counted in.

use spark_connect_proto::origin::Function;
use spark_connect_proto::{Expression, ExpressionCommon, JvmOrigin, Origin, Relation};

use super::cursor::Parser;
use super::error::Parsed;

/// The kind of object that a view's text defines.
const VIEW: &str = "VIEW";

impl Parser<'_> {
    /// The expression, which begins at this byte and ends with the last token taken. One that has a place keeps it.
    pub(crate) fn placed(&self, start: usize, mut expr: Expression) -> Expression {
        if expr.common.is_none() {
            expr.common = Some(ExpressionCommon { origin: Some(origin(start, self.last_end())) });
        }
        expr
    }

    /// The relation, which begins at this byte and ends with the last token taken. One that has a place keeps it.
    pub(crate) fn placed_relation(&self, start: usize, mut relation: Relation) -> Relation {
        let common = relation.common.get_or_insert_default();
        common.origin.get_or_insert_with(|| origin(start, self.last_end()));
        relation
    }

    /// A query that is not part of another one: it carries the text.
    pub(crate) fn root_query(&mut self) -> Parsed<Relation> {
        let start = self.peek().start;
        let query = self.query()?;
        Ok(self.root(start, query))
    }

    /// A query that begins at this byte and is not part of another one: it carries the text.
    pub(crate) fn root(&self, start: usize, mut query: Relation) -> Relation {
        let common = query.common.get_or_insert_default();
        common.origin = Some(rooted(start, self.last_end(), self.source));
        query
    }

    /// The expression as the whole of its text.
    pub(crate) fn root_expression(&self, mut expr: Expression) -> Expression {
        expr.common = Some(ExpressionCommon { origin: Some(rooted(0, self.last_end(), self.source)) });
        expr
    }
}

/// Makes the text of a query that of a view. The places in it are still counted from the begin of the statement.
pub fn name_view(query: &mut Relation, name: &str) {
    let origin = query.common.as_mut().and_then(|common| common.origin.as_mut());
    let Some(Function::JvmOrigin(origin)) = origin.and_then(|origin| origin.function.as_mut()) else { return };
    let index = |index: Option<i32>| index.and_then(|index| usize::try_from(index).ok()).unwrap_or_default();
    let part = index(origin.start_index)..index(origin.stop_index);
    let text = origin.sql_text.as_deref().and_then(|text| text.get(part)).unwrap_or_default();
    origin.sql_text = Some(text.to_owned());
    origin.start_position = origin.start_index;
    origin.object_type = Some(VIEW.to_owned());
    origin.object_name = Some(name.to_owned());
}

fn origin(start: usize, end: usize) -> Origin {
    of_jvm(JvmOrigin { start_index: byte(start), stop_index: byte(end), ..JvmOrigin::default() })
}

fn rooted(start: usize, end: usize, text: &str) -> Origin {
    let (start_index, stop_index, sql_text) = (byte(start), byte(end), Some(text.to_owned()));
    of_jvm(JvmOrigin { start_index, stop_index, sql_text, ..JvmOrigin::default() })
}

fn of_jvm(origin: JvmOrigin) -> Origin {
    Origin { function: Some(Function::JvmOrigin(origin)) }
}

fn byte(at: usize) -> Option<i32> {
    i32::try_from(at).ok()
}
