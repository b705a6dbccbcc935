//! How a bucket is opened: by the standard settings of AWS, which most other stores with S3's interface understand too.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Backoff, DiskError};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

/// The store's own retries: enough for a hiccup, and short, because whoever waits for a batch should hear of an outage.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1), retries: 3 };
const RETRY_WITHIN: Duration = Duration::from_secs(5);
/// A store that does not even accept a connection in this time is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// One request: the longest are parts of a snapshot, 4 MB each.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// What Spark's programs set for Hadoop's client, and the variables that say the same. The path style is not among
/// them: it is always used, and every store understands it.
const HADOOP: [(&str, &str); 5] = [
    ("access.key", "AWS_ACCESS_KEY_ID"),
    ("secret.key", "AWS_SECRET_ACCESS_KEY"),
    ("session.token", "AWS_SESSION_TOKEN"),
    ("endpoint", ENDPOINT),
    ("endpoint.region", "AWS_REGION"),
];
const HADOOP_PREFIX: &str = "spark.hadoop.fs.s3a.";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Settings of the clients of S3 by the names of their environment variables, such as `AWS_REGION`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct S3Settings(BTreeMap<String, String>);

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Their values are secrets.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl S3Settings {
    /// Those of this process.
    pub fn from_environment() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// With what a program sets by Hadoop's names in the place of ours; `None` where it sets nothing.
    pub(super) fn with_hadoop(&self, conf: &BTreeMap<String, String>) -> Option<Self> {
        let find = |name: &str| conf.get(&format!("{HADOOP_PREFIX}{name}")).filter(|value| !value.is_empty());
        let set: Vec<_> = HADOOP.iter().filter_map(|&(name, ours)| Some((ours, find(name)?))).collect();
        if set.is_empty() {
            return None;
        }
        let mut settings = self.0.clone();
        let is_plain = find("connection.ssl.enabled").is_some_and(|value| value.eq_ignore_ascii_case("false"));
        for (name, value) in set {
            let value = match (name == ENDPOINT && !value.contains("://"), is_plain) {
                (true, true) => format!("http://{value}"),
                (true, false) => format!("https://{value}"),
                (false, _) => value.clone(),
            };
            settings.insert(name.to_owned(), value);
        }
        if find("endpoint").is_some() {
            // The more particular variable would win.
            settings.remove("AWS_ENDPOINT_URL_S3");
        }
        if find("access.key").is_some() && find("session.token").is_none() {
            // A token belongs to its key.
            settings.remove("AWS_SESSION_TOKEN");
        }
        Some(Self(settings))
    }

    /// A client for this bucket. Nothing is asked of it yet.
    pub(super) fn open(&self, bucket: &str) -> io::Result<Arc<dyn ObjectStore>> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &self.0 {
            if let Ok(setting) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(setting, value);
            }
        }
        let endpoint = |setting| builder.get_config_value(&setting).is_some_and(|url| url.starts_with("http://"));
        // Who writes http:// means it.
        let is_plain = endpoint(AmazonS3ConfigKey::Endpoint) || endpoint(AmazonS3ConfigKey::S3Endpoint);
        let mut options = ClientOptions::new().with_connect_timeout(CONNECT_WITHIN).with_timeout(ANSWER_WITHIN);
        options = options.with_allow_http(is_plain);
        let backoff = BackoffConfig { init_backoff: BACKOFF.first, max_backoff: BACKOFF.longest, base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: BACKOFF.retries as usize, retry_timeout: RETRY_WITHIN };
        let store = builder.with_bucket_name(bucket).with_client_options(options).with_retry(retry).build();
        let refused = |error: object_store::Error| {
            DiskError::io(io::ErrorKind::InvalidInput, error.to_string(), "correct the AWS_… variables of this process")
        };
        Ok(Arc::new(store.map_err(refused)?))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for S3Settings {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(settings: I) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(settings.filter(|(name, _)| name.starts_with("AWS_")).collect())
    }
}

#[cfg(test)]
mod tests;
