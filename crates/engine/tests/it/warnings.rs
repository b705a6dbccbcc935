//! What a query warns of: each thing once in a run.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use datafusion::logical_expr::{LogicalPlanBuilder, col};
use millstream_core::OutputMode;
use millstream_engine::plan::EventTimeWatermarkNode;
use millstream_testing::ManualClock;
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::script::{Bench, Step, check, relation, rows};

/// Writes warnings down.
#[derive(Debug, Default, Clone)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target() == "millstream_engine::query"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().push(text.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The fields of an event, one behind the other.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

/// What a script warns of.
async fn warned(bench: &Bench, steps: Vec<Step>) -> Vec<String> {
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    check(bench, steps).await;
    drop(guard);
    warnings.0.lock().clone()
}

#[tokio::test]
async fn state_without_a_bound_is_warned_of_once_with_the_operators_name() {
    let bench = Bench::counting();
    let batches = [[1, 2], [3, 4], [5, 6]].map(|values| [Step::Add(rows(values)), Step::Process]);
    let said = warned(&bench, [Step::Start].into_iter().chain(batches.into_iter().flatten()).collect()).await;
    let [said] = said.as_slice() else { panic!("{said:?}") };
    assert!(said.contains("grows without bound"), "{said}");
    assert!(said.contains("operators=\"StatefulAggregate 0 keeps groups by [k]\""), "{said}");
    let bounded = warned(&Bench::new(), vec![Step::Start, Step::Add(rows([1])), Step::Process]).await;
    assert_eq!(bounded, Vec::<String>::new());
}

#[tokio::test]
async fn times_that_leave_all_others_behind_are_warned_of_once_with_what_was_read() {
    let mut bench = Bench::new();
    let timed = EventTimeWatermarkNode::over(relation(&bench.stream), col("ts"), 60_000_000).unwrap();
    bench.plan = LogicalPlanBuilder::from(timed).project(vec![col("value")]).unwrap().build().unwrap();
    bench.output_mode = OutputMode::Append;
    let now = ManualClock::START_MS / 1000;
    let hour = 3600;
    let batches = |times: &[i64]| {
        let batches = times.iter().map(|time| vec![Step::Add(vec![(1, *time)]), Step::Process]);
        [vec![Step::Start]].into_iter().chain(batches).flatten().collect::<Vec<_>>()
    };
    // Clocks differ by a little; a delay of a minute keeps the watermark back.
    let usual = warned(&bench, batches(&[now, now + 60, now + hour])).await;
    assert_eq!(usual, Vec::<String>::new());
    let said = warned(&bench, batches(&[now, now + 100 * hour, now + 200 * hour])).await;
    let [said] = said.as_slice() else { panic!("{said:?}") };
    assert!(said.contains("event times lie in the future"), "{said}");
    assert!(said.contains("batch=4 "), "{said}");
    assert!(said.contains("newest=\"2026-01-05T04:00:00.000Z\" watermark=\"2026-01-05T03:59:00.000Z\""), "{said}");
    assert!(said.contains(" from 4 to 5"), "{said}");
}
