//! Any bytes as a block of uints: values or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{block, check};

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &block(2, data)] {
        check(bytes, codec::decode_uints, |values| {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            codec::encode_uints(values, &mut bytes);
            codec::decode_uints(&mut &bytes[..], values.len(), &mut back).expect("what was just encoded");
            assert_eq!(back, values);
        });
    }
});
