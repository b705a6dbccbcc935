use millstream_core::Options;
use millstream_core::error::SparkException;

use super::SinkOptions;
use crate::kafka::sink::marker::Recovery;

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

#[test]
fn exactly_once_needs_a_place_for_its_marker_and_a_producer_that_can() {
    let exactly_once = ("delivery.guarantee", "Exactly-Once");
    let check = |options: &[(&str, &str)], wanted: &str| {
        let error = parse(options).expect_err(wanted);
        assert_eq!(error.message(), wanted);
        assert_eq!(error.exception(), SparkException::IllegalArgument);
    };
    check(
        &[exactly_once],
        "'delivery.guarantee' = 'exactly-once' needs the option 'delivery.marker.topic' where rows name their topics",
    );
    check(
        &[("delivery.guarantee", "at-most-once")],
        "option 'delivery.guarantee' is 'at-most-once', but must be at-least-once or exactly-once",
    );
    check(
        &[exactly_once, ("topic", "t"), ("delivery.recovery", "maybe")],
        "option 'delivery.recovery' is 'maybe', but must be committed or aborted",
    );
    check(
        &[("topic", "t"), ("delivery.recovery", "aborted")],
        "option 'delivery.recovery' means nothing without 'delivery.guarantee' = 'exactly-once'",
    );
    check(
        &[exactly_once, ("topic", "t"), ("kafka.enable.idempotence", "false")],
        "setting 'enable.idempotence' is 'false': must be true with a transactional.id",
    );
    check(
        &[exactly_once, ("topic", "t"), ("kafka.acks", "1")],
        "setting 'acks' is '1': must be all for an idempotent producer",
    );
    let marker = |options: &[(&str, &str)]| {
        let parsed = parse(options).expect("valid").exactly_once;
        parsed.map(|it| (it.marker_topic, it.recovery, it.lengthens_timeout))
    };
    assert_eq!(marker(&[("topic", "t"), ("delivery.guarantee", "at-least-once")]), None);
    assert_eq!(marker(&[exactly_once, ("topic", "t")]), Some(("t".to_owned(), Recovery::Refuse, true)));
    let all = [
        exactly_once,
        ("topic", "t"),
        ("delivery.marker.topic", "m"),
        ("delivery.recovery", "committed"),
        ("kafka.transaction.timeout.ms", "1000"),
    ];
    assert_eq!(marker(&all), Some(("m".to_owned(), Recovery::Committed, false)));
}
