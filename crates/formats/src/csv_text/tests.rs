//! What Spark 4.2 wrote of the same rows with the same options, coalesced to one file.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Decimal128Array, Float64Array, StringArray};
use chrono_tz::Tz;
use millstream_core::{BinaryStyle, Options};

use super::{CsvText, CsvTextOptions};

fn written(columns: &[ArrayRef], options: &[(&str, &str)]) -> String {
    let options: Options = options.iter().copied().collect();
    let options = CsvTextOptions::from_options(&options, Tz::UTC, BinaryStyle::default()).unwrap();
    let mut out = String::new();
    CsvText::new(options).push_rows(&mut out, columns, columns[0].len()).unwrap();
    out
}

fn texts(texts: &[Option<&str>]) -> Vec<ArrayRef> {
    vec![Arc::new(StringArray::from(texts.to_vec()))]
}

#[test]
fn blanks_quotes_and_escapes() {
    let rows = [
        Some("  "),
        Some(""),
        None,
        Some("#x"),
        Some("a,b"),
        Some("\\"),
        Some("a\\,b"),
        Some("\t"),
        Some("\r"),
        Some("\""),
        Some(" \" "),
    ];
    let check = |options: &[(&str, &str)], expected: &str| {
        assert_eq!(written(&texts(&rows), options), expected, "{options:?}");
    };
    check(&[], "\"\"\n\"\"\n\"#x\"\n\"a,b\"\n\\\n\"a\\\\,b\"\n\"\"\n\"\"\n\"\\\"\"\n\"\\\"\"\n");
    check(
        &[("ignoreLeadingWhiteSpace", "false"), ("ignoreTrailingWhiteSpace", "false")],
        "  \n\"\"\n\"#x\"\n\"a,b\"\n\\\n\"a\\\\,b\"\n\t\n\"\r\"\n\"\\\"\"\n\" \\\" \"\n",
    );
    check(
        &[("quoteAll", "true"), ("nullValue", "N"), ("emptyValue", "E")],
        "\"E\"\n\"E\"\n\"N\"\n\"#x\"\n\"a,b\"\n\"\\\\\"\n\"a\\\\,b\"\n\"E\"\n\"E\"\n\"\\\"\"\n\"\\\"\"\n",
    );
    check(&[("escape", "!")], "\"\"\n\"\"\n\"#x\"\n\"a,b\"\n\\\n\"a\\,b\"\n\"\"\n\"\"\n\"!\"\"\n\"!\"\"\n");
    check(&[("escape", "\"")], "\"\"\n\"\"\n\"#x\"\n\"a,b\"\n\\\n\"a\\,b\"\n\"\"\n\"\"\n\"\"\"\"\n\"\"\"\"\n");
    check(&[("escape", "")], "\"\"\n\"\"\n\"#x\"\n\"a,b\"\n\\\n\"a\\,b\"\n\"\"\n\"\"\n\"\0\"\"\n\"\0\"\"\n");
    check(&[("comment", "a")], "\"\"\n\"\"\n#x\n\"a,b\"\n\\\n\"a\\\\,b\"\n\"\"\n\"\"\n\"\\\"\"\n\"\\\"\"\n");
    check(
        &[("charToEscapeQuoteEscaping", "%")],
        "\"\"\n\"\"\n\"#x\"\n\"a,b\"\n\\\n\"a%\\,b\"\n\"\"\n\"\"\n\"\\\"\"\n\"\\\"\"\n",
    );
}

#[test]
fn what_stands_for_no_value() {
    let rows = [Some("a;b"), Some("a!b"), Some("a\",b"), Some("x\\\"y"), Some("x\ny"), Some(" a, "), None, Some("")];
    let check = |options: &[(&str, &str)], expected: &str| {
        assert_eq!(written(&texts(&rows), options), expected, "{options:?}");
    };
    let start = "a;b\na!b\n\"a\\\",b\"\n\"x\\\\\\\"y\"\n\"x\ny\"\n\"a,\"\n";
    check(&[("lineSep", ";")], "\"a;b\";a!b;\"a\\\",b\";\"x\\\\\\\"y\";\"x\ny\";\"a,\";\"\";");
    check(&[("escape", "!")], "a;b\na!b\n\"a!\",b\"\n\"x\\!\"y\"\n\"x\ny\"\n\"a,\"\n\"\"\n");
    check(&[("escapeQuotes", "false")], "a;b\na!b\n\"a\\\",b\"\nx\\\"y\n\"x\ny\"\n\"a,\"\n\"\"\n");
    check(&[("nullValue", "n,\"l"), ("emptyValue", "e,f")], &format!("{start}\"n,\\\"l\"\n\"e,f\"\n"));
    check(&[("nullValue", "\"n\""), ("emptyValue", "\"")], &format!("{start}\"n\"\n\"\\\"\"\n"));
    check(&[("emptyValue", "")], start);
    check(&[("delimiter", "\\t")], "a;b\na!b\n\"a\\\",b\"\n\"x\\\\\\\"y\"\n\"x\ny\"\na,\n\"\"\n");
}

#[test]
fn values_that_are_no_texts() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BinaryArray::from(vec![b"AB\xff".as_slice()])),
        Arc::new(Float64Array::from(vec![f64::NEG_INFINITY])),
        Arc::new(Float64Array::from(vec![1e-7])),
        Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(10, 7).unwrap()),
    ];
    assert_eq!(written(&columns, &[("nanValue", "N"), ("negativeInf", "M")]), "[41 42 FF],-Infinity,1.0E-7,1E-7\n");
}
