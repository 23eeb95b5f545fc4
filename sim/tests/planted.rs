//! The simulator finds bugs: each planted one within 1,000 seeds. `cargo test -p sim --features planted-bugs`.

use sim::Bug;

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        let found = (0..1000).find_map(|seed| sim::run_with(bug, seed).err().map(|why| (seed, why)));
        let (seed, why) = found.unwrap_or_else(|| panic!("{bug:?} was not found within 1,000 seeds"));
        println!("{bug:?}: seed {seed}: {why}");
    }
}
