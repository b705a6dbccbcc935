//! Queries: WITH, set operations, VALUES, and what orders and limits a whole query.

use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::{ExprType, SortOrder};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::set_operation::SetOpType;
use spark_connect_proto::{
    Expression, Limit, Offset, Relation, RepartitionByExpression, SetOperation, Sort, WithRelations,
};

use super::cursor::Parser;
use super::error::{Parsed, SyntaxError};
use super::extension::{InlineRow, InlineTable, Ordinal};
use super::message::{aliased, attribute, relation, sort_order};
use millstream_core::spark_error;

/// What a query in a query adds to the nesting, in expressions.
const QUERY_LEVELS: usize = 2;

impl Parser<'_> {
    /// A query with everything that belongs to it.
    pub(crate) fn query(&mut self) -> Parsed<Relation> {
        self.nested_by(QUERY_LEVELS, |parser| {
            let tables = parser.common_tables()?;
            let body = parser.with_subqueries(|parser| {
                let body = parser.set_operations(0)?;
                parser.query_organization(body)
            })?;
            Ok(with_references(body, tables))
        })
    }

    /// Runs a rule and puts the plans of the subqueries in its expressions beside its result.
    pub(crate) fn with_subqueries(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<Relation>) -> Parsed<Relation> {
        self.subqueries.push(Vec::new());
        let result = rule(self);
        let plans = self.subqueries.pop().unwrap_or_default();
        Ok(with_references(result?, plans))
    }

    /// `WITH name [(columns)] [AS] (query), …`, each as an alias without plan id.
    fn common_tables(&mut self) -> Parsed<Vec<Relation>> {
        if !self.accept_word("WITH") {
            return Ok(Vec::new());
        }
        if self.at_word("RECURSIVE") && !self.at_word_ahead(1, "AS") && !self.at_ahead(1, "(") {
            return self.unsupported("WITH RECURSIVE");
        }
        self.list(|parser| {
            let name = parser.identifier()?;
            let is_column_list = parser.at("(") && !parser.at_query_in_parentheses();
            let columns = if is_column_list { parser.optional_names()? } else { Vec::new() };
            parser.accept_word("AS");
            parser.expect("(")?;
            let query = parser.query()?;
            parser.expect(")")?;
            Ok(aliased(query, &name, columns))
        })
    }

    /// Queries joined by UNION, EXCEPT and INTERSECT, the last binding tighter.
    fn set_operations(&mut self, above: u8) -> Parsed<Relation> {
        let start = self.peek().start;
        let mut left = self.query_primary()?;
        while let Some((power, kind)) = self.set_operator().filter(|(power, _)| *power > above) {
            self.advance();
            self.link()?;
            let is_all = self.accept_word("ALL");
            if !is_all {
                self.accept_word("DISTINCT");
            }
            let right = self.set_operations(power)?;
            let operation = relation(RelType::SetOp(Box::new(SetOperation {
                left_input: Some(Box::new(left)),
                right_input: Some(Box::new(right)),
                set_op_type: kind.into(),
                is_all: Some(is_all),
                by_name: Some(false),
                allow_missing_columns: Some(false),
            })));
            left = self.placed_relation(start, operation);
        }
        Ok(left)
    }

    fn set_operator(&self) -> Option<(u8, SetOpType)> {
        let kinds = [
            ("UNION", 1, SetOpType::Union),
            ("EXCEPT", 1, SetOpType::Except),
            ("MINUS", 1, SetOpType::Except),
            ("SETMINUS", 1, SetOpType::Except),
            ("INTERSECT", 2, SetOpType::Intersect),
        ];
        kinds.into_iter().find(|(word, ..)| self.at_word(word)).map(|(_, power, kind)| (power, kind))
    }

    fn query_primary(&mut self) -> Parsed<Relation> {
        if self.at_word("SELECT") {
            return self.select(None);
        }
        if self.accept("(") {
            let query = self.query()?;
            self.expect(")")?;
            return Ok(query);
        }
        if self.at_word("VALUES") {
            return self.inline_table();
        }
        if self.accept_word("TABLE") {
            return self.named_table(false);
        }
        if self.at_word("FROM") {
            let input = self.tables()?;
            return if self.at_word("SELECT") { self.select(Some(input)) } else { Ok(input) };
        }
        self.fail()
    }

    /// `VALUES (1, 'a'), (2, 'b') AS t(x, y)`
    pub(crate) fn inline_table(&mut self) -> Parsed<Relation> {
        let start = self.peek().start;
        self.expect_word("VALUES")?;
        let rows = self.list(|parser| {
            let is_row = parser.at("(");
            let expr = parser.expression()?;
            Ok(InlineRow { values: if is_row { row_values(expr) } else { vec![expr] } })
        })?;
        let width = rows.first().map_or(0, |row| row.values.len());
        if let Some((number, row)) = rows.iter().enumerate().find(|(_, row)| row.values.len() != width) {
            let found = row.values.len();
            return Err(SyntaxError::inline_table((width, found, number), (start, self.last_end())));
        }
        let table = self.table_alias(InlineTable { rows }.into())?;
        Ok(self.placed_relation(start, table))
    }

    /// ORDER BY, CLUSTER BY, DISTRIBUTE BY, SORT BY, LIMIT and OFFSET.
    fn query_organization(&mut self, mut plan: Relation) -> Parsed<Relation> {
        if self.accept_words(&["ORDER", "BY"]) {
            plan = sorted(plan, self.sort_items()?, true);
        } else if self.accept_words(&["CLUSTER", "BY"]) {
            let keys = self.list(Self::expression)?;
            let order = keys.iter().map(|key| sort_order(key.clone(), false, None)).collect();
            plan = sorted(distributed(plan, keys), order, false);
        } else {
            if self.accept_words(&["DISTRIBUTE", "BY"]) {
                plan = distributed(plan, self.list(Self::expression)?);
            }
            if self.accept_words(&["SORT", "BY"]) {
                plan = sorted(plan, self.sort_items()?, false);
            }
        }
        let mut limit = None;
        if self.accept_word("LIMIT") && !self.accept_word("ALL") {
            limit = Some(self.row_count("limit")?);
        }
        if self.accept_word("OFFSET") {
            let offset = self.row_count("offset")?;
            plan = relation(RelType::Offset(Box::new(Offset { input: Some(Box::new(plan)), offset })));
        }
        if let Some(limit) = limit {
            plan = relation(RelType::Limit(Box::new(Limit { input: Some(Box::new(plan)), limit })));
        }
        Ok(plan)
    }

    fn row_count(&mut self, clause: &str) -> Parsed<i32> {
        let at = self.peek().start;
        let expr = self.expression()?;
        let Some(ExprType::Literal(literal)) = expr.expr_type else {
            return Err(SyntaxError::unsupported("An expression that is no literal in LIMIT or OFFSET", at));
        };
        match literal.literal_type {
            Some(LiteralType::Integer(count)) if count >= 0 => Ok(count),
            Some(LiteralType::Short(count) | LiteralType::Byte(count)) if count >= 0 => Ok(count),
            Some(LiteralType::Integer(count)) => {
                let error = spark_error!(
                    "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE",
                    expr = format!("\"{count}\""),
                    name = clause,
                    v = count,
                );
                Err(SyntaxError::refused(error, (at, self.last_end())))
            }
            other => {
                let shown = self.source[at..self.last_end()].trim_matches('\'');
                let error = spark_error!(
                    "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE",
                    expr = format!("\"{shown}\""),
                    name = clause,
                    dataType = format!("\"{}\"", literal_type_name(other.as_ref())),
                );
                Err(SyntaxError::refused(error, (at, self.last_end())))
            }
        }
    }

    /// The keys of ORDER BY or SORT BY, where a number is a column's place.
    fn sort_items(&mut self) -> Parsed<Vec<SortOrder>> {
        let mut items = self.list(Self::sort_item)?;
        for item in &mut items {
            item.child = item.child.take().map(|child| Box::new(ordinal(*child)));
        }
        Ok(items)
    }

    /// `expression [ASC | DESC] [NULLS FIRST | LAST]`
    pub(crate) fn sort_item(&mut self) -> Parsed<SortOrder> {
        let all = self.at_word("ALL") && !self.at_ahead(1, ".") && !self.at_ahead(1, "(");
        let child = if all {
            self.advance();
            attribute(&["ALL".to_owned()])
        } else {
            self.expression()?
        };
        let descending = self.accept_word("DESC");
        if !descending {
            self.accept_word("ASC");
        }
        let nulls_first = if self.accept_words(&["NULLS", "FIRST"]) {
            Some(true)
        } else {
            self.accept_words(&["NULLS", "LAST"]).then_some(false)
        };
        Ok(sort_order(child, descending, nulls_first))
    }
}

/// An integer literal where a column is expected names the column by its place.
pub(crate) fn ordinal(expr: Expression) -> Expression {
    match &expr.expr_type {
        Some(ExprType::Literal(literal)) => match literal.literal_type {
            Some(LiteralType::Integer(position)) => Expression { common: expr.common, ..Ordinal { position }.into() },
            _ => expr,
        },
        _ => expr,
    }
}

/// A plan beside which others stand for its expressions or table names to refer to.
pub(crate) fn with_references(root: Relation, references: Vec<Relation>) -> Relation {
    if references.is_empty() {
        return root;
    }
    relation(RelType::WithRelations(Box::new(WithRelations { root: Some(Box::new(root)), references })))
}

fn row_values(row: Expression) -> Vec<Expression> {
    match row.expr_type {
        Some(ExprType::UnresolvedFunction(function)) if function.function_name == "struct" => function.arguments,
        _ => vec![row],
    }
}

fn sorted(input: Relation, order: Vec<SortOrder>, global: bool) -> Relation {
    relation(RelType::Sort(Box::new(Sort { input: Some(Box::new(input)), order, is_global: Some(global) })))
}

fn distributed(input: Relation, partition_exprs: Vec<Expression>) -> Relation {
    relation(RelType::RepartitionByExpression(Box::new(RepartitionByExpression {
        input: Some(Box::new(input)),
        partition_exprs,
        num_partitions: None,
    })))
}

/// Spark's name of a literal's type.
fn literal_type_name(literal: Option<&LiteralType>) -> &'static str {
    match literal {
        Some(LiteralType::String(_)) => "STRING",
        Some(LiteralType::Boolean(_)) => "BOOLEAN",
        Some(LiteralType::Long(_)) => "BIGINT",
        Some(LiteralType::Float(_)) => "FLOAT",
        Some(LiteralType::Double(_)) => "DOUBLE",
        Some(LiteralType::Decimal(_)) => "DECIMAL",
        Some(LiteralType::Date(_)) => "DATE",
        Some(LiteralType::Timestamp(_)) => "TIMESTAMP",
        Some(LiteralType::Binary(_)) => "BINARY",
        _ => "VOID",
    }
}
