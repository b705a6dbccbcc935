//! Trust and key stores: PEM text, and the JKS files of old Java programs.
//!
//! PKCS12 files are told apart and refused by name: `keytool -exportcert -rfc` and `openssl pkcs12 -nodes` turn them
//! into PEM.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::wire::Cursor;

const JKS_MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// A DER sequence, which a PKCS12 file is.
const DER_SEQUENCE: u8 = 0x30;

/// What a store holds.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Certificates to trust.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    /// The client's own certificates, its own first, and its key.
    pub(super) identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl Store {
    /// Reads a store of any known form. The error says what is wrong with it.
    pub(super) fn parse(bytes: &[u8], password: Option<&str>, key_password: Option<&str>) -> Result<Self, String> {
        if bytes.starts_with(&JKS_MAGIC) {
            return parse_jks(bytes, password, key_password);
        }
        if bytes.first() == Some(&DER_SEQUENCE) {
            return Err("it is a PKCS12 file; give it as PEM (openssl pkcs12 -in FILE -nodes)".to_owned());
        }
        parse_pem(bytes)
    }
}

/// Certificates and at most one key, in any order. The certificates are trusted, or are the key's own.
fn parse_pem(bytes: &[u8]) -> Result<Store, String> {
    if memmem(bytes, b"BEGIN ENCRYPTED PRIVATE KEY") {
        return Err("its private key is encrypted; give it in clear (openssl pkey -in FILE)".to_owned());
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let certificates = certificates.map_err(|error| format!("a certificate in it cannot be read: {error}"))?;
    let identity = match PrivateKeyDer::from_pem_slice(bytes) {
        Ok(key) => Some((certificates.clone(), key)),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => None,
        Err(error) => return Err(format!("its private key cannot be read: {error}")),
    };
    if certificates.is_empty() && identity.is_none() {
        return Err("it holds no certificate".to_owned());
    }
    Ok(Store { trusted: certificates, identity })
}

fn memmem(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Java's old form: a list of entries in clear, keys under a password, and a digest over all with the store's password.
fn parse_jks(bytes: &[u8], password: Option<&str>, key_password: Option<&str>) -> Result<Store, String> {
    let cut_off = || "it is cut off".to_owned();
    let (content, signature) = bytes.split_last_chunk::<20>().ok_or_else(cut_off)?;
    if let Some(password) = password {
        let parts = [&utf16(password)[..], b"Mighty Aphrodite", content];
        if sha1(&parts) != *signature {
            return Err("its password is wrong, or it was changed".to_owned());
        }
    }
    let mut store = Store::default();
    let mut cursor = Cursor::new(content);
    let mut read = || -> Result<(), Malformed> {
        let (_magic, version, entries) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
        for _ in 0..entries {
            let tag = cursor.i32()?;
            let (_alias, _date) = (short_text(&mut cursor)?, cursor.i64()?);
            if tag == 1 {
                let key = long_bytes(&mut cursor)?;
                let chain: Result<Vec<_>, Malformed> =
                    (0..cursor.i32()?).map(|_| certificate(&mut cursor, version)).collect();
                let chain = chain?;
                let password = key_password.or(password).ok_or("it holds a key, and no password is given")?;
                let key = open_jks_key(key, &utf16(password))?;
                store.identity = Some((chain, PrivatePkcs8KeyDer::from(key).into()));
            } else {
                store.trusted.push(certificate(&mut cursor, version)?);
            }
        }
        Ok(())
    };
    read().map_err(|Malformed(reason)| reason)?;
    Ok(store)
}

/// What is wrong with a store, from either kind of reader.
struct Malformed(String);

impl From<crate::wire::Malformed> for Malformed {
    fn from(reason: crate::wire::Malformed) -> Self {
        Self(reason.to_string())
    }
}

impl From<&str> for Malformed {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

fn certificate(cursor: &mut Cursor<'_>, version: i32) -> Result<CertificateDer<'static>, Malformed> {
    if version > 1 {
        short_text(cursor)?; // "X.509"
    }
    Ok(CertificateDer::from(long_bytes(cursor)?.to_vec()))
}

fn short_text<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let len = cursor.i16()? as u16;
    Ok(cursor.take(len.into())?)
}

fn long_bytes<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let len = cursor.u32()?;
    Ok(cursor.take(len as usize)?)
}

/// Opens a key: salt, the key under a stream of chained digests, and a digest of the key.
fn open_jks_key(wrapped: &[u8], password: &[u8]) -> Result<Vec<u8>, Malformed> {
    // EncryptedPrivateKeyInfo: a sequence of the algorithm and an octet string.
    let (_, body) = der(wrapped, DER_SEQUENCE)?;
    let (after_algorithm, _) = der(body, DER_SEQUENCE)?;
    let (_, sealed) = der(after_algorithm, 0x04)?;
    let (salt, rest) = sealed.split_first_chunk::<20>().ok_or("its key is cut off")?;
    let (encrypted, check) = rest.split_last_chunk::<20>().ok_or("its key is cut off")?;
    let mut stream = *salt;
    let mut key = Vec::with_capacity(encrypted.len());
    for block in encrypted.chunks(20) {
        stream = sha1(&[password, &stream]);
        key.extend(block.iter().zip(stream).map(|(byte, mask)| byte ^ mask));
    }
    if sha1(&[password, &key]) != *check {
        return Err("the password of its key is wrong".into());
    }
    Ok(key)
}

/// The rest after a DER value with this tag, and its content.
fn der(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), Malformed> {
    let mut cursor = Cursor::new(bytes);
    let (found, first) = (cursor.i8()? as u8, cursor.i8()? as u8);
    if found != tag {
        return Err("its key is not in the form that JKS has".into());
    }
    let len = match first {
        0x80.. => {
            let digits = cursor.take(usize::from(first & 0x7f))?;
            digits.iter().fold(0usize, |len, digit| len.wrapping_shl(8) | usize::from(*digit))
        }
        short => short.into(),
    };
    let content = cursor.take(len)?;
    Ok((cursor.rest(), content))
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; 20];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
