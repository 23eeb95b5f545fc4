//! Distributions that hurt, and that every kind of column survives them to the bit.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const EDGES: [i64; 12] =
    [0, 1, -1, i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1, 1 << 53, -(1 << 53), 1 << 32, 377, -377];

const FLOAT_EDGES: [u64; 16] = [
    0,
    0x8000_0000_0000_0000, // -0.0
    0x7ff0_0000_0000_0000, // infinity
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000, // NaN, then with payloads, quiet and signalling, of both signs
    0x7ff8_0000_dead_beef,
    0xfff4_0000_0000_0001,
    1, // the smallest subnormal
    0x800f_ffff_ffff_ffff,
    0x7fef_ffff_ffff_ffff, // f64::MAX
    0xffef_ffff_ffff_ffff,
    0x4022_f386_9e1f_1cb9, // near 9.4757, sixteen digits
    0x43e0_0000_0000_0000, // 2^63
    0x4340_0000_0000_0001, // 2^53 + 2
    0x3fb9_9999_9999_999a, // 0.1
    0x3fd3_3333_3333_3334, // 0.1 + 0.2
];

fn sums(steps: Vec<i64>) -> Vec<i64> {
    let mut sum = 0i64;
    steps
        .into_iter()
        .map(|step| {
            sum = sum.wrapping_add(step);
            sum
        })
        .collect()
}

pub(super) fn ints() -> impl Strategy<Value = Vec<i64>> {
    let some = 0..600usize;
    let edge = proptest::sample::select(EDGES.to_vec());
    let mostly_zero = prop_oneof![30 => Just(0i64), 1 => any::<i64>(), 1 => -9..9i64];
    let any_size = (any::<i64>(), 0..64u32).prop_map(|(bits, shift)| bits >> shift);
    prop_oneof![
        vec(any::<i64>(), some.clone()),
        vec(edge.clone(), some.clone()),
        vec(any_size.clone(), some.clone()),
        vec(any_size, some.clone()).prop_map(sums),
        vec(-4..5i64, some.clone()),
        vec(-4..5i64, some.clone()).prop_map(sums),
        vec(mostly_zero.clone(), some.clone()),
        vec(mostly_zero, some.clone()).prop_map(sums),
        (edge, some.clone()).prop_map(|(value, count)| vec![value; count]),
        (any::<i64>(), any::<i64>(), some.clone()).prop_map(|(a, b, count)| [a, b]
            .into_iter()
            .cycle()
            .take(count)
            .collect()),
        (any::<i64>(), any::<i64>(), some).prop_map(|(start, step, count)| {
            (0..count).map(|index| start.wrapping_add(step.wrapping_mul(index as i64))).collect()
        }),
    ]
}

fn ids() -> impl Strategy<Value = Vec<u32>> {
    let gaps = prop_oneof![
        vec(Just(1u32), 0..600),
        vec(1..40u32, 0..600),
        vec(any::<u32>(), 0..20),
        vec(1..3u32, 0..600)
    ];
    (prop_oneof![Just(0), any::<u32>()], gaps).prop_map(|(first, gaps)| {
        let next = |last: &mut u32, gap: u32| {
            *last = last.checked_add(gap.max(1))?;
            Some(*last)
        };
        gaps.into_iter().scan(first, next).collect()
    })
}

fn floats() -> impl Strategy<Value = Vec<u64>> {
    let edge = proptest::sample::select(FLOAT_EDGES.to_vec());
    let decimal = |digits: i64| {
        (vec(-digits..digits, 0..400), 0..24i32).prop_map(|(values, scale)| {
            values.iter().map(|value| (*value as f64 / 10f64.powi(scale)).to_bits()).collect()
        })
    };
    prop_oneof![
        vec(any::<u64>(), 0..400),
        vec(edge.clone(), 0..400),
        ints().prop_map(|values| values.into_iter().map(|value| (value as f64).to_bits()).collect()),
        decimal(10_000),
        decimal(999_999_999_999_999),
        decimal(i64::MAX),
        // One float that is not decimal among many that are.
        (decimal(10_000), any::<proptest::sample::Index>(), edge).prop_map(
            |(mut values, at, edge): (Vec<u64>, _, _)| {
                if !values.is_empty() {
                    let at = at.index(values.len());
                    values[at] = edge;
                }
                values
            }
        ),
        vec(0..1_000u64, 0..400)
            .prop_map(|values| values.iter().map(|value| (*value as f64).sqrt().to_bits()).collect()),
    ]
}

fn blobs() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop_oneof![
        vec(vec(any::<u8>(), 0..40), 0..60),
        vec(prop_oneof![9 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..400)], 0..60),
        (vec(any::<u8>(), 0..40), 0..60usize).prop_map(|(value, count)| vec![value; count]),
    ]
}

fn flags() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..600),
        vec(0..2u8, 0..600),
        (any::<u8>(), 0..600usize).prop_map(|(value, count)| vec![value; count])
    ]
}

pub(super) fn columns() -> impl Strategy<Value = Column> {
    prop_oneof![
        ints().prop_map(Column::Ints),
        ints().prop_map(|values| Column::Uints(values.into_iter().map(|value| value as u64).collect())),
        ids().prop_map(Column::Ids),
        floats().prop_map(Column::Floats),
        ints().prop_map(Column::Timestamps),
        blobs().prop_map(Column::Bytes),
        flags().prop_map(Column::Flags),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn every_column_comes_back(column in columns(), after in vec(any::<u8>(), 0..20)) {
        let block = column.encode();
        let input = [&block[..], &after].concat();
        let mut rest = &input[..];
        let back = Column::decode(column.kind(), &mut rest, column.len());
        prop_assert_eq!(back.as_ref(), Ok(&column));
        prop_assert_eq!(rest, &after[..]);

        let mut rest = &input[..];
        let head = skip_block(&mut rest).expect("a whole block");
        prop_assert_eq!((head.kind, head.count), (column.kind() as u8, column.len() as u64));
        prop_assert_eq!(rest, &after[..]);
    }

    #[test]
    fn a_bare_block_is_the_block_again(column in columns(), usual: bool, after in vec(any::<u8>(), 0..20)) {
        let (block, mut bare) = (column.encode(), Vec::new());
        let usual_count = if usual { column.len() } else { column.len() + 1 };
        put_bare(&block, usual_count, &mut bare).expect("a whole block");
        prop_assert!(bare.len() <= block.len() - 5, "version and checksum at the least are gone");
        bare.extend_from_slice(&after);
        let (mut rest, mut again) = (&bare[..], b"before".to_vec());
        take_bare(&mut rest, usual_count, &mut again).expect("a whole one");
        prop_assert_eq!((&again[6..], rest), (&block[..], &after[..]));
    }

    #[test]
    fn a_bare_block_that_is_cut_is_an_error(column in columns(), at: prop::sample::Index) {
        let (mut bare, mut out) = (Vec::new(), Vec::new());
        put_bare(&column.encode(), 7, &mut bare).expect("a whole block");
        let cut = &bare[..at.index(bare.len())];
        let mut rest = cut;
        prop_assert!(take_bare(&mut rest, 7, &mut out).is_err());
        prop_assert!(rest == cut && out.is_empty());
    }

    /// The head, and what a mode needs beyond the numbers, do not grow with the column.
    #[test]
    fn no_column_of_integers_is_much_larger_than_its_bytes(values in ints()) {
        prop_assert!(Column::Ints(values.clone()).encode().len() <= 8 * values.len() + 32);
        prop_assert!(Column::Timestamps(values.clone()).encode().len() <= 8 * values.len() + 32);
    }

    #[test]
    fn no_column_of_floats_is_much_larger_than_its_bytes(bits in floats()) {
        prop_assert!(Column::Floats(bits.clone()).encode().len() <= 8 * bits.len() + 32);
    }
}

#[test]
fn columns_longer_than_a_batch_come_back() {
    for count in [255usize, 256, 257, 258, 259, 511, 512, 513, 5_000] {
        let spread = |stride: i64, modulus: i64| (0..count as i64).map(move |index| index * stride % modulus);
        let values: [Vec<i64>; 4] = [
            spread(7, 5).collect(),
            spread(7, 5).map(|value| value.pow(9)).collect(),
            spread(1, 301).map(|value| i64::from(value == 300)).collect(),
            sums(spread(1, 301).map(|value| i64::from(value == 300)).collect()),
        ];
        for values in values {
            let column = Column::Ints(values);
            assert_eq!(Column::decode(Kind::Ints, &mut &column.encode()[..], count), Ok(column));
        }
    }
}
