//! The word to end: SIGINT (Ctrl-C) or SIGTERM.

use std::sync::mpsc;

use tokio::signal::unix::{SignalKind, signal};

/// Returns when one of them comes. A process that cannot hear them never does, and is ended by the kernel's default.
pub(crate) async fn wait() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("cannot listen for SIGINT and SIGTERM: the process will end without draining");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("SIGINT: draining"),
        _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
    }
}

/// The same for a command that is not asynchronous: it gets a word.
pub(crate) fn receiver() -> std::io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(wait());
        let _the_command_has_ended = sender.send(());
    })?;
    Ok(receiver)
}
