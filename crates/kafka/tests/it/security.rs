//! TLS and SASL against a real broker with a listener for each way.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use millstream_kafka::{Error, ResponseError, Result, Unlimited};
use millstream_test_servers::{Kafka, require_or_skip};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::producing::{numbered, send_all, texts};
use crate::{client, drain, topic_name};

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";
const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required";
const BEARER: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";

/// A broker, and the files of clients.
struct Secured {
    kafka: Kafka,
    files: TempDir,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

/// Writes key and certificate of one who has this name; past its time if `expired`.
fn identity(folder: &Path, file: &str, authority: &Authority, name: &str, expired: bool) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    if expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let certificate = params.signed_by(&key, authority).expect("signed");
    let pem = format!("{}{}", key.serialize_pem(), certificate.pem());
    std::fs::write(folder.join(file), pem).expect("writable");
}

fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    SECURED.get_or_init(|| {
        let files = tempfile::tempdir().expect("a folder");
        let path = files.path();
        let (ours, other) = (authority(), authority());
        std::fs::write(path.join("ca.pem"), ours.pem()).expect("writable");
        std::fs::write(path.join("other-ca.pem"), other.pem()).expect("writable");
        identity(path, "server.pem", &ours, "127.0.0.1", false);
        identity(path, "expired.pem", &ours, "127.0.0.1", true);
        identity(path, "elsewhere.pem", &ours, "kafka.example.com", false);
        identity(path, "client.pem", &ours, "alice", false);
        identity(path, "stranger.pem", &other, "mallory", false);
        jks(path);
        let mut settings = String::new();
        let mut set = |line: String| settings += &format!("{line}\n");
        for (listener, file) in [
            ("good", "server"),
            ("mutual", "server"),
            ("expired", "expired"),
            ("elsewhere", "elsewhere"),
            ("both", "server"),
        ] {
            set(format!("listener.name.{listener}.ssl.keystore.type=PEM"));
            set(format!("listener.name.{listener}.ssl.keystore.location={}/{file}.pem", path.display()));
            set(format!("listener.name.{listener}.ssl.truststore.type=PEM"));
            set(format!("listener.name.{listener}.ssl.truststore.location={}/ca.pem", path.display()));
        }
        set("listener.name.mutual.ssl.client.auth=required".to_owned());
        for listener in ["sasl", "both", "short"] {
            let prefix = format!("listener.name.{listener}");
            set(format!("{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"));
            set(format!("{prefix}.plain.sasl.jaas.config={PLAIN} user_alice=\"al,ice=1\" user_bob=\"b\";"));
            set(format!("{prefix}.scram-sha-256.sasl.jaas.config={SCRAM};"));
            set(format!("{prefix}.scram-sha-512.sasl.jaas.config={SCRAM};"));
            set(format!("{prefix}.oauthbearer.sasl.jaas.config={BEARER} unsecuredLoginStringClaim_sub=\"broker\";"));
        }
        set("listener.name.short.plain.connections.max.reauth.ms=700".to_owned());
        set("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned());
        set("super.users=User:ANONYMOUS;User:alice;User:token-user;User:CN=rcgen self signed cert".to_owned());
        let listeners = [
            ("GOOD", "SSL"),
            ("MUTUAL", "SSL"),
            ("EXPIRED", "SSL"),
            ("ELSEWHERE", "SSL"),
            ("SASL", "SASL_PLAINTEXT"),
            ("SHORT", "SASL_PLAINTEXT"),
            ("BOTH", "SASL_SSL"),
        ];
        let kafka = Kafka::start_with_listeners(&settings, &listeners);
        kafka.tool("scram-user alice SHA-256 secret-256");
        kafka.tool("scram-user alice SHA-512 secret-512");
        Secured { kafka, files }
    })
}

/// Stores in Java's old form, made by Java: the client's identity is one that it made itself.
fn jks(path: &Path) {
    let run = |arguments: &str| {
        let arguments = arguments.split(' ').map(|word| word.replace("DIR", &path.display().to_string()));
        let mut command = std::process::Command::new("keytool");
        let output = command.args(arguments).output().expect("keytool comes with Java");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    run("-importcert -noprompt -alias ca -file DIR/ca.pem -keystore DIR/trust.jks -storetype JKS -storepass changeit");
    run(
        "-genkeypair -alias me -dname CN=me -keyalg RSA -keystore DIR/key.jks -storetype JKS -storepass changeit -keypass \
         changed",
    );
}

impl Secured {
    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// Writes and reads through a listener.
    async fn round_trip(&self, listener: &str, settings: &[(&str, &str)]) -> Result<()> {
        let topic = topic_name("secured");
        self.kafka.tool(&format!("create {topic} 1 1"));
        let bootstrap = self.kafka.listener(listener);
        let all = [("bootstrap.servers", bootstrap)].into_iter().chain(settings.iter().copied());
        let (config, producing, ignored) = millstream_kafka::ProducerConfig::from_properties(all)?;
        assert!(ignored.is_empty(), "{ignored:?}");
        let writer = millstream_kafka::Client::new(config);
        let producer = writer.producer(producing, Arc::new(Unlimited));
        producer.topic(&topic).await?;
        send_all(&producer, &topic, numbered(0..100)).await;
        producer.flush().await?;
        let reader = client(bootstrap, settings);
        assert_eq!(texts(&drain(&reader, &topic, 0).await?), numbered(0..100));
        Ok(())
    }

    async fn refused(&self, listener: &str, settings: &[(&str, &str)], wanted: &str) {
        let error = self.round_trip(listener, settings).await.expect_err(wanted);
        let address = self.kafka.listener(listener);
        assert_eq!(error.to_string(), wanted.replace("HERE", &format!("broker {address}")));
    }
}

#[tokio::test]
async fn tls_with_every_kind_of_store() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    let (pem, jks) = (secured.file("ca.pem"), secured.file("trust.jks"));
    let inline = std::fs::read_to_string(&pem).expect("readable").replace('\n', " ");
    for settings in [
        vec![("ssl.truststore.type", "PEM"), ("ssl.truststore.location", &*pem)],
        vec![("ssl.truststore.type", "PEM"), ("ssl.truststore.certificates", &*inline)],
        vec![("ssl.truststore.location", &*jks), ("ssl.truststore.password", "changeit")],
        vec![("ssl.truststore.location", &*jks), ("ssl.enabled.protocols", "TLSv1.2")],
    ] {
        let all: Vec<_> = [("security.protocol", "SSL")].into_iter().chain(settings).collect();
        secured.round_trip("GOOD", &all).await.unwrap_or_else(|error| panic!("{all:?}: {error}"));
    }
    let error = secured
        .round_trip(
            "GOOD",
            &[("security.protocol", "SSL"), ("ssl.truststore.location", &jks), ("ssl.truststore.password", "wrong")],
        )
        .await
        .expect_err("wrong password")
        .to_string();
    let wanted = format!("setting 'ssl.truststore.location' is '{jks}': its password is wrong, or it was changed");
    assert_eq!(error, wanted);
}

#[tokio::test]
async fn tls_says_what_is_wrong_with_a_certificate() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    let (pem, other) = (secured.file("ca.pem"), secured.file("other-ca.pem"));
    let trusting = |file| [("security.protocol", "SSL"), ("ssl.truststore.location", file)];
    secured
        .refused(
            "GOOD",
            &trusting(&other),
            "no TLS connection to HERE: its certificate is not signed by anybody whom ssl.truststore names",
        )
        .await;
    secured.refused("EXPIRED", &trusting(&pem), "no TLS connection to HERE: its certificate has expired").await;
    let error = secured.round_trip("ELSEWHERE", &trusting(&pem)).await.expect_err("another name").to_string();
    assert!(error.contains("its certificate is for another host: "), "{error}");
    assert!(error.contains("kafka.example.com"), "{error}");
    let careless = [trusting(&pem).as_slice(), &[("ssl.endpoint.identification.algorithm", "")]].concat();
    secured.round_trip("ELSEWHERE", &careless).await.expect("any name will do");
    // Names are not looked at, but signatures are.
    let careless = [trusting(&other).as_slice(), &[("ssl.endpoint.identification.algorithm", "")]].concat();
    let error = secured.round_trip("ELSEWHERE", &careless).await.expect_err("nobody knows it").to_string();
    assert!(error.contains("not signed by anybody"), "{error}");
}

#[tokio::test]
async fn a_port_without_tls_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let answering = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("connected");
        }
    });
    let reader = client(&address, &[("security.protocol", "SSL")]);
    let error =
        reader.metadata(millstream_kafka::Topics::Named(&["any".into()])).await.expect_err("no broker").to_string();
    assert_eq!(error, format!("no TLS connection to broker {address}: it does not speak TLS on this port"));
    answering.abort();
}

#[tokio::test]
async fn mutual_tls_shows_the_clients_certificate() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    let (pem, mine, strange) = (secured.file("ca.pem"), secured.file("client.pem"), secured.file("stranger.pem"));
    let trusting = [("security.protocol", "SSL"), ("ssl.truststore.location", &*pem)];
    let showing = |file| [trusting.as_slice(), &[("ssl.keystore.location", file)]].concat();
    secured.round_trip("MUTUAL", &showing(&mine)).await.expect("known");
    let text = std::fs::read_to_string(&mine).expect("readable");
    let (key, chain) = text.split_at(text.find("-----BEGIN CERT").expect("a certificate"));
    let inline = [("ssl.keystore.key", key), ("ssl.keystore.certificate.chain", chain)];
    secured.round_trip("MUTUAL", &[trusting.as_slice(), &inline].concat()).await.expect("known");
    secured
        .refused(
            "MUTUAL",
            &trusting,
            "no TLS connection to HERE: it wants a certificate of the client, which ssl.keystore would name",
        )
        .await;
    let error = secured.round_trip("MUTUAL", &showing(&strange)).await.expect_err("unknown").to_string();
    assert!(error.contains("it does not accept the client's certificate"), "{error}");
    // A key out of Java's old form is one, although nobody here knows it.
    let jks = secured.file("key.jks");
    let passwords = [("ssl.keystore.password", "changeit"), ("ssl.key.password", "changed")];
    let error = secured
        .round_trip("MUTUAL", &[&showing(&jks)[..], &passwords].concat())
        .await
        .expect_err("unknown")
        .to_string();
    assert!(error.contains("it does not accept the client's certificate"), "{error}");
    let wrong = [("ssl.keystore.password", "changeit"), ("ssl.key.password", "wrong")];
    let error =
        secured.round_trip("MUTUAL", &[&showing(&jks)[..], &wrong].concat()).await.expect_err("unknown").to_string();
    assert!(error.ends_with("the password of its key is wrong"), "{error}");
}

fn sasl<'a>(protocol: &'a str, mechanism: &'a str, line: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("security.protocol", protocol), ("sasl.mechanism", mechanism), ("sasl.jaas.config", line)]
}

#[tokio::test]
async fn sasl_by_every_mechanism() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    let plain = format!("{PLAIN} username=\"alice\" password=\"al,ice=1\";");
    let scram_256 = format!("{SCRAM} username=\"alice\" password=\"secret-256\";");
    let scram_512 = format!("{SCRAM} username=\"alice\" password=\"secret-512\";");
    let pem = secured.file("ca.pem");
    for (mechanism, line) in [("PLAIN", &plain), ("SCRAM-SHA-256", &scram_256), ("SCRAM-SHA-512", &scram_512)] {
        secured.round_trip("SASL", &sasl("SASL_PLAINTEXT", mechanism, line)).await.expect(mechanism);
        let secure = [&sasl("SASL_SSL", mechanism, line)[..], &[("ssl.truststore.location", &*pem)]].concat();
        secured.round_trip("BOTH", &secure).await.expect(mechanism);
    }
    let wrong = format!("{PLAIN} username=\"alice\" password=\"wrong\";");
    secured
        .refused(
            "SASL",
            &sasl("SASL_PLAINTEXT", "PLAIN", &wrong),
            "HERE does not accept the client by PLAIN: Authentication failed: Invalid username or password",
        )
        .await;
    let wrong = format!("{SCRAM} username=\"alice\" password=\"wrong\";");
    secured
        .refused(
            "SASL",
            &sasl("SASL_PLAINTEXT", "SCRAM-SHA-512", &wrong),
            "HERE does not accept the client by SCRAM-SHA-512: Authentication failed during authentication due to invalid \
             credentials with SASL mechanism SCRAM-SHA-512",
        )
        .await;
}

#[tokio::test]
async fn bearer_tokens_come_from_a_file() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    // The broker of this test takes tokens that nobody signed: {"alg":"none"} and claims, in base64.
    let token = |subject: &str| {
        use base64::Engine;
        let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let claims = format!("{{\"sub\":\"{subject}\",\"iat\":1700000000,\"exp\":4000000000}}");
        format!("{}.{}.", encode("{\"alg\":\"none\"}".to_owned()), encode(claims))
    };
    let file = secured.file("token");
    let url = format!("file://{file}");
    std::fs::write(&file, token("token-user")).expect("writable");
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", &*url),
    ];
    secured.round_trip("SASL", &settings).await.expect("accepted");
    std::fs::write(&file, "no.token.").expect("writable");
    let error = secured.round_trip("SASL", &settings).await.expect_err("no token").to_string();
    assert!(error.contains("does not accept the client by OAUTHBEARER: "), "{error}");
}

#[tokio::test]
async fn what_a_user_may_not_do_is_refused() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    let line = format!("{PLAIN} username=\"bob\" password=\"b\";");
    let error = secured.round_trip("SASL", &sasl("SASL_PLAINTEXT", "PLAIN", &line)).await.expect_err("not allowed");
    assert!(matches!(error, Error::Broker { code: ResponseError::TopicAuthorizationFailed, .. }), "{error:?}");
}

#[tokio::test]
async fn a_session_that_ends_is_replaced_without_an_error() {
    require_or_skip!(Kafka::available());
    let secured = secured();
    let line = format!("{PLAIN} username=\"alice\" password=\"al,ice=1\";");
    let settings = [sasl("SASL_PLAINTEXT", "PLAIN", &line), vec![("retries", "1")]].concat();
    let topic = topic_name("sessions");
    secured.kafka.tool(&format!("create {topic} 1 1"));
    let (reader, producer) = crate::producing::producer(secured.kafka.listener("SHORT"), &settings);
    // Sessions of 0.7 seconds over more than three of them.
    let until = tokio::time::Instant::now() + std::time::Duration::from_millis(2500);
    let mut sent = 0;
    while tokio::time::Instant::now() < until {
        send_all(&producer, &topic, numbered(sent..sent + 10)).await;
        producer.flush().await.expect("written");
        sent += 10;
    }
    assert_eq!(texts(&drain(&reader, &topic, 0).await.expect("readable")), numbered(0..sent));
}
