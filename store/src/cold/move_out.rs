//! Moving pages out, a pack at a time, and removing packs that nobody refers to.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use model::{MetricId, Minute};

use super::{Cold, Reference, is_reference};
use crate::compact::folded;
use crate::keys::PartKey;
use crate::objects::{ObjectInfo, TRANSFERS_MAX, in_parallel};
use crate::past_damage::PastDamage;
use crate::tier::HOURS_A_DAY;
use crate::{Cf, KvBatch, KvSnapshot, StoreError, Tier};

/// Pages of one pack, which is in memory while it goes up.
const PACK_BYTES_MAX: usize = 32 << 20;
/// The greatest key of a part.
const END: [u8; PartKey::BYTES] = [u8::MAX; PartKey::BYTES];

/// A pack that is in the store, and what makes it count.
pub struct Moved {
    /// References in the place of its pages: to be committed durably.
    pub batch: KvBatch,
    /// Pages in it.
    pub pages: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Uploads pages of the oldest day that has some, of days that end before `before`. `None` when there are none.
///
/// `place` keeps the packs of different stores below one URL apart. The batch must be committed by whoever is the only
/// one that writes pages, before anybody else does. Called again after a crash it finds the same pages, makes the same
/// pack, and gives it the same name.
///
/// # Errors
/// When the disk cannot be read, or the object store cannot be written.
pub fn move_out(
    snapshot: &dyn KvSnapshot,
    cold: &Cold,
    place: &str,
    before: Minute,
) -> Result<Option<Moved>, StoreError> {
    // What cannot be read stays here, and holds up nothing else.
    let snapshot = &PastDamage::new(snapshot);
    let end = Tier::Hour.of(Tier::Day.range(Tier::Day.of(before)).from);
    let Some(day) = oldest_day(snapshot, end)? else { return Ok(None) };
    let hours = Tier::Hour.of(Tier::Day.range(day).from)..Tier::Hour.of(Tier::Day.range(day + 1).from);
    let (mut bytes, mut pages) = (Vec::new(), Vec::new());
    each_hot(snapshot, hours.start, hours.end, &mut |key, page| {
        // A page has an offset and a length before the pack has a name.
        pages.push((key, bytes.len() as u64, page.len(), crc32c::crc32c(page)));
        bytes.extend_from_slice(page);
        Ok(if bytes.len() < PACK_BYTES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let pack = format!("pages/{place}/{day}-{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
    let (count, size) = (pages.len(), bytes.len() as u64);
    let unsent = |why: &dyn ToString| StoreError::Cold { what: format!("pack {pack}"), why: why.to_string() };
    cold.objects().put(&pack, bytes).map_err(|why| unsent(&why))?;

    let mut batch = KvBatch::new();
    for (key, offset, length, crc) in pages {
        let length = u32::try_from(length).map_err(|why| unsent(&why))?;
        batch.put(
            Cf::Pages,
            key.to_bytes(),
            Reference { pack: pack.clone(), offset, length, crc }.to_bytes(),
        );
    }
    Ok(Some(Moved { batch, pages: count, bytes: size }))
}

/// Removes packs of this place that no page refers to and that are older than `unnamed_for`: what a crash has left
/// between upload and commit, and what compaction and retention have made superfluous. Readers of older snapshots may
/// still want those, so `unnamed_for` is longer than a query may take. How many went.
///
/// One of the snapshots is the newest, and one holds only what a power loss cannot undo: it could bring a reference
/// back.
///
/// # Errors
/// When the disk cannot be read, a reference is damaged, or the object store cannot be asked.
pub fn sweep(
    snapshots: [&dyn KvSnapshot; 2],
    cold: &Cold,
    place: &str,
    unnamed_for: Duration,
) -> Result<usize, StoreError> {
    let mut named = HashSet::new();
    for snapshot in snapshots {
        snapshot.range(Cf::Pages, &[], &END, &mut |_, value| {
            named.extend(Reference::read(value)?.map(|reference| reference.pack));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let unasked = |why: crate::objects::ObjectError| StoreError::Cold {
        what: "superfluous packs".to_owned(),
        why: why.to_string(),
    };
    let listed = cold.objects().list(&format!("pages/{place}")).map_err(unasked)?;
    let old = SystemTime::now().checked_sub(unnamed_for).unwrap_or(SystemTime::UNIX_EPOCH);
    let gone: Vec<ObjectInfo> =
        listed.into_iter().filter(|info| !named.contains(&info.name) && info.modified <= old).collect();
    in_parallel(TRANSFERS_MAX, &gone, |info| cold.objects().delete(&info.name)).map_err(unasked)?;
    Ok(gone.len())
}

/// The day of the oldest page that is still here.
fn oldest_day(snapshot: &dyn KvSnapshot, end: u32) -> Result<Option<u32>, StoreError> {
    let mut oldest: Option<u32> = None;
    each_hot(snapshot, 0, end, &mut |key, _| {
        let day = Tier::Day.of(key.span(Cf::Pages).from);
        oldest = Some(oldest.map_or(day, |oldest| oldest.min(day)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(oldest)
}

type EachPage<'a> = &'a mut dyn FnMut(PartKey, &[u8]) -> Result<ControlFlow<()>, StoreError>;

/// Every page of these hours, which are whole days, that lies here, metric by metric; pages of later hours are not
/// touched.
fn each_hot(snapshot: &dyn KvSnapshot, from: u32, to: u32, each: EachPage<'_>) -> Result<(), StoreError> {
    let (mut metric, mut stopped) = (Some(0), false);
    while let Some(first) = metric
        && let Some(found) = metric_from(snapshot, first)?
        && !stopped
    {
        let key = |period| PartKey { metric: found, period, last: 0 }.to_bytes();
        for periods in [from..to, folded(from / HOURS_A_DAY..to / HOURS_A_DAY)] {
            snapshot.range(Cf::Pages, &key(periods.start), &key(periods.end), &mut |key, value| {
                let key = PartKey::from_bytes(key).filter(|_| !is_reference(value) && !stopped);
                let Some(key) = key else { return Ok(ControlFlow::Continue(())) };
                let flow = each(key, value)?;
                stopped = flow.is_break();
                Ok(flow)
            })?;
        }
        metric = found.checked_add(1);
    }
    Ok(())
}

/// The first metric from this one on that has pages.
fn metric_from(snapshot: &dyn KvSnapshot, metric: MetricId) -> Result<Option<MetricId>, StoreError> {
    let (first, mut found) = (PartKey { metric, period: 0, last: 0 }, None);
    snapshot.range(Cf::Pages, &first.to_bytes(), &END, &mut |key, _| {
        found = PartKey::from_bytes(key).map(|key| key.metric);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}
