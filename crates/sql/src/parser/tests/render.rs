//! A short readable spelling of the messages, for tests only: `and(==(a, 1), $x[0])`, `project[a, b](t)`.

use spark_connect_proto::expression::literal::LiteralType;
use spark_connect_proto::expression::window::window_frame::frame_boundary::Boundary;
use spark_connect_proto::expression::{ExprType, Literal, SortOrder, Window, cast};
use spark_connect_proto::read::ReadType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Expression, Relation};

use crate::parser::extension::{ExpressionExtension, RelationExtension, is_select_list};
use crate::parser::simple_string;

fn list(expressions: &[Expression]) -> String {
    expressions.iter().map(expression).collect::<Vec<_>>().join(", ")
}

pub(super) fn boxed(expr: &Option<Box<Expression>>) -> String {
    expr.as_deref().map_or_else(|| "-".to_owned(), expression)
}

pub(super) fn expression(expr: &Expression) -> String {
    match expr.expr_type.as_ref().expect("an expression has a kind") {
        ExprType::Literal(value) => literal(value),
        ExprType::UnresolvedAttribute(attribute) => attribute.unparsed_identifier.clone(),
        ExprType::UnresolvedFunction(function) => {
            let distinct = if function.is_distinct { "distinct " } else { "" };
            format!("{}({distinct}{})", function.function_name, list(&function.arguments))
        }
        ExprType::UnresolvedStar(star) => star.unparsed_target.clone().unwrap_or_else(|| "*".to_owned()),
        ExprType::Alias(alias) => format!("{} as {}", boxed(&alias.expr), alias.name.join("+")),
        ExprType::Cast(value) => {
            let Some(cast::CastToType::Type(data_type)) = &value.cast_to_type else { panic!("a cast has a type") };
            let attempt = if value.eval_mode() == cast::EvalMode::Try { "try_" } else { "" };
            format!("{attempt}cast({}: {})", boxed(&value.expr), simple_string(data_type))
        }
        ExprType::UnresolvedExtractValue(value) => format!("{}[{}]", boxed(&value.child), boxed(&value.extraction)),
        ExprType::LambdaFunction(lambda) => {
            let names: Vec<String> = lambda.arguments.iter().map(|argument| argument.name_parts.join(".")).collect();
            format!("({}) -> {}", names.join(", "), boxed(&lambda.function))
        }
        ExprType::UnresolvedNamedLambdaVariable(variable) => format!("${}", variable.name_parts.join(".")),
        ExprType::NamedArgumentExpression(argument) => format!("{} => {}", argument.key, boxed(&argument.value)),
        ExprType::Window(value) => window(value),
        ExprType::SubqueryExpression(subquery) => {
            let kind = format!("{:?}", subquery.subquery_type()).to_lowercase();
            let values = list(&subquery.in_subquery_values);
            format!("{kind}#{}({values})", subquery.plan_id)
        }
        ExprType::Extension(any) => extension(ExpressionExtension::decode(any).expect("our own message")),
        other => panic!("the parser does not write {other:?}"),
    }
}

fn extension(extension: ExpressionExtension) -> String {
    match extension {
        ExpressionExtension::Ordinal(ordinal) => format!("#{}", ordinal.position),
        ExpressionExtension::StarExcept(star) => format!("{} except [{}]", boxed(&star.star), list(&star.except)),
        ExpressionExtension::SpecialLiteral(special) => format!("{} {}", special.type_name, special.text),
        ExpressionExtension::LocalTimestamp(local) => format!("local {}", local.text),
        ExpressionExtension::QualifiedCall(call) => {
            let mut text = boxed(&call.function);
            if !call.within_group.is_empty() {
                text.push_str(&format!(" within [{}]", orders(&call.within_group)));
            }
            if call.filter.is_some() {
                text.push_str(&format!(" where {}", boxed(&call.filter)));
            }
            if call.ignore_nulls {
                text.push_str(" ignoring nulls");
            }
            text
        }
        ExpressionExtension::ExpressionWithRelations(root) => {
            let plans: Vec<String> = root.references.iter().map(relation).collect();
            format!("{} with [{}]", boxed(&root.expression), plans.join(", "))
        }
    }
}

fn literal(value: &Literal) -> String {
    let data_type = value.data_type.as_ref().map(simple_string).unwrap_or_default();
    match value.literal_type.as_ref().expect("a literal has a kind") {
        LiteralType::Null(_) => "null".to_owned(),
        LiteralType::Boolean(value) => value.to_string(),
        LiteralType::Byte(value) => format!("{value}Y"),
        LiteralType::Short(value) => format!("{value}S"),
        LiteralType::Integer(value) => value.to_string(),
        LiteralType::Long(value) => format!("{value}L"),
        LiteralType::Float(value) => format!("{value}F"),
        LiteralType::Double(value) => format!("{value}D"),
        LiteralType::Decimal(decimal) => {
            format!("{}({},{})", decimal.value, decimal.precision.unwrap_or(-1), decimal.scale.unwrap_or(-1))
        }
        LiteralType::String(value) => format!("{value:?}"),
        LiteralType::Binary(value) => format!("{:?}", value.to_vec()),
        LiteralType::Date(days) => format!("day {days}"),
        LiteralType::Timestamp(us) => format!("instant {us}"),
        LiteralType::TimestampNtz(us) => format!("clock {us}"),
        LiteralType::DayTimeInterval(us) => format!("{data_type} {us}"),
        LiteralType::YearMonthInterval(months) => format!("{data_type} {months}"),
        other => panic!("the parser does not write {other:?}"),
    }
}

fn orders(orders: &[SortOrder]) -> String {
    let order = |order: &SortOrder| {
        let direction = if order.direction == 2 { "desc" } else { "asc" };
        let nulls = if order.null_ordering == 1 { "first" } else { "last" };
        format!("{} {direction} {nulls}", boxed(&order.child))
    };
    orders.iter().map(order).collect::<Vec<_>>().join(", ")
}

fn window(window: &Window) -> String {
    let mut text = format!(
        "{} over [{}; {}",
        boxed(&window.window_function),
        list(&window.partition_spec),
        orders(&window.order_spec)
    );
    if let Some(frame) = &window.frame_spec {
        let boundary = |boundary: Option<&Boundary>| match boundary.expect("a boundary has a kind") {
            Boundary::CurrentRow(_) => "current".to_owned(),
            Boundary::Unbounded(_) => "unbounded".to_owned(),
            Boundary::Value(value) => expression(value),
        };
        let of = |side: &Option<Box<_>>| {
            let side: &spark_connect_proto::expression::window::window_frame::FrameBoundary =
                side.as_ref().expect("a frame has two sides");
            boundary(side.boundary.as_ref())
        };
        let unit = if frame.frame_type == 1 { "rows" } else { "range" };
        text.push_str(&format!("; {unit} {} to {}", of(&frame.lower), of(&frame.upper)));
    }
    text + "]"
}

fn inner(input: &Option<Box<Relation>>) -> String {
    input.as_deref().map_or_else(String::new, relation)
}

pub(super) fn relation(plan: &Relation) -> String {
    let id = plan.common.as_ref().and_then(|common| common.plan_id).map(|id| format!("#{id}:")).unwrap_or_default();
    id + &match plan.rel_type.as_ref().expect("a relation has a kind") {
        RelType::Read(read) => {
            let stream = if read.is_streaming { "stream " } else { "" };
            match read.read_type.as_ref().expect("a read has a kind") {
                ReadType::NamedTable(table) => format!("{stream}{}", table.unparsed_identifier),
                ReadType::DataSource(source) => {
                    let mut options: Vec<String> =
                        source.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    options.sort();
                    format!("{stream}source {} [{}] {}", source.format(), options.join(", "), source.schema())
                }
            }
        }
        RelType::Project(project) => format!("project[{}]({})", list(&project.expressions), inner(&project.input)),
        RelType::Filter(filter) => {
            let condition = filter.condition.as_ref().map_or_else(String::new, expression);
            format!("filter[{condition}]({})", inner(&filter.input))
        }
        RelType::Aggregate(aggregate) => {
            let kind = format!("{:?}", aggregate.group_type()).to_lowercase();
            let sets: Vec<String> =
                aggregate.grouping_sets.iter().map(|set| format!("({})", list(&set.grouping_set))).collect();
            let kept = if is_select_list(plan) { "" } else { "+" };
            let groups = [list(&aggregate.grouping_expressions), sets.join("")].join(" ");
            let items = list(&aggregate.aggregate_expressions);
            format!("{kind}{kept}[{}: {items}]({})", groups.trim_end(), inner(&aggregate.input))
        }
        RelType::Join(join) => {
            let condition = join.join_condition.as_ref().map(expression).unwrap_or_default();
            let using = join.using_columns.join(", ");
            let kind = format!("{:?}", join.join_type()).to_lowercase();
            format!("{kind}[{condition}{using}]({}, {})", inner(&join.left), inner(&join.right))
        }
        RelType::LateralJoin(join) => {
            let condition = join.join_condition.as_ref().map(expression).unwrap_or_default();
            let kind = format!("{:?}", join.join_type()).to_lowercase();
            format!("lateral {kind}[{condition}]({}, {})", inner(&join.left), inner(&join.right))
        }
        RelType::SubqueryAlias(alias) => format!("{}:{}", alias.alias, inner(&alias.input)),
        RelType::ToDf(to_df) => format!("rename[{}]({})", to_df.column_names.join(", "), inner(&to_df.input)),
        RelType::SetOp(set) => {
            let all = if set.is_all() { " all" } else { "" };
            let kind = format!("{:?}", set.set_op_type()).to_lowercase();
            format!("{kind}{all}({}, {})", inner(&set.left_input), inner(&set.right_input))
        }
        RelType::Sort(sort) => {
            let name = if sort.is_global() { "sort" } else { "sort within" };
            format!("{name}[{}]({})", orders(&sort.order), inner(&sort.input))
        }
        RelType::Limit(limit) => format!("limit[{}]({})", limit.limit, inner(&limit.input)),
        RelType::Offset(offset) => format!("offset[{}]({})", offset.offset, inner(&offset.input)),
        RelType::Deduplicate(distinct) => format!("distinct({})", inner(&distinct.input)),
        RelType::RepartitionByExpression(by) => {
            format!("distribute[{}]({})", list(&by.partition_exprs), inner(&by.input))
        }
        RelType::Hint(hint) => format!("hint {}[{}]({})", hint.name, list(&hint.parameters), inner(&hint.input)),
        RelType::Range(range) => format!("range[{} {} {}]", range.start(), range.end, range.step),
        RelType::Sample(sample) => {
            format!("sample[{} seed {:?}]({})", sample.upper_bound, sample.seed, inner(&sample.input))
        }
        RelType::WithWatermark(watermark) => {
            format!("watermark[{} {}]({})", watermark.event_time, watermark.delay_threshold, inner(&watermark.input))
        }
        RelType::UnresolvedTableValuedFunction(function) => {
            format!("{}({})", function.function_name, list(&function.arguments))
        }
        RelType::WithRelations(with) => {
            let references: Vec<String> = with.references.iter().map(relation).collect();
            format!("{} with [{}]", inner(&with.root), references.join(", "))
        }
        RelType::Extension(any) => extended(RelationExtension::decode(any).expect("our own message")),
        other => panic!("the parser does not write {other:?}"),
    }
}

fn extended(extension: RelationExtension) -> String {
    match extension {
        RelationExtension::NaturalJoin(join) => {
            let join = join.join.expect("a natural join has a join");
            let kind = format!("{:?}", join.join_type()).to_lowercase();
            format!("natural {kind}({}, {})", inner(&join.left), inner(&join.right))
        }
        RelationExtension::InlineTable(table) => {
            let rows: Vec<String> = table.rows.iter().map(|row| format!("({})", list(&row.values))).collect();
            format!("values[{}]", rows.join(", "))
        }
        RelationExtension::PivotSelect(pivot) => format!(
            "pivot[{} for {} in {}]({})",
            list(&pivot.aggregates),
            list(&pivot.columns),
            list(&pivot.values),
            inner(&pivot.input)
        ),
        RelationExtension::UnpivotSelect(unpivot) => format!(
            "unpivot[{} for {} in {}{}]({})",
            unpivot.value_column_names.join(", "),
            unpivot.variable_column_name,
            list(&unpivot.columns),
            if unpivot.include_nulls { " with nulls" } else { "" },
            inner(&unpivot.input)
        ),
    }
}
