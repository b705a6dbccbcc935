//! Credentials, one form for each SASL mechanism.

use super::oauth::TokenSource;
use super::secret::Secret;

/// The user that the client is, and the mechanism by which it says so.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    Plain { user: String, password: Secret },
    Scram { hash: HashName, user: String, password: Secret, token: bool },
    OAuthBearer { token: TokenSource },
}

/// The hash function of SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HashName {
    Sha256,
    Sha512,
}

impl Credentials {
    pub(crate) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: HashName::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: HashName::Sha512, .. } => "SCRAM-SHA-512",
            Self::OAuthBearer { .. } => "OAUTHBEARER",
        }
    }
}
