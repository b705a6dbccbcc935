//! SASL: names the user to the broker after the versions are known and before anything else is asked.
//!
//! The mechanism is agreed with SaslHandshake, its messages travel in SaslAuthenticate. The broker may end the session after
//! a time (`connections.max.reauth.ms`); then the connection is replaced, which is the same exchange again.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use super::oauth::TokenSource;
use super::scram::{Scram, ScramHash};
use crate::connection::Connection;
use crate::error::{Error, Result};

const HANDSHAKE_VERSIONS: (i16, i16) = (1, 1);
const AUTHENTICATE_VERSIONS: (i16, i16) = (0, 2);

/// Who the client is, and how it says so.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    Plain { user: String, password: Secret },
    Scram { hash: HashName, user: String, password: Secret, token: bool },
    OAuthBearer { token: TokenSource },
}

/// Which SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashName {
    Sha256,
    Sha512,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Credentials {
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: HashName::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: HashName::Sha512, .. } => "SCRAM-SHA-512",
            Self::OAuthBearer { .. } => "OAUTHBEARER",
        }
    }

    /// Runs the exchange; how long the broker takes the answer for good, if it says.
    pub(crate) async fn authenticate(&self, connection: &mut Connection) -> Result<Option<Duration>> {
        let mechanism = self.mechanism();
        let version = connection.version::<SaslHandshakeRequest>(HANDSHAKE_VERSIONS.0, HANDSHAKE_VERSIONS.1)?;
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
        let response = connection.call(version, &request).await?;
        if ResponseError::try_from_code(response.error_code).is_some() {
            let known: Vec<_> = response.mechanisms.iter().map(ToString::to_string).collect();
            let reason = format!("the broker does not take it, but {}", known.join(", "));
            return Err(self.failed(connection, reason));
        }
        let mut exchange = Exchange { connection, credentials: self, lifetime: None };
        match self {
            Self::Plain { user, password } => drop(exchange.say(format!("\0{user}\0{}", password.0)).await?),
            Self::Scram { hash, user, password, token } => {
                let hash = match hash {
                    HashName::Sha256 => ScramHash::Sha256,
                    HashName::Sha512 => ScramHash::Sha512,
                };
                let begun = Scram::begin(hash, user, &password.0, *token);
                let (mut scram, first) = begun.map_err(|reason| exchange.failed(reason))?;
                let answer = exchange.say(first).await?;
                let last = scram.client_final(&answer).map_err(|reason| exchange.failed(reason))?;
                let answer = exchange.say(last).await?;
                scram.check(&answer).map_err(|reason| exchange.failed(reason))?;
            }
            Self::OAuthBearer { token } => {
                let bearer = token.fetch().await.map_err(|reason| exchange.failed(reason))?;
                let answer = exchange.say(format!("n,,\u{1}auth=Bearer {bearer}\u{1}\u{1}")).await?;
                if !answer.is_empty() {
                    // The broker explains a refusal in JSON and waits for this byte before it closes.
                    let refused = exchange.say("\u{1}".to_owned()).await;
                    return Err(refused.err().unwrap_or_else(|| exchange.failed(answer)));
                }
            }
        }
        Ok(exchange.lifetime)
    }

    fn failed(&self, connection: &Connection, reason: String) -> Error {
        Error::Authentication { place: connection.place().clone(), mechanism: self.mechanism(), reason }
    }
}

struct Exchange<'a> {
    connection: &'a mut Connection,
    credentials: &'a Credentials,
    lifetime: Option<Duration>,
}

impl Exchange<'_> {
    /// Sends a message of the mechanism and gives the broker's.
    async fn say(&mut self, message: String) -> Result<String> {
        let (least, most) = AUTHENTICATE_VERSIONS;
        let version = self.connection.version::<SaslAuthenticateRequest>(least, most)?;
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        let response = self.connection.call(version, &request).await?;
        if let Some(code) = ResponseError::try_from_code(response.error_code) {
            let reason = response.error_message.map_or_else(|| format!("{code:?}"), |reason| reason.to_string());
            return Err(self.failed(reason));
        }
        self.lifetime =
            u64::try_from(response.session_lifetime_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
        String::from_utf8(response.auth_bytes.to_vec())
            .map_err(|_| self.failed("the broker's answer is no text".into()))
    }

    fn failed(&self, reason: String) -> Error {
        self.credentials.failed(self.connection, reason)
    }
}
