//! Accumulators by cell: one for each group, or for each group in each step.
//!
//! In:    rows of blocks, with the cell that each belongs to.
//! Out:   an aggregate by cell, in which only what was wanted means something; `count` is at least 1 where there is data.
//! Kept:  9 bytes a cell while only integer sums are wanted, else 48 and the sketches.

use model::{Aggregate, Kinds, Number, Sampling, Scalars};
use store::{Columns, SlabColumns};

use crate::budget::{Budget, JobError};
use crate::partition::PartitionError;

/// The cell of a row that belongs to none.
pub(crate) const NONE: u32 = u32::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Cells {
    wanted: Columns,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Sums, while all of them are integers that fit. None is beyond `bound` in magnitude.
    Sums { sums: Vec<i64>, present: Vec<bool>, bound: u64 },
    /// Anything.
    Full(Vec<Aggregate>),
}

/// The columns that a sampling is read off.
pub(crate) fn columns_of(sampling: Sampling) -> Columns {
    match sampling {
        Sampling::Sum | Sampling::Rate => Columns::SUM,
        Sampling::Count => Columns::COUNT,
        Sampling::Min => Columns::MIN,
        Sampling::Max => Columns::MAX,
        Sampling::Avg => Columns::COUNT | Columns::SUM,
        Sampling::Distinct => Columns::DISTINCT,
        // The extremes clamp a bucket's midpoint.
        Sampling::Percentile(_) => Columns::DISTRIBUTION | Columns::MIN | Columns::MAX,
    }
}

/// What groups are sorted by: exact, and equal if and only if the values are. `None` without data, or when the
/// aggregate does not hold what is asked for.
pub(crate) fn rank(sampling: Sampling, aggregate: &Aggregate, seconds: u64) -> Option<Number> {
    sampling.read_number(aggregate, seconds).map(Number::canonical)
}

// === impl Cells ===

impl Cells {
    /// So many empty ones.
    pub(crate) fn new(len: usize, wanted: Columns) -> Self {
        let form = if wanted == Columns::SUM {
            Form::Sums { sums: vec![0; len], present: vec![false; len], bound: 0 }
        } else {
            Form::Full(vec![Aggregate::default(); len])
        };
        Self { wanted, form }
    }

    /// So many, of which these hold data; `None` when one of them is not there.
    pub(crate) fn of(
        len: usize,
        wanted: Columns,
        filled: impl Iterator<Item = (usize, Aggregate)>,
    ) -> Option<Self> {
        let mut cells = vec![Aggregate::default(); len];
        for (cell, aggregate) in filled {
            *cells.get_mut(cell)? = aggregate;
        }
        Some(Self { wanted, form: Form::Full(cells) })
    }

    pub(crate) fn len(&self) -> usize {
        match &self.form {
            Form::Sums { sums, .. } => sums.len(),
            Form::Full(cells) => cells.len(),
        }
    }

    /// Adds the rows of a block; `targets` has the cell of each.
    pub(crate) fn add(
        &mut self,
        columns: &SlabColumns,
        targets: &[u32],
        budget: &Budget,
    ) -> Result<(), JobError> {
        let mut done = 0;
        if let Form::Sums { sums, present, bound } = &mut self.form {
            *bound = NO_BOUND;
            done = add_sums(sums, present, columns, targets);
            if done == targets.len() {
                return Ok(());
            }
            self.widen();
        }
        self.add_rows(columns, targets, done, budget)
    }

    /// Adds the rows of a block to cells that follow one after the other, if these are sums and the rows integers, and
    /// none can overflow: then the loop has no branches and the compiler makes vectors of it. Else nothing is added.
    pub(crate) fn add_run(&mut self, columns: &SlabColumns, first: usize) -> bool {
        let Form::Sums { sums, present, bound } = &mut self.form else { return false };
        let more = columns.sum_bits();
        let cells = first..first + more.len();
        let Some(most) = most(more).checked_add(*bound).filter(|most| *most < NO_BOUND) else { return false };
        if !columns.is_all_integers() || cells.end > sums.len() {
            return false;
        }
        sums[cells.clone()].iter_mut().zip(more).for_each(|(sum, more)| {
            *sum = sum.wrapping_add(more.cast_signed()); // it does not wrap: the bound has been looked at
        });
        present[cells].fill(true);
        *bound = most;
        true
    }

    /// The aggregate of a cell; empty without data.
    pub(crate) fn get(&self, cell: usize) -> Aggregate {
        match &self.form {
            Form::Sums { sums, present, .. } if present[cell] => Aggregate::of(sum_only(sums[cell])),
            Form::Sums { .. } => Aggregate::default(),
            Form::Full(cells) => cells[cell].clone(),
        }
    }

    /// Did the sum of a cell overflow an i64 and become a float?
    pub(crate) fn is_overflowed(&self, cell: usize) -> bool {
        match &self.form {
            Form::Sums { .. } => false,
            Form::Full(cells) => cells[cell].scalars.overflowed(),
        }
    }

    /// The aggregate of a cell, without a copy of its sketches: the cell is empty afterwards.
    pub(crate) fn take(&mut self, cell: usize) -> Aggregate {
        match &mut self.form {
            Form::Sums { sums, present, .. } => {
                let sum = std::mem::take(&mut sums[cell]);
                let was_present = std::mem::take(&mut present[cell]);
                if was_present { Aggregate::of(sum_only(sum)) } else { Aggregate::default() }
            }
            Form::Full(cells) => std::mem::take(&mut cells[cell]),
        }
    }

    /// Does the cell hold data?
    pub(crate) fn is_present(&self, cell: usize) -> bool {
        match &self.form {
            Form::Sums { present, .. } => present[cell],
            Form::Full(cells) => !cells[cell].scalars.is_empty(),
        }
    }

    /// See [`rank`].
    #[inline]
    pub(crate) fn rank(&self, cell: usize, sampling: Sampling, seconds: u64) -> Option<Number> {
        match &self.form {
            Form::Sums { sums, present, .. } => match sampling {
                Sampling::Sum => present[cell].then_some(Number::Int(sums[cell])),
                _ => rank(sampling, &self.get(cell), seconds),
            },
            Form::Full(cells) => rank(sampling, &cells[cell], seconds),
        }
    }

    /// The same, where no sampling means that all with data rank the same.
    #[inline]
    pub(crate) fn rank_by(&self, cell: usize, sampling: Option<Sampling>, seconds: u64) -> Option<Number> {
        match sampling {
            Some(sampling) => self.rank(cell, sampling, seconds),
            None => self.is_present(cell).then_some(Number::Int(0)),
        }
    }

    /// Adds a cell to `all`, and says whether it held data.
    pub(crate) fn merge_into(&self, cell: usize, all: &mut Aggregate) -> bool {
        match &self.form {
            Form::Sums { sums, present, .. } => {
                if present[cell] {
                    all.scalars.merge(&sum_only(sums[cell]));
                }
                present[cell]
            }
            Form::Full(cells) => {
                all.merge(&cells[cell]);
                !cells[cell].scalars.is_empty()
            }
        }
    }

    /// All cells as one, and how many hold data, when every one of them can be ranked by its sum. The short way over
    /// a million cells.
    pub(crate) fn total_of_sums(&self) -> Option<(Aggregate, u64)> {
        let Form::Sums { sums, present, .. } = &self.form else { return None };
        // Cells without data are 0.
        let total = i64::try_from(sums.iter().map(|&sum| i128::from(sum)).sum::<i128>()).ok()?;
        let cells = present.iter().map(|&present| u64::from(present)).sum();
        Some((if cells > 0 { Aggregate::of(sum_only(total)) } else { Aggregate::default() }, cells))
    }

    /// Adds another partition's cells of the same groups.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.widen();
        for cell in 0..self.len().min(other.len()) {
            let theirs = other.take(cell);
            if let Form::Full(cells) = &mut self.form {
                cells[cell].merge(&theirs);
            }
        }
    }

    fn widen(&mut self) {
        if let Form::Sums { sums, present, .. } = &self.form {
            let wide = sums.iter().zip(present).map(|(&sum, &present)| {
                if present { Aggregate::of(sum_only(sum)) } else { Aggregate::default() }
            });
            self.form = Form::Full(wide.collect());
        }
    }

    fn add_rows(
        &mut self,
        columns: &SlabColumns,
        targets: &[u32],
        from: usize,
        budget: &Budget,
    ) -> Result<(), JobError> {
        let wanted = self.wanted;
        let Form::Full(cells) = &mut self.form else { return Ok(()) };
        for (row, &cell) in targets.iter().enumerate().skip(from) {
            if cell != NONE {
                cells[cell as usize].scalars.merge(&scalars(columns, row, wanted));
            }
        }
        add_distinct(cells, columns, targets, budget)?;
        add_distribution(cells, columns, targets, budget)
    }
}

/// A sum may be any i64.
const NO_BOUND: u64 = 1 << 63;

/// No integer is beyond it in magnitude, and it is at most twice the greatest, and one.
fn most(bits: &[u64]) -> u64 {
    let magnitude = |bits: &u64| (bits.cast_signed() ^ (bits.cast_signed() >> 63)).cast_unsigned();
    bits.iter().fold(0, |all, bits| all | magnitude(bits)) + 1
}

/// Adds rows until one is not an integer, or a sum would overflow; returns how many were added.
fn add_sums(sums: &mut [i64], present: &mut [bool], columns: &SlabColumns, targets: &[u32]) -> usize {
    for ((row, &cell), bits) in targets.iter().enumerate().zip(columns.sum_bits()) {
        if cell == NONE {
            continue;
        }
        if columns.kinds(row).0 != 0 {
            return row;
        }
        let sum = &mut sums[cell as usize];
        let Some(more) = sum.checked_add(bits.cast_signed()) else { return row };
        *sum = more;
        present[cell as usize] = true;
    }
    targets.len()
}

/// A cell of which only the sum was wanted.
fn sum_only(sum: i64) -> Scalars {
    Scalars { count: 1, sum: sum.cast_unsigned(), ..Scalars::default() }
}

/// A row with zeros where a column was not asked for, and a count of at least 1: a row is data.
#[inline]
fn scalars(columns: &SlabColumns, row: usize, wanted: Columns) -> Scalars {
    let at = |column: &[u64]| column.get(row).copied().unwrap_or(0);
    let mut meant = Kinds::SUM_FLOAT | Kinds::OVERFLOWED;
    if wanted.has(Columns::MIN) {
        meant |= Kinds::MIN_FLOAT;
    }
    if wanted.has(Columns::MAX) {
        meant |= Kinds::MAX_FLOAT;
    }
    Scalars {
        count: columns.counts().get(row).copied().unwrap_or(1),
        sum: at(columns.sum_bits()),
        min: at(columns.min_bits()),
        max: at(columns.max_bits()),
        kinds: Kinds(columns.kinds(row).0 & meant),
    }
}

fn add_distinct(
    cells: &mut [Aggregate],
    columns: &SlabColumns,
    targets: &[u32],
    budget: &Budget,
) -> Result<(), JobError> {
    for &row in columns.distinct_rows() {
        let Some(cell) = cell_of(cells, targets, row) else { continue };
        if let Some(sketch) = columns.distinct(row as usize).map_err(PartitionError::from)? {
            let before = cell.distinct().map_or(0, model::Distinct::memory_bytes);
            cell.sketches.get_or_insert_default().merge_distinct(&sketch);
            let after = cell.distinct().map_or(0, model::Distinct::memory_bytes);
            budget.take_sketch_bytes(after.saturating_sub(before) as u64)?;
        }
    }
    Ok(())
}

fn add_distribution(
    cells: &mut [Aggregate],
    columns: &SlabColumns,
    targets: &[u32],
    budget: &Budget,
) -> Result<(), JobError> {
    for &row in columns.distribution_rows() {
        let Some(cell) = cell_of(cells, targets, row) else { continue };
        if let Some(sketch) = columns.distribution(row as usize).map_err(PartitionError::from)? {
            let before = cell.distribution().map_or(0, model::Distribution::memory_bytes);
            cell.sketches.get_or_insert_default().merge_distribution(&sketch);
            let after = cell.distribution().map_or(0, model::Distribution::memory_bytes);
            budget.take_sketch_bytes(after.saturating_sub(before) as u64)?;
        }
    }
    Ok(())
}

fn cell_of<'a>(cells: &'a mut [Aggregate], targets: &[u32], row: u32) -> Option<&'a mut Aggregate> {
    let cell = *targets.get(row as usize)?;
    cells.get_mut(cell as usize) // NONE is beyond any cell
}
