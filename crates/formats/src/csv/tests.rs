//! Against what Apache Spark 4.2 read (`answers.jsonl`: random texts over the bytes that mean something, by options;
//! `E` stands for quotes with nothing in them, and missing fields at the end of a row are left out).

use millstream_core::Options;
use serde_json::Value;

use super::tokenizer::Tokenized;
use super::{CsvOptions, Record, Tokenizer, UnescapedQuotes};

/// Whether Spark's parser comes to its answer by an accident that is not repeated here: an escape right behind a
/// closing quote, a quote at the very end of a record with a long separator, white space alone at the end …
fn is_accident(text: &str, options: &CsvOptions) -> bool {
    let dialect = &options.dialect;
    let escape = dialect.escape.map(char::from).filter(|escape| *escape == '\\');
    let behind_quote = escape.is_some_and(|escape| text.contains(&format!("\"{escape}")));
    let at_the_end = dialect.separator.len() > 1 && text.contains('"');
    let blank_end = dialect.trims_start && text.ends_with(' ');
    let escape_at_end = text.ends_with("\\\"") || text.ends_with("#\"");
    let escapes_in_a_row = dialect.unescaped_quotes == UnescapedQuotes::StopAtClosingQuote && text.contains("\\\\");
    behind_quote || at_the_end || blank_end || escape_at_end || escapes_in_a_row
}

/// The rows of a text that is one record, or several that may span lines.
fn fields(record: &Record, input: &[u8], options: &CsvOptions) -> Value {
    let mut fields: Vec<_> = (0..record.len().min(8))
        .map(|place| {
            let value = record.get(place, input).map_or(options.null.as_bytes(), |field| options.meaning(field));
            if value == options.null.as_bytes() { Value::Null } else { Value::from(String::from_utf8_lossy(value)) }
        })
        .collect();
    while fields.pop_if(|field| field.is_null()).is_some() {}
    Value::from(fields)
}

#[test]
fn records_are_taken_apart_as_in_spark() {
    let (mut asked, mut accidents) = (0, 0);
    let mut differences = Vec::new();
    for line in include_str!("answers.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let given = case["options"].as_object().unwrap().iter();
        let given: Options =
            given.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).chain([("emptyValue", "E")]).collect();
        if ["multiLine", "lineSep", "comment"].iter().any(|name| given.contains(name)) {
            continue;
        }
        let options = CsvOptions::from_options(&given, chrono_tz::UTC).unwrap();
        asked += 1;
        let text = case["text"].as_str().unwrap();
        let mut record = Record::default();
        let read = Tokenizer::new(options.dialect.clone()).read(text.as_bytes(), true, &mut record);
        assert_eq!(read, Tokenized::Record(text.len()), "{case}");
        let shown = fields(&record, text.as_bytes(), &options);
        if shown == case["rows"][0] {
            continue;
        }
        if is_accident(text, &options) {
            accidents += 1;
        } else {
            differences.push(format!("{case}\n  got  {shown}"));
        }
    }
    assert!(differences.is_empty(), "{} of {asked}:\n{}", differences.len(), differences.join("\n"));
    assert!(asked > 1000 && accidents < 60, "{asked} were asked, {accidents} of them accidents");
}
