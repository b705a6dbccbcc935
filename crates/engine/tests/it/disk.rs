//! Disks that fail: the query says which file and what to do, and goes on from its last good batch once that is done.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::ErrorKind;
use millstream_engine::{QuerySpec, SyncPolicy};

use crate::faulty_disk::{Fault, FaultyDisk};
use crate::script::{Bench, Step, check, rows, values};

const AGAIN: &str = ", then start the query again: it goes on from its last good batch";

/// A query that counts on a disk that can be made to fail.
fn counting() -> (Bench, FaultyDisk) {
    let disk = FaultyDisk::default();
    (Bench { disk: Arc::new(disk.clone()), sync: SyncPolicy::Always, ..Bench::counting() }, disk)
}

/// Numbers 1 to 3 counted, and then 4 to 6 after the mend.
async fn goes_on(bench: &Bench, fault: Fault) {
    check(bench, vec![Step::Start, Step::Process, Step::Stop]).await;
    let newest: Vec<_> = bench.sink.rows().into_iter().rev().take(2).collect();
    assert_eq!(newest, [[1, 3], [0, 3]], "after {fault:?}");
    let writes = bench.sink.writes();
    assert!(writes.windows(2).all(|pair| pair[0] <= pair[1]), "after {fault:?}: {writes:?}");
}

#[tokio::test]
async fn a_disk_that_fails_stops_a_running_query_which_then_goes_on() {
    for (fault, mend) in [
        (Fault::Full, "free space on that disk"),
        (Fault::ReadOnly, "make that file system writable"),
        (Fault::WriteError, "check that disk and the system's log"),
        (Fault::SyncError, "check that disk and the system's log"),
    ] {
        let (bench, disk) = counting();
        bench.stream.add(rows(1..=3));
        let query = bench.manager(None).start(bench.spec()).await.unwrap();
        query.process_all_available().await.unwrap();
        disk.fail(Some(fault));
        bench.stream.add(rows(4..=6));
        let error = query.await_termination(None).await.unwrap_err();
        let text = error.to_spark_message();
        for part in ["checkpoint file '", "/millstream/log-0000000000'", mend, AGAIN] {
            assert!(text.contains(part), "{fault:?}: {text}");
        }
        disk.fail(None);
        goes_on(&bench, fault).await;
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_a_file_is_refused_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for location in [file.clone(), file.join("below")] {
        let (bench, _) = counting();
        let spec = QuerySpec { checkpoint: Some(location), ..bench.spec() };
        let error = bench.manager(None).start(spec).await.map(drop).unwrap_err();
        let text = error.to_spark_message();
        assert!(text.contains("there is a file where the checkpoint's folder should be; name another"), "{text}");
        assert!(text.contains(&*file.to_string_lossy()), "{text}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn a_disk_that_fails_refuses_a_start_which_then_goes_on() {
    for (fault, mend) in [
        (Fault::Full, "free space on that disk"),
        (Fault::ReadOnly, "make that file system writable"),
        (Fault::NoPermission, "give the user of this process the right to read and write there"),
        (Fault::WriteError, "check that disk and the system's log"),
        (Fault::SyncError, "check that disk and the system's log"),
    ] {
        let (bench, disk) = counting();
        check(&bench, vec![Step::Add(rows(1..=3)), Step::Start, Step::Process, Step::Stop]).await;
        bench.stream.add(rows(4..=6));
        disk.fail(Some(fault));
        let error = match bench.manager(None).start(bench.spec()).await {
            Ok(query) => query.await_termination(None).await.unwrap_err(),
            Err(error) => error,
        };
        let text = error.to_spark_message();
        for part in ["checkpoint file '", &*bench.folder().to_string_lossy(), mend, AGAIN] {
            assert!(text.contains(part), "{fault:?}: {text}");
        }
        disk.fail(None);
        goes_on(&bench, fault).await;
    }
}

#[tokio::test]
async fn after_an_error_nothing_more_is_written_to_the_log() {
    let (bench, disk) = counting();
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    disk.asked();
    disk.fail(Some(Fault::SyncError));
    bench.stream.add(rows(1..=3));
    query.await_termination(None).await.unwrap_err();
    assert_eq!(disk.asked(), ["append to log-0000000000", "sync log-0000000000"]);
}

/// What a run that died left in the system's memory, or could not sync, would be gone with the power, and the log would
/// have a gap behind which the new run writes.
#[tokio::test]
async fn a_start_makes_durable_what_the_run_before_left() {
    let (bench, disk) = counting();
    check(&bench, vec![Step::Add(rows(1..=3)), Step::StartAndDie("after_wal_commit", 1)]).await;
    disk.asked();
    check(&bench, vec![Step::Start, Step::Process]).await;
    let asked = disk.asked();
    let place = |what: &str| asked.iter().position(|line| line == what);
    assert!(
        place("replace durably log-0000000000").is_some_and(|at| Some(at) < place("create log-0000000001")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_query_that_stops_leaves_nothing_to_be_synced_later() {
    let (bench, disk) = counting();
    let bench = Bench { sync: SyncPolicy::Every(Duration::from_secs(1)), ..bench };
    check(&bench, vec![Step::Add(rows(1..=3)), Step::Start, Step::Process, Step::Stop]).await;
    assert_eq!(disk.asked().last().map(String::as_str), Some("sync log-0000000000"));
}

#[tokio::test]
async fn sparks_files_that_a_power_cut_tore_do_not_matter() {
    let bench = Bench { sync: SyncPolicy::Always, ..Bench::new() };
    check(&bench, vec![Step::Add(rows([1])), Step::Start, Step::Process, Step::Stop]).await;
    for folder in ["offsets", "commits"] {
        let files = fs::read_dir(bench.folder().join(folder)).unwrap().map(|file| file.unwrap().path());
        let torn = files.inspect(|path| {
            let whole = fs::read(path).unwrap();
            fs::write(path, &whole[..whole.len() / 2]).unwrap();
        });
        assert!(torn.count() > 0, "there is nothing in {folder}");
    }
    check(&bench, vec![Step::Add(rows([2])), Step::Start, Step::Process]).await;
    assert_eq!(bench.sink.rows(), values([1, 2]));
}

#[tokio::test]
async fn two_processes_do_not_share_a_checkpoint() {
    let (bench, _) = counting();
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_spark_message().contains("stop the other query"), "{error:?}");
    query.stop().await.unwrap();
}
