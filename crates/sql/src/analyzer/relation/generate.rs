//! Generators: rows made of a row, by unnesting an array of structs.

use std::sync::Arc;

use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{Expr, LogicalPlan, Unnest};
use millstream_core::Result;
use millstream_engine::error::from_datafusion;
use millstream_functions::{Generator, TypedExpr};

use super::super::Analyzer;
use super::super::expression::{Item, SelectItem};
use super::super::resolved_relation::{ResolvedRelation, project};

impl Analyzer<'_> {
    /// Replaces generators in a select list by columns of a plan that runs them.
    pub(crate) fn with_generators(
        &mut self,
        mut input: ResolvedRelation,
        items: Vec<SelectItem>,
    ) -> Result<(ResolvedRelation, Vec<Item>)> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::One(item) => values.push(item),
                SelectItem::Rows(generator, names) => {
                    let (plan, columns) = self.generate(input.plan.clone(), generator)?;
                    input.plan = plan;
                    for (index, mut item) in columns.into_iter().enumerate() {
                        if let Some(name) = names.get(index) {
                            item.name.clone_from(name);
                        }
                        values.push(item);
                    }
                }
            }
        }
        Ok((input, values))
    }

    /// Joins every row with the rows that the generator makes of it.
    pub(crate) fn generate(&mut self, input: LogicalPlan, generator: Generator) -> Result<(LogicalPlan, Vec<Item>)> {
        let column = self.fresh("generated");
        let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(generator.rows.expr.alias(&column));
        let nulls = if generator.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
        let options = UnnestOptions::new().with_null_handling(nulls);
        let unnested =
            Unnest::try_new(Arc::new(project(input, exprs)?), vec![Column::new_unqualified(&column)], options)
                .map_err(from_datafusion)?;
        let items = generator
            .columns
            .into_iter()
            .map(|(name, data_type, nullable)| {
                let row = Expr::Column(Column::new_unqualified(&column));
                let nullable = nullable || generator.outer;
                let value = TypedExpr::new(get_field(row, name.as_str()), data_type, nullable).with_sql(name.as_str());
                Item::new(name, value)
            })
            .collect();
        Ok((LogicalPlan::Unnest(unnested), items))
    }
}
