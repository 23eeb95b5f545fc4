//! By which records a log is known again: the newest one of rows, and the newest of all, as they were applied.
//!
//! In:    each record that is applied.
//! Out:   what is kept of two of them; part of each checkpoint.
//! Kept:  an offset and a CRC-32C for each.
//!
//! The newest of all is nearly always a Seal, and two logs may well have sealed the same minute at the same place; a record
//! of rows names its publishers, which are random. That one may have been released already, where nobody publishes.

use bytes::Bytes;
use partition_log::Offset;
use store::{Cf, KvBatch, KvSnapshot};

use crate::StateError;
use crate::state_bytes::{StateReader, StateWriter};
use crate::state_keys::WITNESS;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Witness {
    rows: Option<Seen>,
    newest: Option<Seen>,
}

/// A record that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: Offset,
    pub(crate) crc: u32,
}

// === impl Witness ===

impl Witness {
    pub(crate) fn note(&mut self, offset: Offset, record: &Bytes, has_rows: bool) {
        let seen = Seen { offset, crc: crc32c::crc32c(record) };
        self.newest = Some(seen);
        if has_rows {
            self.rows = Some(seen);
        }
    }

    /// In the order of their offsets.
    pub(crate) fn seen(&self) -> impl Iterator<Item = Seen> {
        let newest = self.newest.filter(|newest| self.rows != Some(*newest));
        self.rows.into_iter().chain(newest)
    }

    pub(crate) fn put(&self, batch: &mut KvBatch) {
        let mut out = StateWriter::new();
        for seen in [self.rows, self.newest] {
            let Seen { offset, crc } = seen.unwrap_or(Seen { offset: 0, crc: 0 });
            out.u8(u8::from(seen.is_some())).u64(offset).u32(crc);
        }
        batch.put(Cf::State, [WITNESS], out.finish());
    }

    /// None of a checkpoint that was written before there were any.
    pub(crate) fn read(snapshot: &dyn KvSnapshot) -> Result<Self, StateError> {
        let Some(value) = snapshot.get(Cf::State, &[WITNESS])? else { return Ok(Self::default()) };
        let mut value = StateReader::new(&[WITNESS], &value)?;
        let (rows, newest) = (read_seen(&mut value)?, read_seen(&mut value)?);
        value.end()?;
        Ok(Self { rows, newest })
    }
}

fn read_seen(value: &mut StateReader<'_>) -> Result<Option<Seen>, StateError> {
    let (is_there, seen) = (value.u8()? != 0, Seen { offset: value.u64()?, crc: value.u32()? });
    Ok(is_there.then_some(seen))
}
