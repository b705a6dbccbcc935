//! A node and an operator of somebody else: written against the public interface alone, and giving changes, which
//! nobody here takes as they are.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{Stream, StreamExt};
use millstream_core::{Error, OutputMode, Result};
use millstream_engine::functions::aggregates::{count, sum};
use millstream_engine::operators::{BatchInput, Operator, Unary};
use millstream_engine::plan::{
    Edge, NodeInput, Place, PlanContext, Planned, PlannedInput, Rows, STRICT_SPARK, StreamingExtension, StreamingNode,
    WEIGHT,
};
use millstream_engine::state::Overflow;

use crate::script::{Bench, Step, check, project_value, relation, rows};

/// What has become of a key, as [`millstream_testing::number_rows`] says it.
const UPSERT: i64 = 1;
const DELETE: i64 = -1;

/// A number adds itself, split into hundreds and the rest; a negative one takes that row back.
#[derive(Debug, Clone)]
struct TakeBackNode;

fn columns() -> SchemaRef {
    let column = |name| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![column("hundreds"), column(WEIGHT), column("rest")]))
}

impl StreamingNode for TakeBackNode {
    fn name(&self) -> &str {
        "TakeBack"
    }

    fn describe(&self) -> String {
        "[value]".to_owned()
    }

    fn schema(&self, _inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        Ok(Arc::new(DFSchema::try_from(columns()).unwrap()))
    }

    fn passes(&self, _output: usize) -> Option<(usize, usize)> {
        None
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly, Rows::Whole]
    }

    fn gives(&self, _inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        Edge { rows: Rows::Changes, key: Some(vec![0]), ..Edge::append_only() }
    }

    fn check_strict(&self, _inputs: &[NodeInput<'_>], mode: OutputMode) -> Result<()> {
        Err(Error::unsupported(format!("Spark takes nothing back in {mode} mode")))
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, _context: &PlanContext<'_>) -> Result<Planned> {
        let value = inputs[0].schema.index_of_column_by_name(None, "value").unwrap();
        let operator = Unary::new(Arc::clone(&inputs[0].rows), Arc::new(TakeBack { value }));
        Ok(Planned { plan: Arc::new(operator), operator: None })
    }
}

#[derive(Debug)]
struct TakeBack {
    value: usize,
}

impl Operator for TakeBack {
    const NAME: &'static str = "TakeBackExec";
    type Batch = ();

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value={}", self.value)
    }

    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        let partitioning = input.output_partitioning().clone();
        let columns = EquivalenceProperties::new(columns());
        Arc::new(PlanProperties::new(columns, partitioning, EmissionType::Incremental, input.boundedness()))
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> PlanResult<()> {
        Ok(())
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        (): (),
    ) -> PlanResult<impl Stream<Item = PlanResult<RecordBatch>> + Send + 'static> {
        let value = self.value;
        Ok(input.rows(partition)?.map(move |rows| {
            let rows = rows?;
            let values = rows.column(value).as_primitive::<Int64Type>();
            let column = |of: fn(i64) -> i64| -> ArrayRef { Arc::new(values.unary::<_, Int64Type>(of) as Int64Array) };
            let split = vec![column(|value| value.abs() / 100), column(i64::signum), column(|value| value.abs() % 100)];
            Ok(RecordBatch::try_new(columns(), split)?)
        }))
    }
}

fn taking_back(bench: &Bench) -> LogicalPlan {
    StreamingExtension::over(relation(&bench.stream), TakeBackNode).unwrap()
}

fn bench(mode: OutputMode, plan: impl Fn(LogicalPlanBuilder) -> PlanResult<LogicalPlanBuilder>) -> Bench {
    let mut bench = Bench::new();
    bench.output_mode = mode;
    bench.plan = plan(LogicalPlanBuilder::from(taking_back(&bench))).unwrap().build().unwrap();
    bench
}

fn batch(values: impl IntoIterator<Item = i64>) -> [Step; 2] {
    [Step::Add(rows(values)), Step::Process]
}

#[tokio::test]
async fn a_sink_that_appends_sees_what_is_left_of_a_batch() {
    let bench = bench(OutputMode::Append, Ok);
    let expected = vec![(0, vec![]), (1, vec![vec![0, 2]]), (2, vec![vec![0, 3], vec![0, 3]]), (3, vec![])];
    let mut steps = vec![Step::Start, Step::Process];
    steps.extend([batch([1, 2, -1]), batch([3, 3]), batch([4, -4])].into_iter().flatten());
    steps.extend([Step::ExpectBatches(expected), Step::Add(rows([-2]))]);
    let failure = "the sink in append mode takes rows that stay, but a batch takes back a row";
    steps.push(Step::ExpectFailure(failure));
    check(&bench, steps).await;
}

/// What was not the same before a projection may be the same after it.
#[tokio::test]
async fn weights_pass_filters_and_projections() {
    let bench = bench(OutputMode::Append, |rows| {
        rows.filter(col("hundreds").lt(lit(3_i64)))?
            .project(vec![col("rest")])?
            .alias("r")?
            .project(vec![col("r.rest")])
    });
    let mut steps = vec![Step::Start, Step::Process];
    steps.extend([batch([101, -201]), batch([102, 301])].into_iter().flatten());
    steps.push(Step::ExpectBatches(vec![(0, vec![]), (1, vec![]), (2, vec![vec![2]])]));
    check(&bench, steps).await;
}

#[tokio::test]
async fn an_aggregate_takes_what_is_left_of_a_batch() {
    let bench = bench(OutputMode::Update, |rows| {
        rows.aggregate(
            vec![col("hundreds")],
            vec![count(lit(1_i64)).alias("count"), sum(col("rest"), Overflow::Error).alias("sum")],
        )
    });
    let mut steps = vec![Step::Start, Step::Process];
    steps.extend([batch([101, 102, -101]), batch([105])].into_iter().flatten());
    steps.push(Step::ExpectBatches(vec![
        (0, vec![]),
        (1, vec![vec![1, 1, 2, UPSERT]]),
        (2, vec![vec![1, 2, 7, UPSERT]]),
    ]));
    check(&bench, steps).await;
}

#[tokio::test]
async fn a_sink_that_updates_sees_what_becomes_of_a_key() {
    let bench = bench(OutputMode::Update, Ok);
    let mut steps = vec![Step::Start, Step::Process];
    steps.extend([batch([101]), batch([-101, 102])].into_iter().flatten());
    steps.extend(batch([-102, 203]));
    let expected = vec![
        (0, vec![]),
        (1, vec![vec![1, 1, UPSERT]]),
        (2, vec![vec![1, 2, UPSERT]]),
        (3, vec![vec![1, 2, DELETE], vec![2, 3, UPSERT]]),
    ];
    steps.push(Step::ExpectBatches(expected));
    check(&bench, steps).await;
}

#[tokio::test]
async fn what_nobody_takes_is_refused_by_name() {
    for (mode, expected) in [
        (OutputMode::Complete, "complete output mode of a result that comes as changes"),
        (OutputMode::Update, "TakeBack over rows that are updates"),
    ] {
        let bench = Bench::new();
        let total = LogicalPlanBuilder::from(project_value(&bench.stream))
            .aggregate(Vec::<Expr>::new(), vec![sum(col("value"), Overflow::Error).alias("value")])
            .and_then(LogicalPlanBuilder::build)
            .unwrap();
        let plan = StreamingExtension::over(total, TakeBackNode).unwrap();
        let bench = Bench { plan, output_mode: mode, ..bench };
        let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
        assert_eq!(error.message(), expected);
    }
}

/// A node is asked for Spark's refusals in strict mode alone, and before its own.
#[tokio::test]
async fn what_spark_refuses_is_refused_in_strict_mode() {
    let mut bench = bench(OutputMode::Append, Ok);
    bench.conf.insert(STRICT_SPARK.to_owned(), "true".to_owned());
    let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
    assert_eq!(error.message(), "Spark takes nothing back in append mode");
    bench.conf.insert(STRICT_SPARK.to_owned(), "false".to_owned());
    bench.manager(None).start(bench.spec()).await.unwrap().stop().await.unwrap();
}
