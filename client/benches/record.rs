//! Rows 1 and 2 of the targets.
fn main() {}
