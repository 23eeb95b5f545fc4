//! Does this log go on where that checkpoint ends?
//!
//! In:    what a disk holds, and a log.
//! Out:   yes, not known yet, or the name of what is wrong.
//!
//! Offsets live with the state, so each way in which log and state can fail to fit has a name. None of them is mended by
//! itself: a gap that is skipped, or another log that is gone on with, are rows lost in silence.

use std::time::Duration;

use partition_log::{Offset, PartitionLog, ReadError};
use store::KvSnapshot;
use thiserror::Error;

use crate::StateError;
use crate::checkpoint::checkpoint_position;
use crate::witness::{Seen, Witness};

/// How long a record that is there may take to be read before others are served.
const READ_WAIT: Duration = Duration::from_millis(50);

/// Whether a log goes on where a checkpoint ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Yes,
    /// The log is away: ask again.
    NotKnownYet,
}

/// Why it does not.
#[derive(Debug, Error)]
pub enum Misfit {
    /// The checkpoint cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log cannot be read.
    #[error("cannot read the log: {0}")]
    Read(#[from] ReadError),
    /// Records that were never applied are gone.
    #[error(
        "gap: the checkpoint asks for record {position}, the log starts at {start}: restore the log, or restore the \
         partition's store from a backup of the same time or later"
    )]
    Gap {
        /// `C`.
        position: Offset,
        /// The oldest record.
        start: Offset,
    },
    /// The same, with no checkpoint at all.
    #[error(
        "gap: the store is fresh and the log starts at {start}, not at 0: restore the partition's store from a backup, \
         or start the log anew"
    )]
    FreshStore {
        /// The oldest record.
        start: Offset,
    },
    /// More was applied than is there.
    #[error(
        "beyond the end: the checkpoint is of record {position}, the log ends at {end}: this is another log, or it has \
         lost records; restore the log, or delete the partition's store"
    )]
    BeyondEnd {
        /// `C`.
        position: Offset,
        /// One past the newest record.
        end: Offset,
    },
    /// Other records stand where those stood that were applied.
    #[error(
        "another log: record {offset} is not the one that was applied: the log or its topic was made anew; restore it, \
         or delete the partition's store to begin with this one"
    )]
    AnotherLog {
        /// Of which both hold a record.
        offset: Offset,
    },
}

/// Compares a checkpoint and a log: positions, and the records that the checkpoint remembers, as far as they are there.
///
/// # Errors
/// The name of what is wrong.
pub fn check_fit(snapshot: &dyn KvSnapshot, log: &dyn PartitionLog) -> Result<Fit, Misfit> {
    if log.unknown().is_some() {
        return Ok(Fit::NotKnownYet);
    }
    let position = checkpoint_position(snapshot)?.unwrap_or_default();
    check_position(position, log.start(), log.end())?;
    for seen in Witness::read(snapshot)?.seen() {
        if check_record(seen, log)? == Fit::NotKnownYet {
            return Ok(Fit::NotKnownYet);
        }
    }
    Ok(Fit::Yes)
}

fn check_position(position: Offset, start: Offset, end: Offset) -> Result<(), Misfit> {
    match position {
        0 if start > 0 => Err(Misfit::FreshStore { start }),
        _ if position < start => Err(Misfit::Gap { position, start }),
        _ if position > end => Err(Misfit::BeyondEnd { position, end }),
        _ => Ok(()),
    }
}

/// What was released cannot be compared, and need not be: the position was.
fn check_record(seen: Seen, log: &dyn PartitionLog) -> Result<Fit, Misfit> {
    if seen.offset < log.start() {
        return Ok(Fit::Yes);
    }
    match log.read(seen.offset, 0, READ_WAIT) {
        Ok(entries) => match entries.first() {
            None => Ok(Fit::NotKnownYet),
            Some(entry) if crc32c::crc32c(&entry.record) == seen.crc => Ok(Fit::Yes),
            Some(_) => Err(Misfit::AnotherLog { offset: seen.offset }),
        },
        // Released just now, by a retention that is not ours.
        Err(ReadError::Expired { .. }) => Ok(Fit::Yes),
        Err(why) => Err(why.into()),
    }
}
