//! From a URL and the usual environment variables to a store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use super::ObjectError;

/// Where objects are, resolved.
pub(super) struct Place {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Within the bucket.
    pub(super) prefix: Path,
    /// The directory, of a store on this machine.
    pub(super) root: Option<PathBuf>,
}

/// How long to try. A query cannot wait as long as a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries after the first.
    pub retries_max: usize,
    /// From the first try to the last.
    pub retry_for: Duration,
    /// One request, body included.
    pub request_timeout: Duration,
}

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause between two tries; each next is up to twice as long, at random, up to the last.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LAST: Duration = Duration::from_secs(10);

// === impl Patience ===

impl Patience {
    /// For work in the background: a store may be away for minutes.
    pub const LONG: Self = Self {
        retries_max: 10,
        retry_for: Duration::from_secs(180),
        request_timeout: Duration::from_secs(120),
    };
    /// For work in the background that others wait behind.
    pub const STEADY: Self =
        Self { retries_max: 3, retry_for: Duration::from_secs(30), request_timeout: Duration::from_secs(60) };
    /// For a query, of which all may take 30 s.
    pub const SHORT: Self =
        Self { retries_max: 2, retry_for: Duration::from_secs(4), request_timeout: Duration::from_secs(4) };

    fn retry(self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig { init_backoff: BACKOFF_FIRST, max_backoff: BACKOFF_LAST, base: 2.0 },
            max_retries: self.retries_max,
            retry_timeout: self.retry_for,
        }
    }

    /// Plain HTTP is for an endpoint that says so: an S3 server of one's own on a network of one's own.
    fn client(self, plain_http: bool) -> ClientOptions {
        ClientOptions::new()
            .with_timeout(self.request_timeout)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(plain_http)
    }
}

/// Settings of a cloud's own builder, by the names of its own tools: `AWS_REGION` is `aws_region`.
macro_rules! cloud {
    ($builder:ty, $url:expr, $env:expr, $named:expr, $patience:expr) => {{
        let plain_http = $env.iter().any(|(name, value)| {
            (name.ends_with("_ALLOW_HTTP") && value.eq_ignore_ascii_case("true"))
                || (name.contains("_ENDPOINT") && value.starts_with("http://"))
        });
        let mut builder = <$builder>::new()
            .with_url($url.as_str())
            .with_retry($patience.retry())
            .with_client_options($patience.client(plain_http));
        for (name, value) in $env.iter().filter(|(name, _)| name.starts_with($named)) {
            let is_ours = name.ends_with("_ALLOW_HTTP");
            if let Ok(key) = name.to_ascii_lowercase().parse()
                && !is_ours
            {
                builder = builder.with_config(key, value);
            }
        }
        builder.build().map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
    }};
}

impl Place {
    pub(super) fn of(text: &str, env: &[(String, String)], patience: Patience) -> Result<Self, ObjectError> {
        let wrong = |why: &dyn ToString| ObjectError::Url { url: text.to_owned(), why: why.to_string() };
        let url = Url::parse(text).map_err(|why| wrong(&why))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ObjectError::Url {
                url: "(not shown)".to_owned(),
                why: "credentials belong into the environment, not into the URL".to_owned(),
            });
        }
        let (scheme, path) = ObjectStoreScheme::parse(&url).map_err(|why| wrong(&why))?;
        let store = match scheme {
            ObjectStoreScheme::Local => return Self::directory(&url, text),
            ObjectStoreScheme::AmazonS3 => cloud!(AmazonS3Builder, url, env, "AWS_", patience),
            ObjectStoreScheme::MicrosoftAzure => cloud!(MicrosoftAzureBuilder, url, env, "AZURE_", patience),
            ObjectStoreScheme::GoogleCloudStorage => {
                cloud!(GoogleCloudStorageBuilder, url, env, "GOOGLE_", patience)
            }
            _ => return Err(wrong(&"no store of this kind is known")),
        };
        Ok(Self { store: store.map_err(|why| wrong(&why))?, prefix: path, root: None })
    }

    fn directory(url: &Url, text: &str) -> Result<Self, ObjectError> {
        let wrong = |why: &dyn ToString| ObjectError::Url { url: text.to_owned(), why: why.to_string() };
        let root = url.to_file_path().map_err(|()| wrong(&"not a path of this machine"))?;
        if root.parent().is_none() {
            return Err(wrong(&"the root directory is not for this"));
        }
        std::fs::create_dir_all(&root).map_err(ObjectError::file("make", &root))?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|why| wrong(&why))?;
        Ok(Self { store: Arc::new(store), prefix: Path::default(), root: Some(root) })
    }
}
