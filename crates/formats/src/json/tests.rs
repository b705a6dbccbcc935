//! Against what Apache Spark 4.2 answered (`answers.jsonl`: one case a line; the session's zone was America/New_York,
//! the answer is `cast(from_json(…) as string)`), and the quick way against the general way.

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::TimestampMicrosecondType;
use chrono_tz::America::New_York;
use serde_json::Value;

use proptest::prelude::*;

use super::ddl::type_of;
use super::{JsonDecoder, JsonOptions, ParseMode};
use crate::datetime::parse_timestamp;
use crate::text::cast_to_string;
use millstream_core::Options;
use millstream_core::decode::ValueDecoder;

fn options_of(case: &Value) -> Options {
    case["options"]
        .as_object()
        .map(|options| options.iter().map(|(name, value)| (name, value.as_str().unwrap())).collect())
        .unwrap_or_default()
}

/// The rows that these values decode to, as text.
fn decode(decoder: &dyn ValueDecoder, values: &[&[u8]]) -> millstream_core::Result<StringArray> {
    let mut decoding = decoder.start();
    for value in values {
        decoding.append(Some(value))?;
    }
    assert_eq!(decoding.len(), values.len());
    let array = decoding.finish()?;
    assert_eq!(array.data_type(), &decoder.data_type());
    assert!(decoding.is_empty());
    cast_to_string(array.as_ref(), New_York)
}

fn answer(case: &Value) -> Result<Option<String>, String> {
    let options = options_of(case);
    let refused =
        |error: millstream_core::Error| format!("{} | {}", error.class().unwrap_or("?"), error.to_spark_message());
    let options = JsonOptions::from_options(&options, New_York).map_err(refused)?;
    let decoder = JsonDecoder::of_type(&type_of(case["schema"].as_str().unwrap()), options).map_err(refused)?;
    let input = case["input"].as_str().unwrap().as_bytes();
    // Twice: the second time the record's shape is known.
    let rows = decode(&decoder, &[input, input]).map_err(refused)?;
    if (rows.is_null(0), rows.value(0)) != (rows.is_null(1), rows.value(1)) {
        return Err(format!("'{}' at first, then '{}'", rows.value(0), rows.value(1)));
    }
    Ok((!rows.is_null(0)).then(|| rows.value(0).to_string()))
}

#[test]
fn records_decode_as_in_spark() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for line in include_str!("answers.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        cases += 1;
        let got = answer(&case);
        let agrees = match (&got, case.get("err").and_then(Value::as_str)) {
            (Ok(text), None) => text.as_deref() == case["ok"].as_str(),
            (Err(error), Some(expected)) => error.trim_end() == expected,
            _ => false,
        };
        if !agrees {
            wrong.push(format!("{case}\n   but got {got:?}"));
        }
    }
    assert!(cases > 400, "the answers are missing");
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bytes_that_are_not_utf8_become_what_the_jvm_makes_of_them() {
    let decoder = JsonDecoder::of_type(&type_of("b string"), JsonOptions::default()).unwrap();
    let check = |bytes: &[u8], expected: &str| {
        let record = [b"{\"b\":\"", bytes, b"\"}"].concat();
        let rows = decode(&decoder, &[b"{\"b\":\"ascii first\"}", &record]).unwrap();
        assert_eq!(rows.value(1), format!("{{{expected}}}"), "{bytes:02x?}");
    };
    check(b"a\xffb", "a\u{fffd}b");
    check(b"\xc3", "\u{fffd}");
    check(b"\xe2\x82", "\u{fffd}");
    check(b"\xf0\x9f\x98", "\u{fffd}");
    check(b"\xc0\x80", "\u{fffd}\u{fffd}");
    check(b"\xed\xa0\x80", "\u{fffd}");
    check(b"\xf5\x80\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
    check(b"\xe2\x28\xa1", "\u{fffd}(\u{fffd}");
    check(b"\xf0\x9f\x98A", "\u{fffd}A");
    check(b"\xf0\x80\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
    check("漢字".as_bytes(), "漢字");
}

#[test]
fn null_input_is_null_in_every_mode() {
    for mode in [ParseMode::Permissive, ParseMode::FailFast] {
        let options = JsonOptions { mode, ..JsonOptions::default() };
        let decoder = JsonDecoder::of_type(&type_of("b string"), options).unwrap();
        let mut decoding = decoder.start();
        decoding.append(None).unwrap();
        assert_eq!(decoding.finish().unwrap().null_count(), 1);
    }
}

#[test]
fn a_pruned_decoder_reads_the_same_of_fewer_fields() {
    let schema = type_of("a int, b string, c double");
    let records: [&[u8]; 5] = [
        br#"{"a":1,"b":"x","c":1.5}"#,
        br#"{"a":2,"b":"y","c":2.5}"#,
        br#"{"a":"bad","b":"z","c":3.5}"#,
        br#"{"a":4,"b":"malformed","c":4.5"#,
        br#"{"c":5.5,"b":"w"}"#,
    ];
    let whole = JsonDecoder::of_type(&schema, JsonOptions::default()).unwrap();
    let pruned = whole.prune(&[2, 1]).unwrap();
    let rows = decode(pruned.as_ref(), &records).unwrap();
    let texts: Vec<_> = rows.iter().flatten().collect();
    assert_eq!(texts, ["{1.5, x}", "{2.5, y}", "{3.5, z}", "{null, null}", "{5.5, w}"]);
    let none = decode(whole.prune(&[]).unwrap().as_ref(), &records).unwrap();
    assert_eq!(none.iter().flatten().count(), 5);
    assert!(whole.prune(&[3]).is_none());

    let fail_fast = JsonOptions { mode: ParseMode::FailFast, ..JsonOptions::default() };
    assert!(JsonDecoder::of_type(&schema, fail_fast).unwrap().prune(&[0]).is_none());
    let corrupt = JsonOptions { corrupt_record_column: "b".to_string(), ..JsonOptions::default() };
    assert!(JsonDecoder::of_type(&schema, corrupt).unwrap().prune(&[0]).is_none());
}

#[test]
fn a_batch_starts_where_the_last_one_ended() {
    let decoder = JsonDecoder::of_type(&type_of("a array<int>, m map<string,string>"), JsonOptions::default()).unwrap();
    let mut decoding = decoder.start();
    for expected in ["{[1, 2], {k -> v}}", "{[3], {}}"] {
        let record: &[u8] =
            if expected.contains('2') { br#"{"a":[1,2],"m":{"k":"v"}}"# } else { br#"{"a":[3],"m":{}}"# };
        decoding.append(Some(record)).unwrap();
        let rows = cast_to_string(decoding.finish().unwrap().as_ref(), New_York).unwrap();
        assert_eq!(rows.value(0), expected);
    }
}

#[test]
fn local_times_follow_the_zone_through_days_on_which_its_clocks_change() {
    let days = [
        (New_York, "2026-03-08"),
        (New_York, "2026-11-01"),
        (New_York, "2026-07-04"),
        (chrono_tz::Australia::Lord_Howe, "2026-04-05"),
        (chrono_tz::Pacific::Apia, "2011-12-30"),
        (chrono_tz::Europe::Amsterdam, "1937-07-01"),
    ];
    for (zone, day) in days {
        let options = JsonOptions { time_zone: zone, ..JsonOptions::default() };
        let decoder = JsonDecoder::of_type(&type_of("t timestamp"), options).unwrap();
        let mut decoding = decoder.start();
        let times: Vec<String> = (0..24 * 60).map(|m| format!("{day}T{:02}:{:02}:07", m / 60, m % 60)).collect();
        for time in &times {
            decoding.append(Some(format!("{{\"t\": \"{time}\"}}").as_bytes())).unwrap();
        }
        let rows = decoding.finish().unwrap();
        let read = rows.as_struct().column(0).as_primitive::<TimestampMicrosecondType>();
        for (row, time) in times.iter().enumerate() {
            assert_eq!(Some(read.value(row)), parse_timestamp(time, zone), "{time} in {zone}");
        }
    }
}

/// Values of every type in the shapes that the quick way knows, and in some that it does not.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        any::<i16>().prop_map(|value| value.to_string()),
        (any::<i32>(), 0..100_000u32).prop_map(|(whole, fraction)| format!("{whole}.{fraction}")),
        any::<f64>().prop_map(|value| format!("{value:e}")),
        "[a-z]{0,20}".prop_map(|text| format!("\"{text}\"")),
        "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ((0..5000u32, 0..14u32, 0..33u32, 0..26u32), 0..1_000_000u32, prop_oneof![Just("Z"), Just(""), Just("+01:00")])
            .prop_map(|((year, month, day, hour), micros, zone)| {
                format!("\"{year:04}-{month:02}-{day:02}T{hour:02}:00:59.{micros}{zone}\"")
            }),
        Just("true".to_string()),
        Just("null".to_string()),
        Just("{\"x\":[1,{}]}".to_string()),
    ]
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d"), Just("e"), Just("f"), Just("z")];
    let blank = prop_oneof![Just(""), Just(" ")];
    proptest::collection::vec((key, blank.clone(), value(), blank), 0..8).prop_map(|entries| {
        let fields: Vec<_> =
            entries.iter().map(|(key, before, value, after)| format!("\"{key}\":{before}{value}{after}")).collect();
        format!("{{{}}}", fields.join(", ")).into_bytes()
    })
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    (record(), proptest::collection::vec(change, 0..3)).prop_map(|(mut record, changes)| {
        for (place, byte, kind) in changes {
            let at = place.index(record.len().max(1));
            match kind {
                _ if record.is_empty() => record.push(byte),
                0 => record[at] = byte,
                1 => record.insert(at, byte),
                _ => {
                    record.remove(at);
                }
            }
        }
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A decoding that has learned from other records gives the same as one that knows none.
    #[test]
    fn the_quick_way_agrees_with_the_general_way(
        first in record(),
        others in proptest::collection::vec(mutated(), 1..6),
    ) {
        let schema = type_of("a int, b string, c double, d timestamp, e boolean, f decimal(10,2)");
        let options = JsonOptions { time_zone: New_York, ..JsonOptions::default() };
        let decoder = JsonDecoder::of_type(&schema, options).unwrap();
        let mut records: Vec<&[u8]> = vec![&first];
        for other in &others {
            records.extend([other.as_slice(), &first, other]);
        }
        let learned = decode(&decoder, &records).unwrap();
        for (row, record) in records.iter().enumerate() {
            let fresh = decode(&decoder, &[record]).unwrap();
            prop_assert_eq!(learned.is_null(row), fresh.is_null(0));
            prop_assert_eq!(learned.value(row), fresh.value(0), "{}", String::from_utf8_lossy(record));
        }
    }

    /// Whatever the bytes, whatever the type, decoding gives a row.
    #[test]
    fn no_bytes_break_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..40), record in mutated()) {
        for schema in ["a array<struct<x:int>>, b map<string,date>, z binary", "array<string>", "map<string,int>"] {
            let decoder = JsonDecoder::of_type(&type_of(schema), JsonOptions::default()).unwrap();
            prop_assert_eq!(decode(&decoder, &[&bytes, &record]).unwrap().len(), 2);
        }
    }
}
