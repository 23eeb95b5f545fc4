//! Any bytes as a block of floats: values or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{block, check};

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &block(4, data)] {
        check(bytes, codec::decode_floats, |values| {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            codec::encode_floats(values, &mut bytes);
            codec::decode_floats(&mut &bytes[..], values.len(), &mut back).expect("what was just encoded");
            assert!(back.iter().map(|value| value.to_bits()).eq(values.iter().map(|value| value.to_bits())));
        });
    }
});
