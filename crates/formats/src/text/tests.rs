//! Against what the JVM and Apache Spark 4.2 print.

use arrow::array::{
    Array, BinaryArray, DurationMicrosecondArray, IntervalMonthDayNanoArray, IntervalYearMonthArray,
    Time64MicrosecondArray,
};
use arrow::datatypes::IntervalMonthDayNano;
use chrono_tz::Tz;

use super::double::{push_double, push_float};
use super::{cast_to_string, push_decimal};

/// `numbers.tsv`: `d` or `f`, the bits in hexadecimal, what `toString` of Java 17 prints.
fn check_numbers(table: &str) -> usize {
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [kind, bits, expected] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let mut text = String::new();
        match kind {
            "d" => push_double(&mut text, f64::from_bits(u64::from_str_radix(bits, 16).unwrap())),
            _ => push_float(&mut text, f32::from_bits(u32::from_str_radix(bits, 16).unwrap())),
        }
        if text != expected {
            wrong.push(format!("{line}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ: {}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
    table.lines().count()
}

#[test]
fn numbers_print_as_on_the_jvm() {
    assert_eq!(check_numbers(include_str!("numbers.tsv")), 480);
}

#[test]
fn intervals_name_their_parts() {
    fn check(array: &dyn Array, expected: &[&str]) {
        let texts = cast_to_string(array, Tz::UTC).unwrap();
        assert_eq!(texts.iter().flatten().collect::<Vec<_>>(), expected);
    }
    check(
        &IntervalYearMonthArray::from(vec![14, -14]),
        &["INTERVAL '1-2' YEAR TO MONTH", "INTERVAL '-1-2' YEAR TO MONTH"],
    );
    check(
        &DurationMicrosecondArray::from(vec![93_784_000_000, -1000, i64::MAX]),
        &[
            "INTERVAL '1 02:03:04' DAY TO SECOND",
            "INTERVAL '-0 00:00:00.001' DAY TO SECOND",
            "INTERVAL '106751991 04:00:54.775807' DAY TO SECOND",
        ],
    );
    let calendar = |months, days, us: i64| Some(IntervalMonthDayNano::new(months, days, us * 1000));
    check(
        &IntervalMonthDayNanoArray::from(vec![
            calendar(14, 25, 18_367_500_000),
            calendar(0, 0, -500_000),
            calendar(-14, -4, -18_367_250_000),
            calendar(0, 0, 0),
            calendar(1, 0, 108_000_000_000),
        ]),
        &[
            "1 years 2 months 25 days 5 hours 6 minutes 7.5 seconds",
            "-0.5 seconds",
            "-1 years -2 months -4 days -5 hours -6 minutes -7.25 seconds",
            "0 seconds",
            "1 months 30 hours",
        ],
    );
    check(&Time64MicrosecondArray::from(vec![45_296_789_000, 0]), &["12:34:56.789", "00:00:00"]);
}

#[test]
fn decimals_print_plainly() {
    let check = |value, scale, expected: &str| {
        let mut text = String::new();
        push_decimal(&mut text, value, scale);
        assert_eq!(text, expected);
    };
    check(150, 2, "1.50");
    check(10_000_000_000, 20, "0.00000000010000000000");
    check(0, 5, "0.00000");
    check(-1, 5, "-0.00001");
    check(12_345, 0, "12345");
    check(-55, 1, "-5.5");
    check(12, -3, "12000");
}

#[test]
fn null_stays_null_and_bytes_become_text() {
    let array = BinaryArray::from_opt_vec(vec![Some(b"A\xffB"), None]);
    let texts = cast_to_string(&array, Tz::UTC).unwrap();
    assert_eq!(texts.value(0), "A\u{fffd}B");
    assert!(texts.is_null(1));
}
