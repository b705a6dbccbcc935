//! A join of two streams: it keeps the rows of both from batch to batch. Where rows of an input may be taken back, it
//! gives changes, and the column of weights stands behind all others.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::build_join_schema;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use millstream_core::{Error, Result};

use super::changes::{columns_at, rows_of, weight_of, with_weights};
use crate::error::from_datafusion;
use crate::operators::{
    ChangesJoin, ChangesSide, Eviction, JoinKeys, JoinKind, JoinOutput, JoinSide, PairFilter, Side, StreamJoin,
    StreamJoinExec, TwoSided, row_layout,
};
use crate::plan::edge::{Edge, Rows, join_edge};
use crate::plan::node::{NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingNode};
use crate::plan::stream_join::{EventTimeOf, EvictionRule, JoinCondition, JoinKey};
use crate::plan::unsupported::more_than_one_event_time;
use crate::state::{Lifetime, StatefulOperator};

/// Pairs rows of two streams (Spark: `Join` over two streams).
#[derive(Debug, Clone)]
pub(crate) struct StreamJoinNode {
    kind: JoinKind,
    condition: JoinCondition,
    evictions: [Option<EvictionRule>; 2],
    gives_changes: bool,
}

impl StreamJoinNode {
    pub(crate) fn new(kind: JoinKind, condition: JoinCondition, evictions: [Option<EvictionRule>; 2]) -> Self {
        Self { kind, condition, evictions, gives_changes: false }
    }

    /// The same join where rows of an input may be taken back.
    pub(crate) fn over_changes(self) -> Self {
        Self { gives_changes: true, ..self }
    }

    /// Every row of one side would have to be compared with every row of the other.
    pub(crate) fn has_no_key(&self) -> bool {
        self.condition.keys.is_empty()
    }

    /// All that a side's rows are asked, over the columns of that side.
    fn exprs_of(&self, side: Side) -> impl Iterator<Item = &Expr> {
        self.condition.keys.iter().map(move |key| key_of(key, side)).chain(&self.condition.own[side as usize])
    }

    fn side(&self, side: Side, input: &PlannedInput<'_>, context: &PlanContext<'_>) -> Result<JoinSide> {
        let schema = input.schema;
        let planned = |expr: &Expr| context.physical_expr(expr, schema);
        let exprs: Vec<_> = self.condition.keys.iter().map(|key| planned(key_of(key, side))).collect::<Result<_>>()?;
        let types = self.condition.keys.iter().map(|key| {
            let data_type = key_of(key, side).get_type(schema).map_err(from_datafusion)?;
            // Nullable on both sides, so that equal keys are equal bytes.
            Ok(Arc::new(Field::new("key", data_type, true)) as FieldRef)
        });
        let columns = rows_of(schema).into_iter().map(|column| Arc::clone(&schema.fields()[column])).collect();
        let head = match self.gives_changes {
            true => ChangesSide::head_bytes(side, self.kind),
            false => JoinSide::head_bytes(side, self.kind),
        };
        let layout = row_layout(types.collect::<Result<_>>()?, columns, head)?;
        let (number, rule) = (context.place.number, &self.evictions[side as usize]);
        let name = if side == Side::Left { "left" } else { "right" };
        let rows = context.operators.store(("join", number), name, layout, rule.as_ref().map(|_| Lifetime::InValue))?;
        let eviction = rule.as_ref().map(|rule| eviction(rule, &exprs, planned)).transpose()?;
        let null_safe = self.condition.keys.iter().map(|key| key.null_safe).collect();
        let own = self.condition.own[side as usize].as_ref().map(planned).transpose()?;
        let held = context
            .operators
            .memory
            .reservation(format!("rows that {name} gives at once in join {number} of {}", context.operators.query));
        let keys = JoinKeys { exprs, null_safe };
        // What an aggregate gives is never late, and what it takes back must not be lost.
        let event_time = if input.edge.rows == Rows::Changes { None } else { event_time(input)? };
        let join_side = JoinSide::new(side, self.kind, keys, rows, held).with_times(event_time, eviction);
        Ok(join_side.with_condition(own))
    }

    /// The schema of the result without weights.
    fn rows_schema(&self, left: &DFSchema, right: &DFSchema) -> Result<DFSchema> {
        let (left, right) = (without_weight(left)?, without_weight(right)?);
        build_join_schema(&left, &right, &self.kind.join_type()).map_err(from_datafusion)
    }
}

fn without_weight(schema: &DFSchema) -> Result<DFSchema> {
    columns_at(schema, &rows_of(schema))
}

fn key_of(key: &JoinKey, side: Side) -> &Expr {
    match side {
        Side::Left => &key.left,
        Side::Right => &key.right,
    }
}

fn eviction(
    rule: &EvictionRule,
    keys: &[Arc<dyn PhysicalExpr>],
    planned: impl Fn(&Expr) -> Result<Arc<dyn PhysicalExpr>>,
) -> Result<Eviction> {
    let time = match &rule.time {
        EventTimeOf::Key(key) => Arc::clone(&keys[*key]),
        EventTimeOf::Column(column) => planned(&Expr::Column(column.clone()))?,
    };
    Ok(Eviction { time, shift_us: rule.shift_us })
}

/// The column by which rows are late.
fn event_time(input: &PlannedInput<'_>) -> Result<Option<usize>> {
    match input.edge.event_times.as_slice() {
        [] => Ok(None),
        [event_time] => Ok(Some(event_time.column)),
        several => {
            let name = |place: usize| input.schema.field(place).name().clone();
            let names: Vec<_> = several.iter().map(|event_time| name(event_time.column)).collect();
            Err(more_than_one_event_time(&names))
        }
    }
}

/// The columns of both sides, as the rest of the condition sees them.
fn both_sides(inputs: [&DFSchema; 2]) -> Result<DFSchema> {
    inputs[0].join(inputs[1]).map_err(from_datafusion)
}

impl StreamingNode for StreamJoinNode {
    fn name(&self) -> &str {
        "StreamJoin"
    }

    fn describe(&self) -> String {
        let keys: Vec<_> = self.condition.keys.iter().map(|key| format!("{} = {}", key.left, key.right)).collect();
        let mut text = format!("{:?} [{}]", self.kind, keys.join(", "));
        for (name, part) in [("left", &self.condition.own[0]), ("right", &self.condition.own[1])] {
            if let Some(part) = part {
                text.push_str(&format!(" {name}: {part}"));
            }
        }
        for both in &self.condition.both {
            text.push_str(&format!(" both: {both}"));
        }
        text
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let [left, right] = two(inputs)?;
        let rows = self.rows_schema(left, right)?;
        if self.gives_changes { with_weights(&rows) } else { Ok(Arc::new(rows)) }
    }

    fn expressions(&self) -> Vec<Expr> {
        let own = Side::BOTH.into_iter().flat_map(|side| self.exprs_of(side));
        own.chain(&self.condition.both).cloned().collect()
    }

    fn with_expressions(&self, expressions: Vec<Expr>) -> Result<Arc<dyn StreamingNode>> {
        let mut expressions = expressions.into_iter();
        let mut next = || expressions.next().ok_or_else(|| Error::internal("a join was given too few expressions"));
        let mut condition = self.condition.clone();
        for side in Side::BOTH {
            for key in &mut condition.keys {
                *(if side == Side::Left { &mut key.left } else { &mut key.right }) = next()?;
            }
            if let Some(own) = &mut condition.own[side as usize] {
                *own = next()?;
            }
        }
        for both in &mut condition.both {
            *both = next()?;
        }
        Ok(Arc::new(Self { condition, ..self.clone() }))
    }

    fn needs(&self, output: &[usize], inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        let [left, right] = two(inputs).ok()?;
        let columns = rows_of(left.schema).len();
        let needed = [(Side::Left, left), (Side::Right, right)].map(|(side, input)| {
            let rows = rows_of(input.schema);
            let place = |&column: &usize| match side {
                Side::Left => Some(column),
                Side::Right => column.checked_sub(columns),
            };
            let shown = output.iter().filter_map(place).filter_map(|column| rows.get(column).copied());
            let asked = self.exprs_of(side).chain(&self.condition.both).flat_map(Expr::column_refs);
            let asked = asked.filter_map(|column| input.schema.maybe_index_of_column(column));
            shown.chain(asked).chain(weight_of(input.schema).ok()).collect()
        });
        Some(needed.into())
    }

    /// Which column it would be depends on how many the left side has, and who asks wants all rows to leave.
    fn passes(&self, _output: usize) -> Option<(usize, usize)> {
        None
    }

    fn state_keys(&self) -> Vec<String> {
        let columns = |expr: &Expr| {
            let mut columns: Vec<_> = expr.column_refs().into_iter().map(|column| column.name.clone()).collect();
            columns.sort_unstable();
            columns.join(" ")
        };
        let key = |key: &JoinKey| format!("{} = {}", columns(&key.left), columns(&key.right));
        self.condition.keys.iter().map(key).collect()
    }

    /// An aggregate without keys gives one row, which is not kept twice.
    fn keeps_for_ever(&self, inputs: &[NodeInput<'_>], _place: Place) -> Option<String> {
        let has_bound = |side: usize| {
            let is_one_row = |edge: &Edge| edge.rows == Rows::Changes && edge.key.as_ref().is_some_and(Vec::is_empty);
            self.evictions[side].is_some() || inputs.get(side).is_some_and(|input| is_one_row(input.edge))
        };
        let rows = match [has_bound(0), has_bound(1)] {
            [true, true] => return None,
            [false, true] => "rows of the left side",
            [true, false] => "rows of the right side",
            [false, false] => "rows of both sides",
        };
        Some(rows.to_owned())
    }

    /// What either side can still bring ends by its own watermark.
    fn output_watermark_ms(&self, input_ms: i64) -> Option<i64> {
        let ends = self.evictions.iter().flatten().map(|rule| input_ms.saturating_add(rule.shift_us.div_euclid(1000)));
        ends.chain([input_ms]).min()
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        match two(inputs) {
            Ok([left, right]) => {
                let rows = [rows_of(left.schema), rows_of(right.schema)];
                let place = |side: usize, column: usize| rows[side].iter().position(|known| *known == column);
                let equal = self.condition.equal_columns([left.schema, right.schema]).into_iter();
                let equal: Vec<_> = equal.filter_map(|[l, r]| Some([place(0, l)?, place(1, r)?])).collect();
                join_edge(
                    self.kind.join_type(),
                    rows[0].len(),
                    [&left.edge.showing(&rows[0]), &right.edge.showing(&rows[1])],
                    &equal,
                )
            }
            Err(_) => Edge::append_only(),
        }
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        if self.gives_changes { &[Rows::AppendOnly, Rows::Changes] } else { &[Rows::AppendOnly] }
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let [left, right] = two(&inputs)?;
        let both = both_sides([&without_weight(left.schema)?, &without_weight(right.schema)?])?;
        let schemas = [left, right].map(|input| {
            let fields =
                rows_of(input.schema).into_iter().map(|column| Arc::clone(&input.rows.schema().fields()[column]));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        });
        let filter = |part| PairFilter::try_new(context.physical_expr(part, &both)?, &schemas);
        let filters = self.condition.both.iter().map(filter).collect::<Result<_>>()?;
        let declared = self.rows_schema(left.schema, right.schema)?;
        let output = JoinOutput::new(Arc::clone(declared.inner()), schemas, filters);
        let sides = [self.side(Side::Left, left, context)?, self.side(Side::Right, right, context)?];
        let rows = [Arc::clone(&left.rows), Arc::clone(&right.rows)];
        let number = context.place.number;
        if !self.gives_changes {
            return Ok(planned(rows, StreamJoin::new(number, self.kind, sides, output, context.operators)));
        }
        let weights = [weight_of(left.schema).ok(), weight_of(right.schema).ok()];
        let [left, right] = sides;
        let sides = [
            ChangesSide::new(left, Side::Left, self.kind, weights[0]),
            ChangesSide::new(right, Side::Right, self.kind, weights[1]),
        ];
        let schema = Arc::clone(with_weights(&declared)?.inner());
        Ok(planned(rows, ChangesJoin::new(number, self.kind, sides, output, schema, context.operators)))
    }
}

fn planned<J: TwoSided + StatefulOperator>(rows: [Arc<dyn ExecutionPlan>; 2], join: J) -> Planned {
    let join = Arc::new(join);
    let operator: Arc<dyn StatefulOperator> = Arc::<J>::clone(&join);
    Planned { plan: Arc::new(StreamJoinExec::new(rows, join)), operator: Some(operator) }
}

/// The left and the right input.
fn two<T>(inputs: &[T]) -> Result<[&T; 2]> {
    match inputs {
        [left, right] => Ok([left, right]),
        other => Err(Error::internal(format!("a join has two inputs, not {}", other.len()))),
    }
}
