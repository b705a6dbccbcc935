//! Results that are too long are refused by name, before they are made.

use millstream_core::MemoryLedger;
use millstream_engine::Work;
use millstream_testing::most_bytes_held;

use crate::functions::{answer, context};

#[tokio::test]
async fn a_value_that_is_too_long_is_refused_by_name() {
    for (expression, expected) in [
        ("length(repeat(repeat('ab', 1000000), 1000000))", "'repeat' would make a value of 2000000000000 bytes"),
        ("length(lpad('a', 2147483647, 'xy'))", "'lpad' would make a value of "),
        ("length(rpad('a', 2147483647, 'xy'))", "'rpad' would make a value of "),
        ("length(space(2147483647))", "'space' would make a value of 2147483647 bytes"),
        ("size(array_repeat('a', 2147483647))", "'array_repeat' would make a value of "),
    ] {
        let error = answer(expression, "limits", &context(true)).await.unwrap_err();
        assert!(error.message().contains(expected), "{expression}: {error}");
    }
}

#[tokio::test]
async fn a_result_that_the_ledger_has_no_room_for_is_refused_by_name() {
    let small = || {
        let memory = MemoryLedger::new(4 << 20);
        millstream_sql::AnalysisContext { work: Work::uninterrupted(memory.clone()), memory, ..context(true) }
    };
    for (expression, owner) in [
        ("length(repeat('ab', 3000000))", "the result of 'repeat' needs "),
        ("size(sequence(1, 2000000000))", "the result of 'sequence' needs "),
        ("length(concat(repeat('a', 3000000), repeat('b', 3000000)))", "the result of 'concat' needs "),
        ("length(concat_ws('-', repeat('a', 3000000), repeat('b', 3000000)))", "the result of 'concat_ws' needs "),
        ("length(replace(repeat('a', 1500000), 'a', 'bcdef'))", "the result of 'replace' needs "),
    ] {
        let error = answer(expression, "limits", &small()).await.unwrap_err();
        assert!(error.message().contains(owner), "{expression}: {error}");
    }
    let fits = answer("length(repeat('ab', 400000))", "limits", &small()).await.unwrap();
    assert_eq!(fits, "int not null\t=800000");
}

/// How many windows a row is in is known before any row is read.
#[tokio::test]
async fn a_time_in_too_many_windows_is_refused_by_name() {
    for slide in ["'365000 days', '1 microsecond'", "'1 day', '1 millisecond'"] {
        let window = format!("window(timestamp'2024-03-05 10:00:00', {slide})");
        let error = answer(&window, "limits", &context(true)).await.unwrap_err();
        assert!(error.message().contains(" windows at a time is not supported"), "{window}: {error}");
    }
    let memory = MemoryLedger::new(1 << 20);
    let small = millstream_sql::AnalysisContext { work: Work::uninterrupted(memory.clone()), memory, ..context(true) };
    let window = "window(timestamp'2024-03-05 10:00:00', '1 day', '1 second')";
    let error = answer(window, "limits", &small).await.unwrap_err();
    assert!(error.message().contains("the windows of a batch needs "), "{error}");
}

/// What a function has beside the ledger while it finds out that there is no room: arguments, and a slice of a column
/// whose constants are repeated for each row.
const BESIDE_LEDGER_BYTES: usize = 112 << 20;

/// One function of the kind a line: its name, and a query whose result would not fit.
const GROWING: &[(&str, &str)] = &[
    ("repeat", "repeat('ab', 50000000)"),
    ("space", "space(100000000)"),
    ("lpad", "lpad('a', 100000000, 'xy')"),
    ("rpad", "rpad('a', 100000000, 'xy')"),
    ("lpad", "lpad(X'00', 100000000, X'01')"),
    ("sequence", "size(sequence(1, 100000000))"),
    ("array_repeat", "size(array_repeat('abc', 10000000))"),
    ("array_insert", "size(array_insert(array(1), 10000000, 1))"),
    ("concat", "concat(repeat('a', 9000000), repeat('b', 9000000))"),
    (
        "concat_ws",
        "concat_ws(repeat('-', 1000000), 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', \
      'o', 'p', 'q', 'r', 's', 't')",
    ),
    ("replace", "replace(repeat('a', 3000000), 'a', 'bcdefgh')"),
    ("regexp_replace", "regexp_replace(repeat('a', 100000), 'a', repeat('b', 10000))"),
    ("array_join", "array_join(array_repeat('a', 100000), repeat('b', 10000))"),
    ("format_string", "format_string('%1000000000d', 1)"),
    ("format_string", "format_string('%.1000000000f', 1.5D)"),
    ("upper", "upper(concat(s, repeat('a', 1000000)))"),
    ("listagg", "listagg(s, repeat('b', 100000))"),
];

/// 5,000 rows with a short text.
const ROWS: &str = "(SELECT explode(array_repeat('abc', 5000)) AS s)";

#[test]
fn every_function_whose_result_may_be_longer_than_its_arguments_asks_for_room_first() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (function, expression) in GROWING {
        let memory = MemoryLedger::new(16 << 20);
        let work = Work::uninterrupted(memory.clone());
        let context = millstream_sql::AnalysisContext { work, memory: memory.clone(), ..context(true) };
        let query = format!("SELECT count(r) FROM (SELECT {expression} AS r FROM {ROWS})");
        let (answer, held) = most_bytes_held(|| runtime.block_on(crate::fuzz::rows(&query, &context)));
        let error = answer.expect_err(expression);
        assert_eq!(error.class(), Some("UNABLE_TO_ACQUIRE_MEMORY"), "{function}: {error}");
        assert!(error.message().starts_with("the result of '"), "{function}: {error}");
        assert!(held < (16 << 20) + BESIDE_LEDGER_BYTES, "{function} held {} MB", held >> 20);
        drop(context);
        assert_eq!(memory.used_bytes(), 0, "{function} left something in the ledger");
    }
}
