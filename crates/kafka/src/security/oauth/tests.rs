use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Endpoint, Secret, TokenSource, form_encoded, token_of};

#[test]
fn tokens_are_found_in_answers() {
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
    let check = |answer: &str, wanted: Result<&str, &str>| {
        assert_eq!(token_of(answer), wanted.map(str::to_owned).map_err(str::to_owned));
    };
    check(&answer(r#"{"token_type": "bearer", "access_token" : "a.b.c", "expires_in":3600}"#), Ok("a.b.c"));
    check(&answer("{}"), Err("its answer has no access_token"));
    check(&answer(r#"{"access_token":null}"#), Err("its access_token is no text"));
    check("HTTP/1.1 401 Unauthorized\r\n\r\n", Err("it answers 401"));
    check("", Err("it answers nothing"));
    assert_eq!(form_encoded("a b/c"), "a%20b%2Fc");
}

#[tokio::test]
async fn an_authorization_server_is_asked_with_the_clients_credentials() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let (mut request, wanted) = (String::new(), "scope=kafka%20rw");
        while !request.ends_with(wanted) {
            let mut bytes = [0; 1000];
            let read = stream.read(&mut bytes).await.expect("a request");
            request.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
        }
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{\"access_token\":\"t1\"}").await.expect("sent");
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
    assert!(!format!("{endpoint:?}").contains("sesame"));
    assert_eq!(TokenSource::Endpoint(Box::new(endpoint)).fetch().await.expect("a token"), "t1");
    let request = server.await.expect("no panic");
    assert!(request.starts_with("POST /token HTTP/1.0\r\n"), "{request}");
    // The example of RFC 7617.
    assert!(request.contains("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{request}");
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
