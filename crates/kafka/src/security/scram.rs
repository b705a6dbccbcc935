//! SCRAM (RFC 5802, RFC 7677): proves that both sides know a password without sending it.
//!
//! Without channel binding, as Kafka has none. The exchange is three messages: `client_first`, the server's first, from
//! which `client_final` follows, and the server's final, which [`Scram::check`] compares with what only the right
//! server can know.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SecureRandom;
use ring::{digest, hmac, pbkdf2, rand};

/// Kafka's least; fewer would make guessing cheap for who listens.
const ITERATIONS_MIN: u32 = 4096;

/// One of the two hashes that Kafka has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScramHash {
    Sha256,
    Sha512,
}

impl ScramHash {
    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// An exchange under way.
pub(crate) struct Scram {
    hash: ScramHash,
    password: String,
    nonce: String,
    first_bare: String,
    /// What the server must prove at the end.
    server_signature: Vec<u8>,
}

impl Scram {
    /// Begins an exchange; the second is the first message. `token` tells that the user is a delegation token.
    pub(crate) fn begin(hash: ScramHash, user: &str, password: &str, token: bool) -> Result<(Self, String), String> {
        let mut random = [0; 24];
        rand::SystemRandom::new().fill(&mut random).map_err(|_| "the system gives no random numbers")?;
        Ok(Self::with_nonce(hash, (user, password), token, BASE64.encode(random)))
    }

    fn with_nonce(hash: ScramHash, (user, password): (&str, &str), token: bool, nonce: String) -> (Self, String) {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let extension = if token { ",tokenauth=true" } else { "" };
        let first_bare = format!("n={user},r={nonce}{extension}");
        let first = format!("n,,{first_bare}");
        (Self { hash, password: password.to_owned(), nonce, first_bare, server_signature: Vec::new() }, first)
    }

    /// The answer to the server's first message.
    pub(crate) fn client_final(&mut self, server_first: &str) -> Result<String, String> {
        let (mut nonce, mut salt, mut iterations) = (None, None, None);
        for attribute in server_first.split(',') {
            match attribute.split_once('=') {
                Some(("r", value)) => nonce = Some(value),
                Some(("s", value)) => salt = BASE64.decode(value).ok(),
                Some(("i", value)) => iterations = value.parse::<NonZeroU32>().ok(),
                Some(("e", reason)) => return Err(reason.to_owned()),
                _ => {}
            }
        }
        let malformed = || "the broker's first SCRAM message cannot be read".to_owned();
        let (nonce, salt) = (nonce.ok_or_else(malformed)?, salt.ok_or_else(malformed)?);
        let iterations = iterations.ok_or_else(malformed)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the broker's SCRAM nonce does not continue ours".to_owned());
        }
        if iterations.get() < ITERATIONS_MIN {
            return Err(format!("the broker asks for {iterations} SCRAM iterations, fewer than {ITERATIONS_MIN}"));
        }
        let mut salted = vec![0; self.hash.digest().output_len()];
        pbkdf2::derive(self.hash.pbkdf2(), iterations, &salt, self.password.as_bytes(), &mut salted);
        let sign = |key: &[u8], message: &[u8]| hmac::sign(&hmac::Key::new(self.hash.hmac(), key), message);
        // "biws" is "n,," in base64: no channel binding.
        let without_proof = format!("c=biws,r={nonce}");
        let message = format!("{},{server_first},{without_proof}", self.first_bare);
        let client_key = sign(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let signature = sign(stored_key.as_ref(), message.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server_key = sign(&salted, b"Server Key");
        self.server_signature = sign(server_key.as_ref(), message.as_bytes()).as_ref().to_vec();
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)))
    }

    /// Whether the server's final message shows that it knows the password too.
    pub(crate) fn check(&self, server_final: &str) -> Result<(), String> {
        if let Some(reason) = server_final.strip_prefix("e=") {
            return Err(reason.to_owned());
        }
        let signature = server_final.split(',').find_map(|attribute| attribute.strip_prefix("v="));
        let signature = signature.and_then(|text| BASE64.decode(text).ok());
        if signature.is_some_and(|signature| signature == self.server_signature) {
            return Ok(());
        }
        Err("the broker cannot prove that it knows the password".to_owned())
    }
}

#[cfg(test)]
mod tests;
