//! Where the bytes of a block go.

use std::collections::BTreeMap;

use crate::StoreError;

use super::directory::{Directory, Tag};
use super::short;

/// Bytes by what they are for. Heads are everything around the content of columns: frames, lengths, checksums.
pub type Profile = BTreeMap<&'static str, u64>;

/// Adds the bytes of a slab block or page, which is at hand. Its columns are not decoded.
///
/// # Errors
/// When its frame is damaged.
pub fn add_profile(bytes: &[u8], profile: &mut Profile) -> Result<(), StoreError> {
    let mut long = Vec::new();
    let directory = Directory::open(short::lengthened(bytes, &mut long)?)?;
    let mut heads = bytes.len() as u64;
    for (tag, mut column) in directory.columns() {
        let what = || format!("column {tag}");
        let head = codec::skip_block(&mut column).map_err(|why| StoreError::damaged(what(), &why))?;
        *profile.entry(purpose(tag)).or_default() += head.payload_bytes as u64;
        heads = heads.saturating_sub(head.payload_bytes as u64);
    }
    *profile.entry("heads").or_default() += heads;
    Ok(())
}

fn purpose(tag: u8) -> &'static str {
    const IS: [(Tag, &str); 19] = [
        (Tag::Ids, "series"),
        (Tag::Series, "series"),
        (Tag::Kinds, "kinds"),
        (Tag::Counts, "counts"),
        (Tag::SumInts, "sums"),
        (Tag::SumFloats, "sums"),
        (Tag::SumDistances, "sums"),
        (Tag::SumLevels, "levels"),
        (Tag::MinInts, "mins"),
        (Tag::MinFloats, "mins"),
        (Tag::MinDistances, "mins"),
        (Tag::MaxInts, "maxes"),
        (Tag::MaxFloats, "maxes"),
        (Tag::MaxDistances, "maxes"),
        (Tag::OwnMinutes, "times"),
        (Tag::MinuteCounts, "times"),
        (Tag::MinuteGaps, "times"),
        (Tag::HourCounts, "times"),
        (Tag::Hours, "times"),
    ];
    IS.into_iter().find(|(is, _)| *is as u8 == tag).map_or("sketches", |(_, purpose)| purpose)
}
