use super::*;

/// Names with the meanings that go with them.
type Named = &'static [(&'static str, &'static str)];

fn operator(name: &str, meaning: &str) -> OperatorEntry {
    let store =
        StoreEntry { name: "default".into(), keys: vec!["Int64".into()], values: vec!["count".into()], format: 1 };
    OperatorEntry { kind: "stateStoreSave".into(), name: name.into(), meaning: meaning.into(), stores: vec![store] }
}

fn operators(names: &[(&str, &str)]) -> Vec<OperatorEntry> {
    names.iter().map(|(name, meaning)| operator(name, meaning)).collect()
}

#[test]
fn state_goes_to_the_operator_that_means_the_same() {
    let cases: [(&str, Named, Named, &[usize]); 6] = [
        ("nothing has changed", &[("a", "1"), ("b", "2")], &[("a", "1"), ("b", "2")], &[0, 1]),
        ("they have changed places", &[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "1")], &[1, 0]),
        ("what lies below has changed", &[("a", "1")], &[("a", "9")], &[0]),
        ("one name, changed places", &[("a", "1"), ("a", "2")], &[("a", "2"), ("a", "1")], &[1, 0]),
        ("one name, one has changed", &[("a", "1"), ("a", "2")], &[("a", "9"), ("a", "1")], &[1, 0]),
        ("equal in all", &[("a", "1"), ("a", "1")], &[("a", "1"), ("a", "1")], &[0, 1]),
    ];
    for (case, logged, now, places) in cases {
        assert_eq!(matched(&operators(logged), &operators(now)).unwrap(), places, "{case}");
    }
}

#[test]
fn what_does_not_mean_the_same_is_refused_by_name() {
    let refused = |logged: &[(&str, &str)], now: &[(&str, &str)]| {
        let error = matched(&operators(logged), &operators(now)).unwrap_err();
        assert_eq!(error.class(), Some("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"));
        error.hint().unwrap().to_owned()
    };
    let has = |lost, new| format!("the checkpoint has the state of {lost}, and the query has {new} instead; ");
    assert!(refused(&[("a", "1")], &[]).starts_with(&has("'a'", "nothing")));
    assert!(refused(&[], &[("a", "1")]).starts_with(&has("nothing", "'a'")));
    assert!(refused(&[("a", "1"), ("b", "1")], &[("b", "1"), ("c", "1")]).starts_with(&has("'a'", "'c'")));
    assert!(refused(&[("a", "1")], &[("a", "1"), ("a", "1")]).starts_with(&has("nothing", "'a'")));
}

#[test]
fn state_of_other_types_is_refused_as_in_spark() {
    let logged = operator("a", "1");
    let mut keys = operator("a", "1");
    keys.stores[0].keys = vec!["Utf8".into()];
    let mut values = operator("a", "1");
    values.stores[0].values = vec!["sum(Int64)".into()];
    let mut renamed = operator("b", "1");
    renamed.stores[0].keys = vec!["Utf8".into()];
    for (now, class) in [
        (keys, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"),
        (values, "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE"),
        (renamed, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"),
    ] {
        let error = matched(std::slice::from_ref(&logged), &[now]).unwrap_err();
        assert_eq!(error.class(), Some(class));
        assert!(!error.to_spark_message().contains("stateSchemaCheck"), "{error}");
        assert!(error.hint().unwrap().contains("a new checkpoint location"), "{error}");
    }
    let mut values = operator("a", "1");
    values.stores[0].values = vec!["sum(Int64)".into(), "avg(Float64)".into()];
    let error = matched(std::slice::from_ref(&logged), &[values]).unwrap_err();
    let expected = "Existing value_schema=[count] and new value_schema=[sum(BIGINT), avg(DOUBLE)].";
    assert!(error.message().ends_with(expected), "{error}");
    let mut newer = operator("a", "1");
    newer.stores[0].format = 2;
    let error = matched(&[logged], &[newer]).unwrap_err();
    assert_eq!(error.class(), Some("STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"));
}
