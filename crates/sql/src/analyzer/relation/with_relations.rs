//! SQL text, common tables (`WITH`), plans of subquery expressions, and the extension relations of SQL.

use spark_connect_proto::expression::{ExprType, Literal};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Relation, Sql, WithRelations};

use millstream_core::{Error, Result};

use super::super::Analyzer;
use super::super::expression::required;
use super::super::resolved_relation::ResolvedRelation;
use crate::parser::extension::RelationExtension;
use crate::parser::{Parameters, Statement, parse_statement_with};

impl Analyzer<'_> {
    pub(super) fn sql(&mut self, one: &Sql) -> Result<ResolvedRelation> {
        match parse_statement_with(&self.with_variables(&one.query)?, parameters(one))? {
            Statement::Query(relation) => self.relation(&relation),
            Statement::Command(_) => Err(Error::invalid(format!("'{}' is a command, not a query", one.query))),
        }
    }

    /// Common tables come without a plan id and are seen by those after them; plans of subqueries come with one.
    pub(super) fn with_relations(&mut self, one: &WithRelations) -> Result<ResolvedRelation> {
        let depth = self.common_tables.len();
        // The DataFrames that a SQL text names (`spark.sql("… {df}", df=df)`) have plan ids, as all of a client's have.
        let of_text = matches!(one.root.as_ref().and_then(|root| root.rel_type.as_ref()), Some(RelType::Sql(_)));
        for reference in &one.references {
            match (plan_id(reference).filter(|_| !of_text), reference.rel_type.as_ref()) {
                (None, Some(RelType::SubqueryAlias(alias))) => {
                    self.common_tables.push((alias.alias.clone(), reference.clone()));
                }
                _ => self.add_references(std::slice::from_ref(reference)),
            }
        }
        let resolved = self.relation(required(one.root.as_deref())?);
        self.common_tables.truncate(depth);
        resolved
    }

    /// Remembers the plans that subquery expressions name.
    pub(crate) fn add_references(&mut self, references: &[Relation]) {
        for reference in references {
            if let Some(plan_id) = plan_id(reference) {
                self.references.insert(plan_id, reference.clone());
            }
        }
    }

    /// A common table, analysed anew at each use; it sees the tables before it only.
    pub(super) fn common_table(&mut self, index: usize) -> Result<ResolvedRelation> {
        let (_, relation) = self.common_tables[index].clone();
        let later = self.common_tables.split_off(index);
        let resolved = self.relation(&relation);
        self.common_tables.extend(later);
        resolved
    }

    pub(super) fn relation_extension(&mut self, extension: &RelationExtension) -> Result<ResolvedRelation> {
        match extension {
            RelationExtension::InlineTable(one) => self.inline_table(one),
            RelationExtension::NaturalJoin(one) => self.natural_join(one),
            RelationExtension::PivotSelect(one) => self.pivot_select(one),
            RelationExtension::UnpivotSelect(one) => self.unpivot_select(one),
        }
    }
}

fn plan_id(relation: &Relation) -> Option<i64> {
    relation.common.as_ref().and_then(|common| common.plan_id)
}

#[expect(deprecated, reason = "clients before 4.0 send literals only")]
fn parameters(one: &Sql) -> Parameters {
    let of_literal = |literal: &Literal| message(ExprType::Literal(literal.clone()));
    let named = one.args.iter().map(|(name, literal)| (name.clone(), of_literal(literal)));
    let named = named.chain(one.named_arguments.iter().map(|(name, value)| (name.clone(), value.clone())));
    let positional = one.pos_args.iter().map(of_literal).chain(one.pos_arguments.iter().cloned());
    Parameters { named: named.collect(), positional: positional.collect() }
}

fn message(kind: ExprType) -> Expression {
    Expression { common: None, expr_type: Some(kind) }
}
