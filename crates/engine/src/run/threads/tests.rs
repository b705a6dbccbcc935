use tokio::runtime::{Builder, Runtime};

use super::*;

fn named(name: &str) -> Runtime {
    Builder::new_multi_thread().worker_threads(1).thread_name(name).build().unwrap()
}

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn a_start_runs_on_its_own_thread_and_what_it_spawns_on_the_threads_of_queries() {
    let (caller, queries) = (named("caller"), named("queries"));
    let threads = StreamingThreads::on(queries.handle().clone());
    let start = caller.spawn(async move {
        threads
            .enter(async {
                let spawned = tokio::spawn(async { thread_name() }).await.unwrap();
                // After the wait the step is polled anew, and must be there again.
                (thread_name(), spawned, tokio::spawn(async { thread_name() }).await.unwrap())
            })
            .await
    });
    let (step, first, second) = caller.block_on(start).unwrap();
    assert_eq!((step.as_str(), first.as_str(), second.as_str()), ("caller", "queries", "queries"));
}
