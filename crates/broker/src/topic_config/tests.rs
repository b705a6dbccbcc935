use super::{SETTINGS, TopicConfig};

fn check(name: &str, value: &str) -> Result<TopicConfig, String> {
    TopicConfig::new([(name.to_owned(), value.to_owned())].into())
}

#[test]
fn every_default_is_a_valid_value() {
    for setting in SETTINGS {
        assert!(check(setting.name, setting.default).is_ok(), "{}", setting.name);
    }
    assert!(SETTINGS.is_sorted_by_key(|setting| setting.name));
}

#[test]
fn values_are_checked() {
    let good = [
        ("cleanup.policy", "compact,delete"),
        ("cleanup.policy", "compact, delete"),
        ("retention.ms", "-1"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("compression.type", "zstd"),
        ("message.timestamp.type", "LogAppendTime"),
    ];
    for (name, value) in good {
        assert!(check(name, value).is_ok(), "{name}={value}");
    }
    let bad = [
        ("cleanup.policy", "shred"),
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("segment.bytes", "2147483648"),
        ("min.cleanable.dirty.ratio", "2"),
        ("compression.type", "zstd,gzip"),
        ("flush.messages", "0"),
        ("preallocate", ""),
        ("no.such.setting", "1"),
    ];
    for (name, value) in bad {
        let message = check(name, value).expect_err(&format!("{name}={value}"));
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn what_is_set_counts() {
    let config = check("cleanup.policy", "compact").expect("valid");
    assert!(config.compact && !config.delete);
    let config = TopicConfig::default();
    assert_eq!((config.compact, config.delete, config.retention_ms), (false, true, 604_800_000));
}
