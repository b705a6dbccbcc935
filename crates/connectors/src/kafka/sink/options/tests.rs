use millstream_core::Options;
use millstream_core::error::SparkException;

use super::SinkOptions;

fn parse(options: &[(&str, &str)]) -> millstream_core::Result<SinkOptions> {
    let mut all: Options = [("kafka.bootstrap.servers", "a:1")].into_iter().collect();
    for (name, value) in options {
        all.insert(*name, *value);
    }
    SinkOptions::parse(&all)
}

/// The first two are Apache Spark 4.2's messages; the others name what Java's producer refuses too.
#[test]
fn options_that_cannot_be_used_are_refused() {
    let check = |option: (&str, &str), wanted: &str| {
        let error = parse(&[option]).expect_err(wanted);
        assert_eq!(error.message(), wanted);
        assert_eq!(error.exception(), SparkException::IllegalArgument);
    };
    check(
        ("kafka.key.serializer", "x"),
        "Kafka option 'key.serializer' is not supported as keys are serialized with ByteArraySerializer.",
    );
    check(
        ("kafka.VALUE.serializer", "x"),
        "Kafka option 'value.serializer' is not supported as value are serialized with ByteArraySerializer.",
    );
    check(("kafka.acks", "7"), "setting 'acks' is '7': must be one of all, -1, 0, 1");
    check(("kafka.transactional.id", "t"), "Kafka option 'transactional.id' is not supported by the sink");
    let error = SinkOptions::parse(&Options::new()).expect_err("no broker");
    assert_eq!(error.message(), "Option 'kafka.bootstrap.servers' must be specified for configuring Kafka producer");
}

#[test]
fn what_chooses_nothing_is_taken() {
    let options = parse(&[("kafka.metrics.num.samples", "3"), ("topic", "t"), ("includeHeaders", "true")]);
    assert_eq!(options.expect("valid").topic.as_deref(), Some("t"));
}
