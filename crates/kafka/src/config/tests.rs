use std::time::Duration;

use super::{BackoffRange, ClientConfig, IsolationLevel};

#[test]
fn java_names_are_understood_and_the_rest_is_named() {
    let properties = [
        ("bootstrap.servers", "a:9092, PLAINTEXT://b:9093,[::1]:9094"),
        ("isolation.level", "read_committed"),
        ("fetch.max.wait.ms", "20"),
        ("receive.buffer.bytes", "-1"),
        ("check.crcs", "FALSE"),
        ("max.poll.records", "500"),
    ];
    let (config, ignored) = ClientConfig::from_properties(properties).expect("valid");
    let servers: Vec<_> = config.bootstrap_servers.iter().map(|(host, port)| format!("{host} {port}")).collect();
    assert_eq!(servers, ["a 9092", "b 9093", "::1 9094"]);
    assert_eq!(config.isolation_level, IsolationLevel::ReadCommitted);
    assert_eq!(config.fetch_max_wait, Duration::from_millis(20));
    assert_eq!(config.receive_buffer_bytes, None);
    assert!(!config.check_crcs);
    assert_eq!(ignored, ["max.poll.records"]);
}

#[test]
fn wrong_values_name_the_setting() {
    let check = |name: &str, value: &str, wanted: &str| {
        let error = ClientConfig::from_properties([(name, value)]).expect_err("invalid").to_string();
        assert_eq!(error, wanted);
    };
    check("bootstrap.servers", "", "setting 'bootstrap.servers' is '': no broker is named");
    check("bootstrap.servers", "a", "setting 'bootstrap.servers' is 'a': 'a' has no port; write a:9092");
    check("bootstrap.servers", "a:b", "setting 'bootstrap.servers' is 'a:b': 'a:b' has no valid port");
    check("fetch.min.bytes", "-1", "setting 'fetch.min.bytes' is '-1': must be an integer of at least 0");
}

#[test]
fn the_known_settings_are_taken_or_ignored_by_name() {
    let known: Vec<_> = super::known_settings().collect();
    assert!(known.contains(&"security.protocol") && known.contains(&"fetch.max.bytes"));
    for name in ["bootstrap.servers", "isolation.level", "request.timeout.ms", "default.api.timeout.ms", "check.crcs"] {
        assert!(known.contains(&name), "{name}");
    }
    let mut sorted = super::KNOWN;
    sorted.sort_unstable();
    assert_eq!(sorted, super::KNOWN);
}

#[test]
fn pauses_double_up_to_the_longest() {
    let range = BackoffRange { first: Duration::from_millis(50), longest: Duration::from_millis(1000) };
    let pauses: Vec<_> = [1, 2, 3, 5, 6, 1000].iter().map(|&failures| range.pause(failures).as_millis()).collect();
    assert_eq!(pauses, [50, 100, 200, 800, 1000, 1000]);
}
