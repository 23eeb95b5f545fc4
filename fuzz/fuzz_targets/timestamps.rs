//! Any bytes as a block of timestamps: values or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{block, check};

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &block(5, data)] {
        check(bytes, codec::decode_timestamps, |values| {
            let (mut bytes, mut back) = (Vec::new(), Vec::new());
            codec::encode_timestamps(values, &mut bytes);
            codec::decode_timestamps(&mut &bytes[..], values.len(), &mut back).expect("what was just encoded");
            assert_eq!(back, values);
        });
    }
});
