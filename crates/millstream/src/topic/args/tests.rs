use super::*;

#[test]
fn where_to_begin() {
    let check = |text: &str, wanted: Option<StartingAt>| assert_eq!(text.parse().ok(), wanted, "{text}");
    check("earliest", Some(StartingAt::Spec(OffsetSpec::Earliest)));
    check("latest", Some(StartingAt::Spec(OffsetSpec::Latest)));
    check("0", Some(StartingAt::Offset(0)));
    check("17", Some(StartingAt::Offset(17)));
    check("-10", Some(StartingAt::Last(10)));
    check("-0", Some(StartingAt::Last(0)));
    check("2026-01-01T00:00:00Z", Some(StartingAt::Spec(OffsetSpec::Timestamp(1_767_225_600_000))));
    check("2026-01-01T01:00:00.5+01:00", Some(StartingAt::Spec(OffsetSpec::Timestamp(1_767_225_600_500))));
    for text in ["", "first", "1.5", "2026-01-01", "--1"] {
        check(text, None);
    }
}

#[test]
fn names_and_values() {
    let check = |text: &str, wanted: Option<(&str, &str)>| {
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pair(text).ok(), wanted, "{text}");
    };
    check("a=b", Some(("a", "b")));
    check("a=", Some(("a", "")));
    check("sasl.jaas.config=x y=\"z\";", Some(("sasl.jaas.config", "x y=\"z\";")));
    check("a", None);
    check("=b", None);
}
