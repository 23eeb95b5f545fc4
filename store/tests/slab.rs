//! A block comes back to the bit, whatever was asked for; a damaged one never comes back as something else.
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::collections::BTreeMap;

use model::{Aggregate, Distinct, Distribution, Kinds, LocalId, Number, Sampling, Scalars, Sketches};
use proptest::prelude::*;
use store::{Columns, PageBlock, Percentile, SlabBlock, SlabColumns, StoreError, Tier};

type Rows = BTreeMap<LocalId, Aggregate>;

/// Integers only, floats only, a few of the one among many of the other, and integers that no float holds.
fn numbers() -> impl Strategy<Value = BoxedStrategy<Number>> {
    let int = || (-1000_i64..1000).prop_map(Number::Int).boxed();
    let float = || (-1000_i32..1000).prop_map(|n| Number::Float(f64::from(n) / 100.0)).boxed();
    let large = || any::<i64>().prop_map(Number::Int).boxed();
    let bits = || any::<u64>().prop_map(|bits| Number::Float(f64::from_bits(bits))).boxed();
    let edge =
        || prop::sample::select(vec![1_i64 << 53, -(1 << 53), (1 << 53) + 1]).prop_map(Number::Int).boxed();
    let mixes = vec![
        int(),
        float(),
        prop_oneof![9 => float(), 1 => int()].boxed(),
        prop_oneof![9 => int(), 1 => float()].boxed(),
        prop_oneof![int(), float(), large()].boxed(),
        prop_oneof![float(), edge()].boxed(),
        prop_oneof![bits(), large()].boxed(),
    ];
    prop::sample::select(mixes)
}

/// Also rows that no frontend admits: the store does not judge.
fn scalars(number: BoxedStrategy<Number>) -> impl Strategy<Value = Scalars> {
    let one = number.clone().prop_map(Scalars::of);
    let odd = (prop::sample::select(vec![0, 1, 2, u64::MAX]), number.clone(), number.clone(), number.clone())
        .prop_map(|(count, sum, min, max)| Scalars::new(count, sum, min, max));
    let some = prop::collection::vec(number, 1..5).prop_map(|numbers| {
        let mut all = Scalars::default();
        numbers.into_iter().for_each(|number| all.record(number));
        all
    });
    (prop_oneof![6 => one, 3 => some, 1 => odd], prop::bool::weighted(0.05)).prop_map(
        |(mut row, overflowed)| {
            row.kinds = Kinds(row.kinds.0 | if overflowed { Kinds::OVERFLOWED } else { 0 });
            row
        },
    )
}

fn sketches() -> impl Strategy<Value = Option<Box<Sketches>>> {
    let distinct = prop::collection::vec("[a-z]{1,3}", 0..20).prop_map(|elements| {
        let mut sketch = Distinct::default();
        elements.iter().for_each(|element| sketch.observe(element));
        sketch
    });
    let distribution = prop::collection::vec(-100.0..1e6_f64, 0..20).prop_map(|values| {
        let mut sketch = Distribution::new();
        values.iter().for_each(|value| sketch.record(*value));
        sketch
    });
    (prop::option::weighted(0.2, distinct), prop::option::weighted(0.2, distribution)).prop_map(
        |(distinct, distribution)| {
            let any = distinct.is_some() || distribution.is_some();
            any.then(|| Box::new(Sketches { distinct, distribution }))
        },
    )
}

fn rows() -> impl Strategy<Value = Rows> {
    let ids = prop_oneof![0_u32..100, any::<u32>()];
    numbers().prop_flat_map(move |number| {
        let row =
            (scalars(number), sketches()).prop_map(|(scalars, sketches)| Aggregate { scalars, sketches });
        prop::collection::btree_map(ids.clone(), row, 0..60)
    })
}

fn wanted() -> impl Strategy<Value = Columns> {
    let mut single = vec![
        Columns::COUNT,
        Columns::SUM,
        Columns::MIN,
        Columns::MAX,
        Columns::DISTINCT_ESTIMATE,
        Columns::DISTINCT,
        Columns::DISTRIBUTION,
    ];
    single.extend(Percentile::ALL.map(Columns::percentile));
    let some = prop::sample::subsequence(single, 0..6)
        .prop_map(|some| some.into_iter().fold(Columns::IDS, |all, one| all | one));
    prop_oneof![2 => Just(Columns::ALL), 5 => some]
}

fn block(rows: &Rows) -> SlabBlock {
    SlabBlock::of(rows.iter().map(|(id, row)| (*id, row)))
}

/// Every cell that was asked for is as it was; what was not asked for is absent.
fn same(rows: &Rows, columns: &SlabColumns, wanted: Columns) -> Result<(), TestCaseError> {
    prop_assert_eq!(columns.ids(), &rows.keys().copied().collect::<Vec<_>>()[..]);
    for (at, row) in rows.values().enumerate() {
        same_scalars(&row.scalars, columns, wanted, at)?;
        same_sketches(row, columns, wanted, at)?;
    }
    Ok(())
}

fn same_scalars(
    row: &Scalars,
    columns: &SlabColumns,
    wanted: Columns,
    at: usize,
) -> Result<(), TestCaseError> {
    if wanted.has(Columns::SCALARS) {
        prop_assert_eq!(columns.scalars(at), *row);
    }
    prop_assert_eq!(columns.counts().get(at), wanted.has(Columns::COUNT).then_some(&row.count));
    prop_assert_eq!(columns.sum_bits().get(at), wanted.has(Columns::SUM).then_some(&row.sum));
    prop_assert_eq!(columns.min_bits().get(at), wanted.has(Columns::MIN).then_some(&row.min));
    prop_assert_eq!(columns.max_bits().get(at), wanted.has(Columns::MAX).then_some(&row.max));
    if wanted.has(Columns::SUM) {
        prop_assert_eq!((columns.sum(at), columns.kinds(at)), (row.sum(), row.kinds));
    }
    Ok(())
}

fn same_sketches(
    row: &Aggregate,
    columns: &SlabColumns,
    wanted: Columns,
    at: usize,
) -> Result<(), TestCaseError> {
    let distinct = wanted.has(Columns::DISTINCT).then(|| row.distinct().cloned()).flatten();
    prop_assert_eq!(columns.distinct(at).unwrap(), distinct);
    let estimate =
        wanted.has(Columns::DISTINCT_ESTIMATE).then(|| row.distinct().map(Distinct::estimate)).flatten();
    prop_assert_eq!(columns.distinct_estimate(at), estimate);
    let distribution = wanted.has(Columns::DISTRIBUTION).then(|| row.distribution().cloned()).flatten();
    prop_assert_eq!(columns.distribution(at).unwrap(), distribution);
    let admitted = row.scalars.check().is_ok(); // only of an admitted row can be said what its percentile is
    for which in Percentile::ALL.into_iter().filter(|_| admitted) {
        let read = Sampling::Percentile(which.percent()).read(row, 60);
        let expected = wanted.has(Columns::percentile(which)).then_some(read).flatten();
        prop_assert_eq!(columns.percentile(at, which), expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_block_comes_back_to_the_bit(rows in rows(), before in rows(), wanted in wanted()) {
        let mut columns = SlabColumns::new();
        columns.read(&block(&before).encode().unwrap(), Columns::ALL).unwrap();
        columns.read(&block(&rows).encode().unwrap(), wanted).unwrap();
        prop_assert_eq!(columns.wanted(), wanted);
        same(&rows, &columns, wanted)?;
    }

    #[test]
    fn a_cleared_block_is_as_good_as_a_new_one(rows in rows(), before in rows()) {
        let mut reused = block(&before);
        reused.clear();
        rows.iter().for_each(|(id, row)| reused.push_aggregate(*id, row));
        prop_assert_eq!(reused.len(), rows.len());
        prop_assert_eq!(reused.encode().unwrap(), block(&rows).encode().unwrap());
    }

    #[test]
    fn damage_is_an_error_or_out_of_sight(rows in rows(), at: prop::sample::Index, bit in 0..8_u8, wanted in wanted()) {
        let mut bytes = block(&rows).encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let mut columns = SlabColumns::new();
        match columns.read(&bytes, wanted) {
            Ok(()) => same(&rows, &columns, wanted)?,
            Err(error) => {
                let named = matches!(error, StoreError::Damaged { .. } | StoreError::Version { .. });
                prop_assert!(named, "{error:?}");
                prop_assert!(columns.is_empty());
            }
        }
        prop_assert!(columns.read(&bytes, Columns::ALL).is_err(), "a reader of everything sees every flipped bit");
    }

    #[test]
    fn a_cut_block_is_an_error(rows in rows(), at: prop::sample::Index, wanted in wanted()) {
        let bytes = block(&rows).encode().unwrap();
        prop_assert!(SlabColumns::new().read(&bytes[..at.index(bytes.len())], wanted).is_err());
    }

    #[test]
    fn noise_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), wanted in wanted()) {
        prop_assert!(SlabColumns::new().read(&bytes, wanted).is_err());
    }
}

#[test]
fn rows_out_of_order_are_refused() {
    let row = Aggregate::of(Scalars::of(Number::Int(1)));
    let twice = SlabBlock::of([(3, &row), (3, &row)]).encode();
    assert_eq!(twice, Err(StoreError::Order { before: 3, id: 3 }));
}

#[test]
fn a_newer_version_is_named() {
    let mut bytes = SlabBlock::new().encode().unwrap();
    bytes[0] = 3;
    let error = SlabColumns::new().read(&bytes, Columns::ALL).unwrap_err();
    assert!(
        error.to_string().contains("format version 3, this build reads up to 2: run the newer version"),
        "{error}"
    );
}

#[test]
fn a_service_that_only_counts_costs_next_to_nothing() {
    let row = Aggregate::of(Scalars::of(Number::Int(1)));
    let bytes = SlabBlock::of((0..100_000).map(|id| (id, &row))).encode().unwrap();
    assert!(bytes.len() < 200, "{} bytes", bytes.len());
}

/// Too large for the short form.
fn long() -> (Rows, Vec<u8>) {
    // Mixed twice: multiples of one constant differ by few deltas.
    let mixed = |id: u32| {
        (id.wrapping_mul(2_654_435_761) ^ id.wrapping_mul(40_503) >> 11).wrapping_mul(2_246_822_519)
    };
    let row = |id: u32| {
        Aggregate::of(Scalars::of(Number::Int(i64::from(mixed(id)).wrapping_mul(i64::from(mixed(!id))))))
    };
    let rows: Rows = (0..5_000).map(|id| (id, row(id))).collect();
    let bytes = block(&rows).encode().unwrap();
    assert_eq!(bytes[0], 1);
    (rows, bytes)
}

#[test]
fn a_head_that_lies_is_refused_before_it_is_believed() {
    let (_, whole) = long();
    let with_rows = |rows: u32| with_head(&whole, |head| head[2..6].copy_from_slice(&rows.to_le_bytes()));
    refused(
        &with_rows(u32::MAX),
        "the head is damaged (it claims 4294967295 rows, at most 67108864 are read)",
    );
    refused(&with_rows(1 << 26), "column Ids is damaged (it has 5000 values for 67108864 rows)");
    refused(&with_rows(0), "column Ids is damaged");
    let longer = with_head(&whole, |head| head[7] += 1);
    refused(&longer, "the body is damaged (its columns take");
}

#[test]
fn bytes_after_a_column_of_ids_are_named() {
    // Too large for the short form, where what follows is another column.
    let mut sketches = Sketches::default();
    for number in 0..40_000_u32 {
        sketches.distinct.get_or_insert_default().observe(&number.to_string());
        sketches.distribution.get_or_insert_default().record(f64::from(number));
    }
    let row = Aggregate { scalars: Scalars::of(Number::Int(1)), sketches: Some(Box::new(sketches)) };
    let slab = SlabBlock::of([(7, &row)]).encode().unwrap();
    assert_eq!(slab[0], 1);
    for (tag, name) in [(16, "DistinctRows"), (24, "DistributionRows")] {
        let why = format!("column {name} is damaged (1 bytes follow after its end)");
        refused(&with_byte_after(&slab, tag), &why);
    }
    let mut page = PageBlock::new();
    page.push(7, &[(3, row)]);
    let page = with_byte_after(&page.encode().unwrap(), 32);
    let why = SlabColumns::new().read_page(&page, Tier::Hour.range(1), Columns::ALL).unwrap_err().to_string();
    assert!(why.contains("column Series is damaged (1 bytes follow after its end)"), "{why}");
}

/// The same block with a column that is one byte longer.
fn with_byte_after(block: &[u8], tag: u8) -> Vec<u8> {
    let mut end = 6 + 5 * usize::from(block[1]) + 4;
    let mut entries = block[6..end - 4].chunks(5);
    let length = |entry: &[u8]| u32::from_le_bytes(entry[1..].try_into().unwrap()) as usize;
    let at = entries
        .position(|entry| {
            end += length(entry);
            entry[0] == tag
        })
        .unwrap();
    let mut longer = block.to_vec();
    longer.insert(end, 0);
    with_head(&longer, |head| head[6 + 5 * at + 1] += 1)
}

#[test]
fn a_column_of_a_later_build_is_passed_over() {
    let (rows, whole) = long();
    let (columns, bodies) = (usize::from(whole[1]), 6 + 5 * usize::from(whole[1]) + 4);
    let mut later = whole[..6 + 5 * columns].to_vec();
    later[1] += 1;
    later.extend_from_slice(&[200, 3, 0, 0, 0]);
    later.extend_from_slice(&crc32c::crc32c(&later).to_le_bytes());
    later.extend_from_slice(&whole[bodies..]);
    later.extend_from_slice(b"???");
    let mut read = SlabColumns::new();
    read.read(&later, Columns::ALL).unwrap();
    same(&rows, &read, Columns::ALL).unwrap();
}

#[test]
fn the_same_of_the_short_form() {
    let row = Aggregate::of(Scalars::of(Number::Int(1)));
    let whole = SlabBlock::of([(7, &row)]).encode().unwrap();
    assert_eq!(whole[0], 2);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut content = whole[..whole.len() - 4].to_vec();
        change(&mut content);
        let crc = crc32c::crc32c(&content);
        [content, crc.to_le_bytes().to_vec()].concat()
    };
    let with_rows = |rows: u32| with(&|content| content[1..5].copy_from_slice(&rows.to_le_bytes()));
    refused(&with_rows(u32::MAX), "at most 67108864 rows");
    refused(&with_rows(2), "column Ids is damaged");
    refused(&with(&|content| content.truncate(content.len() - 1)), "column 4 is damaged");
    refused(&with(&|content| content.truncate(4)), "the head is damaged (its bytes end early)");
    let crowd = |content: &mut Vec<u8>| (0..256).for_each(|_| content.extend_from_slice(&[200, 0x10, 0]));
    refused(&with(&crowd), "more than 255 columns");
    let later = with(&|content| content.extend_from_slice(&[200, 0x10, 3, b'?', b'?', b'?']));
    let mut read = SlabColumns::new();
    read.read(&later, Columns::ALL).unwrap();
    assert_eq!((read.ids(), read.aggregate(0).unwrap()), (&[7][..], row));
}

/// The same block with another head, which its checksum fits.
fn with_head(block: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = block.to_vec();
    let end = 6 + 5 * usize::from(block[1]);
    change(&mut block[..end]);
    let crc = crc32c::crc32c(&block[..end]);
    block[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    block
}

#[track_caller]
fn refused(block: &[u8], why: &str) {
    let error = SlabColumns::new().read(block, Columns::ALL).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}
