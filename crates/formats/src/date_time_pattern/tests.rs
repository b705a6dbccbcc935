//! Against what Apache Spark 4.2 answered (`answers.jsonl`, which `dev/conformance/compare_date_patterns.py` records:
//! moments printed and texts read by generated patterns in several zones).

use millstream_core::Result;
use serde_json::Value;

use super::{NotRead, PrintPattern, ReadPattern};

/// What Spark's answer is written as.
fn refused(result: Result<Value>) -> Value {
    result.unwrap_or_else(|error| Value::from(format!("ERROR {}", error.class().unwrap_or("without a class"))))
}

#[test]
fn moments_and_texts_follow_patterns_as_in_spark() {
    let cases: Vec<Value> =
        include_str!("answers.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(cases.len() >= 800, "there are {} cases", cases.len());
    for case in cases {
        let zone = case["zone"].as_str().and_then(|zone| zone.parse().ok()).expect("a zone");
        let pattern = case["pattern"].as_str().expect("a pattern");
        let (answer, wanted) = match case["us"].as_i64() {
            Some(us) => {
                let printed = PrintPattern::new(pattern).map(|pattern| Value::from(pattern.format(us, zone)));
                (refused(printed), &case["printed"])
            }
            None => {
                let text = case["text"].as_str().expect("a text");
                let read = ReadPattern::new(pattern).map(|pattern| match pattern.parse(text, zone) {
                    Ok(us) => Value::from(us),
                    Err(NotRead::Unfit(_)) => Value::Null,
                    Err(NotRead::Beyond) => Value::from("ERROR ArithmeticException"),
                });
                (refused(read), &case["read"])
            }
        };
        assert_eq!(answer, *wanted, "{case}");
    }
}

#[test]
fn why_a_text_does_not_fit_is_said_in_javas_words() {
    // Asked of Spark by `to_timestamp(text, pattern)`.
    for (text, pattern, message) in [
        ("2024-1-05", "yyyy-MM-dd", "Text '2024-1-05' could not be parsed at index 5"),
        ("2024-02-30", "yyyy-MM-dd", "Text '2024-02-30' could not be parsed: Invalid date 'FEBRUARY 30'"),
        (
            "2024-13-01",
            "yyyy-MM-dd",
            "Text '2024-13-01' could not be parsed: Invalid value for MonthOfYear (valid values 1 - 12): 13",
        ),
        ("13", "MM", "Invalid value for MonthOfYear (valid values 1 - 12): 13"),
        ("2024-01-01x", "yyyy-MM-dd", "Text '2024-01-01x' could not be parsed, unparsed text found at index 10"),
    ] {
        let pattern = ReadPattern::new(pattern).unwrap();
        assert_eq!(pattern.parse(text, chrono_tz::UTC), Err(NotRead::Unfit(message.to_owned())));
    }
}
