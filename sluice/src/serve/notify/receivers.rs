//! The file of receivers: read, checked, and read again when it changes; a courier for each receiver.
//!
//! In:   a file, which need not be there. Out: couriers at work.
//! Never: a part of a bad file. What held before holds on.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use alerts::{NotifyFile, Receiver};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::courier::Courier;
use super::{EVERY, Notifier, Status, book_file};
use crate::serve::ended;

const BYTES_MAX: u64 = 1 << 20;

/// What tells whether the file has changed.
type Seen = (u64, Option<SystemTime>);

/// The couriers of one file.
struct Couriers {
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

/// Runs until the word to end.
pub(super) async fn keep(notifier: Arc<Notifier>, file: PathBuf, stopped: watch::Receiver<()>) {
    let (mut ended, mut last, mut couriers) = (std::pin::pin!(ended(stopped)), None, Couriers::none());
    loop {
        let seen = fs::metadata(&file).ok().map(|about| seen(&about));
        if seen.is_some() && seen != last {
            last = seen;
            match read(&file) {
                Ok(read) => {
                    couriers.end().await;
                    couriers = Couriers::start(&notifier, &notifier.quiet.hold(read));
                    *notifier.refused.lock() = None;
                }
                Err(why) => {
                    tracing::error!(%why, "the receivers cannot be used: what held before holds on");
                    *notifier.refused.lock() = Some(why);
                }
            }
        }
        tokio::select! {
            () = &mut ended => return couriers.end().await,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn seen(about: &Metadata) -> Seen {
    (about.len(), about.modified().ok())
}

/// The file, or what is wrong with it, with its place.
pub(crate) fn read(path: &Path) -> Result<NotifyFile, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
    let about = fs::metadata(path).map_err(|why| cannot(&why))?;
    if about.len() > BYTES_MAX {
        return Err(cannot(&format!("it has {} bytes, at most {BYTES_MAX} are read", about.len())));
    }
    let text = fs::read_to_string(path).map_err(|why| cannot(&why))?;
    NotifyFile::parse(&text).map_err(|problems| {
        let lines: Vec<String> =
            problems.to_string().lines().map(|line| format!("{}:{line}", path.display())).collect();
        lines.join("\n")
    })
}

// === impl Couriers ===

impl Couriers {
    fn none() -> Self {
        Self { stop: watch::channel(()).0, tasks: JoinSet::new() }
    }

    fn start(notifier: &Arc<Notifier>, file: &NotifyFile) -> Self {
        let mut couriers = Self::none();
        let names: Vec<&str> = file.receivers.iter().map(|one| one.name.as_str()).collect();
        notifier.by_name.lock().retain(|name, _| names.contains(&name.as_str()));
        forget_others(&notifier.folder, &names);
        for receiver in &file.receivers {
            let courier = courier(notifier, receiver.clone());
            couriers.tasks.spawn(courier.run(notifier.firing.subscribe(), couriers.stop.subscribe()));
        }
        tracing::info!(receivers = names.len(), maintenance = file.maintenance.len(), "receivers are good");
        couriers
    }

    /// When each has its answer.
    async fn end(self) {
        let Self { stop, mut tasks } = self;
        drop(stop);
        while tasks.join_next().await.is_some() {}
    }
}

fn courier(notifier: &Notifier, receiver: Receiver) -> Courier {
    let path = notifier.folder.join(format!("{}.json", receiver.name));
    let book = book_file::load(&path);
    let status = Arc::new(Mutex::new(Status::of(&book)));
    notifier.by_name.lock().insert(receiver.name.clone(), Arc::clone(&status));
    Courier { receiver, book, path, quiet: Arc::clone(&notifier.quiet), status }
}

/// What a receiver was told that is in the file no longer: should it come back, that would be out of date.
fn forget_others(folder: &Path, names: &[&str]) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let is_named = path.file_stem().is_some_and(|stem| names.iter().any(|name| stem == *name));
        if path.extension().is_some_and(|end| end == "json") && !is_named {
            let _it_is_forgotten_next_time = fs::remove_file(path);
        }
    }
}
