//! Strings one after the other, and the names of groups made of them.
//!
//! A string costs 24 bytes of memory where it may be one on the wire: what comes is counted before it is taken apart.

use proto::v1;

use super::{WireError, same_len, wrong};
use crate::tuple::Tuple;

pub(super) fn texts_to_wire<'a>(texts: impl Iterator<Item = &'a str>) -> v1::Texts {
    let mut wire = v1::Texts::default();
    for text in texts {
        wire.text.extend_from_slice(text.as_bytes());
        wire.lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX)); // no name or value is near that
    }
    wire
}

pub(super) fn texts_from_wire(
    field: &'static str,
    texts: Option<v1::Texts>,
) -> Result<Vec<String>, WireError> {
    let texts = texts.unwrap_or_default();
    let mut rest = std::str::from_utf8(&texts.text).map_err(|why| wrong(field, why.to_string()))?;
    let mut strings = Vec::with_capacity(texts.lengths.len());
    for length in texts.lengths {
        let cut = rest.split_at_checked(length as usize);
        let (text, more) =
            cut.ok_or_else(|| wrong(field, "a string ends beyond the text, or in a character"))?;
        strings.push(text.to_owned());
        rest = more;
    }
    if rest.is_empty() {
        Ok(strings)
    } else {
        Err(wrong(field, format!("{} bytes are left over", rest.len())))
    }
}

pub(super) fn tuples_to_wire<'a>(tuples: impl Iterator<Item = &'a Tuple> + Clone) -> v1::Tuples {
    let texts = tuples.clone().flatten().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let pairs = tuples.map(|tuple| u32::try_from(tuple.len()).unwrap_or(u32::MAX));
    v1::Tuples { texts: Some(texts_to_wire(texts)), pairs: pairs.collect() }
}

pub(super) fn tuples_from_wire(tuples: Option<v1::Tuples>) -> Result<Vec<Tuple>, WireError> {
    let tuples = tuples.unwrap_or_default();
    let texts = texts_from_wire("tuples", tuples.texts)?;
    let strings: u64 = tuples.pairs.iter().map(|pairs| 2 * u64::from(*pairs)).sum();
    same_len("tuples", texts.len(), usize::try_from(strings).unwrap_or(usize::MAX))?;
    let mut texts = texts.into_iter();
    let mut pair = || Some((texts.next()?, texts.next()?));
    Ok(tuples.pairs.into_iter().map(|pairs| (0..pairs).map_while(|_| pair()).collect()).collect())
}
