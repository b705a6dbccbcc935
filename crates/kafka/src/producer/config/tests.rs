use std::time::Duration;

use super::{Acks, ProducerConfig};
use crate::compression::CompressionType;
use crate::error::Result;

fn parse(settings: &[(&'static str, &'static str)]) -> Result<(ProducerConfig, Vec<&'static str>)> {
    let all = [("bootstrap.servers", "a:1")].into_iter().chain(settings.iter().copied());
    ProducerConfig::from_properties(all).map(|(_, config, ignored)| (config, ignored))
}

#[test]
fn java_names_are_understood() {
    let settings = [
        ("acks", "-1"),
        ("compression.type", "zstd"),
        ("compression.zstd.level", "5"),
        ("batch.size", "100"),
        ("linger.ms", "7"),
        ("buffer.memory", "5000000000"),
        ("delivery.timeout.ms", "40000"),
        ("transactional.id", "t"),
        ("enable.metrics.push", "false"),
        ("client.id", "c"),
    ];
    let (config, ignored) = parse(&settings).expect("valid");
    assert_eq!((config.acks, config.compression), (Acks::All, CompressionType::Zstd));
    assert_eq!((config.batch_bytes, config.buffer_bytes), (100, 5_000_000_000));
    assert_eq!((config.linger, config.delivery_timeout), (Duration::from_millis(7), Duration::from_secs(40)));
    assert_eq!(config.transactional_id.as_deref(), Some("t"));
    assert_eq!(ignored, ["compression.zstd.level", "enable.metrics.push"]);
}

/// Each of these is refused by Java's producer too, and what is accepted there is here.
#[test]
fn what_java_refuses_is_refused() {
    let check = |settings: &[(&'static str, &'static str)], wanted: &str| {
        let error = parse(settings).expect_err("refused").to_string();
        assert_eq!(error, wanted);
    };
    check(&[("acks", "2")], "setting 'acks' is '2': must be one of all, -1, 0, 1");
    check(
        &[("acks", "1"), ("enable.idempotence", "true")],
        "setting 'acks' is '1': must be all for an idempotent producer",
    );
    check(
        &[("compression.type", "brotli")],
        "setting 'compression.type' is 'brotli': must be one of none, gzip, snappy, lz4, zstd",
    );
    check(&[("batch.size", "-1")], "setting 'batch.size' is '-1': must be an integer of at least 0");
    check(&[("linger.ms", "x")], "setting 'linger.ms' is 'x': must be a number of milliseconds");
    check(
        &[("max.in.flight.requests.per.connection", "6")],
        "setting 'max.in.flight.requests.per.connection' is '6': must be at most 5 for an idempotent producer",
    );
    check(
        &[("retries", "0"), ("enable.idempotence", "true")],
        "setting 'retries' is '0': must not be 0 for an idempotent producer",
    );
    check(
        &[("delivery.timeout.ms", "10")],
        "setting 'delivery.timeout.ms' is '10': must not be less than linger.ms + request.timeout.ms",
    );
    check(&[("transactional.id", "")], "setting 'transactional.id' is '': must not be empty");
    check(
        &[("transactional.id", "x"), ("enable.idempotence", "false")],
        "setting 'enable.idempotence' is 'false': must be true with a transactional.id",
    );
    check(&[("compression.gzip.level", "77")], "setting 'compression.gzip.level' is '77': must be from 1 to 9");
    check(&[("buffer.memory", "a")], "setting 'buffer.memory' is 'a': must be a number of bytes");
    check(&[("enable.idempotence", "maybe")], "setting 'enable.idempotence' is 'maybe': must be true or false");
    check(
        &[("partitioner.class", "no.Such")],
        "setting 'partitioner.class' is 'no.Such': is a Java class, which cannot run here; RoundRobinPartitioner is known",
    );
}

#[test]
fn idempotence_gives_way_where_it_was_not_asked_for() {
    for settings in [[("acks", "1")], [("acks", "0")], [("retries", "0")], [("enable.idempotence", "false")]] {
        let (config, _) = parse(&settings).expect("valid");
        assert!(!config.idempotence, "{settings:?}");
        assert_eq!(config.in_flight_max, 1);
    }
}
