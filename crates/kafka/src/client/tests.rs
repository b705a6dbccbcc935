//! The client against addresses at which there is no broker.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Client;
use crate::config::ClientConfig;
use crate::error::{Error, Place};
use crate::metadata::Topics;
use crate::{ProducerConfig, Unlimited};

/// The address of a port of this machine on which nobody listens.
fn nobody() -> String {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    taken.local_addr().expect("an address").to_string()
}

/// Settings for two brokers that are not there, and how an error names them.
fn settings(more: &[(&str, &str)]) -> (ClientConfig, ProducerConfig, String) {
    let servers = format!("{},{}", nobody(), nobody());
    let all = [("bootstrap.servers", servers.as_str())].into_iter().chain(more.iter().copied());
    let (client, producer, _) = ProducerConfig::from_properties(all).expect("settings");
    (client, producer, servers)
}

#[tokio::test]
async fn a_cluster_that_never_answered_is_waited_for_as_long_as_the_setting_says() {
    let (config, _, servers) = settings(&[("default.api.timeout.ms", "700")]);
    let begun = tokio::time::Instant::now();
    let error = Client::new(config).metadata(Topics::All).await.expect_err("nobody answers");
    let text = error.to_string();
    assert!(text.starts_with(&format!("no broker of '{servers}' answered within ")), "{text}");
    assert!(text.contains(" s: cannot talk to broker 127.0.0.1:"), "{text}");
    assert!(begun.elapsed() >= Duration::from_millis(700));
}

#[test]
fn an_address_that_no_setting_names_comes_from_the_cluster() {
    let (config, ..) = settings(&[]);
    let (host, port) = config.bootstrap_servers[0].clone();
    let client = Client::new(config);
    let failure = |broker: String| Error::Timeout { place: Place::broker(&broker.into()), waited: Duration::ZERO };
    assert_eq!(client.hint_about(&failure(format!("{host}:{port}"))), None);
    let hint = client.hint_about(&failure("inside:9092".to_owned()));
    assert!(hint.is_some_and(|hint| hint.contains("advertised.listeners")), "{hint:?}");
}

#[test]
fn the_patience_is_that_of_java() {
    assert_eq!(settings(&[]).0.api_timeout, Duration::from_secs(60));
}

#[tokio::test]
async fn a_producer_says_that_nobody_answers_instead_of_that_the_topic_is_missing() {
    let (client, producer, servers) = settings(&[("max.block.ms", "1000")]);
    let producer = Client::new(client).producer(producer, Arc::new(Unlimited));
    let error = producer.topic("t").await.expect_err("nobody answers");
    assert!(error.to_string().starts_with(&format!("no broker of '{servers}' answered within ")), "{error}");
}

/// What a client says of something that gives this answer to whatever it is told, and goes away.
async fn told_of(answer: &'static [u8], more: &[(&str, &str)]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let stranger = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _heard = stream.read(&mut [0; 512]).await;
            let _said = stream.write_all(answer).await;
            // What is closed with bytes that nobody has read takes back what it has said.
            let _over = stream.shutdown().await;
            while stream.read(&mut [0; 512]).await.is_ok_and(|len| len > 0) {}
        }
    });
    let all = [("bootstrap.servers", address.as_str()), ("default.api.timeout.ms", "100")];
    let (config, _) = ClientConfig::from_properties(all.into_iter().chain(more.iter().copied())).expect("settings");
    let error = Client::new(config).metadata(Topics::All).await.expect_err("no broker");
    stranger.abort();
    error.to_string()
}

#[tokio::test]
async fn what_is_no_broker_or_wants_tls_is_told() {
    let with_tls = [("security.protocol", "SSL")];
    for (answer, settings, expected) in [
        (&b""[..], &[][..], "ended the connection at the first request; most likely it wants TLS (security.protocol)"),
        (b"\x15\x03\x03\0\x02\x02\x46", &[], "it answers with TLS; set security.protocol to SSL or SASL_SSL"),
        (b"HTTP/1.1 400 Bad Request", &[], "it is no Kafka broker: its answer begins with 'HTTP'"),
        // ApiVersions without a request that it would take.
        (b"\0\0\0\x0c\0\0\0\0\0\0\x01\0\0\0\0\0", &[], "it serves no clients: it is starting, or it is a controller"),
        (b"", &with_tls, "in TLS's handshake; most likely it speaks no TLS at this port (security.protocol)"),
    ] {
        let text = told_of(answer, settings).await;
        assert!(text.contains(expected), "{text}");
    }
}
