//! Jobs and answers cut in pieces, so that none holds up a connection that others share.

use bytes::Bytes;

use crate::limits::PIECE_BYTES;

/// Pieces that wait to be sent on one lease; whoever makes them waits for the rest.
pub(super) const PIECES_WAITING: usize = 4;

/// In order; nothing is no piece.
pub(super) fn pieces(bytes: Vec<u8>) -> impl Iterator<Item = Bytes> {
    let mut rest = Bytes::from(bytes);
    std::iter::from_fn(move || {
        let next = rest.split_to(rest.len().min(PIECE_BYTES));
        (!next.is_empty()).then_some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        for len in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let all: Vec<Bytes> = pieces(bytes.clone()).collect();
            assert!(all.iter().all(|piece| (1..=PIECE_BYTES).contains(&piece.len())));
            assert_eq!(all.len(), len.div_ceil(PIECE_BYTES));
            assert_eq!(all.concat(), bytes);
        }
    }
}
