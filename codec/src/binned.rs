//! Residuals by how often they occur: a class (see [`crate::classes`]) or a common number costs the
//! logarithm of its share, by [`crate::ans`], and a class its raw bits besides. This comes near the
//! entropy of any distribution; its list of shares makes it dear for short columns.

use crate::ans::{self, Encoder};
use crate::back_writer::BackWriter;
use crate::bits::{BitReader, BitWriter, PEEK_BITS};
use crate::classes::{self, CLASSES};
use crate::commons::{COMMONS_MAX, Commons};
use crate::error::Flaw;
use crate::fibonacci;
use crate::lanes::{self, Code, Coded, LANES, Lanes};
use crate::tally::{Shape, Tally};

/// Tables are larger for longer columns: they cost a few nanoseconds a state to build, and finer shares
/// are worth a hundredth of a bit a value.
const LOG_USUAL_MAX: u32 = 11;

/// In the byte in front: the shape, above the table's `log`.
const RISING: u8 = 16;

/// Reads residuals.
#[derive(Debug)]
pub(crate) struct Binned<'a> {
    shape: Shape,
    lanes: Lanes<'a>,
    table: Table,
}

/// By state.
#[derive(Debug)]
struct Table(Vec<Entry>);

/// What a state stands for, and how to come to the next.
#[derive(Debug, Clone, Copy)]
struct Entry {
    lowest: u64,
    next: u32,
    next_bits: u8,
    raw_bits: u8,
}

/// The symbols of a column.
#[derive(Debug, Default)]
struct Listed {
    shares: Vec<u16>,
    /// The lowest number and the raw bits.
    symbols: Vec<(u64, u8)>,
}

// === writing ===

pub(crate) fn put(residuals: &[u64], tally: &Tally, out: &mut Vec<u8>) {
    let log = table_log(residuals.len(), tally);
    let shares = ans::shares(&tally.counts, log);
    out.push(log as u8 | if tally.shape == Shape::Rising { RISING } else { 0 });
    put_shares(&shares, &tally.commons, out);
    put_residuals(residuals, tally, &Encoder::new(&shares, log), log, out);
}

/// Twice as many states as symbols at the least, or rare ones would take too much from the others. All that
/// there may be where one symbol is nearly everything, and what is left for the others must be shared finely.
fn table_log(values: usize, tally: &Tally) -> u32 {
    let symbols = tally.counts.iter().filter(|count| **count > 0).count();
    let enough = symbols.next_power_of_two().ilog2() + 1;
    let most = tally.counts.iter().max().map_or(0, |most| *most as usize);
    let log_max = if most > values - values / 8 { ans::LOG_MAX } else { LOG_USUAL_MAX };
    let worth = values.next_power_of_two().ilog2().saturating_sub(3).min(log_max);
    enough.max(worth).clamp(ans::LOG_MIN, ans::LOG_MAX)
}

/// Classes and common numbers that occur, ascending, each as its gap to the one before and its share.
fn put_shares(shares: &[u16], commons: &Commons, out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    let (of_classes, of_commons) = shares.split_at(CLASSES);
    // A common number that the sample promised may not occur in the column at all.
    let commons = commons.numbers.iter().copied().zip(of_commons.iter().copied());
    let classes = (0..).zip(of_classes.iter().copied());
    put_list(classes.filter(|(_, share)| *share > 0), &mut writer);
    put_list(commons.filter(|(_, share)| *share > 0), &mut writer);
    writer.finish();
}

fn put_list(list: impl Iterator<Item = (u64, u16)> + Clone, writer: &mut BitWriter<'_>) {
    fibonacci::put(list.clone().count() as u64 + 1, writer);
    let mut next = 0;
    for (number, share) in list {
        fibonacci::put(number - next + 1, writer);
        fibonacci::put(u64::from(share), writer);
        next = number + 1;
    }
}

fn put_residuals(residuals: &[u64], tally: &Tally, encoder: &Encoder, log: u32, out: &mut Vec<u8>) {
    let used = lanes::used(residuals.len());
    let mut writers = [const { BackWriter::new() }; LANES];
    let mut states = [1 << log; LANES];
    let coded = residuals.iter().zip(&tally.symbols).enumerate();
    for (place, (residual, symbol)) in coded.rev() {
        let lane = if used == 1 { 0 } else { place % LANES };
        let (symbol, writer) = (usize::from(*symbol), &mut writers[lane]);
        let (before, bits) = (states[lane], encoder.push(symbol, &mut states[lane]));
        let state_bits = u64::from(before) & ((1 << bits) - 1);
        let raw_bits = if symbol < CLASSES { classes::raw_bits(symbol) } else { 0 };
        let raw = tally.shape.number(*residual) & ((1 << raw_bits) - 1);
        if raw_bits + bits <= PEEK_BITS {
            writer.write(raw << bits | state_bits, bits + raw_bits);
        } else {
            writer.write(raw, raw_bits);
            writer.write(state_bits, bits);
        }
    }
    for (writer, state) in writers.iter_mut().zip(states) {
        writer.write(u64::from(state) - (1 << log), log);
    }
    let lanes: Vec<Vec<u8>> = writers.into_iter().take(used).map(BackWriter::finish).collect();
    lanes::join(&lanes, out);
}

// === impl Binned ===

impl<'a> Binned<'a> {
    pub(crate) fn new(input: &'a [u8], count: usize) -> Result<Self, Flaw> {
        let (head, mut input) = input.split_first().ok_or(Flaw("the table of a binned column is missing"))?;
        let shape = if head & RISING == 0 { Shape::Centred } else { Shape::Rising };
        let log = u32::from(head & !RISING);
        let Listed { shares, symbols } = take_shares(&mut input)?;
        let entry = |state: ans::State| {
            let (lowest, raw_bits) = symbols[usize::from(state.symbol)];
            Entry { lowest, next: u32::from(state.next), next_bits: state.bits, raw_bits }
        };
        let table: Vec<Entry> = ans::states(&shares, log)?.map(entry).collect();
        let mut lanes = Lanes::new(input, count)?;
        lanes.start(|reader| start(reader, log))?;
        Ok(Self { shape, lanes, table: Table(table) })
    }

    pub(crate) fn fill(&mut self, batch: &mut [u64]) -> Result<(), Flaw> {
        self.lanes.fill(batch, &self.table)?;
        batch.iter_mut().for_each(|slot| *slot = self.shape.residual(*slot));
        Ok(())
    }

    /// The writer began every lane at state 0, and there the reader must end.
    pub(crate) fn finish(self) -> Result<&'a [u8], Flaw> {
        self.lanes.finish()
    }
}

/// Passes the mark in front of a lane and reads its first state.
fn start(reader: &mut BitReader<'_>, log: u32) -> Result<u32, Flaw> {
    let zeros = reader.peek().trailing_zeros();
    if zeros >= 8 {
        return Err(Flaw("the mark in front of a lane is missing"));
    }
    reader.skip(zeros + 1);
    Ok(reader.read(log) as u32)
}

// === impl Table ===

impl Code for Table {
    #[inline]
    fn quick(&self, state: u32, window: u64) -> Option<Coded> {
        let Entry { lowest, next, next_bits, raw_bits } = self.0[state as usize];
        let bits = u32::from(next_bits) + u32::from(raw_bits);
        if bits > PEEK_BITS {
            return None;
        }
        let value = lowest + (window >> next_bits & ((1 << raw_bits) - 1));
        Some(Coded { value, bits, state: next + (window & ((1 << next_bits) - 1)) as u32 })
    }

    fn slow(&self, state: u32, reader: &mut BitReader<'_>) -> Result<(u64, u32), Flaw> {
        let Entry { lowest, next, next_bits, raw_bits } = self.0[state as usize];
        let state = next + reader.read(u32::from(next_bits)) as u32;
        Ok((lowest + reader.read(u32::from(raw_bits)), state))
    }
}

/// Takes the list of shares.
fn take_shares(input: &mut &[u8]) -> Result<Listed, Flaw> {
    let mut reader = BitReader::new(input);
    let Listed { mut shares, mut symbols } = Listed::default();
    take_list(&mut reader, CLASSES, &mut shares, |number| {
        let class = usize::try_from(number).ok().filter(|class| *class < CLASSES);
        let class = class.ok_or(Flaw("a binned column has a class that does not exist"))?;
        symbols.push((classes::lowest(class), classes::raw_bits(class) as u8));
        Ok(())
    })?;
    take_list(&mut reader, COMMONS_MAX, &mut shares, |number| {
        symbols.push((number, 0));
        Ok(())
    })?;
    *input = reader.finish()?;
    Ok(Listed { shares, symbols })
}

fn take_list(
    reader: &mut BitReader<'_>,
    numbers_max: usize,
    shares: &mut Vec<u16>,
    mut see: impl FnMut(u64) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let count = fibonacci::take(reader)? - 1;
    if count > numbers_max as u64 {
        return Err(Flaw("a binned column lists too many numbers"));
    }
    let mut next = 0u64;
    for _ in 0..count {
        let number = next.checked_add(fibonacci::take(reader)? - 1);
        let number = number.ok_or(Flaw("a common number is above 64 bits"))?;
        see(number)?;
        let share = u16::try_from(fibonacci::take(reader)?).ok().filter(|share| *share <= 1 << ans::LOG_MAX);
        shares.push(share.ok_or(Flaw("a share of a binned column is too large"))?);
        next = number.checked_add(1).ok_or(Flaw("a common number is above 64 bits"))?;
    }
    Ok(())
}
