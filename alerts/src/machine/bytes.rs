//! The state of a rule as bytes: what a checkpoint holds, golden in `tests/bytes.rs`. Little endian.
//!
//! ```text
//! status   │ 1 u8 │ through u32 │ groups u32 │ tiers u8 │
//!          │ n u32 │ n × ( group u32 │ seen u32 ) │                        groups not seen in `through`
//!          │ n u32 │ n × ( group u32 │ status u8 │ yes u32 │ unknown u32 │ fired u32 ) │    by tier: who is not quiet
//! column   │ 1 u8 │ ring u8 │ minute u32 │ flags u8 │ n u32 │ n × f64 │ n × f64 if flags & 2 │   flags & 1: complete
//! ```
//!
//! A group is quiet when it was seen and is ok with nothing counted, or was not seen. So a minute in which nothing
//! happens costs a few bytes and one column; a column is written once and never changes, and is deleted when its minute
//! has left the window. Checksums are those of the store.

use std::sync::Arc;

use model::Minute;
use thiserror::Error;

use super::tier::{Cell, FIRING};
use super::{Column, RuleState, State};
use crate::limits::GROUPS_MAX;
use crate::rules::Rule;

const VERSION: u8 = 1;
const COMPLETE: u8 = 1;
const COUNTS: u8 = 2;
/// The rings of a [`RuleState`], as columns name them.
const RINGS: u8 = 3;

/// What a checkpoint has to write and delete for one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// Instead of the one before.
    pub status: Vec<u8>,
    /// New columns.
    pub put: Vec<ColumnPiece>,
    /// Columns that are not needed any more: ring and minute.
    pub delete: Vec<(u8, Minute)>,
}

/// One column; ring and minute name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnPiece {
    /// Which of the rule's rings.
    pub ring: u8,
    /// Which minute.
    pub minute: Minute,
    /// The column.
    pub bytes: Vec<u8>,
}

/// Bytes that are no state of this rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the alert state {0}: restore the partition from a backup, or let it be rebuilt from its log")]
pub struct StateBytesError(pub &'static str);

/// What no checkpoint has yet.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    written: Option<Minute>,
    gone: Vec<(u8, Minute)>,
}

// === impl Changes ===

impl Changes {
    pub(crate) fn gone(&mut self, ring: u8, minute: Minute) {
        if self.written.is_some_and(|written| minute <= written) {
            self.gone.push((ring, minute));
        }
    }
}

// === impl RuleState: out ===

impl RuleState {
    /// What has changed since the last call, or since it was loaded.
    pub fn checkpoint(&mut self) -> Pieces {
        let written = std::mem::replace(&mut self.changes.written, self.through);
        let delete = std::mem::take(&mut self.changes.gone);
        Pieces { delete, ..self.pieces_since(written) }
    }

    /// The whole state, as it would be written if all of it had changed.
    #[must_use]
    pub fn whole(&self) -> Pieces {
        self.pieces_since(None)
    }

    fn pieces_since(&self, written: Option<Minute>) -> Pieces {
        let rings = (0..RINGS).zip([&self.operand, &self.other, &self.baseline]);
        let kept = rings
            .flat_map(|(ring, columns)| columns.iter().map(move |(minute, column)| (ring, minute, column)));
        let put = kept
            .filter(|(_, minute, _)| Some(*minute) > written)
            .map(|(ring, minute, column)| {
                let bytes = column_bytes(ring, minute, column);
                ColumnPiece { ring, minute, bytes }
            })
            .collect();
        Pieces { status: self.status_bytes(), put, delete: Vec::new() }
    }

    /// Ring and minute of every column that a checkpoint has written: what is to be deleted with the rule.
    #[must_use]
    pub fn written_columns(&self) -> Vec<(u8, Minute)> {
        let rings = (0..RINGS).zip([&self.operand, &self.other, &self.baseline]);
        let kept = rings.flat_map(|(ring, columns)| columns.iter().map(move |(minute, _)| (ring, minute)));
        let written = kept.filter(|(_, minute)| Some(*minute) <= self.changes.written);
        written.chain(self.changes.gone.iter().copied()).collect()
    }

    fn status_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let through = self.through.map_or(0, |minute| minute.0);
        out.extend(through.to_le_bytes());
        out.extend(as_u32(self.seen.len()).to_le_bytes());
        out.push(self.tiers.len() as u8);
        let elsewhen = self.seen.iter().enumerate().filter(|(_, seen)| **seen != through);
        list(&mut out, elsewhen, |out, (group, seen)| {
            out.extend(as_u32(group).to_le_bytes());
            out.extend(seen.to_le_bytes());
        });
        for tier in &self.tiers {
            let cells = (0..self.seen.len()).map(|group| (group, tier.get(group)));
            list(
                &mut out,
                cells.filter(|(group, cell)| *cell != quiet(self.seen[*group])),
                |out, (group, cell)| {
                    out.extend(as_u32(group).to_le_bytes());
                    out.push(cell.status);
                    [cell.yes, cell.unknown, cell.fired]
                        .iter()
                        .for_each(|word| out.extend(word.to_le_bytes()));
                },
            );
        }
        out
    }
}

/// What a cell is when nothing is said of it.
fn quiet(seen: u32) -> Cell {
    let state = if seen == 0 { State::None } else { State::Ok };
    Cell { status: state as u8, ..Cell::default() }
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).expect("GROUPS_MAX is a u32")
}

/// Length and entries.
fn list<T>(out: &mut Vec<u8>, entries: impl Iterator<Item = T>, mut each: impl FnMut(&mut Vec<u8>, T)) {
    let at = out.len();
    out.extend([0; 4]);
    let mut length = 0_u32;
    for entry in entries {
        each(out, entry);
        length += 1;
    }
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn column_bytes(ring: u8, minute: Minute, column: &Column) -> Vec<u8> {
    let complete = if column.complete { COMPLETE } else { 0 };
    let flags = complete | if column.counts.is_empty() { 0 } else { COUNTS };
    let mut out = Vec::with_capacity(11 + 8 * (column.values.len() + column.counts.len()));
    out.extend([VERSION, ring]);
    out.extend(minute.0.to_le_bytes());
    out.push(flags);
    out.extend(as_u32(column.values.len()).to_le_bytes());
    for number in column.values.iter().chain(&column.counts) {
        // A NaN of another sign or payload is the same nothing; processors differ in which they make.
        let number = if number.is_nan() { f64::NAN } else { *number };
        out.extend(number.to_bits().to_le_bytes());
    }
    out
}

// === impl RuleState: in ===

impl RuleState {
    /// Back from the newest status and all columns that were put and not deleted, by ring and minute.
    ///
    /// # Errors
    /// When the bytes are of a later version, damaged, of another rule, or contradict each other.
    pub fn load<'a>(
        rule: Arc<Rule>,
        status: &[u8],
        columns: impl IntoIterator<Item = &'a ColumnPiece>,
    ) -> Result<Self, StateBytesError> {
        let mut state = Self::new(rule);
        state.load_status(Reader::new(status)?)?;
        for piece in columns {
            state.load_column(piece)?;
        }
        state.changes.written = state.through;
        Ok(state)
    }

    fn load_status(&mut self, mut from: Reader<'_>) -> Result<(), StateBytesError> {
        let through = from.u32()?;
        let groups = from.groups(GROUPS_MAX)?;
        if usize::from(from.u8()?) != self.tiers.len() {
            return Err(StateBytesError("is of a rule with other tiers"));
        }
        self.through = (through != 0).then_some(Minute(through));
        self.seen = vec![through; groups];
        let mut due = 0;
        for _ in 0..from.groups(groups)? {
            let group = from.group(&mut due, groups)?;
            let seen = from.u32()?;
            if seen > through {
                return Err(StateBytesError("has seen a minute that was not yet"));
            }
            self.seen[group] = seen;
        }
        for tier in &mut self.tiers {
            tier.grow(groups);
            (0..groups).for_each(|group| tier.set(group, quiet(self.seen[group])));
            let mut due = 0;
            for _ in 0..from.groups(groups)? {
                let group = from.group(&mut due, groups)?;
                tier.set(group, from.cell()?);
            }
        }
        from.end()
    }

    fn load_column(&mut self, piece: &ColumnPiece) -> Result<(), StateBytesError> {
        let mut from = Reader::new(&piece.bytes)?;
        let (ring, minute, flags) = (from.u8()?, Minute(from.u32()?), from.u8()?);
        if (ring, minute) != (piece.ring, piece.minute) {
            return Err(StateBytesError("has a column under the name of another"));
        }
        let length = from.groups(GROUPS_MAX)?;
        let values = from.numbers(length)?;
        let counts = if flags & COUNTS == 0 { Vec::new() } else { from.numbers(length)? };
        from.end()?;
        let rings = [&mut self.operand, &mut self.other, &mut self.baseline];
        let ring =
            rings.into_iter().nth(usize::from(ring)).ok_or(StateBytesError("names a ring there is not"))?;
        if Some(minute) > self.through || ring.iter().last().is_some_and(|(last, _)| last >= minute) {
            return Err(StateBytesError("has its columns out of order"));
        }
        ring.push(minute, || Column { values, counts, complete: flags & COMPLETE != 0 });
        Ok(())
    }
}

struct Reader<'a>(&'a [u8]);

// === impl Reader ===

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, StateBytesError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Self(rest)),
            Some(_) => Err(StateBytesError("is of a version that this program does not read")),
            None => Err(StateBytesError("is empty")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateBytesError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(StateBytesError("ends early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, StateBytesError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, StateBytesError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// How many groups follow.
    fn groups(&mut self, most: usize) -> Result<usize, StateBytesError> {
        let groups = self.u32()? as usize;
        if groups > most { Err(StateBytesError("claims more groups than there can be")) } else { Ok(groups) }
    }

    /// The next group; they ascend.
    fn group(&mut self, due: &mut usize, groups: usize) -> Result<usize, StateBytesError> {
        let group = self.u32()? as usize;
        if group < *due || group >= groups {
            return Err(StateBytesError("has its groups out of order"));
        }
        *due = group + 1;
        Ok(group)
    }

    fn cell(&mut self) -> Result<Cell, StateBytesError> {
        let status = self.u8()?;
        State::of(status & !FIRING).ok_or(StateBytesError("names a state there is not"))?;
        Ok(Cell { status, yes: self.u32()?, unknown: self.u32()?, fired: self.u32()? })
    }

    fn numbers(&mut self, length: usize) -> Result<Vec<f64>, StateBytesError> {
        let (taken, rest) = self.0.split_at_checked(8 * length).ok_or(StateBytesError("ends early"))?;
        self.0 = rest;
        let (numbers, _) = taken.as_chunks();
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    fn end(&self) -> Result<(), StateBytesError> {
        if self.0.is_empty() { Ok(()) } else { Err(StateBytesError("has bytes after its end")) }
    }
}
