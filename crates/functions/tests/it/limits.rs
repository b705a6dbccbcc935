//! Results that are too long are refused by name, before they are made.

use millstream_core::MemoryLedger;
use millstream_engine::Work;

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
