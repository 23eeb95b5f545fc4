//! An input as several: each has its length (u16) before it, and the last may be cut off.

/// The pieces of an input.
pub fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first_chunk()?;
        let (piece, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        input = rest;
        Some(piece)
    })
}

/// The input that [`pieces`] cuts into these.
///
/// # Panics
/// When one has 64 KiB: it is no seed.
#[must_use]
pub fn glue(pieces: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let piece = |piece: &[u8]| {
        let length = u16::try_from(piece.len()).expect("a seed is small");
        [&length.to_le_bytes(), piece].concat()
    };
    pieces.iter().flat_map(|one| piece(one.as_ref())).collect()
}
