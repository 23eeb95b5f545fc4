//! The data directory of a server that is stopped: locked, its logs and stores open, no island running.

use std::path::Path;

use model::Placement;

use super::data_dir::{DataDir, Given, placement};
use super::partitions::open_all;
use crate::commands::backup::Source;

/// See the module.
pub(crate) struct Offline {
    data: DataDir,
    sources: Vec<Source>,
}

// === impl Offline ===

impl Offline {
    /// One that is there; none is made. A torn tail of a log is cut, as a start would.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let data = DataDir::open(path, placement(path)?, Given::default())?;
        let sources = open_all(&data)?;
        Ok(Self { data, sources })
    }

    pub(crate) fn placement(&self) -> Placement {
        self.data.placement
    }

    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }
}
