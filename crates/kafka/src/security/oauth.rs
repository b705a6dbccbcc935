//! Where bearer tokens come from: a file that somebody else keeps fresh, or an authorization server that gives them for
//! the client's own credentials (RFC 6749, section 4.4).
//!
//! A token is fetched for each connection. Its meaning is the broker's business; here it is a text.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::time::timeout;

use super::secret::Secret;

/// More is no answer with a token.
const ANSWER_BYTES_MAX: usize = 1 << 20;
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
        let mut client = reqwest::Client::builder().no_proxy().redirect(Policy::none());
        if let Some(tls) = &self.tls {
            client = client.use_preconfigured_tls(rustls::ClientConfig::clone(tls));
        }
        let client = client.build().map_err(reason)?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let request = client
            .post(format!("{scheme}://{}:{}{}", self.host, self.port, self.path))
            .basic_auth(&self.client_id, Some(&self.client_secret.0))
            .header(ACCEPT, "application/json")
            .form(&form);
        let mut answer = request.send().await.map_err(reason)?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}", answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(reason)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"));
            }
        }
        token_of(&body)
    }
}

/// The token in an answer.
fn token_of(body: &[u8]) -> Result<String, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "its answer is no JSON")?;
    let token = answer.get("access_token").ok_or("its answer has no access_token")?;
    let token = token.as_str().filter(|token| !token.is_empty());
    token.map(str::to_owned).ok_or_else(|| "its access_token is no text".to_owned())
}

/// What went wrong below: the error itself only says that a request failed.
fn reason(error: reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests;
