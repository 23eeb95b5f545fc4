//! What tells one content from another: XXH3-128 and the size.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

const READ_BYTES: usize = 1 << 20;

/// The identity of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) bytes: u64,
    /// 32 hex digits.
    pub(crate) xxh3: String,
}

/// Of bytes as they come by.
#[derive(Default)]
pub(crate) struct Fingerprinter {
    hash: Xxh3,
    bytes: u64,
}

// === impl Fingerprint ===

impl Fingerprint {
    /// Where the content lies below a backup's URL.
    pub(crate) fn object(&self) -> String {
        format!("objects/{}/{self}", self.xxh3.get(..2).unwrap_or_default())
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut fingerprinter = Fingerprinter::default();
        fingerprinter.add(bytes);
        fingerprinter.fingerprint()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.xxh3, self.bytes)
    }
}

// === impl Fingerprinter ===

impl Fingerprinter {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint { bytes: self.bytes, xxh3: format!("{:032x}", self.hash.digest128()) }
    }
}

/// Of the first `bytes` of a file.
pub(crate) fn fingerprint_of(
    file: &Path,
    bytes: u64,
    moved: &dyn Fn(u64) -> anyhow::Result<()>,
) -> anyhow::Result<Fingerprint> {
    let open = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let (mut source, mut fingerprinter, mut buffer) =
        (open.take(bytes), Fingerprinter::default(), vec![0; READ_BYTES]);
    loop {
        let read = source.read(&mut buffer).with_context(|| format!("cannot read {}", file.display()))?;
        if read == 0 {
            break;
        }
        fingerprinter.add(&buffer[..read]);
        moved(read as u64)?;
    }
    anyhow::ensure!(fingerprinter.bytes == bytes, "{} was cut while it was read: try again", file.display());
    Ok(fingerprinter.fingerprint())
}
