//! Sessions against plain Rust: batch by batch over random rows, with failures, on disk or not, and rebuilt.

use datafusion::functions_aggregate::expr_fn::array_agg;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::col;
use millstream_core::{Error, OutputMode};
use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::properties::{block_on, budget, snapshot, sorted_bytes};
use crate::functions::aggregates::{count, sum};
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, session_window, with_watermark};
use crate::state::Overflow;

const GAP_S: i64 = 4;

type Key = Option<&'static str>;

fn plan(source: &MemoryRows, delay_s: i64, is_keyed: bool) -> LogicalPlan {
    let mut keys = vec![session_window(GAP_S)];
    keys.extend(is_keyed.then(|| col("k")));
    let functions = vec![count(lit(1)), sum(col("v"), Overflow::Error), array_agg(col("v"))];
    LogicalPlanBuilder::from(with_watermark(source.relation(), delay_s))
        .aggregate(keys, functions)
        .unwrap()
        .build()
        .unwrap()
}

/// How many sessions have so many rows.
fn lengths(source: &MemoryRows) -> LogicalPlan {
    let keys = vec![session_window(GAP_S), col("k")];
    let sessions = LogicalPlanBuilder::from(with_watermark(source.relation(), 1000))
        .aggregate(keys, vec![count(lit(1)).alias("n")])
        .unwrap();
    sessions.aggregate(vec![col("n")], vec![count(lit(1))]).unwrap().build().unwrap()
}

/// Batches of rows in whole seconds, later from batch to batch, and which of them fail at first.
fn batches() -> impl Strategy<Value = Vec<(Vec<Row>, bool)>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("bb"))];
    let row = (0_i32..30, key, 0_i64..100).prop_map(|(second, key, value)| (f64::from(second), key, Some(value)));
    let rows = vec(row, 1..12);
    vec((rows, any::<bool>()), 1..8).prop_map(|mut batches| {
        for (batch, (rows, _)) in (0..).zip(&mut batches) {
            rows.iter_mut().for_each(|row| row.0 += f64::from(12 * batch));
        }
        batches
    })
}

#[derive(Debug, Clone, PartialEq)]
struct Session {
    key: Key,
    start: i64,
    end: i64,
    values: Vec<i64>,
}

/// Sessions as Spark has them, as plainly as one can.
struct Model {
    mode: OutputMode,
    delay_s: i64,
    is_keyed: bool,
    sessions: Vec<Session>,
    /// What a reader of all updates has.
    result: BTreeSet<String>,
    /// The watermark (s) of the last batch, and of the next.
    watermarks: (i64, i64),
    seen: i64,
}

impl Model {
    fn new(mode: OutputMode, delay_s: i64, is_keyed: bool) -> Self {
        Self { mode, delay_s, is_keyed, sessions: vec![], result: BTreeSet::new(), watermarks: (0, 0), seen: 0 }
    }

    /// The batches that these rows cause.
    fn run(&mut self, rows: &[Row]) -> Vec<Vec<String>> {
        let mut given = vec![self.batch(rows)];
        if self.mode != OutputMode::Complete && self.watermarks.1 > self.watermarks.0 {
            given.push(self.batch(&[]));
        }
        given
    }

    fn batch(&mut self, rows: &[Row]) -> Vec<String> {
        let (late, eviction) = self.watermarks;
        let before: Vec<String> = self.sessions.iter().map(|session| self.text(session)).collect();
        for &(second, key, value) in rows {
            let (start, key) = (second as i64, key.filter(|_| self.is_keyed));
            self.seen = self.seen.max(start);
            if start + GAP_S > late {
                self.sessions.push(Session { key, start, end: start + GAP_S, values: value.into_iter().collect() });
            }
        }
        // Stable: of those that begin at one time, the older ones come first.
        self.sessions.sort_by_key(|session| (session.key, session.start));
        let mut merged: Vec<Session> = vec![];
        for session in self.sessions.drain(..) {
            match merged.last_mut().filter(|last| last.key == session.key && session.start <= last.end) {
                Some(last) => {
                    last.end = last.end.max(session.end);
                    last.values.extend(session.values);
                }
                None => merged.push(session),
            }
        }
        before.iter().for_each(|session| _ = self.result.remove(session));
        let after: Vec<String> = merged.iter().map(|session| self.text(session)).collect();
        self.result.extend(after);
        let is_over = |session: &Session| self.mode != OutputMode::Complete && session.end <= eviction;
        let given = merged.iter().filter(|session| self.mode == OutputMode::Complete || is_over(session));
        let mut given: Vec<String> = given.map(|session| self.text(session)).collect();
        given.sort();
        merged.retain(|session| !is_over(session));
        self.sessions = merged;
        self.watermarks = (eviction, eviction.max(self.seen - self.delay_s));
        given
    }

    fn text(&self, session: &Session) -> String {
        let Session { key, start, end, values } = session;
        let key = if self.is_keyed { format!("{}|", key.unwrap_or("NULL")) } else { String::new() };
        format!("[{start},{end})|{key}{}|{}|{values:?}", values.len(), values.iter().sum::<i64>())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sessions_are_those_of_plain_rust(
        batches in batches(),
        delay_s in 0_i64..30,
        (is_keyed, is_complete, is_tight) in any::<(bool, bool, bool)>(),
    ) {
        block_on(async {
            let mode = if is_complete { OutputMode::Complete } else { OutputMode::Append };
            let (memory, _others) = budget(is_tight);
            // With one core, rows come in their order.
            let setting = Setting { memory, cores: 1, ..Setting::of(mode) };
            let source = MemoryRows::default();
            let mut test = StreamTest::start(plan(&source, delay_s, is_keyed), setting).await.unwrap();
            let mut model = Model::new(mode, delay_s, is_keyed);
            for (rows, fails) in batches {
                source.add(&rows);
                if fails {
                    let pending = test.pending().await;
                    test.run_batch(pending, |_| Err(Error::unavailable("the sink is gone"))).await.unwrap_err();
                }
                assert_eq!(test.run().await.unwrap(), model.run(&rows));
                assert_eq!(test.progress[0].num_rows_total, model.sessions.len() as i64);
            }
        });
    }

    /// Whoever sets and deletes as update mode says has the sessions, those that are over among them.
    #[test]
    fn updates_add_up_to_the_sessions(
        batches in batches(),
        delay_s in 0_i64..40,
        (is_keyed, is_tight) in any::<(bool, bool)>(),
    ) {
        block_on(async {
            let (memory, _others) = budget(is_tight);
            let setting = Setting { memory, cores: 1, ..Setting::of(OutputMode::Update) };
            let source = MemoryRows::default();
            let mut test = StreamTest::start(plan(&source, delay_s, is_keyed), setting).await.unwrap();
            let mut model = Model::new(OutputMode::Update, delay_s, is_keyed);
            let mut seen = BTreeMap::new();
            for (rows, fails) in batches {
                source.add(&rows);
                if fails {
                    let pending = test.pending().await;
                    test.run_batch(pending, |_| Err(Error::unavailable("the sink is gone"))).await.unwrap_err();
                }
                for row in test.run().await.unwrap().concat() {
                    let (row, operation) = row.rsplit_once('|').unwrap();
                    let key: String = row.split('|').take(1 + usize::from(is_keyed)).collect();
                    match operation {
                        "upsert" => seen.insert(key, row.to_owned()),
                        _ => Some(seen.remove(&key).expect("what is deleted was there")),
                    };
                }
                model.run(&rows);
                assert_eq!(seen.values().cloned().collect::<BTreeSet<_>>(), model.result);
            }
        });
    }

    /// Lengths of sessions: an aggregate over them has the batch's answer while they grow and merge.
    #[test]
    fn an_aggregate_over_sessions_follows_them(batches in batches(), is_complete in any::<bool>()) {
        block_on(async {
            let mode = if is_complete { OutputMode::Complete } else { OutputMode::Update };
            let source = MemoryRows::default();
            let setting = Setting { cores: 1, ..Setting::of(mode) };
            let mut test = StreamTest::start(lengths(&source), setting).await.unwrap();
            let mut model = Model::new(OutputMode::Complete, 1000, true);
            let mut seen = BTreeMap::new();
            for (rows, _) in batches {
                source.add(&rows);
                if is_complete {
                    seen.clear();
                }
                for row in test.run().await.unwrap().concat() {
                    let fields: Vec<&str> = row.split('|').collect();
                    match fields[..] {
                        [length, count] | [length, count, "upsert"] => seen.insert(length.to_owned(), count.to_owned()),
                        [length, ..] => seen.remove(length),
                        [] => None,
                    };
                }
                model.run(&rows);
                let mut expected = BTreeMap::<String, usize>::new();
                model.sessions.iter().for_each(|session| *expected.entry(session.values.len().to_string()).or_default() += 1);
                let expected = expected.into_iter().map(|(length, count)| (length, count.to_string()));
                assert_eq!(seen, expected.collect::<BTreeMap<_, _>>());
            }
        });
    }

    /// State rebuilt from deltas or from a snapshot is the state, on disk or not.
    #[test]
    fn deltas_and_snapshots_rebuild_sessions(batches in batches(), is_tight in any::<[bool; 3]>()) {
        block_on(async {
            let source = MemoryRows::default();
            let budgets = is_tight.map(budget);
            let [setting, other, restored_setting] = [0, 1, 2].map(|index: usize| {
                Setting { memory: budgets[index].0.clone(), cores: 1, ..Setting::of(OutputMode::Append) }
            });
            let mut test = StreamTest::start(plan(&source, 9, true), setting).await.unwrap();
            let replayed = StreamTest::start(plan(&source, 9, true), other).await.unwrap();
            for (rows, fails) in batches {
                source.add(&rows);
                if fails {
                    let pending = test.pending().await;
                    test.run_batch(pending, |_| Err(Error::unavailable("the sink is gone"))).await.unwrap_err();
                }
                test.run().await.unwrap();
                for delta in test.deltas.drain(..) {
                    replayed.execution.operators()[0].stores()[0].apply(&delta).unwrap();
                }
                let parts = snapshot(&*test.execution.operators()[0].stores()[0]);
                let restored = StreamTest::start(plan(&source, 9, true), restored_setting.clone()).await.unwrap();
                parts.iter().for_each(|part| restored.execution.operators()[0].stores()[0].apply(part).unwrap());
                for other in [&replayed, &restored] {
                    let other = &other.execution.operators()[0];
                    assert_eq!(sorted_bytes(&snapshot(&*other.stores()[0])), sorted_bytes(&parts));
                    assert_eq!(other.progress().num_rows_total, test.progress[0].num_rows_total);
                }
            }
        });
    }
}

/// What Spark refuses runs unless it is to be as in Spark.
#[tokio::test]
async fn strict_mode_refuses_updates_and_sessions_of_all_rows_as_spark() {
    let source = MemoryRows::default();
    let strict = |mode| Setting { is_strict: true, ..Setting::of(mode) };
    let refused = StreamTest::start(plan(&source, 5, true), strict(OutputMode::Update)).await.unwrap_err();
    assert_eq!(refused.class(), Some("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
    for mode in [OutputMode::Append, OutputMode::Complete] {
        let refused = StreamTest::start(plan(&source, 5, false), strict(mode)).await.unwrap_err();
        assert!(refused.message().starts_with("Global aggregation with session window"), "{refused:?}");
    }
}

/// With several cores too, whichever task a row comes in by.
#[tokio::test]
async fn a_row_between_two_sessions_makes_one_of_them() {
    for cores in [1, 3] {
        let source = MemoryRows::default();
        let setting = Setting { cores, ..Setting::of(OutputMode::Append) };
        let mut test = StreamTest::start(plan(&source, 10, true), setting).await.unwrap();
        source.add(&[(10.0, Some("a"), Some(1)), (18.0, Some("a"), Some(2)), (15.0, Some("b"), Some(3))]);
        assert_eq!(test.run().await.unwrap(), [vec![], Vec::<String>::new()]);
        source.add(&[(14.0, Some("a"), Some(4))]);
        assert_eq!(test.run().await.unwrap(), [Vec::<String>::new()]);
        let progress = &test.progress[0];
        assert_eq!(progress.operator_name, "sessionWindowStateStoreSaveExec");
        assert_eq!((progress.num_rows_total, progress.num_rows_updated, progress.num_rows_removed), (2, 1, 1));
        source.add(&[(100.0, None, Some(5))]);
        let given = vec!["[10,22)|a|3|7|[1, 4, 2]".to_owned(), "[15,19)|b|1|3|[3]".to_owned()];
        assert_eq!(test.run().await.unwrap(), [vec![], given]);
    }
}
