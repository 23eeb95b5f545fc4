//! `sluice watchdog`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct WatchdogArgs {
    /// The server's HTTP address
    #[arg(long, value_name = "URL", env = "SLUICE_SERVER", default_value = "http://127.0.0.1:4318")]
    pub(crate) server: String,
    /// How often to look
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) every: humantime::Duration,
    /// How long what may pass is put up with: a server that is away, a canary that knows nothing. What is wrong is said at once
    #[arg(long, value_name = "DURATION", default_value = "3m")]
    pub(crate) patience: humantime::Duration,
    /// Who is told, besides whoever reads stderr: http://HOST:PORT/PATH gets a POST
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// One look; exit status 0 when all is well, 1 when it is not
    #[arg(long)]
    pub(crate) once: bool,
}
