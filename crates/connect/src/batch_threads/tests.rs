use std::future::pending;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::*;

fn threads() -> BatchThreads {
    BatchThreads::new(1, || ())
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn work_that_never_pauses_keeps_no_other_from_its_threads() {
    let threads = threads();
    let (mut releases, mut blocked) = (vec![], JoinSet::new());
    for _ in 1..LANES_MAX {
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        releases.push(release);
        let threads = threads.clone();
        blocked.spawn(async move {
            let hold = async move {
                started.send(()).unwrap();
                // Not a wait of a task: the thread is gone, as in a long kernel.
                released.recv().unwrap();
                Ok(())
            };
            threads.run(hold).await
        });
        has_started.await.unwrap();
    }
    let last = LANES_MAX - 1;
    assert_eq!(threads.run(async { Ok(thread_name()) }).await.unwrap(), format!("batch-{last}"));
    for release in releases {
        release.send(()).unwrap();
    }
    blocked.join_all().await.into_iter().collect::<Result<()>>().unwrap();
}

#[tokio::test]
async fn one_query_after_the_other_uses_the_same_threads() {
    let threads = threads();
    for _ in 0..3 {
        assert_eq!(threads.run(async { Ok(thread_name()) }).await.unwrap(), "batch-0");
    }
}

#[tokio::test]
async fn work_that_nobody_waits_for_ends() {
    struct Ended(Option<oneshot::Sender<()>>);
    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let threads = threads();
    let (started, has_started) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let work = async move {
        let _ended = Ended(Some(ended));
        started.send(()).unwrap();
        pending::<Result<()>>().await
    };
    tokio::select! {
        _ = threads.run(work) => unreachable!("it never ends by itself"),
        started = has_started => started.unwrap(),
    }
    has_ended.await.unwrap();
}

#[tokio::test]
async fn a_panic_is_an_error() {
    let error = threads().run::<()>(async { panic!("no such luck") }).await.unwrap_err();
    assert_eq!(error.message(), "the operation broke off: no such luck");
}
