//! Any keys and values as an island's checkpoint: an error that says what is wrong, or an island that goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{check_disk, disk, entries};

fuzz_target!(|data: &[u8]| check_disk(&disk(entries(data))));
