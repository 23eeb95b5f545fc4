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
pub(crate) struct Seal {
    pub(crate) bytes: u64,
    /// 32 hex digits.
    pub(crate) xxh3: String,
}

/// Of bytes as they come by.
#[derive(Default)]
pub(crate) struct Sealer {
    hash: Xxh3,
    bytes: u64,
}

// === impl Seal ===

impl Seal {
    /// Where the content lies below a backup's URL.
    pub(crate) fn object(&self) -> String {
        format!("objects/{}/{self}", self.xxh3.get(..2).unwrap_or_default())
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut sealer = Sealer::default();
        sealer.add(bytes);
        sealer.seal()
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.xxh3, self.bytes)
    }
}

// === impl Sealer ===

impl Sealer {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(crate) fn seal(&self) -> Seal {
        Seal { bytes: self.bytes, xxh3: format!("{:032x}", self.hash.digest128()) }
    }
}

/// Of the first `bytes` of a file.
pub(crate) fn seal_of(
    file: &Path,
    bytes: u64,
    moved: &dyn Fn(u64) -> anyhow::Result<()>,
) -> anyhow::Result<Seal> {
    let open = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let (mut source, mut sealer, mut buffer) = (open.take(bytes), Sealer::default(), vec![0; READ_BYTES]);
    loop {
        let read = source.read(&mut buffer).with_context(|| format!("cannot read {}", file.display()))?;
        if read == 0 {
            break;
        }
        sealer.add(&buffer[..read]);
        moved(read as u64)?;
    }
    anyhow::ensure!(sealer.bytes == bytes, "{} was cut while it was read: try again", file.display());
    Ok(sealer.seal())
}
