//! Every function of the table under random calls: whatever the arguments, a call has an answer or an error with a
//! name, never a panic and never INTERNAL_ERROR, and takes no more memory than the ledger has.
//!
//! Seed and number of calls are fixed, so that a run is like the one before. For other and longer runs:
//!
//! ```text
//! MILLSTREAM_FUZZ=SEED:CALLS cargo test -p millstream-functions --test it fuzz
//! ```
//!
//! where CALLS is per function. `MILLSTREAM_FUZZ_TRACE=FILE` writes every call down before it is made, for one that
//! ends the process, and what became of it.

mod calls;
mod values;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::TryStreamExt;
use millstream_core::{Error, MemoryLedger, Result};
use millstream_engine::Work;
use millstream_functions::entries;
use millstream_sql::parser::{Statement, parse_statement};
use millstream_sql::{AnalysisContext, analyze, collect_stream};
use millstream_testing::most_bytes_held;
use tokio::runtime::{Builder, Runtime};

use self::calls::Calls;
use crate::functions::context;

const SEED: u64 = 11;
const CALLS_PER_FUNCTION: usize = 4;
/// What the ledger has for a call.
const MEMORY_BYTES: usize = 32 << 20;
/// What a call may hold beside what is in the ledger: arguments and results while they are copied.
const BESIDE_LEDGER_BYTES: usize = 160 << 20;

/// What became of the calls.
#[derive(Default)]
struct Outcomes {
    answered: usize,
    refused: usize,
    failures: String,
}

#[test]
fn no_call_of_a_function_panics_or_gives_an_internal_error_or_takes_more_memory_than_there_is() {
    let (seed, calls_per_function) = std::env::var("MILLSTREAM_FUZZ").map_or((SEED, CALLS_PER_FUNCTION), |text| {
        let (seed, calls) = text.split_once(':').expect("SEED:CALLS");
        (seed.parse().expect("a seed"), calls.parse().expect("a number of calls"))
    });
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut calls = Calls::new(seed);
    let mut outcomes = Outcomes::default();
    for _ in 0..calls_per_function {
        for entry in entries() {
            let ansi = calls.coin();
            let query = calls.query(entry);
            ask(&runtime, &query, ansi, &mut outcomes);
        }
    }
    assert!(outcomes.failures.is_empty(), "{}", outcomes.failures);
    let Outcomes { answered, refused, .. } = outcomes;
    assert!(answered * 8 > refused, "{answered} calls answered and {refused} refused: too few of them mean anything");
}

fn ask(runtime: &Runtime, query: &str, ansi: bool, outcomes: &mut Outcomes) {
    trace(&format!("ansi={ansi} {query}\n"));
    let memory = MemoryLedger::new(MEMORY_BYTES);
    let context = AnalysisContext { work: Work::uninterrupted(memory.clone()), memory, ..context(ansi) };
    let (answer, held) = most_bytes_held(|| catch_unwind(AssertUnwindSafe(|| runtime.block_on(rows(query, &context)))));
    let wrong = match &answer {
        Ok(Ok(_)) => {
            outcomes.answered += 1;
            None
        }
        Ok(Err(error)) if error.class() == Some("INTERNAL_ERROR") => Some(error.to_spark_message()),
        Ok(Err(_)) => {
            outcomes.refused += 1;
            None
        }
        Err(_) => Some("panicked".to_owned()),
    };
    trace(&format!("    {}, {held} bytes\n", shown(&answer)));
    let wrong =
        wrong.or_else(|| (held > MEMORY_BYTES + BESIDE_LEDGER_BYTES).then(|| format!("held {} MB", held >> 20)));
    if let Some(wrong) = wrong {
        writeln!(outcomes.failures, "ansi={ansi} {query}\n    {wrong}").expect("a string");
    }
}

fn shown(answer: &std::thread::Result<Result<usize>>) -> String {
    match answer {
        Ok(Ok(rows)) => format!("{rows} rows"),
        Ok(Err(error)) => error.to_spark_message(),
        Err(_) => "panicked".to_owned(),
    }
}

fn trace(text: &str) {
    if let Ok(path) = std::env::var("MILLSTREAM_FUZZ_TRACE") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file for the trace");
        file.write_all(text.as_bytes()).expect("a line of the trace");
    }
}

/// How many rows the query has.
pub(crate) async fn rows(query: &str, context: &AnalysisContext) -> Result<usize> {
    let Statement::Query(relation) = parse_statement(query)? else {
        return Err(Error::invalid("not a query"));
    };
    let analyzed = analyze(&relation, context)?;
    let batches = collect_stream(&analyzed, context).await?;
    batches.try_fold(0, async |rows, batch| Ok(rows + batch.num_rows())).await
}
