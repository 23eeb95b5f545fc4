//! The memory that requests take before they are rows, over all doors and connections of the process.
//!
//! In:    how much a request is about to take.
//! Out:   the right to take it, given back when dropped; or a refusal at once: nobody waits.
//! Kept:  two sums, and how many requests were refused.
//! Never: a place that waits for memory. Requests that wait would hold their connection's flow-control window, and those
//!        that have memory could not be read on.
//!
//! Two shares, so that senders who never finish cannot keep others from being decoded: what is still arriving takes at
//! most a quarter, what is decoded the rest. The arithmetic of the rest is in [`super::limits`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Refused;
use super::limits::DECODED_MULTIPLE_MAX;
use crate::publish::MESSAGE_BYTES_MAX;

/// Of all memory, the part that messages may take which are not complete: a fourth.
const ARRIVING_PART: usize = 4;

/// The least that works: the largest request must find a place in an idle process.
pub const MEMORY_BYTES_MIN: usize = 768 << 20;

/// One machine's default: three of the dearest requests at once, or thousands of usual ones.
pub const MEMORY_BYTES_DEFAULT: usize = 1 << 30;

const _: () =
    assert!(decoded_share(MEMORY_BYTES_MIN) >= DECODED_MULTIPLE_MAX * MESSAGE_BYTES_MAX + MESSAGE_BYTES_MAX);
const _: () = assert!(MEMORY_BYTES_MIN / ARRIVING_PART >= MESSAGE_BYTES_MAX);

/// The budget. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    arriving: Share,
    decoded: Share,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Share {
    bytes_max: usize,
    bytes: AtomicUsize,
}

/// Which part of the budget.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// Messages that are not complete.
    Arriving,
    /// What became of them, until their rows are durable or refused.
    Decoded,
}

/// A part that is in use.
#[derive(Debug)]
pub(crate) struct Taken {
    memory: Memory,
    of: Of,
    bytes: usize,
}

/// A message, and the memory it stands for.
#[derive(Debug)]
pub(crate) struct Charged<M> {
    pub(crate) message: M,
    pub(crate) taken: Taken,
}

// === impl Memory ===

impl Memory {
    /// Of so many bytes, at least [`MEMORY_BYTES_MIN`].
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.max(MEMORY_BYTES_MIN);
        let share = |bytes_max| Share { bytes_max, bytes: AtomicUsize::new(0) };
        let decoded = decoded_share(bytes_max);
        Self(Arc::new(Shared {
            arriving: share(bytes_max - decoded),
            decoded: share(decoded),
            refused: AtomicU64::new(0),
        }))
    }

    /// Bytes in use.
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        [Of::Arriving, Of::Decoded].map(|of| self.share(of).bytes.load(Ordering::Relaxed)).iter().sum()
    }

    /// Bytes there are.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.0.arriving.bytes_max + self.0.decoded.bytes_max
    }

    /// Requests that were refused for want of memory so far.
    #[must_use]
    pub fn requests_refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn nothing(&self, of: Of) -> Taken {
        Taken { memory: self.clone(), of, bytes: 0 }
    }

    fn share(&self, of: Of) -> &Share {
        match of {
            Of::Arriving => &self.0.arriving,
            Of::Decoded => &self.0.decoded,
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(MEMORY_BYTES_DEFAULT)
    }
}

const fn decoded_share(bytes_max: usize) -> usize {
    bytes_max - bytes_max / ARRIVING_PART
}

// === impl Charged ===

impl<M> Charged<M> {
    /// The same memory, for the message in another form.
    pub(crate) fn map<N>(self, form: impl FnOnce(M) -> N) -> Charged<N> {
        Charged { message: form(self.message), taken: self.taken }
    }
}

// === impl Taken ===

impl Taken {
    /// Takes more, or nothing.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        let share = self.memory.share(self.of);
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= share.bytes_max);
        if share.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            self.memory.0.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Refused::NoMemory { bytes_max: self.memory.bytes_max() });
        }
        self.bytes += bytes;
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives all back.
    pub(crate) fn release(&mut self) {
        self.memory.share(self.of).bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back_and_no_more_is_given_than_there_is() {
        let memory = Memory::default();
        let (mut first, mut second) = (memory.nothing(Of::Decoded), memory.nothing(Of::Decoded));
        first.grow(500 << 20).unwrap();
        let refused = second.grow(500 << 20).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "requests in work take all of publish_memory_mib (1024 MiB): send it again in a second"
        );
        assert_eq!((memory.bytes_used(), memory.requests_refused()), (500 << 20, 1));
        second.grow(100 << 20).unwrap();
        memory.nothing(Of::Arriving).grow(256 << 20).unwrap(); // the other share, given back at once
        first.release();
        second.grow(500 << 20).unwrap();
        drop((first, second));
        assert_eq!(memory.bytes_used(), 0);
    }

    #[test]
    fn a_number_that_overflows_is_refused() {
        let memory = Memory::default();
        let mut taken = memory.nothing(Of::Arriving);
        taken.grow(1).unwrap();
        taken.grow(usize::MAX).unwrap_err();
        assert_eq!((taken.bytes(), memory.bytes_used()), (1, 1));
    }
}
