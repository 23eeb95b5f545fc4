//! A partition as a query sees it: one replica, held still between two of its steps.
//!
//! In:    a replica that is up, or nothing. Out: readings for the coordinator.
//! Kept:  a snapshot of the disk and what the island holds in memory.
//! Never: other rows than the door of `aggregator` would show; it is a few lines, and this is its twin without a thread.

use std::sync::Arc;

use aggregator::{Island, OpenBlock, OpenView, View};
use hints_index::HintsIndex;
use model::{Minute, MinuteRange};
use partition_log::Offset;
use proto::v1;
use query_coordinator::{Partition, PartitionError, PublisherRows, Reading};
use store::{Batch, EachBatch, KvSnapshot, Scan, ScanStats, SlabColumns, StoreError, scan};

use crate::Wrong;
use crate::bugs::Bug;

/// What the coordinator finds behind a partition's number.
pub(crate) enum Room {
    /// The machine is down.
    Down,
    Up(Box<UpRoom>),
}

pub(crate) struct UpRoom {
    /// With what is open, and without.
    open: Arc<Shown>,
    sealed: Arc<Shown>,
}

/// A state that does not change.
pub(crate) struct Shown {
    view: View,
    disk: Arc<dyn KvSnapshot>,
    blocks: Vec<OpenBlock>,
    /// Records whose rows it has counted: of the last checkpoint when it shows nothing newer.
    pub(crate) counted: Offset,
}

// === impl Room ===

impl Room {
    /// `committed` is the view of the last checkpoint: without late rows a query needs no other.
    pub(crate) fn of(
        island: &Island,
        committed: &View,
        disk: &Arc<dyn KvSnapshot>,
        bug: Option<Bug>,
    ) -> Result<Self, Wrong> {
        let shown = |OpenView { view, blocks }: OpenView| {
            let (view, disk) = (Arc::unwrap_or_clone(view), Arc::clone(disk));
            Arc::new(Shown { view, disk, blocks, counted: island.position() })
        };
        let sealed = if island.late_rows() == 0 || Bug::hides_late_rows(bug) {
            let (view, disk, counted) = (committed.clone(), Arc::clone(disk), committed.position);
            Arc::new(Shown { view, disk, blocks: Vec::new(), counted })
        } else {
            shown(island.late_view(&[])?)
        };
        Ok(Self::Up(Box::new(UpRoom { open: shown(island.open_view(&[])?), sealed })))
    }

    /// `None` when the machine is down.
    pub(crate) fn shown(&self, include_open: bool) -> Option<&Arc<Shown>> {
        match self {
            Self::Down => None,
            Self::Up(room) => Some(if include_open { &room.open } else { &room.sealed }),
        }
    }
}

impl Partition for Room {
    fn pin(&self, include_open: bool, _: &[(String, String)]) -> Result<Arc<dyn Reading>, PartitionError> {
        let down = || PartitionError::Unreachable("its machine is down".to_owned());
        let shown = self.shown(include_open).ok_or_else(down)?;
        Ok(Arc::<Shown>::clone(shown))
    }

    fn publisher(&self, _: u128, _: u64) -> Result<PublisherRows, PartitionError> {
        Err(PartitionError::Unreachable("nobody asks for that here".to_owned()))
    }

    fn health(&self) -> v1::PartitionHealth {
        v1::PartitionHealth::default()
    }
}

impl Reading for Shown {
    fn hints(&self) -> &HintsIndex {
        &self.view.hints
    }

    fn sealed_through(&self) -> Option<Minute> {
        self.view.sealed_through
    }

    fn rows_applied(&self, account: &str, minute: Minute) -> u64 {
        self.view.rows_applied(account, minute)
    }

    fn rows_known_from(&self) -> Minute {
        self.view.rows_known_from()
    }

    fn scan(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        let mut broken = false;
        let stats = scan(&*self.disk, wanted, &mut SlabColumns::new(), &mut |batch| {
            let flow = each(batch)?;
            broken = flow.is_break();
            Ok(flow)
        })?;
        if !broken {
            self.scan_unsealed(wanted, each)?;
        }
        Ok(stats)
    }

    fn scan_unsealed(&self, wanted: &Scan<'_>, each: EachBatch<'_>) -> Result<ScanStats, StoreError> {
        let mut columns = SlabColumns::new();
        let inside =
            |block: &&OpenBlock| block.metric == wanted.metric && wanted.minutes.contains(block.minute);
        for block in self.blocks.iter().filter(inside) {
            columns.read(&block.bytes, wanted.wanted)?;
            let minutes = MinuteRange::new(block.minute, block.minute.next());
            if each(&Batch { minutes, columns: &columns })?.is_break() {
                break;
            }
        }
        Ok(ScanStats::default())
    }
}
