//! Moves decoding into the scan: `from_json(value)` over a source's column becomes a column of the source.
//!
//! A source can decode values where they lie in its buffers, so the bytes are never copied into a column of their own.
//! It is done before filters move below projections: a filter on a decoded field would otherwise decode a second time.
//! After all rules have run, fields that nobody reads are taken out of the decoder.
//!
//! Nothing is decoded below a filter that was above the decoder: what the filter keeps away may be malformed, and some
//! modes make an error of that.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, SubqueryAlias, TableScan, TableScanBuilder};
use millstream_core::ScanColumn;

use super::node::StreamingExtension;
use super::source_table::SourceTable;
use crate::error::to_datafusion;
use crate::functions::{Decode, Meaning, meaning_of};

/// The plan with decoders moved into scans where that can be done.
pub(crate) fn push_down_decoders(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up(|plan| match plan {
        LogicalPlan::Projection(projection) => push_down(projection),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(rewritten.data)
}

fn push_down(projection: Projection) -> Result<Transformed<LogicalPlan>> {
    let mut input = Arc::unwrap_or_clone(projection.input);
    let names = NamePreserver::new_for_projection();
    let mut changed = false;
    let mut exprs = Vec::with_capacity(projection.expr.len());
    for expr in projection.expr {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| {
            let Some((decode, argument)) = decode_call(&expr) else { return Ok(Transformed::no(expr)) };
            match provide(&input, argument, decode)? {
                Some((provider, column)) => {
                    input = provider;
                    Ok(Transformed::yes(Expr::Column(column)))
                }
                None => Ok(Transformed::no(expr)),
            }
        })?;
        changed |= rewritten.transformed;
        exprs.push(rewritten.update_data(|expr| name.restore(expr)).data);
    }
    let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?);
    Ok(if changed { Transformed::yes(plan) } else { Transformed::no(plan) })
}

fn decode_call(expr: &Expr) -> Option<(&Decode, &Expr)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let function: &dyn Any = call.func.inner().as_ref();
    match (function.downcast_ref::<Decode>(), call.args.as_slice()) {
        (Some(decode), [argument]) => Some((decode, argument)),
        _ => None,
    }
}

/// `plan` with one more column, the decoded `argument`, and that column; `None` where it does not come from a source.
fn provide(plan: &LogicalPlan, argument: &Expr, decode: &Decode) -> Result<Option<(LogicalPlan, Column)>> {
    let Expr::Column(column) = without_text_cast(argument) else { return Ok(None) };
    let Some(index) = plan.schema().maybe_index_of_column(column) else { return Ok(None) };
    match plan {
        LogicalPlan::TableScan(scan) => provide_from_scan(scan, index, decode),
        LogicalPlan::Projection(projection) => {
            let Some((input, column)) = provide(&projection.input, unaliased(&projection.expr[index]), decode)? else {
                return Ok(None);
            };
            let carried = projection.expr.iter().position(|expr| *unaliased(expr) == Expr::Column(column.clone()));
            let mut exprs = projection.expr.clone();
            if carried.is_none() {
                exprs.push(Expr::Column(column.clone()).alias(&column.name));
            }
            let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?);
            let column =
                carried.map_or_else(|| Column::new_unqualified(&column.name), |index| output_column(&plan, index));
            Ok(Some((plan, column)))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = output_column(&alias.input, index);
            let Some((input, inner)) = provide(&alias.input, &Expr::Column(inner), decode)? else { return Ok(None) };
            let at = input.schema().index_of_column(&inner)?;
            let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?);
            let column = output_column(&plan, at);
            Ok(Some((plan, column)))
        }
        LogicalPlan::Extension(_) => match StreamingExtension::of(plan) {
            Some(extension) => provide_below(extension, index, decode),
            None => Ok(None),
        },
        // All other plans leave out rows, double them or keep them back, so that decoding below would be other work.
        _ => Ok(None),
    }
}

/// A node with one more column, the decoded one below its column `index`, if all rows and both columns pass through it.
fn provide_below(
    extension: &StreamingExtension,
    index: usize,
    decode: &Decode,
) -> Result<Option<(LogicalPlan, Column)>> {
    let node = extension.node();
    let Some((at, below)) = node.passes(index).filter(|_| node.keeps_every_row()) else { return Ok(None) };
    let mut inputs = extension.inputs().to_vec();
    let argument = Expr::Column(output_column(&inputs[at], below));
    let Some((input, column)) = provide(&inputs[at], &argument, decode)? else { return Ok(None) };
    let decoded = input.schema().index_of_column(&column)?;
    inputs[at] = input;
    let plan = extension.with_inputs(inputs).map_err(to_datafusion)?.into_plan();
    let shown = (0..plan.schema().fields().len()).find(|&output| node.passes(output) == Some((at, decoded)));
    Ok(shown.map(|shown| (plan.clone(), output_column(&plan, shown))))
}

fn provide_from_scan(scan: &TableScan, index: usize, decode: &Decode) -> Result<Option<(LogicalPlan, Column)>> {
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<SourceTable>() else { return Ok(None) };
    let index = scan.projection.as_ref().map_or(index, |projection| projection[index]);
    let ScanColumn::Plain(column) = table.columns()[index] else { return Ok(None) };
    if table.field(index).data_type() != &DataType::Binary {
        return Ok(None);
    }
    let (table, at) = table.with_decoded(column, decode);
    let name = table.field(at).name().clone();
    let projection = scan.projection.clone().map(|mut projection| {
        if !projection.contains(&at) {
            projection.push(at);
        }
        projection
    });
    let scan = TableScanBuilder::new(scan.table_name.clone(), provider_as_source(Arc::new(table)))
        .with_projection(projection)
        .build()?;
    let column = Column::new(Some(scan.table_name.clone()), name);
    Ok(Some((LogicalPlan::TableScan(scan), column)))
}

fn output_column(plan: &LogicalPlan, index: usize) -> Column {
    Column::from(plan.schema().qualified_field(index))
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// What a cast from BINARY to STRING is of: a decoder reads the bytes just as well.
fn without_text_cast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => without_text_cast(&alias.expr),
        Expr::ScalarFunction(call) if meaning_of(&call.func) == Some(Meaning::BytesAsText) => {
            match call.args.as_slice() {
                [argument] => without_text_cast(argument),
                _ => expr,
            }
        }
        other => other,
    }
}

/// The plan with decoders that give only the fields that are read.
pub(crate) fn prune_decoders(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_down(|plan| match &plan {
        LogicalPlan::Projection(projection) => match pruned_input(&projection.input, projection.expr.iter().collect())?
        {
            Some(input) => {
                let pruned = Projection::try_new(projection.expr.clone(), Arc::new(input))?;
                Ok(Transformed::yes(LogicalPlan::Projection(pruned)))
            }
            None => Ok(Transformed::no(plan)),
        },
        _ => Ok(Transformed::no(plan)),
    })?;
    Ok(rewritten.data)
}

/// A scan, perhaps below filters, that decodes only what `readers` and the filters read.
fn pruned_input<'a>(plan: &'a LogicalPlan, mut readers: Vec<&'a Expr>) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) => {
            readers.push(&filter.predicate);
            let Some(input) = pruned_input(&filter.input, readers)? else { return Ok(None) };
            Ok(Some(plan.with_new_exprs(vec![filter.predicate.clone()], vec![input])?))
        }
        LogicalPlan::TableScan(scan) => pruned_scan(scan, &readers),
        _ => Ok(None),
    }
}

fn pruned_scan(scan: &TableScan, readers: &[&Expr]) -> Result<Option<LogicalPlan>> {
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<SourceTable>() else { return Ok(None) };
    let mut pruned: Option<SourceTable> = None;
    for (index, column) in table.columns().iter().enumerate() {
        let field = table.field(index);
        let (ScanColumn::Decoded { decoder, .. }, DataType::Struct(fields)) = (column, field.data_type()) else {
            continue;
        };
        let Some(read) = fields_read(readers, field.name())? else { continue };
        let wanted: Vec<usize> = (0..fields.len()).filter(|&index| read.contains(fields[index].name())).collect();
        if wanted.len() < fields.len()
            && let Some(decoder) = decoder.prune(&wanted)
        {
            pruned = Some(pruned.as_ref().unwrap_or(table).with_decoder(index, decoder));
        }
    }
    let Some(table) = pruned else { return Ok(None) };
    let scan = TableScanBuilder::new(scan.table_name.clone(), provider_as_source(Arc::new(table)))
        .with_projection(scan.projection.clone())
        .with_filters(scan.filters.clone())
        .build()?;
    Ok(Some(LogicalPlan::TableScan(scan)))
}

/// The fields of a struct column that expressions read; `None` when one reads the whole.
fn fields_read(readers: &[&Expr], column: &str) -> Result<Option<BTreeSet<String>>> {
    let mut fields = BTreeSet::new();
    let mut whole = false;
    for reader in readers {
        reader.apply(|expr| match expr {
            Expr::ScalarFunction(call) if call.func.inner().is::<GetFieldFunc>() => match call.args.as_slice() {
                [Expr::Column(of), Expr::Literal(ScalarValue::Utf8(Some(field)), _), ..] if of.name == column => {
                    fields.insert(field.clone());
                    Ok(TreeNodeRecursion::Jump)
                }
                _ => Ok(TreeNodeRecursion::Continue),
            },
            Expr::Column(of) if of.name == column => {
                whole = true;
                Ok(TreeNodeRecursion::Stop)
            }
            _ => Ok(TreeNodeRecursion::Continue),
        })?;
    }
    Ok((!whole).then_some(fields))
}
