//! What can go wrong between us and an object store.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Each says what to do.
#[derive(Clone, Debug, Error)]
pub enum ObjectError {
    /// The URL means nothing to us.
    #[error(
        "object store {url:?}: {why}; give file:///dir, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
    )]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such object.
    #[error("{object} is not there: it was deleted, or the URL is that of another place")]
    NotFound {
        /// Its whole URL.
        object: String,
    },
    /// The store knows us and says no, or does not know us.
    #[error(
        "cannot {doing} {object}: access denied ({why}); set AWS_*, AZURE_* or GOOGLE_* credentials that may read, write, list and delete there"
    )]
    Denied {
        /// What was being done.
        doing: &'static str,
        /// With what.
        object: String,
        /// In the store's words.
        why: String,
    },
    /// The store, the network, or the way there.
    #[error("cannot {doing} {object}: {why}; check the network and the endpoint, then try again")]
    Away {
        /// What was being done.
        doing: &'static str,
        /// With what.
        object: String,
        /// In the store's words.
        why: String,
    },
    /// A file of this machine.
    #[error("cannot {doing} {}: {source}", file.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// Which one.
        file: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// Larger than whoever asked has room for.
    #[error("{object} has {bytes} bytes, at most {bytes_max} are read: it is not one of ours")]
    TooLarge {
        /// Its whole URL.
        object: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
}

// === impl ObjectError ===

impl ObjectError {
    pub(super) fn of(doing: &'static str, object: String, why: &object_store::Error) -> Self {
        use object_store::Error;
        match why {
            Error::NotFound { .. } => Self::NotFound { object },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Denied { doing, object, why: one_line(why) }
            }
            _ => Self::Away { doing, object, why: one_line(why) },
        }
    }

    /// Of a file of this machine.
    pub fn file(doing: &'static str, file: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::File { doing, file, source: Arc::new(source) }
    }
}

/// The store's own words hold line breaks and whole XML documents.
fn one_line(why: &object_store::Error) -> String {
    const WORDS_MAX: usize = 300;
    let mut line = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(why);
    while let Some(error) = cause {
        let said = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        // Most of them repeat what lies below.
        if !line.contains(&said) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&said);
        }
        cause = error.source();
    }
    line.chars().take(WORDS_MAX).collect()
}
