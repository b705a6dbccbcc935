use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Endpoint, Secret, TokenSource, token_of};

#[test]
fn tokens_are_found_in_answers() {
    let check = |body: &str, expected: Result<&str, &str>| {
        assert_eq!(token_of(body.as_bytes()), expected.map(str::to_owned).map_err(str::to_owned));
    };
    check(r#"{"token_type": "bearer", "access_token" : "a.b.c", "expires_in":3600}"#, Ok("a.b.c"));
    check("{}", Err("its answer has no access_token"));
    check(r#"{"access_token":null}"#, Err("its access_token is no text"));
    check("", Err("its answer is no JSON"));
}

/// A server that gives this answer to one request; the request, and the endpoint to send it to.
async fn server(answer: &'static str) -> (tokio::task::JoinHandle<String>, Endpoint) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = String::new();
        while !request.ends_with("scope=kafka+rw") {
            let mut bytes = [0; 1000];
            let read = stream.read(&mut bytes).await.expect("a request");
            request.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
        }
        stream.write_all(answer.as_bytes()).await.expect("sent");
        request
    });
    let endpoint = Endpoint {
        tls: None,
        host: "127.0.0.1".to_owned(),
        port,
        path: "/token".to_owned(),
        client_id: "Aladdin".to_owned(),
        client_secret: Secret("open sesame".to_owned()),
        scope: Some("kafka rw".to_owned()),
    };
    (server, endpoint)
}

#[tokio::test]
async fn an_authorization_server_is_asked_with_the_clients_credentials() {
    // In chunks, as servers of version 1.1 of the protocol send what they do not know the length of.
    let answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"access_token\":\r\n5\r\n\"t1\"}\r\n0\r\n\r\n";
    let (server, endpoint) = server(answer).await;
    assert!(!format!("{endpoint:?}").contains("sesame"));
    assert_eq!(TokenSource::Endpoint(Box::new(endpoint)).fetch().await.expect("a token"), "t1");
    let request = server.await.expect("no panic");
    assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
    // The example of RFC 7617.
    assert!(request.contains("authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=kafka+rw"), "{request}");
}

#[tokio::test]
async fn a_refusal_is_told_by_its_number() {
    let (_server, endpoint) = server("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    let error = TokenSource::Endpoint(Box::new(endpoint)).fetch().await.expect_err("refused");
    assert_eq!(error, "127.0.0.1 gives no token: it answers 401");
}

#[tokio::test]
async fn a_token_file_is_read_for_each_connection() {
    let folder = std::env::temp_dir().join(format!("millstream-token-{}", std::process::id()));
    let source = TokenSource::File(folder.clone());
    let error = source.fetch().await.expect_err("not there");
    assert!(error.contains("cannot be read"), "{error}");
    for token in ["one", "two"] {
        std::fs::write(&folder, format!("{token}\n")).expect("writable");
        assert_eq!(source.fetch().await.expect("there"), token);
    }
    std::fs::remove_file(folder).expect("there");
}
