//! Any bytes as a block of byte strings: values or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{block, check};

fuzz_target!(|data: &[u8]| {
    for bytes in [data, &block(6, data)] {
        check(bytes, codec::decode_bytes, |values| {
            // A constant of kilobytes may stand for thousands of values.
            if values.iter().map(|value| value.len()).sum::<usize>() > 1 << 20 {
                return;
            }
            let mut bytes = Vec::new();
            codec::encode_bytes(values, &mut bytes);
            let mut back = Vec::new();
            codec::decode_bytes(&mut &bytes[..], values.len(), &mut back).expect("what was just encoded");
            assert_eq!(back, values);
        });
    }
});
