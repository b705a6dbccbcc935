//! What a batch costs beyond its rows: microseconds of a batch of one row, log and state included, beside the cost of
//! making one entry durable on the same disk.
//!
//! `cargo bench -p millstream-engine` prints a line for each kind of query, `checkpoint.sync` and load: *back to back*
//! is a query that always has the next row waiting, *at rest* one that is woken by each row.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and ends where something fails")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures by the machine's clock")]

// The tests' script does for a benchmark too; it needs only some of what it can do.
#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/script.rs"]
mod script;

use std::io::Write;
use std::time::{Duration, Instant};

use millstream_engine::SyncPolicy;

use crate::script::{Bench, rows};

const BATCHES: u32 = 2_000;
const ROUNDS: usize = 5;

/// Microseconds a batch with the next row always waiting.
async fn back_to_back(bench: &Bench) -> f64 {
    bench.stream.limit(1);
    bench.stream.add(rows(0..i64::from(BATCHES)));
    let manager = bench.manager(None);
    let started = Instant::now();
    let query = manager.start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    let elapsed = started.elapsed();
    query.stop().await.unwrap();
    assert_eq!(bench.sink.writes().len(), BATCHES as usize);
    micros_per_batch(elapsed)
}

/// Microseconds from adding a row to its batch being committed.
async fn at_rest(bench: &Bench) -> f64 {
    let manager = bench.manager(None);
    let query = manager.start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    let started = Instant::now();
    for row in 0..BATCHES {
        bench.stream.add(rows([i64::from(row)]));
        query.process_all_available().await.unwrap();
    }
    let elapsed = started.elapsed();
    query.stop().await.unwrap();
    micros_per_batch(elapsed)
}

/// Microseconds to append an entry of a log's usual size and make it durable: what no engine can go below.
fn durable_append() -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("log")).unwrap();
    let started = Instant::now();
    for _ in 0..BATCHES {
        file.write_all(&[7; 256]).unwrap();
        file.sync_data().unwrap();
    }
    micros_per_batch(started.elapsed())
}

fn micros_per_batch(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e6 / f64::from(BATCHES)
}

fn print(name: &str, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    println!("{name:<56} {:9.1} µs  ({:.1} – {:.1})", figures[ROUNDS / 2], figures[0], figures[ROUNDS - 1]);
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let queries = [("select", Bench::new as fn() -> Bench), ("count per key", Bench::counting)];
    for (sync, policy) in [("never", SyncPolicy::Never), ("always", SyncPolicy::Always)] {
        for (query, make) in queries {
            let bench = || Bench { sync: policy, ..make() };
            let measured = (0..ROUNDS).map(|_| runtime.block_on(back_to_back(&bench()))).collect();
            print(&format!("{query}, checkpoint.sync={sync}, back to back"), measured);
            let measured = (0..ROUNDS).map(|_| runtime.block_on(at_rest(&bench()))).collect();
            print(&format!("{query}, checkpoint.sync={sync}, at rest"), measured);
        }
    }
    print("floor: append of 256 bytes and fdatasync", (0..ROUNDS).map(|_| durable_append()).collect());
}
