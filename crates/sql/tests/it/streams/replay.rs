//! One question, asked of this engine: the lines that `conformance/streams/record.py` writes of Apache Spark's answer.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::TryStreamExt;
use millstream_core::progress::{StateOperatorProgress, StreamingQueryProgress};
use millstream_core::{ConnectorRegistry, Error, MemoryLedger, QuerySettings, Result, Trigger, spark_error};
use millstream_engine::plan::STRICT_SPARK;
use millstream_engine::{Engine, Platform, QuerySpec, StreamingQuery, StreamingQueryManager, SyncPolicy, Work};
use millstream_sql::parser::simple_string;
use millstream_sql::{AnalysisContext, Catalog, NamedRelation, analyze, collect_stream, schema_to_proto};
use millstream_testing::ManualClock;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Relation, Sql};
use tokio::sync::watch;

use super::feed::{Feed, Feeds, RecordingSink};
use super::question::{FeedDefinition, Question};
use super::recording::Recorded;

/// A query that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session without names.
#[derive(Debug)]
struct NoNames;

impl Catalog for NoNames {
    fn relation(&self, _name: &[String]) -> Result<Option<NamedRelation>> {
        Ok(None)
    }

    fn relation_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn cached_remote_relation(&self, relation_id: &str) -> Result<NamedRelation> {
        Err(Error::not_found(relation_id))
    }

    fn cached_local_relation(&self, hash: &str) -> Result<Vec<u8>> {
        Err(Error::not_found(hash))
    }
}

fn context(connectors: ConnectorRegistry, conf: &BTreeMap<String, String>, clock: Arc<ManualClock>) -> AnalysisContext {
    let mut settings = QuerySettings::default();
    for (key, value) in conf {
        match key.as_str() {
            "spark.sql.session.timeZone" => settings.time_zone = value.parse().expect("a time zone"),
            "spark.sql.ansi.enabled" => settings.ansi = value == "true",
            "spark.sql.caseSensitive" => settings.case_sensitive = value == "true",
            _ => {}
        }
    }
    AnalysisContext {
        settings,
        user: "tester".to_owned(),
        database: "default".to_owned(),
        conf: conf.clone(),
        connectors: Arc::new(connectors),
        catalog: Arc::new(NoNames),
        memory: MemoryLedger::unlimited(),
        cores: 2,
        work: Work::uninterrupted(MemoryLedger::unlimited()),
        clock,
    }
}

/// The rows of a feed.
pub(crate) async fn read_feed(definition: &FeedDefinition) -> Result<Feed> {
    let parsed = |rows: &[String]| {
        let values: Vec<_> =
            rows.iter().map(|row| format!("('{}')", row.replace('\\', "\\\\").replace('\'', "\\'"))).collect();
        let query = format!(
            "SELECT r.* FROM (SELECT from_json(j, '{}', map('mode', 'FAILFAST')) AS r FROM VALUES {} AS t(j))",
            definition.ddl,
            values.join(", ")
        );
        let sql = RelType::Sql(Sql { query, ..Sql::default() });
        let context = context(ConnectorRegistry::default(), &BTreeMap::new(), ManualClock::new());
        let analyzed = analyze(&Relation { common: None, rel_type: Some(sql) }, &context)?;
        Ok::<_, Error>((analyzed, context))
    };
    let schema = parsed(&["{}".to_owned()])?.0.schema;
    let mut steps = Vec::new();
    for rows in &definition.steps {
        steps.push(match rows.as_deref() {
            None => None,
            Some([]) => Some(arrow::array::RecordBatch::new_empty(Arc::clone(&schema))),
            Some(rows) => {
                let (analyzed, context) = parsed(rows)?;
                let batches: Vec<_> = collect_stream(&analyzed, &context).await?.try_collect().await?;
                Some(arrow::compute::concat_batches(&schema, &batches)?)
            }
        });
    }
    Ok(Feed { schema, steps })
}

/// All feeds, before their first step.
pub(crate) fn all_feeds(feeds: &Arc<BTreeMap<String, Feed>>) -> Feeds {
    let (visible, _) = watch::channel(0);
    Feeds { by_name: Arc::clone(feeds), visible, seen: OnceLock::new() }
}

/// The lines of our answer.
pub(crate) async fn answer(
    question: &Question,
    recorded: &Recorded,
    feeds: &Arc<BTreeMap<String, Feed>>,
) -> Vec<String> {
    let steps = question.feeds.iter().map(|name| feeds[name].steps.len()).max().unwrap_or(1);
    let (visible, _) = watch::channel(if question.is_backlog { steps } else { 1 });
    let sink = Arc::new(RecordingSink::new(recorded.batch_times_ms()));
    let feeds = Feeds { by_name: Arc::clone(feeds), visible: visible.clone(), seen: OnceLock::new() };
    // What Spark refuses is asked in strict mode, all else in the mode that users have.
    let is_strict = recorded.is_refused();
    if !is_strict && let Err(error) = start_and_stop(question, &recorded.plan, feeds.clone()).await {
        return refusal(&error);
    }
    let started = start(question, &recorded.plan, feeds, &sink, is_strict).await;
    let (schema, query) = match started {
        Ok(started) => started,
        Err(error) => return refusal(&error),
    };
    let driven = tokio::time::timeout(PATIENCE, drive(question, &query, &visible, steps)).await;
    let mut answer = vec![schema];
    for progress in query.recent_progress() {
        answer.extend(batch_lines(&progress, question, &sink));
    }
    match driven {
        Ok(()) => answer.extend(query.exception().iter().flat_map(failure)),
        Err(_) => answer.push(format!("hung: {:?}", query.status())),
    }
    let _ = query.stop().await;
    answer
}

/// Starts a query in strict mode and stops it: what Spark accepts is accepted there too.
pub(crate) async fn start_and_stop(question: &Question, plan: &Relation, feeds: Feeds) -> Result<()> {
    let (_, query) = start(question, plan, feeds, &Arc::new(RecordingSink::new(vec![])), true).await?;
    query.stop().await
}

async fn start(
    question: &Question,
    plan: &Relation,
    feeds: Feeds,
    sink: &Arc<RecordingSink>,
    is_strict: bool,
) -> Result<(String, StreamingQuery)> {
    let mut connectors = ConnectorRegistry::default();
    connectors.register(Arc::new(feeds));
    let context = context(connectors, &question.conf, Arc::clone(&sink.clock));
    let analyzed = analyze(plan, &context)?;
    if !analyzed.is_streaming {
        return Err(spark_error!("WRITE_STREAM_NOT_ALLOWED"));
    }
    let schema = format!("schema: {}", simple_string(&schema_to_proto(&analyzed.schema)));
    let mut conf = question.conf.clone();
    conf.insert("spark.sql.streaming.numRecentProgressUpdates".to_owned(), "1000".to_owned());
    conf.insert(STRICT_SPARK.to_owned(), is_strict.to_string());
    let spec = QuerySpec {
        name: None,
        plan: analyzed.plan,
        output_mode: question.mode.parse()?,
        trigger: if question.is_backlog { Trigger::AvailableNow } else { Trigger::Default },
        sink: Arc::clone(sink) as _,
        checkpoint: None,
        sync: SyncPolicy::Never,
        pinned: vec![],
        settings: context.settings,
        conf,
    };
    let engine = Engine::on(Platform::system(context.clock), MemoryLedger::unlimited(), 2);
    let query = StreamingQueryManager::new(engine).start(spec).await?;
    Ok((schema, query))
}

/// Brings the steps one by one, or waits for all.
async fn drive(question: &Question, query: &StreamingQuery, visible: &watch::Sender<usize>, steps: usize) {
    if question.is_backlog {
        let _ = query.await_termination(None).await;
        return;
    }
    for step in 1..=steps {
        visible.send_replace(step);
        if query.process_all_available().await.is_err() {
            return;
        }
    }
}

fn batch_lines(progress: &StreamingQueryProgress, question: &Question, sink: &RecordingSink) -> Vec<String> {
    let mut lines = vec![format!("batch: {}", progress.batch_id)];
    lines.extend(sink.time_ms(progress.batch_id).map(|time| format!("time: {time}")));
    for source in &progress.sources {
        let start = source.start_offset.as_u64().unwrap_or(0);
        let (name, end, rows) = (&source.description, &source.end_offset, source.num_input_rows);
        lines.push(format!("read: {name} {start}..{end}, {rows} rows"));
    }
    let mut rows = sink.rows(progress.batch_id);
    if !question.is_ordered {
        rows.sort();
    }
    lines.extend(rows.iter().map(|row| format!("row: {row}")));
    let times = progress.event_time.iter().filter(|(key, _)| **key != "watermark");
    let times: Vec<_> = times.map(|(key, time)| format!("{key} {time}")).collect();
    if !times.is_empty() {
        lines.push(format!("event time: {}", times.join(", ")));
    }
    if let Some(watermark) = progress.event_time.get("watermark") {
        lines.push(format!("watermark: {watermark}"));
    }
    lines.extend(progress.state_operators.iter().map(state_line));
    lines
}

fn state_line(operator: &StateOperatorProgress) -> String {
    let duplicates = operator.custom_metrics.get("numDroppedDuplicateRows");
    format!(
        "state: {} total {}, updated {}, removed {}, late {}{}",
        operator.operator_name,
        operator.num_rows_total,
        operator.num_rows_updated,
        operator.num_rows_removed,
        operator.num_rows_dropped_by_watermark,
        duplicates.map(|count| format!(", duplicates {count}")).unwrap_or_default()
    )
}

/// An error that the client is given when it starts the query.
fn refusal(error: &Error) -> Vec<String> {
    let parameters = error.parameters().map(|(name, value)| format!("parameter: {name}={}", one_line(value)));
    let state = error.sql_state().map(|state| format!("sqlstate: {state}"));
    [format!("refused: {}", class(error))].into_iter().chain(state).chain(parameters).collect()
}

/// The error that ended a running query.
fn failure(error: &Error) -> Vec<String> {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Error>()).unwrap_or(error);
    let (message, state) = (one_line(cause.message()), cause.sql_state().unwrap_or_default());
    match cause.class() {
        Some(class) => {
            vec![format!("failed: {class}"), format!("sqlstate: {state}"), format!("message: {message}")]
        }
        None => vec![format!("failed: {message}")],
    }
}

/// Spark's errors without a class are known by the Python class that the client makes of them.
fn class(error: &Error) -> String {
    error.class().map_or_else(|| format!("{:?}Exception", error.exception()), str::to_owned)
}

fn one_line(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}
