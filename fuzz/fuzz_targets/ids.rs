//! Any bytes as a block of ids: values or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{block, check};

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &block(3, data)] {
        let dense = codec::decode_dense_ids(&mut &*bytes, sluice_fuzz::VALUES_MAX);
        check(bytes, codec::decode_ids, |values| {
            if let Ok(Some(range)) = dense {
                assert!(range.eq(values.iter().copied()));
            }
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            codec::encode_ids(values, &mut bytes);
            codec::decode_ids(&mut &bytes[..], values.len(), &mut back).expect("what was just encoded");
            assert_eq!(back, values);
        });
    }
});
