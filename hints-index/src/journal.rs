//! What seals have noted since the last save: a load reads what was saved, then does this again.
//!
//! ```text
//! │ 'N' │ metric u32 │ minute u32 │ chunk u32 │ set │      rows of these series came
//! │ 'S' │ minute u32 │                                    sealed through
//! │ 'D' │ metric u32 │ hour u32 │ hour u32 │             doubted
//! ```

use model::{MetricId, Minute};

use crate::bits::Bits;
use crate::bytes::{self, put_u8, put_u32};
use crate::set::Set;
use crate::{HintsIndex, LoadError};

const NOTE: u8 = b'N';
const SEALED: u8 = b'S';
const DOUBT: u8 = b'D';

/// Entries for one record. Made by the changes of an index that a load has to repeat.
#[derive(Clone, Debug, Default)]
pub struct Journal(Vec<u8>);

// === impl Journal ===

impl Journal {
    /// There is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The record.
    #[must_use]
    pub fn into_record(self) -> Vec<u8> {
        bytes::record(|out| out.extend_from_slice(&self.0))
    }

    pub(crate) fn note(&mut self, metric: MetricId, minute: Minute, chunk: usize, bits: &Bits) {
        let chunk = chunk as u32; // positions are 32 bits wide
        self.numbers(NOTE, &[metric, minute.0, chunk]);
        Set::of(bits).encode(&mut self.0);
    }

    pub(crate) fn sealed(&mut self, minute: Minute) {
        self.numbers(SEALED, &[minute.0]);
    }

    pub(crate) fn doubt(&mut self, metric: MetricId, from_hour: u32, to_hour: u32) {
        self.numbers(DOUBT, &[metric, from_hour, to_hour]);
    }

    fn numbers(&mut self, kind: u8, numbers: &[u32]) {
        put_u8(&mut self.0, kind);
        numbers.iter().for_each(|number| put_u32(&mut self.0, *number));
    }
}

// === impl HintsIndex ===

impl HintsIndex {
    /// Does again what a record of the journal says.
    ///
    /// # Errors
    /// When it is damaged, or notes a series that is not there. The index must not be used any more.
    pub fn replay(&mut self, record: &[u8]) -> Result<(), LoadError> {
        let (mut bytes, mut unheard) = (bytes::open("the journal", record)?, Journal::default());
        while !bytes.is_empty() {
            match bytes.u8()? {
                NOTE => {
                    let (metric, minute) = (bytes.u32()?, Minute(bytes.u32()?));
                    let (chunk, set) = (bytes.u32()?, Set::decode(&mut bytes)?);
                    self.note_chunk(metric, minute, chunk as usize, &set.bits())
                        .ok_or_else(|| bytes.damaged("it notes a series that is not there"))?;
                }
                SEALED => self.sealed(Minute(bytes.u32()?), &mut unheard),
                DOUBT => {
                    let (metric, from, to) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
                    self.doubt_hours(metric, from..to, &mut unheard);
                }
                _ => return Err(bytes.damaged("an entry of an unknown kind")),
            }
        }
        Ok(())
    }
}
