//! Subqueries in expressions: a value, EXISTS, IN. They see the columns of the query around them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, Subquery};
use millstream_core::{Error, Result, spark_error};
use millstream_functions::{TypedExpr, coercion};
use spark_connect_proto::SubqueryExpression;
use spark_connect_proto::subquery_expression::SubqueryType;

use super::super::Analyzer;
use super::super::resolved_relation::{ResolvedRelation, project};
use super::super::scope::Scope;
use crate::nesting::too_complex;

/// Subqueries in one another beyond this are refused: with each level the optimizer takes twice as long.
const SUBQUERIES_MAX: usize = 12;

impl Analyzer<'_> {
    /// Resolves a subquery expression.
    pub(crate) fn subquery(&mut self, one: &SubqueryExpression, scope: Scope<'_>) -> Result<TypedExpr> {
        let Some(relation) = self.references.get(&one.plan_id).cloned() else {
            return Err(Error::invalid("a subquery expression names a plan that was not sent"));
        };
        if self.outer.len() == SUBQUERIES_MAX {
            return Err(too_complex(format!("{SUBQUERIES_MAX} subqueries may be in one another")));
        }
        self.outer.push(scope.columns.to_vec());
        // It is no input of the operator that asks for it.
        self.inputs.push(Vec::new());
        let resolved = self.relation(&relation).and_then(ResolvedRelation::visible);
        self.inputs.pop();
        self.outer.pop();
        let resolved = resolved?;
        if resolved.streaming {
            return Err(spark_error!("INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY"));
        }
        let columns = resolved.columns;
        let mut plan = resolved.plan;
        // A subquery without rows is NULL, whatever its column says.
        if let (SubqueryType::Scalar, [column]) = (one.subquery_type(), columns.as_slice())
            && !column.nullable
            && plan.all_out_ref_exprs().is_empty()
        {
            let value = millstream_functions::nullable(column.reference(), &self.context.settings);
            plan = project(plan, vec![value.expr.alias(&column.column)])?;
        }
        let subquery =
            Subquery { outer_ref_columns: plan.all_out_ref_exprs(), subquery: Arc::new(plan), spans: Spans::default() };
        match (one.subquery_type(), columns.as_slice()) {
            (SubqueryType::Scalar, [column]) => {
                Ok(TypedExpr::new(Expr::ScalarSubquery(subquery), column.data_type.clone(), true)
                    .with_sql("scalarsubquery()"))
            }
            (SubqueryType::Exists, _) => {
                let exists = Expr::Exists(Exists { subquery, negated: false });
                Ok(TypedExpr::new(exists, DataType::Boolean, false).with_sql("exists()"))
            }
            (SubqueryType::In, [column]) => {
                let [value] = one.in_subquery_values.as_slice() else {
                    return Err(Error::unsupported("IN with several columns and a subquery is not supported."));
                };
                let value = self.expression(value, scope)?;
                let settings = &self.context.settings;
                let common = coercion::comparison_type(&value.data_type, &column.data_type, settings);
                if common.as_ref() != Some(&column.data_type) {
                    return Err(Error::unsupported("IN with a subquery of another type is not supported."));
                }
                let sql = format!("({} IN (listquery()))", value.sql);
                let value = coercion::coerce_to(value, &column.data_type, settings)?;
                let expr = Expr::InSubquery(InSubquery { expr: Box::new(value.expr), subquery, negated: false });
                Ok(TypedExpr::new(expr, DataType::Boolean, true).with_sql(sql))
            }
            (SubqueryType::Scalar | SubqueryType::In, several) => Err(spark_error!(
                "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
                number = several.len(),
            )),
            _ => Err(Error::unsupported("A subquery as a table argument is not supported.")),
        }
    }

    /// The column of a query around this one that the first parts name, and the parts left over.
    pub(super) fn outer_reference<'p>(&self, parts: &'p [String]) -> Option<(TypedExpr, &'p [String])> {
        let columns = self.outer.last()?;
        let (attribute, rest) = Scope::new(columns, false).resolve(parts, self.context).ok()?;
        let field = Field::new(&attribute.column, attribute.data_type.clone(), attribute.nullable);
        let column = Column::new_unqualified(&attribute.column);
        let expr = Expr::OuterReferenceColumn(Arc::new(field), column);
        let sql = format!("outer({})", attribute.name);
        Some((TypedExpr::new(expr, attribute.data_type.clone(), attribute.nullable).with_sql(sql), rest))
    }
}

/// `NOT (… IN (SELECT …))` in the one form that DataFusion turns into a join.
pub(super) fn negated(expr: TypedExpr) -> TypedExpr {
    let flipped = match expr.expr {
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(one) => Expr::InSubquery(InSubquery { negated: !one.negated, ..one }),
            Expr::Exists(one) => Expr::Exists(Exists { negated: !one.negated, ..one }),
            other => Expr::Not(Box::new(other)),
        },
        other => other,
    };
    TypedExpr { expr: flipped, ..expr }
}
