//! SASL: names the user to the broker after the versions are known and before anything else is asked.
//!
//! The mechanism is agreed with SaslHandshake, its messages travel in SaslAuthenticate. The broker may end the session
//! after a time (`connections.max.reauth.ms`); then the connection is replaced, which is the same exchange again.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use super::Connection;
use crate::error::{Error, Result};
use crate::security::scram::{Scram, ScramHash};
use crate::security::{Credentials, HashName};

const HANDSHAKE_VERSIONS: (i16, i16) = (1, 1);
const AUTHENTICATE_VERSIONS: (i16, i16) = (0, 2);

/// Runs the exchange; gives the time for which the broker takes the answer, if it says.
pub(super) async fn authenticate(credentials: &Credentials, connection: &mut Connection) -> Result<Option<Duration>> {
    let mechanism = credentials.mechanism();
    let version = connection.version::<SaslHandshakeRequest>(HANDSHAKE_VERSIONS.0, HANDSHAKE_VERSIONS.1)?;
    let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(mechanism));
    let response = connection.call(version, &request).await?;
    if ResponseError::try_from_code(response.error_code).is_some() {
        let known: Vec<_> = response.mechanisms.iter().map(ToString::to_string).collect();
        let reason = format!("the broker does not take it, but {}", known.join(", "));
        return Err(failed(credentials, connection, reason));
    }
    let mut exchange = Exchange { connection, credentials, lifetime: None };
    match credentials {
        Credentials::Plain { user, password } => drop(exchange.say(format!("\0{user}\0{}", password.0)).await?),
        Credentials::Scram { hash, user, password, token } => {
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
        Credentials::OAuthBearer { token } => {
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

fn failed(credentials: &Credentials, connection: &Connection, reason: String) -> Error {
    Error::Authentication { place: connection.place().clone(), mechanism: credentials.mechanism(), reason }
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
        failed(self.credentials, self.connection, reason)
    }
}
