//! The runtimes of this process, and who runs on which. Each is handed to its users as a value; nothing looks one up.
//!
//! | runtime | threads | what runs there |
//! | --- | --- | --- |
//! | control | one a core | calls, signals, the embedded broker, programs and tools; never a plan or a row |
//! | streaming | one a core | the loops of streaming queries with their Kafka connections, sinks and checkpoints |
//! | batch | `--cores` a query, eight queries side by side, at a lower priority | analysis, planning, batch queries |
//!
//! So whatever a batch query does, calls are answered, signals obeyed and streams go on. A query's Kafka connections
//! are not on the control runtime, because waking a thread of another runtime for each record would cost more than the
//! record.

use millstream_connect::{BatchThreads, STACK_BYTES};
use millstream_core::{Error, Result};
use millstream_engine::StreamingThreads;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::runtime::{Builder, Runtime};

/// How much nicer than the process the threads of batch queries are. Ten steps are a tenth of the weight: streams
/// hardly feel them, and a batch query still goes on where something else wants the whole machine.
const BATCH_NICER: i32 = 10;

/// As nice as a thread can be.
const NICEST: i32 = 19;

/// The runtime that answers: the one of `main`.
pub(crate) fn control() -> Result<Runtime> {
    start("control")
}

/// The runtimes that compute. To drop them ends their work without waiting for it.
#[derive(Debug)]
pub(crate) struct QueryRuntimes {
    /// Present until it is dropped.
    streaming: Option<Runtime>,
    batch: BatchThreads,
}

impl QueryRuntimes {
    /// `cores` are the threads of one batch query.
    pub(crate) fn start(cores: usize) -> Result<Self> {
        Ok(Self { streaming: Some(start("streaming")?), batch: BatchThreads::new(cores, lower_priority) })
    }

    /// Where streaming queries run.
    pub(crate) fn streaming(&self) -> StreamingThreads {
        self.streaming
            .as_ref()
            .map_or_else(StreamingThreads::of_caller, |runtime| StreamingThreads::on(runtime.handle().clone()))
    }

    /// Where plans are analysed and batch queries run.
    pub(crate) fn batch(&self) -> BatchThreads {
        self.batch.clone()
    }
}

impl Drop for QueryRuntimes {
    fn drop(&mut self) {
        // Whoever wanted to wait for a batch has done so; a kernel that still computes holds up nobody.
        if let Some(streaming) = self.streaming.take() {
            streaming.shutdown_background();
        }
    }
}

fn start(name: &str) -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name(name)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Error::unavailable(format!("cannot start the {name} runtime")).with_source(error))
}

/// Lets the operating system prefer every other thread to this one. Where it refuses, batch queries are merely as
/// important as everything else.
fn lower_priority() {
    let priority = library_priority((own_niceness() + BATCH_NICER).min(NICEST));
    let priority = ThreadPriorityValue::try_from(priority).map(ThreadPriority::Crossplatform);
    // `Batch`: such a thread never takes the processor from a running one because it has just woken up.
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
    let lowered = priority.map(|priority| set_thread_priority_and_policy(thread_native_id(), priority, policy));
    if !matches!(lowered, Ok(Ok(()))) {
        tracing::debug!(?lowered, "the priority of a thread for batch queries stays as it is");
    }
}

/// The process may have been started with another priority, and a thread begins with that.
fn own_niceness() -> i32 {
    std::fs::read_to_string("/proc/thread-self/stat").ok().and_then(|stat| niceness(&stat)).unwrap_or_default()
}

/// The nineteenth field of a line of /proc, whose second is a name in parentheses that may have anything in it.
fn niceness(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(16)?.parse().ok()
}

/// The library counts from 0, the lowest priority, to 99 over the 39 steps from 19 down to -20, and rounds; so this is
/// the middle of a step.
fn library_priority(niceness: i32) -> u8 {
    u8::try_from(99 * (185 - 10 * niceness) / 390).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_niceness_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 3 2 0 0 25 5 1 0 100 1 1";
        assert_eq!(niceness(stat), Some(5));
        assert_eq!(niceness("7 (short) S 1"), None);
    }

    #[test]
    fn each_niceness_is_the_librarys_too() {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
        for niceness in 0..=NICEST {
            let priority = ThreadPriorityValue::try_from(library_priority(niceness)).unwrap();
            assert_eq!(ThreadPriority::Crossplatform(priority).to_posix(policy), Ok(niceness));
        }
    }

    #[test]
    fn a_thread_that_lowers_its_priority_is_ten_steps_nicer() {
        let before = own_niceness();
        let lowered = std::thread::spawn(|| {
            lower_priority();
            own_niceness()
        });
        if cfg!(target_os = "linux") {
            assert_eq!(lowered.join().unwrap(), (before + BATCH_NICER).min(NICEST));
        }
        assert_eq!(own_niceness(), before, "no other thread's is touched");
    }
}
