use std::collections::BTreeMap;

use super::{SecurityConfig, pem_lines};
use crate::security::Credentials;

const SCRAM: &str =
    "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"hush\";";

fn parse(properties: &[(&'static str, &'static str)]) -> crate::Result<SecurityConfig> {
    for (name, _) in properties {
        assert!(SecurityConfig::knows(name), "{name}");
    }
    SecurityConfig::from_properties(&properties.iter().copied().collect::<BTreeMap<_, _>>())
}

#[test]
fn protocols_and_mechanisms_are_javas() {
    let config = parse(&[
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", SCRAM),
    ])
    .expect("valid");
    assert!(config.tls.is_none());
    let text = format!("{config:?}");
    assert!(text.contains("Sha512") && !text.contains("hush"), "{text}");
    let token = parse(&[
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", "file:///run/token"),
    ]);
    let credentials = token.expect("valid").credentials.expect("SASL");
    assert!(matches!(&*credentials, Credentials::OAuthBearer { .. }));
    assert!(format!("{credentials:?}").contains("\"/run/token\""));
}

#[test]
fn what_cannot_be_used_is_named_and_no_secret_is() {
    let check = |properties: &[(&'static str, &'static str)], wanted: &str| {
        let error = parse(properties).expect_err(wanted).to_string();
        assert_eq!(error, wanted);
    };
    let sasl = ("security.protocol", "SASL_PLAINTEXT");
    check(
        &[("security.protocol", "TLS")],
        "setting 'security.protocol' is 'TLS': must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
    );
    check(
        &[sasl],
        "setting 'sasl.mechanism' is 'GSSAPI': must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; Kerberos is not \
         built in",
    );
    check(
        &[sasl, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", SCRAM)],
        "setting 'sasl.jaas.config' is '[hidden]': PLAIN wants PlainLoginModule, not ScramLoginModule",
    );
    check(
        &[sasl, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", "a.PlainLoginModule required username=u;")],
        "setting 'sasl.jaas.config' is '[hidden]': PlainLoginModule needs the option 'password'",
    );
    check(
        &[("security.protocol", "SSL"), ("ssl.truststore.location", "/no/such/file")],
        "setting 'ssl.truststore.location' is '/no/such/file': it cannot be read: No such file or directory (os error 2)",
    );
    check(
        &[("security.protocol", "SSL"), ("ssl.truststore.certificates", "nothing")],
        "setting 'ssl.truststore.certificates' is '[hidden]': it holds no certificate",
    );
}

#[test]
fn pem_in_one_line_is_put_in_order() {
    assert_eq!(
        pem_lines("-----BEGIN CERTIFICATE----- QUJD REVG -----END CERTIFICATE-----"),
        "-----BEGIN CERTIFICATE-----\nQUJD\nREVG\n-----END CERTIFICATE-----\n"
    );
}
