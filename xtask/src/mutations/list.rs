//! The faults.

use super::Mutation;
use super::Tests::{Engine, EngineFromOutside, Streams};

const PROPAGATION: &str = "crates/engine/src/plan/watermark_propagation.rs";
const PAIRING: &str = "crates/engine/src/operators/stream_join/pairing.rs";
const SESSIONS: &str = "crates/engine/src/operators/session_window_exec.rs";

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "late-by-new-watermark",
        what: "rows are late by the watermark of their own batch",
        file: PROPAGATION,
        from: "OperatorWatermarks { late_ms, eviction_ms }",
        to: "OperatorWatermarks { late_ms: eviction_ms, eviction_ms }",
        tests: Streams,
    },
    Mutation {
        name: "evict-a-batch-late",
        what: "state is evicted by the watermark of the batch before",
        file: PROPAGATION,
        from: "OperatorWatermarks { late_ms, eviction_ms }",
        to: "OperatorWatermarks { late_ms, eviction_ms: late_ms }",
        tests: Streams,
    },
    Mutation {
        name: "evict-a-batch-early",
        what: "the watermark that a batch brings evicts in that batch",
        file: "crates/engine/src/operators/gathering.rs",
        from: "gathering.eviction_us(&self.batch)",
        to: "gathering.eviction_us(&self.batch).map(|known_us| {
            let seen_us = self.batch.event_times.iter().filter_map(|times| Some(times.get()?.1 - 10_000_000));
            seen_us.fold(known_us, i64::max)
        })",
        tests: Streams,
    },
    Mutation {
        name: "watermark-max",
        what: "of several watermarks the greatest counts instead of the least",
        file: "crates/engine/src/watermark.rs",
        from: "all.min()",
        to: "all.max()",
        tests: Streams,
    },
    Mutation {
        name: "one-watermark-for-all",
        what: "an aggregate over an aggregate has the watermark of the query",
        file: PROPAGATION,
        from: "input.and_then(|input_ms| node.output_watermark_ms(input_ms))",
        to: "input.map(|_| query_ms)",
        tests: Streams,
    },
    Mutation {
        name: "no-batch-without-data",
        what: "no batch runs because the watermark has moved",
        file: "crates/engine/src/plan/incremental.rs",
        from: "operator.follows_watermark() && has_moved(operator.id())",
        to: "false",
        tests: Streams,
    },
    Mutation {
        name: "null-row-twice",
        what: "an outer join gives a row that met nothing twice",
        file: PAIRING,
        from: "count += 1;",
        to: "rows.push(row, None); count += 2;",
        tests: Streams,
    },
    Mutation {
        name: "met-is-not-marked",
        what: "an outer join forgets that a row has met another",
        file: PAIRING,
        from: "guard.with_bucket(key, |bucket| mark(bucket, sub_key))?;",
        to: "",
        tests: Streams,
    },
    Mutation {
        name: "session-keeps-its-end",
        what: "a session that takes another in keeps its own end",
        file: SESSIONS,
        from: "current.end_us.max(session.end_us)",
        to: "current.end_us",
        tests: Streams,
    },
    Mutation {
        name: "session-does-not-touch",
        what: "a session that begins where another ends is not merged with it",
        file: SESSIONS,
        from: "start_us <= current.end_us",
        to: "start_us < current.end_us",
        tests: Streams,
    },
    Mutation {
        name: "dedup-by-first-column",
        what: "duplicates are told by the first key column alone",
        file: "crates/engine/src/plan/nodes/deduplicate.rs",
        from: "self.key_places(columns)?",
        to: "self.key_places(columns)?.into_iter().take(1).collect::<Vec<_>>()",
        tests: Streams,
    },
    Mutation {
        name: "zeros-differ",
        what: "the key -0.0 is another than 0.0 within arrays and structs",
        file: "crates/engine/src/state/key_codec/nested.rs",
        from: "if value.is_nan() { f64::NAN } else { value + 0.0 }",
        to: "if value.is_nan() { f64::NAN } else { value }",
        tests: Streams,
    },
    Mutation {
        name: "limit-begins-anew",
        what: "a limit counts from nothing in each batch",
        file: "crates/engine/src/operators/global_limit_exec.rs",
        from: "self.seen(number).map_err(to_datafusion)?",
        to: "0",
        tests: Streams,
    },
    Mutation {
        name: "lost-retraction",
        what: "a group that changes does not take back what it was",
        file: "crates/engine/src/operators/stateful_aggregate_exec.rs",
        from: "old.push_value(key, values, place)",
        to: "Ok(())",
        tests: Engine("plan::tests::changes"),
    },
    Mutation {
        name: "undo-forgets-a-key",
        what: "a batch that failed leaves the first key that it changed as it is",
        file: "crates/engine/src/state/pane.rs",
        from: "self.entries.values_mut().copy_from(entry, &self.undo_values, place);",
        to: "if place > 0 { self.entries.values_mut().copy_from(entry, &self.undo_values, place); }",
        tests: Engine("plan::tests::properties"),
    },
    Mutation {
        name: "watermark-not-saved",
        what: "the watermark is not in the log",
        file: "crates/engine/src/micro_batch/execution.rs",
        from: "CommitEntry { batch: batch.id(), next_watermark_ms, prepared }",
        to: "CommitEntry { batch: batch.id(), next_watermark_ms: 0, prepared }",
        tests: EngineFromOutside("watermark"),
    },
];
