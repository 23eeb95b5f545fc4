//! Runs seeds: `cargo run -p sim -- --seeds 1000 --from 0`. A failing seed goes into `tests/seeds.rs`.

use std::process::ExitCode;

use clap::Parser;
use sim::Report;

/// The house under seeds and bad weather.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

#[expect(clippy::print_stdout, reason = "a command line prints")]
fn main() -> ExitCode {
    let args = Args::parse();
    let (mut failed, mut all) = (0_u64, Report::default());
    for seed in args.from..args.from.saturating_add(args.seeds) {
        match sim::run(seed) {
            Ok(report) => all.add(&report),
            Err(why) => {
                failed += 1;
                println!(
                    "seed {seed}: {why}; run it alone with `cargo run -p sim -- --from {seed} --seeds 1`"
                );
            }
        }
    }
    println!("{} seeds from {}: {failed} failed; {all:?}", args.seeds, args.from);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
