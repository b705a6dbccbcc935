use super::parse_name;

fn check(text: &str, parts: &[&str]) {
    assert_eq!(parse_name(text).expect("a name"), parts);
}

#[test]
fn parts_and_backticks() {
    check("a", &["a"]);
    check("a.b", &["a", "b"]);
    check("a b", &["a b"]);
    check("`a.b`", &["a.b"]);
    check("`a.b`.c", &["a.b", "c"]);
    check("`a``b`", &["a`b"]);
}

#[test]
fn what_spark_refuses() {
    for text in ["", "a.", ".a", "a..b", "`a", "a`b`", "`a`b"] {
        let error = parse_name(text).expect_err(text);
        assert_eq!(error.class(), Some("INVALID_ATTRIBUTE_NAME_SYNTAX"), "{text}");
    }
}
