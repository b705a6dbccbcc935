//! `security.protocol`, `ssl.*` and `sasl.*` as Java's clients take them.
//!
//! Stores are read when the settings are, so that what is wrong with them is said before anything is connected.
//! Kerberos (GSSAPI) is refused by name; settings of Java's own machinery (providers, callback classes) choose nothing
//! here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;

use super::credentials::{Credentials, HashName};
use super::jaas::Jaas;
use super::oauth::{Endpoint, TokenSource};
use super::secret::Secret;
use super::store::Store;
use super::tls::TlsSettings;
use crate::error::{Error, Result};

/// How connections are secured. The default is not at all.
#[derive(Debug, Clone, Default)]
pub struct SecurityConfig {
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) credentials: Option<Arc<Credentials>>,
}

/// Properties that are read here.
const KNOWN: [&str; 22] = [
    "security.protocol",
    "sasl.jaas.config",
    "sasl.mechanism",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.protocol",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "sasl.login.callback.handler.class",
];

impl SecurityConfig {
    /// The names of security's properties.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.into_iter()
    }

    /// Whether a property is one of security's.
    pub(crate) fn knows(name: &str) -> bool {
        KNOWN.contains(&name)
    }

    /// Settings from properties that [`SecurityConfig::knows`].
    pub(crate) fn from_properties(properties: &BTreeMap<&str, &str>) -> Result<Self> {
        let protocol = properties.get("security.protocol").copied().unwrap_or("PLAINTEXT");
        let (with_tls, with_sasl) = match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                let reason = "must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL";
                return Err(Error::config("security.protocol", protocol, reason));
            }
        };
        let tls = if with_tls { Some(tls(properties)?) } else { None };
        let credentials = if with_sasl { Some(Arc::new(credentials(properties)?)) } else { None };
        Ok(Self { tls, credentials })
    }
}

fn tls(properties: &BTreeMap<&str, &str>) -> Result<Arc<ClientConfig>> {
    let list = |name: &str| -> Vec<String> {
        let items = properties.get(name).map_or("", |value| value).split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let settings = TlsSettings {
        trusted: store(properties, "truststore")?.map(|store| store.trusted),
        identity: store(properties, "keystore")?,
        checks_host_name: match properties.get("ssl.endpoint.identification.algorithm").copied() {
            None => true,
            Some(value) if value.eq_ignore_ascii_case("https") => true,
            Some("") => false,
            Some(value) => {
                return Err(Error::config("ssl.endpoint.identification.algorithm", value, "must be https or empty"));
            }
        },
        protocols: list("ssl.enabled.protocols"),
        cipher_suites: list("ssl.cipher.suites"),
    };
    let named = ["ssl.truststore.location", "ssl.keystore.location"].into_iter().find_map(|name| {
        let value = properties.get(name)?;
        Some((name, *value))
    });
    let (name, value) = named.unwrap_or(("security.protocol", "SSL"));
    settings.build().map_err(|reason| Error::config(name, value, reason))
}

/// The trust or key store that the settings name, if they name one.
fn store(properties: &BTreeMap<&str, &str>, which: &str) -> Result<Option<Store>> {
    let get = |name: &str| properties.get(format!("ssl.{which}.{name}").as_str()).copied();
    let location = format!("ssl.{which}.location");
    let inline = if which == "truststore" {
        get("certificates").map(str::to_owned)
    } else {
        get("key").map(|key| format!("{key}\n{}", get("certificate.chain").unwrap_or_default()))
    };
    if let Some(text) = inline {
        let name = format!("ssl.{which}.{}", if which == "truststore" { "certificates" } else { "key" });
        let parsed = Store::parse(pem_lines(&text).as_bytes(), None, None);
        return parsed.map(Some).map_err(|reason| Error::config(&name, "[hidden]", reason));
    }
    let Some(path) = get("location") else { return Ok(None) };
    let refuse = |reason: String| Error::config(&location, path, reason);
    let bytes = std::fs::read(path).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    let store = Store::parse(&bytes, get("password"), properties.get("ssl.key.password").copied()).map_err(refuse)?;
    if which == "keystore" && store.identity.is_none() {
        return Err(refuse("it holds no private key".to_owned()));
    }
    Ok(Some(store))
}

/// PEM text as it may stand in a property: in one line, with blanks for line ends.
fn pem_lines(text: &str) -> String {
    let mut lines = String::new();
    for part in text.split("-----") {
        let part = part.trim();
        if part.starts_with("BEGIN ") || part.starts_with("END ") {
            lines.push_str(&format!("-----{part}-----\n"));
        } else {
            for line in part.split_whitespace() {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    lines
}

fn credentials(properties: &BTreeMap<&str, &str>) -> Result<Credentials> {
    let mechanism = properties.get("sasl.mechanism").copied().unwrap_or("GSSAPI");
    let line = properties.get("sasl.jaas.config").copied().unwrap_or_default();
    // The line has a password in it.
    let refuse = |reason: String| Error::config("sasl.jaas.config", "[hidden]", reason);
    let jaas = || Jaas::parse(line).map_err(refuse);
    let check = |jaas: Jaas, module: &str| {
        if jaas.module == module {
            Ok(jaas)
        } else {
            Err(refuse(format!("{mechanism} wants {module}, not {}", jaas.module)))
        }
    };
    let password = |jaas: &Jaas| jaas.required("password").map(Secret).map_err(refuse);
    match mechanism {
        "PLAIN" => {
            let jaas = check(jaas()?, "PlainLoginModule")?;
            Ok(Credentials::Plain { user: jaas.required("username").map_err(refuse)?, password: password(&jaas)? })
        }
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            let jaas = check(jaas()?, "ScramLoginModule")?;
            let hash = if mechanism.ends_with("256") { HashName::Sha256 } else { HashName::Sha512 };
            let token = jaas.options.get("tokenauth").is_some_and(|value| value == "true");
            let user = jaas.required("username").map_err(refuse)?;
            Ok(Credentials::Scram { hash, user, password: password(&jaas)?, token })
        }
        "OAUTHBEARER" => {
            let jaas = if line.is_empty() { None } else { Some(check(jaas()?, "OAuthBearerLoginModule")?) };
            Ok(Credentials::OAuthBearer { token: token_source(properties, jaas.as_ref())? })
        }
        other => {
            let reason = "must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; Kerberos is not built in";
            Err(Error::config("sasl.mechanism", other, reason))
        }
    }
}

fn token_source(properties: &BTreeMap<&str, &str>, jaas: Option<&Jaas>) -> Result<TokenSource> {
    const URL: &str = "sasl.oauthbearer.token.endpoint.url";
    let url = properties.get(URL).copied().unwrap_or_default();
    if let Some(path) = url.strip_prefix("file:") {
        return Ok(TokenSource::File(PathBuf::from(path.strip_prefix("//").unwrap_or(path))));
    }
    let refuse = |reason: &str| Error::config(URL, url, reason);
    let (with_tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(refuse("must begin with file:, http:// or https://")),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| refuse("its port is no number"))?),
        None => (authority, if with_tls { 443 } else { 80 }),
    };
    // Kafka 4.1 has properties for what was an option of the login module before.
    let setting = |property: &str, option: &str| {
        let property = properties.get(property).map(|value| (*value).to_owned());
        property.or_else(|| jaas.and_then(|jaas| jaas.options.get(option).cloned()))
    };
    let missing = |option: &str| {
        let reason = format!("OAuthBearerLoginModule needs the option '{option}' for client credentials");
        Error::config("sasl.jaas.config", "[hidden]", reason)
    };
    let client_id = setting("sasl.oauthbearer.client.credentials.client.id", "clientId");
    let secret = setting("sasl.oauthbearer.client.credentials.client.secret", "clientSecret");
    Ok(TokenSource::Endpoint(Box::new(Endpoint {
        tls: if with_tls { Some(tls(properties)?) } else { None },
        host: host.to_owned(),
        port,
        path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        client_id: client_id.ok_or_else(|| missing("clientId"))?,
        client_secret: Secret(secret.ok_or_else(|| missing("clientSecret"))?),
        scope: setting("sasl.oauthbearer.scope", "scope"),
    })))
}

#[cfg(test)]
mod tests;
