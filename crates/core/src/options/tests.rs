use super::*;

#[test]
fn names_are_found_in_any_case_and_the_last_value_wins() {
    let options: Options = [("startingOffsets", "latest"), ("STARTINGOFFSETS", "earliest")].into_iter().collect();
    assert_eq!(options.get("startingoffsets"), Some("earliest"));
    assert_eq!(options.iter().collect::<Vec<_>>(), [("STARTINGOFFSETS", "earliest")]);
}

#[test]
fn prefixed_options_keep_the_case_of_the_rest() {
    let options: Options = [("Kafka.group.ID", "g"), ("kafkaConsumer.pollTimeoutMs", "1")].into_iter().collect();
    assert_eq!(options.with_prefix("kafka.").collect::<Vec<_>>(), [("group.ID", "g")]);
}

#[test]
fn typed_getters_name_the_option_and_the_value() {
    let options: Options = [("rows", "0"), ("flag", "yes"), ("wait", "soon")].into_iter().collect();
    for (error, wanted) in [
        (options.get_positive("rows").unwrap_err(), "option 'rows' is '0', but must be a positive integer"),
        (options.get_bool("flag").unwrap_err(), "option 'flag' is 'yes', but must be true or false"),
        (
            options.get_duration("wait").unwrap_err(),
            "option 'wait' is 'soon', but must be a time span such as '10 seconds' or '500ms'",
        ),
    ] {
        assert_eq!(error.message(), wanted);
    }
    assert!(options.get_bool("absent").unwrap().is_none());
    assert!(options.required("absent").unwrap_err().message().contains("'absent'"));
}

#[test]
fn time_spans_are_milliseconds_or_spark_intervals() {
    let options: Options = [("a", "1500"), ("b", "15m"), ("c", "2 seconds")].into_iter().collect();
    assert_eq!(options.get_duration("a").unwrap(), Some(Duration::from_millis(1500)));
    assert_eq!(options.get_duration("b").unwrap(), Some(Duration::from_secs(900)));
    assert_eq!(options.get_duration("c").unwrap(), Some(Duration::from_secs(2)));
}
