//! Properties over random rows, cut into random batches: the result is that of one batch computed in plain Rust, also
//! when batches fail and are repeated, and also when state is rebuilt from its deltas.

use std::collections::BTreeMap;

use crate::functions::aggregates::{avg, count, max, min, sum};
use crate::state::Overflow;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::col;
use millstream_core::{Error, ErrorKind, MemoryLedger, OutputMode, Reservation};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};
use crate::state::StateStore;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some("")), Just(Some("ccc"))];
    let value = prop_oneof![Just(None), (-1000_i64..1000).prop_map(Some)];
    vec(((0_i32..400).prop_map(|tenths| f64::from(tenths) / 10.0), key, value), 0..30)
}

/// Batches, and which of them fail at first.
pub(super) fn batches() -> impl Strategy<Value = Vec<(Vec<Row>, bool)>> {
    vec((rows(), any::<bool>()), 1..8)
}

fn plan(source: &MemoryRows, delay_s: i64) -> LogicalPlan {
    let aggregates = vec![
        count(lit(1)),
        count(col("v")),
        sum(col("v"), Overflow::Error),
        min(col("v")),
        max(col("k")),
        avg(col("v"), Overflow::Error),
    ];
    LogicalPlanBuilder::from(with_watermark(source.relation(), delay_s))
        .aggregate(vec![window(10, 10), col("k")], aggregates)
        .unwrap()
        .build()
        .unwrap()
}

/// The same in plain Rust.
fn expected(rows: &[Row]) -> Vec<String> {
    let mut groups: BTreeMap<(i64, Option<&str>), Vec<Option<i64>>> = BTreeMap::new();
    for (time, key, value) in rows {
        groups.entry(((time / 10.0).floor() as i64 * 10, *key)).or_default().push(*value);
    }
    let text = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
    let mut result = vec![];
    for ((start, key), all) in groups {
        let values: Vec<i64> = all.iter().flatten().copied().collect();
        let total = values.iter().sum::<i64>();
        let some = |value: i64| (!values.is_empty()).then(|| value.to_string());
        let mean = (!values.is_empty()).then(|| {
            let mean = total as f64 / values.len() as f64;
            if mean == mean.trunc() { format!("{mean:.1}") } else { mean.to_string() }
        });
        let shown_key = text(key.map(str::to_owned));
        let least = text(values.iter().min().map(ToString::to_string));
        let (n, all, sum) = (values.len(), all.len(), text(some(total)));
        let end = start + 10;
        result.push(format!("[{start},{end})|{shown_key}|{all}|{n}|{sum}|{least}|{shown_key}|{}", text(mean)));
    }
    result.sort();
    result
}

/// Memory in plenty, or so little that state goes to disk whenever it can; the second counts what others hold.
pub(super) fn budget(is_tight: bool) -> (MemoryLedger, Reservation) {
    let ledger = if is_tight { MemoryLedger::new(4_000_000_000) } else { MemoryLedger::unlimited() };
    let mut others = ledger.reservation("others");
    others.resize(if is_tight { 3_500_000_000 } else { 0 }).unwrap();
    (ledger, others)
}

/// All parts of a store's snapshot.
pub(super) fn snapshot(store: &dyn StateStore) -> Vec<Vec<u8>> {
    let (mut parts, mut next) = (vec![], Some(0));
    while let Some(part) = next {
        let part = store.snapshot(part).unwrap();
        parts.push(part.bytes);
        next = part.next;
    }
    parts
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

/// All groups, as a batch without data gives them in complete mode.
async fn groups(test: &mut StreamTest) -> Vec<String> {
    let nothing = test.execution.sources().iter().map(|_| None).collect();
    test.run_batch(nothing, |_| Ok(())).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn complete_equals_one_batch_whatever_fails(batches in batches(), is_tight in any::<bool>()) {
        block_on(async {
            let (memory, _others) = budget(is_tight);
            let setting = Setting { memory, ..Setting::of(OutputMode::Complete) };
            let source = MemoryRows::default();
            let mut test = StreamTest::start(plan(&source, 5), setting).await.unwrap();
            let mut all = vec![];
            for (rows, fails) in batches {
                source.add(&rows);
                let pending = test.pending().await;
                if fails {
                    let failed = test.run_batch(pending.clone(), |_| Err(Error::unavailable("the sink is gone"))).await;
                    assert!(failed.is_err());
                    assert_eq!(groups(&mut test).await, expected(&all));
                }
                all.extend(rows);
                assert_eq!(test.run_batch(pending, |_| Ok(())).await.unwrap(), expected(&all));
            }
        });
    }

    /// With a delay longer than all of time nothing is late, and a last row far ahead brings everything out.
    #[test]
    fn append_gives_every_group_once(batches in batches(), is_tight in any::<bool>()) {
        block_on(async {
            let (memory, _others) = budget(is_tight);
            let setting = Setting { memory, ..Setting::of(OutputMode::Append) };
            let source = MemoryRows::default();
            let mut test = StreamTest::start(plan(&source, 50), setting).await.unwrap();
            let (mut all, mut given) = (vec![], vec![]);
            for (rows, fails) in batches {
                source.add(&rows);
                if fails {
                    let pending = test.pending().await;
                    test.run_batch(pending, |_| Err(Error::unavailable("the sink is gone"))).await.unwrap_err();
                }
                given.extend(test.run().await.unwrap().concat());
                all.extend(rows);
            }
            assert_eq!(given, Vec::<String>::new());
            source.add(&[(1000.0, None, None)]);
            let pending = test.pending().await;
            test.run_batch(pending, |_| Ok(())).await.unwrap();
            // The batch that expires everything fails, and everything is there again.
            let nothing = test.pending().await;
            test.run_batch(nothing, |_| Err(Error::unavailable("the sink is gone"))).await.unwrap_err();
            given.extend(test.run().await.unwrap().concat());
            given.sort();
            assert_eq!(given, expected(&all));
        });
    }

    /// What late rows there are, state rebuilt from deltas or from a snapshot is the state, on disk or not.
    #[test]
    fn deltas_and_snapshots_rebuild_the_state(batches in batches(), is_tight in any::<[bool; 3]>()) {
        block_on(async {
            let source = MemoryRows::default();
            let budgets = is_tight.map(budget);
            let [mode, other_mode, restored_mode] =
                [0, 1, 2].map(|index: usize| Setting { memory: budgets[index].0.clone(), ..Setting::of(OutputMode::Update) });
            let mut test = StreamTest::start(plan(&source, 5), mode).await.unwrap();
            let replayed = StreamTest::start(plan(&source, 5), other_mode).await.unwrap();
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
                let operator = &test.execution.operators()[0];
                let parts = snapshot(&*operator.stores()[0]);
                let restored = StreamTest::start(plan(&source, 5), restored_mode.clone()).await.unwrap();
                parts.iter().for_each(|part| restored.execution.operators()[0].stores()[0].apply(part).unwrap());
                for other in [&replayed, &restored] {
                    let other = &other.execution.operators()[0];
                    assert_eq!(sorted_bytes(&snapshot(&*other.stores()[0])), sorted_bytes(&parts));
                    assert_eq!(other.progress().num_rows_total, operator.progress().num_rows_total);
                }
            }
        });
    }

    /// Batch by batch, update mode gives the same rows and evicts the same groups from memory and from disk.
    #[test]
    fn the_budget_changes_no_answer(batches in batches(), delay_s in 0_i64..20) {
        block_on(async {
            let source = MemoryRows::default();
            let budgets = [budget(false), budget(true)];
            let [mut plenty, mut tight] = {
                let [plenty, tight] = budgets.each_ref().map(|(memory, _)| {
                    let setting = Setting { memory: memory.clone(), cores: 1, ..Setting::of(OutputMode::Update) };
                    StreamTest::start(plan(&source, delay_s), setting)
                });
                [plenty.await.unwrap(), tight.await.unwrap()]
            };
            for (rows, fails) in batches {
                source.add(&rows);
                if fails {
                    let pending = tight.pending().await;
                    tight.run_batch(pending, |_| Err(Error::unavailable("the sink is gone"))).await.unwrap_err();
                }
                assert_eq!(tight.run().await.unwrap(), plenty.run().await.unwrap());
                for (tight, plenty) in tight.progress.iter().zip(&plenty.progress) {
                    assert_eq!(
                        (tight.num_rows_total, tight.num_rows_updated, tight.num_rows_removed),
                        (plenty.num_rows_total, plenty.num_rows_updated, plenty.num_rows_removed)
                    );
                }
            }
        });
    }

    /// Bytes of another version are refused. Behind a head of this version anything may happen to look like groups,
    /// which the log's checksums are there for; it is refused as damage or taken, and nothing panics.
    #[test]
    fn garbage_is_refused_by_name(garbage in vec(any::<u8>(), 0..200), distance in 1..=u8::MAX) {
        block_on(async {
            let source = MemoryRows::default();
            let test = StreamTest::start(plan(&source, 5), Setting::of(OutputMode::Complete)).await.unwrap();
            let store = &test.execution.operators()[0].stores()[0];
            let head = snapshot(&**store).concat();
            let other_version = [&[head[0].wrapping_add(distance)], &garbage[..]].concat();
            assert_eq!(store.apply(&other_version).unwrap_err().kind(), ErrorKind::Data);
            if let Err(refused) = store.apply(&[head, garbage].concat()) {
                assert_eq!(refused.kind(), ErrorKind::Data, "{refused:?}");
            }
        });
    }
}

#[tokio::test]
async fn a_snapshot_that_is_cut_off_is_refused_unless_a_group_ends_there() {
    let start = async || {
        let source = MemoryRows::default();
        let test = StreamTest::start(plan(&source, 5), Setting::of(OutputMode::Complete)).await.unwrap();
        (source, test)
    };
    let (source, mut test) = start().await;
    source.add(&[(1.0, Some("a"), Some(1)), (2.0, None, Some(2))]);
    test.run().await.unwrap();
    let whole = snapshot(&*test.execution.operators()[0].stores()[0]).concat();
    let mut groups_taken = vec![];
    for end in 0..=whole.len() {
        let (_source, mut test) = start().await;
        let taken = test.execution.operators()[0].stores()[0].apply(&whole[..end]);
        match taken {
            Ok(()) => groups_taken.push(groups(&mut test).await.len()),
            Err(refused) => assert_eq!(refused.kind(), ErrorKind::Data, "{end} of {} bytes", whole.len()),
        }
    }
    assert_eq!(groups_taken, [0, 1, 2], "behind the head, behind the first group, behind the second");
}

/// Groups have no order in a snapshot, but the same bytes in all.
pub(super) fn sorted_bytes(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.sort_unstable();
    bytes
}
