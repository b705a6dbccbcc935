use millstream_core::{BatchId, QueryId, RunId, SinkStart};
use millstream_kafka::CommittedOffset;

use super::Recovery::{self, Aborted, Committed, Refuse};
use super::{Marker, batches_in_output, refuse_older_checkpoint};

const RUN: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

fn run() -> RunId {
    RunId(RUN.parse().expect("a UUID"))
}

/// A log of so many batches, so many of them done; batch N has the hash 100 + N.
fn log(logged: u64, committed: u64) -> SinkStart {
    SinkStart {
        query: Some((QueryId(RUN.parse().expect("a UUID")), run())),
        logged: (0..logged).map(|batch| (BatchId(batch), 100 + batch)).collect(),
        newest_commit: committed.checked_sub(1).map(BatchId),
        ..SinkStart::batch_write()
    }
}

/// A marker of so many batches, as this log's query would have written it.
fn marker(batches: u64) -> Marker {
    Marker { batches, run: RUN.to_owned(), hash: batches.checked_sub(1).map(|newest| 100 + newest) }
}

#[test]
fn the_marker_and_the_log_say_what_the_output_holds() {
    let check =
        |marker: Option<Marker>, (logged, committed): (u64, u64), recovery: Recovery, wanted: Result<u64, &str>| {
            let found = batches_in_output(marker.as_ref(), &log(logged, committed), recovery);
            match (&found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(*found, wanted),
                (Err(error), Err(wanted)) => assert!(error.message().contains(wanted), "{error}"),
                _ => panic!("{marker:?}, {logged} logged, {committed} committed, {recovery:?}: {found:?}"),
            }
        };
    // The first start, and one that died before its first batch.
    check(None, (0, 0), Refuse, Ok(0));
    check(Some(marker(0)), (0, 0), Refuse, Ok(0));
    // Everything is done; or the newest batch is in the output, or not.
    check(Some(marker(3)), (3, 3), Refuse, Ok(3));
    check(Some(marker(3)), (3, 2), Refuse, Ok(3));
    check(Some(marker(2)), (3, 2), Refuse, Ok(2));
    // The marker is believed even where somebody would say otherwise.
    check(Some(marker(3)), (3, 2), Aborted, Ok(3));
    check(Some(marker(2)), (3, 2), Committed, Ok(2));
    // An old copy of the checkpoint, whatever is wanted.
    for recovery in [Refuse, Committed, Aborted] {
        check(Some(marker(4)), (3, 3), recovery, Err("older than the output"));
        check(Some(marker(1)), (0, 0), recovery, Err("older than the output"));
    }
    // Another copy of the checkpoint wrote the same batch with other inputs.
    let other = Marker { hash: Some(7), ..marker(3) };
    check(Some(other.clone()), (3, 2), Refuse, Err("from another copy of the checkpoint"));
    check(Some(other), (3, 2), Committed, Err("from another copy of the checkpoint"));
    // The log no longer has that batch, so there is nothing to compare.
    let mut short = log(5, 3);
    short.logged.remove(&BatchId(2));
    assert_eq!(batches_in_output(Some(&Marker { hash: Some(7), ..marker(3) }), &short, Refuse).expect("believed"), 3);
    // The marker is gone, or behind what was committed: only a person can tell.
    check(None, (3, 2), Refuse, Err("batch 2 may be in the output or not"));
    check(None, (3, 2), Committed, Ok(3));
    check(None, (3, 2), Aborted, Ok(2));
    check(None, (3, 3), Refuse, Err("no batch of this checkpoint is unfinished"));
    check(None, (3, 3), Aborted, Ok(3));
    check(Some(marker(1)), (3, 2), Refuse, Err("the cluster has lost some"));
    check(Some(marker(1)), (3, 2), Committed, Ok(3));
    check(Some(marker(1)), (3, 2), Aborted, Ok(2));
}

#[test]
fn an_old_copy_is_refused_by_the_first_look() {
    assert!(refuse_older_checkpoint(&marker(3), &log(3, 3)).is_ok());
    let error = refuse_older_checkpoint(&marker(4), &log(3, 3)).expect_err("older");
    assert_eq!(
        error.message(),
        format!(
            "the output holds batch 3, written by run {RUN}, but the checkpoint knows only the batches before 3: it is older \
             than the output"
        )
    );
}

#[test]
fn a_marker_is_read_as_it_was_written() {
    for (batches, hash) in [(0, None), (1, Some(0)), (7, Some(u64::MAX)), (8, Some(0x1234))] {
        let committed = CommittedOffset { offset: batches as i64, metadata: Marker::metadata(run(), hash) };
        assert_eq!(Marker::read(&committed).expect("ours"), Marker { batches, run: RUN.to_owned(), hash });
    }
    for (offset, metadata) in [(3, format!("{RUN} not-hex")), (-1, RUN.to_owned())] {
        let error = Marker::read(&CommittedOffset { offset, metadata }).expect_err("foreign");
        assert!(error.message().contains("which no sink of Millstream has written"), "{error}");
    }
}
