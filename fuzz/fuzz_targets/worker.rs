//! Any bytes as what a coordinator and a worker say to each other, a job or an answer to one of each kind: what can be read is
//! written as something that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(why) = query_coordinator::reads_alike(data) {
        panic!("{why}");
    }
});
