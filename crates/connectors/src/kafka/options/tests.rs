//! Expected texts are what Apache Spark 4.2 answered to the same options.

use std::time::Duration;

use millstream_core::Options;
use millstream_core::error::SparkException;

use super::{KafkaOptions, Mode, Position, Strategy};

fn parse(mode: Mode, given: &[(&str, &str)]) -> millstream_core::Result<KafkaOptions> {
    let mut options: Options = [("kafka.bootstrap.servers", "localhost:9092")].into_iter().collect();
    for (name, value) in given {
        options.insert(*name, *value);
    }
    KafkaOptions::parse(&options, mode)
}

fn check(mode: Mode, given: &[(&str, &str)], wanted: &str) {
    let error = parse(mode, given).expect_err(wanted);
    assert_eq!(error.message(), wanted, "{given:?}");
    assert_eq!(error.exception(), SparkException::IllegalArgument, "{given:?}");
}

const T: (&str, &str) = ("subscribe", "t");

#[test]
fn the_strategy() {
    for mode in [Mode::Streaming, Mode::Batch] {
        let one = "One of the following options must be specified for Kafka source: subscribe, subscribepattern, assign. \
                   See the docs for more details.";
        let only = "Only one of the following options can be specified for Kafka source: subscribe, subscribepattern, \
                    assign. See the docs for more details.";
        check(mode, &[], one);
        check(mode, &[T, ("assign", "{\"a\":[0]}")], only);
        check(
            mode,
            &[("subscribe", " , ")],
            "No topics to subscribe to as specified value for option 'subscribe' is ' , '",
        );
        check(
            mode,
            &[("subscribePattern", " ")],
            "Pattern to subscribe is empty as specified value for option 'subscribePattern' is ' '",
        );
        check(mode, &[("assign", "{a")], "Expected e.g. {\"topicA\":[0,1],\"topicB\":[0,1]}, got {a");
        check(
            mode,
            &[("assign", "[\"a\"]")],
            "No topicpartitions to assign as specified value for option 'assign' is '[\"a\"]'",
        );
    }
    let Strategy::Subscribe(topics) = parse(Mode::Streaming, &[("subscribe", "b, a ,")]).expect("valid").strategy
    else {
        panic!("subscribe")
    };
    assert_eq!(topics.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn a_pattern_is_one_of_java_for_whole_names() {
    let names = |pattern: &str, names: &[&str]| -> Vec<bool> {
        let strategy = parse(Mode::Streaming, &[("subscribePattern", pattern)]).expect("valid").strategy;
        let Strategy::SubscribePattern { regex, .. } = strategy else { panic!("pattern") };
        names.iter().map(|name| regex.matches(name).expect("within the limit")).collect()
    };
    assert_eq!(names("a|b.", &["a", "ab", "bc", "xa"]), [true, false, true, false]);
    assert_eq!(names("(?!test-).*", &["payments", "test-payments"]), [true, false]);
    assert_eq!(names(r"(\w+)-\1", &["a-a", "a-b"]), [true, false]);
    // The words are those of `java.util.regex.PatternSyntaxException`.
    check(
        Mode::Streaming,
        &[("subscribePattern", "a(")],
        "option 'subscribePattern' cannot be used: Unclosed group near index 2\na(",
    );
}

#[test]
fn settings_of_the_consumer() {
    let mode = Mode::Streaming;
    check(mode, &[T, ("kafka.enable.auto.commit", "true")], "Kafka option 'enable.auto.commit' is not supported");
    check(mode, &[T, ("kafka.interceptor.classes", "x")], "Kafka option 'interceptor.classes' is not supported");
    check(
        mode,
        &[T, ("kafka.key.deserializer", "x")],
        "Kafka option 'key.deserializer' is not supported as keys are deserialized as byte arrays with \
         ByteArrayDeserializer. Use DataFrame operations to explicitly deserialize the keys.",
    );
    let reset = parse(mode, &[T, ("kafka.auto.offset.reset", "latest")]).expect_err("refused");
    assert!(
        reset
            .message()
            .starts_with("\nKafka option 'auto.offset.reset' is not supported.\nInstead set the source option"),
        "{reset}"
    );
    let without = KafkaOptions::parse(&[T].into_iter().collect(), mode).expect_err("no brokers");
    assert_eq!(without.message(), "Option 'kafka.bootstrap.servers' must be specified for configuring Kafka consumer");
    assert_eq!(without.exception(), SparkException::IllegalArgument);
    parse(mode, &[T, ("kafka.group.id", "g"), ("kafka.max.poll.records", "1")]).expect("accepted");
}

#[test]
fn positions() {
    let at = |mode, given: &[(&str, &str)]| {
        let mut all = vec![T];
        all.extend(given);
        let options = parse(mode, &all).expect("valid");
        (options.starting, options.ending)
    };
    assert_eq!(at(Mode::Streaming, &[]), (Position::Latest, Position::Latest));
    assert_eq!(at(Mode::Batch, &[]), (Position::Earliest, Position::Latest));
    assert_eq!(at(Mode::Streaming, &[("startingoffsets", "Earliest")]).0, Position::Earliest);
    // A time wins over the others.
    let all = [("startingOffsets", "earliest"), ("startingTimestamp", "5")];
    assert_eq!(at(Mode::Streaming, &all).0, Position::Timestamp(5));

    let stream = |name, value, wanted| check(Mode::Streaming, &[T, (name, value)], wanted);
    stream("endingOffsets", "latest", "ending offset not valid in streaming queries");
    stream("endingOffsetsByTimestamp", "{\"t\":{\"0\":1}}", "ending timestamp not valid in streaming queries");
    stream("startingOffsets", "foo", "Expected e.g. {\"topicA\":{\"0\":23,\"1\":-1},\"topicB\":{\"0\":-2}}, got foo");
    stream("startingTimestamp", "abc", "Expected a single long value, got abc");
    stream(
        "startingOffsetsByTimestamp",
        "{\"t\":1}",
        "Expected e.g. {\"topicA\": {\"0\": 123456789, \"1\": 123456789},\n\"topicB\": {\"0\": 123456789, \"1\": \
         123456789}}, got {\"t\":1}",
    );
    let batch = |name, value, wanted| check(Mode::Batch, &[T, (name, value)], wanted);
    batch("startingOffsets", "latest", "starting offset can't be latest for batch queries on Kafka");
    batch("endingOffsets", "earliest", "ending offset can't be earliest for batch queries on Kafka");
    batch(
        "startingOffsets",
        "{\"t\":{\"0\":1,\"1\":-1}}",
        "startingOffsets for t-1 can't be latest for batch queries on Kafka",
    );
    check(
        Mode::Batch,
        &[T, ("startingOffsets", "{\"t\":{\"0\":2}}"), ("endingOffsets", "{\"t\":{\"0\":1}}")],
        "The specified start offset 2 is greater than the end offset 1 for topic t partition 0.",
    );
}

#[test]
fn numbers_and_switches() {
    let mode = Mode::Streaming;
    check(mode, &[T, ("minPartitions", "0")], "minPartitions must be positive");
    check(mode, &[T, ("maxRecordsPerPartition", "0")], "maxrecordsperpartition must be positive");
    check(
        mode,
        &[T, ("minOffsetsPerTrigger", "10"), ("maxOffsetsPerTrigger", "5")],
        "The value of minOffsetPerTrigger(10) is higher than the maxOffsetsPerTrigger(5).",
    );
    for name in ["maxOffsetsPerTrigger", "minOffsetsPerTrigger"] {
        check(mode, &[T, (name, "-1")], &format!("Invalid value '-1' for '{name}': it must not be negative"));
    }
    let abc = |name, wanted| {
        let error = parse(mode, &[T, (name, "abc")]).expect_err(name);
        assert_eq!((error.message(), error.exception()), ("For input string: \"abc\"", wanted), "{name}");
    };
    abc("minPartitions", SparkException::NumberFormat);
    abc("maxOffsetsPerTrigger", SparkException::NumberFormat);
    abc("kafkaConsumer.pollTimeoutMs", SparkException::NumberFormat);
    abc("failOnDataLoss", SparkException::IllegalArgument);
    abc("includeHeaders", SparkException::IllegalArgument);
    abc("commit.offsets", SparkException::IllegalArgument);
    check(
        mode,
        &[T, ("commit.offsets", "true")],
        "option 'commit.offsets' needs 'kafka.group.id', the group to commit them for",
    );
    let told = |options: &[(&str, &str)]| parse(mode, options).expect("valid").told_group;
    assert_eq!(told(&[T, ("kafka.group.id", "g")]), None);
    assert_eq!(told(&[T, ("kafka.group.id", "g"), ("commit.offsets", "true")]).as_deref(), Some("g"));
    let strategy = parse(mode, &[T, ("startingOffsetsByTimestampStrategy", "foo")]).expect_err("unknown");
    assert_eq!((strategy.message(), strategy.exception()), ("No value found for 'FOO'", SparkException::NoSuchElement));
    // A batch read does not look at what only streams have.
    parse(Mode::Batch, &[T, ("maxOffsetsPerTrigger", "abc"), ("maxTriggerDelay", "abc")]).expect("not looked at");

    let delay = |text| parse(mode, &[T, ("maxTriggerDelay", text)]).map(|options| options.max_trigger_delay);
    assert_eq!(parse(mode, &[T]).expect("valid").max_trigger_delay, Duration::from_secs(900));
    for (text, millis) in
        [("15m", 900_000), ("2 min", 120_000), ("50s", 50_000), ("7", 7), ("100ms", 100), ("1d", 86_400_000)]
    {
        assert_eq!(delay(text).expect("valid"), Duration::from_millis(millis), "{text}");
    }
    assert!(delay("abc").expect_err("no time").message().ends_with("Failed to parse time string: abc"));
}
