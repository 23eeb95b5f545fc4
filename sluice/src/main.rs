//! The one binary. Reads the call, runs the command, says how it ended.
//!
//! Exit status: 0 good, 1 the answer is an error, 2 the call is wrong, 3 the answer is partial and `--strict` was given.
//! Errors go to stderr as one line that says what to do.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line: printing is its work"
)]

mod cli;
mod commands;
mod config;
mod exit;
mod progress;
mod read;
mod serve;
mod signals;
mod webhook;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, ClusterArgs, Command};
use crate::exit::CALL_IS_WRONG;
use crate::read::AskError;

fn main() -> ExitCode {
    let cli = Cli::parse(); // a wrong flag ends here, with 2
    log_to_stderr();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", one_line(&error));
            match error.downcast_ref::<AskError>() {
                Some(AskError::Call(_)) => ExitCode::from(CALL_IS_WRONG),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let exit = match command {
        Command::Serve(args) => serve::run(&config::load(&args, &ClusterArgs::default(), &env)?.0)?,
        Command::Frontend(args) => {
            let (config, cluster, _) = config::load(&args.serve, &args.cluster, &env)?;
            serve::roles::frontend(&config, &cluster)?
        }
        Command::Aggregator(args) => {
            let (config, cluster, _) = config::load(&args.serve, &args.cluster, &env)?;
            serve::roles::aggregator(config, &cluster)?
        }
        Command::Coordinator(args) => {
            let (config, cluster, _) = config::load(&args.serve, &args.cluster, &env)?;
            serve::roles::coordinator(&config, &cluster)?
        }
        Command::Topics(args) => commands::topics::run(&args, &env)?,
        Command::Agent(args) => commands::agent::run(&args)?,
        Command::Publish(args) => commands::publish::run(&args)?,
        Command::Loadgen(args) => commands::loadgen::run(&args)?,
        Command::Inspect(args) => commands::inspect::run(&args)?,
        Command::Backup(args) => commands::backup::run(&args)?,
        Command::Restore(args) => commands::restore::run(&args)?,
        Command::Rules(args) => commands::rules::run(&args)?,
        Command::Notify(args) => commands::notify::run(&args)?,
        Command::Silence(args) => commands::silence::run(&args)?,
        Command::Acknowledge(args) => commands::acknowledge::run(&args)?,
        Command::Delete(args) => commands::delete::run(&args)?,
        Command::Watchdog(args) => commands::watchdog::run(&args)?,
        Command::Verify(args) => commands::verify::run(&args)?,
        Command::Config(args) => commands::config::run(&args, &env)?,
        Command::Completions(args) => commands::completions::run(&args),
        Command::Read(command) => read::run(&command)?,
    };
    Ok(exit.into())
}

/// With its causes, on one line.
fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `SLUICE_LOG=debug`, or per crate as `SLUICE_LOG=info,partition_log=debug`.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SLUICE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true)
        .init();
}
