//! What a program sets by Hadoop's names.

use super::*;

/// The settings `before` the program's, what it sets below `spark.hadoop.fs.s3a.`, and the settings after.
fn check(before: &[(&str, &str)], set: &[(&str, &str)], after: Option<&[(&str, &str)]>) {
    let settings: S3Settings = before.iter().copied().collect();
    let conf = set.iter().map(|(name, value)| (format!("spark.hadoop.fs.s3a.{name}"), (*value).to_owned())).collect();
    let expected = after.map(|after| after.iter().copied().collect::<S3Settings>());
    assert!(settings.with_hadoop(&conf) == expected, "{before:?} with {set:?}: {:?}", settings.with_hadoop(&conf));
}

#[test]
fn hadoops_names_are_understood() {
    let environment = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SESSION_TOKEN", "t"), ("AWS_REGION", "r")];
    check(&environment, &[], None);
    check(&environment, &[("path.style.access", "true"), ("endpoint", "")], None);
    check(
        &environment,
        &[("access.key", "b"), ("secret.key", "s"), ("endpoint.region", "q")],
        Some(&[("AWS_ACCESS_KEY_ID", "b"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "q")]),
    );
    check(
        &[],
        &[("access.key", "b"), ("session.token", "u")],
        Some(&[("AWS_ACCESS_KEY_ID", "b"), ("AWS_SESSION_TOKEN", "u")]),
    );
    for (endpoint, ssl, url) in [
        ("http://store:9000", None, "http://store:9000"),
        ("store:9000", None, "https://store:9000"),
        ("store:9000", Some("true"), "https://store:9000"),
        ("store:9000", Some("false"), "http://store:9000"),
    ] {
        let ssl = ssl.map(|value| ("connection.ssl.enabled", value));
        let set: Vec<_> = [("endpoint", endpoint)].into_iter().chain(ssl).collect();
        check(&[("AWS_ENDPOINT_URL_S3", "https://other")], &set, Some(&[("AWS_ENDPOINT_URL", url)]));
    }
}

#[test]
fn secrets_are_not_printed() {
    let settings: S3Settings = [("AWS_SECRET_ACCESS_KEY", "hidden"), ("HOME", "/root")].into_iter().collect();
    assert_eq!(format!("{settings:?}"), r#"{"AWS_SECRET_ACCESS_KEY"}"#);
}
