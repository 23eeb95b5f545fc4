//! An input as the keys and values of a disk.
//!
//! ```text
//! │ family u8 │ key length u8 │ key │ value length u16 │ value │ …
//! ```
//!
//! A value stands without its checksum, which depends on where it lies; the last one may be cut off.

use store::{Cf, Kv as _, KvBatch, MemoryKv};

use crate::frames::{mended_block, mended_reference, record};

/// The families of the island's own records begin with these versions, and those of the hints.
const STATE_VERSION: u8 = 2;
const HINTS_VERSION: u8 = 1;
/// Within [`Cf::Hints`], the island's own records.
const SAVED_SERIES: u8 = b'D';
/// Within [`Cf::State`], blocks of rows.
const STATE_BLOCKS: [u8; 2] = [b'O', b'P'];
/// A page that begins so is the reference to one.
const REFERENCE: u8 = 0xff;

/// A key and its value, as they stand in an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Which family.
    pub cf: Cf,
    /// The key.
    pub key: &'a [u8],
    /// The value without its checksum.
    pub value: &'a [u8],
}

/// The entries of an input.
pub fn entries(mut input: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let ([family, key], rest) = input.split_first_chunk()?;
        let (key, rest) = rest.split_at(usize::from(*key).min(rest.len()));
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        input = rest;
        Some(Entry { cf: Cf::ALL[usize::from(*family) % Cf::ALL.len()], key, value })
    })
}

/// The input that [`entries`] reads the key and value of a disk from.
///
/// # Panics
/// When they are too long for it: they are no seed.
#[must_use]
pub fn join(cf: Cf, key: &[u8], value: &[u8]) -> Vec<u8> {
    let value = bare(cf, key, value);
    let family = Cf::ALL.iter().position(|one| *one == cf).expect("one of all") as u8; // there are seven
    let key_len = u8::try_from(key.len()).expect("keys are short");
    let value_len = u16::try_from(value.len()).expect("a seed is small");
    [&[family, key_len], key, &value_len.to_le_bytes(), value].concat()
}

/// A disk that holds these entries, each value with a checksum that fits.
pub fn disk<'a>(entries: impl Iterator<Item = Entry<'a>>) -> MemoryKv {
    let mut batch = KvBatch::new();
    entries.for_each(|entry| batch.put(entry.cf, entry.key, sealed(&entry)));
    let disk = MemoryKv::new();
    disk.commit(batch).expect("a disk in memory takes everything");
    disk
}

fn sealed(entry: &Entry<'_>) -> Vec<u8> {
    match (entry.cf, entry.key.first()) {
        (Cf::Pages, _) if entry.value.first() == Some(&REFERENCE) => mended_reference(entry.value),
        (Cf::Slabs | Cf::Pages | Cf::Hours | Cf::Days, _) => mended_block(entry.value),
        (Cf::State, Some(tag)) if STATE_BLOCKS.contains(tag) => mended_block(entry.value),
        (Cf::Hints, Some(&SAVED_SERIES)) | (Cf::State, _) => record(STATE_VERSION, entry.value),
        (Cf::Hints, _) => record(HINTS_VERSION, entry.value),
        (Cf::Series, _) => entry.value.to_vec(),
    }
}

/// What [`sealed`] makes `value` of.
fn bare<'a>(cf: Cf, key: &[u8], value: &'a [u8]) -> &'a [u8] {
    let is_record = match cf {
        Cf::State => key.first().is_none_or(|tag| !STATE_BLOCKS.contains(tag)),
        Cf::Hints => true,
        Cf::Slabs | Cf::Pages | Cf::Hours | Cf::Days | Cf::Series => false,
    };
    if is_record { value.get(1..value.len().saturating_sub(4)).unwrap_or(&[]) } else { value }
}
