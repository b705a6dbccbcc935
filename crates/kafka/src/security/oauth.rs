//! Where bearer tokens come from: a file that somebody else keeps fresh, or an authorization server that gives them for
//! the client's own credentials (RFC 6749, section 4.4).
//!
//! A token is fetched for each connection. Its meaning is the broker's business; here it is a text.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::secret::Secret;

/// More is no answer with a token.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// An authorization server that takes longer is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a token comes from.
#[derive(Debug, Clone)]
pub(crate) enum TokenSource {
    File(PathBuf),
    /// `POST` with the client's id and secret.
    Endpoint(Box<Endpoint>),
}

/// An authorization server and what it is told.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) scope: Option<String>,
}

impl TokenSource {
    /// A token for one connection. The error says what failed.
    pub(crate) async fn fetch(&self) -> Result<String, String> {
        match self {
            Self::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let text =
                    read.map_err(|error| format!("the token file {} cannot be read: {error}", path.display()))?;
                Ok(text.trim().to_owned())
            }
            Self::Endpoint(endpoint) => match timeout(PATIENCE, endpoint.ask()).await {
                Ok(token) => token.map_err(|reason| format!("{} gives no token: {reason}", endpoint.host)),
                Err(_) => Err(format!("{} does not answer within {PATIENCE:?}", endpoint.host)),
            },
        }
    }
}

impl Endpoint {
    async fn ask(&self) -> Result<String, String> {
        let text = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(text)?;
        match &self.tls {
            None => self.exchange(stream).await,
            Some(config) => {
                let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                self.exchange(connector.connect(name, stream).await.map_err(text)?).await
            }
        }
    }

    async fn exchange(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<String, String> {
        let credentials = BASE64.encode(format!("{}:{}", self.client_id, self.client_secret.0));
        let mut body = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            body.push_str("&scope=");
            body.push_str(&form_encoded(scope));
        }
        let request = format!(
            "POST {} HTTP/1.0\r\nHost: {}\r\nAuthorization: Basic {credentials}\r\nAccept: application/json\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.path,
            self.host,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        // Version 1.0 of the protocol: the answer ends with the connection.
        let read = (&mut stream).take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
        match read {
            Err(error) if answer.is_empty() => return Err(error.to_string()),
            // Servers end TLS connections without saying so.
            Ok(_) | Err(_) => {}
        }
        token_of(&String::from_utf8_lossy(&answer))
    }
}

/// The token in an answer.
fn token_of(answer: &str) -> Result<String, String> {
    let status = answer.split_whitespace().nth(1).unwrap_or("nothing");
    if status != "200" {
        return Err(format!("it answers {status}"));
    }
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("its answer has no content")?;
    let (_, after) = body.split_once("\"access_token\"").ok_or("its answer has no access_token")?;
    let value = after.trim_start().strip_prefix(':').and_then(|rest| rest.trim_start().strip_prefix('"'));
    // A token has no character that JSON would escape.
    let token = value.and_then(|value| value.split('"').next()).filter(|token| !token.is_empty());
    token.map(str::to_owned).ok_or_else(|| "its access_token is no text".to_owned())
}

fn form_encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte as char);
        } else {
            // Writing to a string does not fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
