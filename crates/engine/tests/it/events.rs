//! Events: a reader that keeps up sees everything once and in order, a slow one is told what it missed.

use std::time::Duration;

use millstream_core::ErrorKind;
use millstream_engine::{Lagged, QueryEvent, QueryEventKind, QueryEvents};

use crate::script::{Bench, rows};

/// The next event; a test fails rather than hangs.
async fn next(events: &mut QueryEvents) -> Result<QueryEvent, Lagged> {
    let next = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
    next.expect("an event comes").expect("the engine lives")
}

/// One line an event, as short as can be.
fn line(event: &QueryEvent) -> String {
    match &event.kind {
        QueryEventKind::Started { name } => format!("started {}", name.as_deref().unwrap_or("-")),
        QueryEventKind::Progress(progress) => format!("batch {}", progress.batch_id),
        QueryEventKind::Idle => "idle".to_owned(),
        QueryEventKind::Terminated => "terminated".to_owned(),
        QueryEventKind::Failed(error) => format!("failed {}", error.class().unwrap_or_default()),
    }
}

#[tokio::test]
async fn a_reader_that_keeps_up_sees_each_of_ten_thousand_batches_once() {
    const BATCHES: u64 = 10_000;
    let bench = Bench { name: Some("q".to_owned()), ..Bench::new() };
    let manager = bench.manager(None);
    let (mut events, mut of_engine) = (manager.events(), manager.engine().events());
    let query = manager.start(bench.spec()).await.unwrap();
    assert_eq!(line(&next(&mut events).await.unwrap()), "started q");
    let mut batch = 0;
    while batch < BATCHES {
        bench.stream.add(rows([0]));
        let event = next(&mut events).await.unwrap();
        assert_eq!((event.id, event.run_id), (query.id(), query.run_id()));
        assert_eq!(line(&event), format!("batch {batch}"));
        batch += 1;
    }
    query.stop().await.unwrap();
    let mut last = line(&next(&mut events).await.unwrap());
    while last != "terminated" {
        assert_eq!(last, format!("batch {batch}"));
        batch += 1;
        last = line(&next(&mut events).await.unwrap());
    }
    assert!(events.try_next().is_none());

    // The reader of the engine looks only now: it is told how many there were, and sees the newest in their order.
    let Err(Lagged(missed)) = next(&mut of_engine).await else { panic!("it cannot have seen all") };
    let mut seen = vec![];
    while let Some(event) = of_engine.try_next() {
        seen.push(line(&event.unwrap()));
    }
    // Started, every batch, terminated.
    assert_eq!(missed + seen.len() as u64, batch + 2);
    let first = batch + 1 - seen.len() as u64;
    let expected = (first..batch).map(|batch| format!("batch {batch}")).chain(["terminated".to_owned()]);
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_failure_comes_last_with_sparks_class() {
    let bench = Bench::new();
    let manager = bench.manager(None);
    let mut events = manager.events();
    bench.stream.add(rows([1]));
    bench.stream.fail(1, ErrorKind::Data);
    let query = manager.start(bench.spec()).await.unwrap();
    query.await_termination(None).await.unwrap_err();
    let mut lines = vec![];
    while let Some(event) = events.try_next() {
        lines.push(line(&event.unwrap()));
    }
    assert_eq!(lines, ["started -", "failed STREAM_FAILED"]);
}

#[tokio::test]
async fn a_query_without_data_says_so_every_ten_seconds() {
    let bench = Bench::new();
    let manager = bench.manager(None);
    let mut events = manager.events();
    let query = manager.start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    let mut lines = vec![];
    for _ in 0..2 {
        lines.push(line(&next(&mut events).await.unwrap()));
    }
    assert_eq!(lines, ["started -", "batch 0"]);
    for _ in 0..3 {
        let idle = bench.clock.pass_while(Duration::from_secs(1), next(&mut events)).await;
        assert_eq!(line(&idle.unwrap()), "idle");
    }
    query.stop().await.unwrap();
}
