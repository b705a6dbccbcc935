//! TLS: whom the client trusts, what it shows of itself, and what a failed handshake means.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Transport;
use super::store::Store;
use crate::address::Address;
use crate::error::{Error, Result};

/// What the settings say.
#[derive(Debug, Default)]
pub(super) struct TlsSettings {
    /// `None` trusts whom the system trusts.
    pub(super) trusted: Option<Vec<CertificateDer<'static>>>,
    pub(super) identity: Option<Store>,
    pub(super) checks_host_name: bool,
    /// Empty is all that are known.
    pub(super) protocols: Vec<String>,
    pub(super) cipher_suites: Vec<String>,
}

impl TlsSettings {
    /// The configuration of every TLS connection. The error says which setting does not fit.
    pub(super) fn build(self) -> Result<Arc<ClientConfig>, String> {
        let mut provider = ring::default_provider();
        if !self.cipher_suites.is_empty() {
            let wanted = |name: String| self.cipher_suites.contains(&name.replace("TLS13_", "TLS_"));
            provider.cipher_suites.retain(|suite| wanted(format!("{:?}", suite.suite())));
            if provider.cipher_suites.is_empty() {
                return Err(format!("none of the cipher suites {} is known here", self.cipher_suites.join(", ")));
            }
        }
        let versions = versions(&self.protocols)?;
        let provider = Arc::new(provider);
        let mut roots = RootCertStore::empty();
        for certificate in self.trusted.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs) {
            // A store may hold what is no authority, such as old certificates of other services.
            let _unusable = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err("no usable certificate to trust is given, and the system has none".to_owned());
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::<CryptoProvider>::clone(&provider))
                .build()
                .map_err(|error| error.to_string())?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?;
        let builder = if self.checks_host_name {
            builder.with_webpki_verifier(verifier)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyHostName(verifier)))
        };
        let config = match self.identity.and_then(|store| store.identity) {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("the key store's key and certificate cannot be used: {error}"))?,
        };
        Ok(Arc::new(config))
    }
}

fn versions(names: &[String]) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    if names.is_empty() {
        return Ok(rustls::ALL_VERSIONS.to_vec());
    }
    let known = |name: &String| match name.as_str() {
        "TLSv1.2" => Some(&rustls::version::TLS12),
        "TLSv1.3" => Some(&rustls::version::TLS13),
        // Older ones are broken and not built in.
        _ => None,
    };
    let versions: Vec<_> = names.iter().filter_map(known).collect();
    if versions.is_empty() { Err("TLSv1.2 and TLSv1.3 are known here".to_owned()) } else { Ok(versions) }
}

/// Checks everything but the host name, for `ssl.endpoint.identification.algorithm=`.
#[derive(Debug)]
struct AnyHostName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHostName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The chain is checked before the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Shakes hands over a new connection.
pub(crate) async fn connect(config: &Arc<ClientConfig>, address: &Address, stream: TcpStream) -> Result<Transport> {
    let place = address.place();
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| Error::Tls { place: place.clone(), reason: "the host's name is not one that TLS knows".into() })?;
    match TlsConnector::from(Arc::clone(config)).connect(name, stream).await {
        Ok(stream) => Ok(Transport::Tls(Box::new(stream))),
        Err(error) if is_hang_up(&error) => {
            let text = "it ended the connection in TLS's handshake; most likely it speaks no TLS at this port \
                        (security.protocol)";
            Err(Error::connection(&place, io::Error::new(error.kind(), text)))
        }
        Err(error) => Err(meaning(config, Error::connection(&place, error))),
    }
}

/// Whether the other side went away without a word.
pub(crate) fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

/// Turns the error of a TLS connection into one that says what to mend. Others stay as they are.
pub(crate) fn meaning(config: &ClientConfig, error: Error) -> Error {
    let Error::Connection { place, source } = &error else { return error };
    let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner.map(|inner| reason_of(inner, config.client_auth_cert_resolver.has_certs())) {
        Some(reason) => Error::Tls { place: place.clone(), reason },
        None => error,
    }
}

/// `shows_itself` tells whether the client has a certificate.
fn reason_of(error: &rustls::Error, shows_itself: bool) -> String {
    use rustls::Error as E;
    match error {
        // The second: an authority of the same name, but another one.
        E::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate is not signed by anybody whom ssl.truststore names".to_owned()
        }
        E::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "its certificate has expired".to_owned()
        }
        E::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "its certificate is not valid yet".to_owned()
        }
        E::InvalidCertificate(CertificateError::NotValidForName) => "its certificate is for another host".to_owned(),
        E::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            format!("its certificate is for another host: {}", presented.join(", "))
        }
        // Java's brokers say the second.
        E::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) if !shows_itself => {
            "it wants a certificate of the client, which ssl.keystore would name".to_owned()
        }
        E::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired),
        ) => format!("it does not accept the client's certificate ({alert:?})"),
        E::InvalidMessage(_) => "it does not speak TLS on this port".to_owned(),
        other => other.to_string(),
    }
}
