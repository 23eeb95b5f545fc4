//! The bit writer, the bit reader and the Fibonacci codes against `bitvec`, a bit at a time: slow and
//! obviously right.

use bitvec::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::back_writer::BackWriter;
use crate::bits::{BitReader, BitWriter};
use crate::fibonacci;
use crate::lanes::{self, Lanes};
use crate::signed::{self, Signed};
use crate::varint;

type Bits = BitVec<u8, Lsb0>;

fn bytes_of(bits: &Bits) -> Vec<u8> {
    // Rebuilt bit by bit, so that the padding is zero.
    let mut bytes = vec![0u8; bits.len().div_ceil(8)];
    bits.iter().by_vals().enumerate().for_each(|(at, bit)| bytes[at / 8] |= u8::from(bit) << (at % 8));
    bytes
}

/// From the definition: greedy from the largest term, then reversed, then one more 1.
fn slow_code(value: u64) -> Bits {
    let mut terms = vec![1u128, 2];
    while terms[terms.len() - 1] <= u128::from(value) {
        terms.push(terms[terms.len() - 1] + terms[terms.len() - 2]);
    }
    let (mut rest, mut code) = (u128::from(value), Bits::new());
    for term in terms.iter().rev() {
        let taken = *term <= rest;
        rest -= if taken { *term } else { 0 };
        if taken || !code.is_empty() {
            code.push(taken);
        }
    }
    code.reverse();
    code.push(true);
    code
}

/// From the definition: add the terms up until two ones stand side by side.
fn slow_value(bits: &BitSlice<u8, Lsb0>) -> (u128, usize) {
    let (mut small, mut large, mut sum) = (1u128, 2u128, 0);
    for at in 0..bits.len() {
        if at > 0 && bits[at] && bits[at - 1] {
            return (sum, at + 1);
        }
        sum += if bits[at] { small } else { 0 };
        (small, large) = (large, small + large);
    }
    panic!("no code in {bits}");
}

fn numbers() -> impl Strategy<Value = u64> {
    let near_term = (proptest::sample::select(fibonacci::TERMS.to_vec()), -1..2i64);
    prop_oneof![
        1..30u64,
        (any::<u64>(), 0..64u32).prop_map(|(bits, shift)| (bits >> shift).max(1)),
        near_term.prop_map(|(term, off)| term.saturating_add_signed(off).max(1)),
    ]
}

#[track_caller]
fn check_codes(values: &[u64]) {
    let mut twin = Bits::new();
    let mut bytes = Vec::new();
    let mut writer = BitWriter::new(&mut bytes);
    for value in values {
        let code = slow_code(*value);
        assert_eq!(code.len(), fibonacci::length(*value) as usize, "length of {value}");
        twin.extend_from_bitslice(&code);
        fibonacci::put(*value, &mut writer);
    }
    writer.finish();
    assert_eq!(bytes, bytes_of(&twin));

    let (mut reader, mut at) = (BitReader::new(&bytes), 0);
    for value in values {
        let (slow, length) = slow_value(&twin[at..]);
        at += length;
        assert_eq!((slow, fibonacci::take(&mut reader)), (u128::from(*value), Ok(*value)));
        assert_eq!(reader.bits_left(), 8 * bytes.len() - at);
    }
    assert_eq!(reader.finish(), Ok(&[][..]));
}

#[test]
fn small_and_extreme_codes_equal_the_twin() {
    check_codes(&(1..20_000).collect::<Vec<_>>());
    check_codes(&(1..20_000).map(|number| number * 43).collect::<Vec<_>>());
    check_codes(
        &fibonacci::TERMS
            .iter()
            .flat_map(|term| [*term, term - 1, term + 1])
            .map(|n| n.max(1))
            .collect::<Vec<_>>(),
    );
    check_codes(&[u64::MAX, 1, u64::MAX - 1, 1 << 63, u64::MAX]);
}

#[test]
fn a_code_above_64_bits_is_refused() {
    // The 88th, 90th and 92nd term: their sum is above 2^64.
    let mut bits = Bits::repeat(false, 93);
    [87, 89, 91, 92].into_iter().for_each(|at| bits.set(at, true));
    assert!(slow_value(&bits).0 > u128::from(u64::MAX));
    assert!(fibonacci::take(&mut BitReader::new(&bytes_of(&bits))).is_err());
    // A 93rd term does not exist below 2^64.
    let mut bits = Bits::repeat(false, 94);
    [92, 93].into_iter().for_each(|at| bits.set(at, true));
    assert!(fibonacci::take(&mut BitReader::new(&bytes_of(&bits))).is_err());
}

#[test]
fn signed_codes_of_every_small_residual_come_back() {
    let residuals: Vec<u64> = (-2_000..=2_000i64).map(|residual| residual as u64).collect();
    check_signed(&residuals);
    check_signed(&residuals[..255]);
    check_signed(&[i64::MIN as u64, 0, i64::MAX as u64, 0, 0, 1, u64::MAX, 0]);
}

/// Codes by the definition: magnitude + 1, and a sign unless zero; value `i` in lane `i mod 4`.
#[track_caller]
fn check_signed(residuals: &[u64]) {
    let mut twins = vec![Bits::new(); lanes::used(residuals.len())];
    let used = twins.len();
    for (place, residual) in residuals.iter().enumerate() {
        let (residual, twin) = (*residual as i64, &mut twins[place % used]);
        twin.extend_from_bitslice(&slow_code(residual.unsigned_abs() + 1));
        if residual != 0 {
            twin.push(residual < 0);
        }
    }
    let mut expected = Vec::new();
    twins[..used - 1].iter().for_each(|twin| varint::put(bytes_of(twin).len() as u64, &mut expected));
    twins.iter().for_each(|twin| expected.extend(bytes_of(twin)));
    let mut bytes = Vec::new();
    signed::put(residuals, &mut bytes);
    assert_eq!(bytes, expected);

    bytes.extend([7, 8, 9]);
    let mut lanes = Lanes::new(&bytes, residuals.len()).expect("lanes of the right lengths");
    let mut back = vec![0; residuals.len()];
    lanes.fill(&mut back, &Signed).expect("what was just written");
    assert_eq!(back, residuals);
    assert_eq!(lanes.finish(), Ok(&[7, 8, 9][..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn bits_equal_the_twin(fields in vec((any::<u64>(), 0..=64u32), 0..200)) {
        let fields: Vec<_> = fields.into_iter().map(|(bits, width)| (bits & low_ones(width), width)).collect();
        let mut twin = Bits::new();
        let mut bytes = vec![0xaa];
        let mut writer = BitWriter::new(&mut bytes);
        for (bits, width) in &fields {
            twin.extend((0..*width).map(|at| bits >> at & 1 == 1));
            writer.write(*bits, *width);
        }
        writer.finish();
        prop_assert_eq!(&bytes[1..], &bytes_of(&twin)[..]);

        let mut reader = BitReader::new(&bytes[1..]);
        for (bits, width) in &fields {
            prop_assert_eq!(reader.peek() & low_ones((*width).min(57)), bits & low_ones((*width).min(57)));
            prop_assert_eq!(reader.read(*width), *bits);
        }
        prop_assert_eq!(reader.finish(), Ok(&[][..]));
    }

    /// What is written last first is read as if it had been written first last.
    #[test]
    fn bits_written_backwards_equal_the_twin(fields in vec((any::<u64>(), 0..64u32), 0..200)) {
        let fields: Vec<_> = fields.into_iter().map(|(bits, width)| (bits & low_ones(width), width)).collect();
        let mut writer = BackWriter::new();
        fields.iter().for_each(|(bits, width)| writer.write(*bits, *width));
        let bytes = writer.finish();

        let marked = 1 + fields.iter().map(|(_, width)| *width as usize).sum::<usize>();
        let mut twin = Bits::repeat(false, marked.next_multiple_of(8) - marked);
        twin.push(true);
        for (bits, width) in fields.iter().rev() {
            twin.extend((0..*width).map(|at| bits >> at & 1 == 1));
        }
        prop_assert_eq!(bytes, bytes_of(&twin));
    }

    #[test]
    fn a_reader_past_the_end_shows_zeros_and_says_so(bytes in vec(any::<u8>(), 0..20), width in 1..=64u32) {
        let mut reader = BitReader::new(&bytes);
        bytes.iter().for_each(|byte| assert_eq!(reader.read(8), u64::from(*byte)));
        prop_assert_eq!((reader.read(width), reader.bits_left()), (0, 0));
        prop_assert!(reader.finish().is_err());
    }

    #[test]
    fn codes_equal_the_twin(values in vec(numbers(), 0..200)) {
        check_codes(&values);
    }

    #[test]
    fn signed_codes_equal_the_twin(residuals in vec((numbers(), any::<bool>()), 0..600)) {
        let signed = |(number, negative): (u64, bool)| if negative { number.wrapping_neg() } else { number - 1 };
        check_signed(&residuals.into_iter().map(signed).collect::<Vec<_>>());
    }
}

fn low_ones(width: u32) -> u64 {
    if width == 64 { u64::MAX } else { (1 << width) - 1 }
}
