//! `sluice backup`: a consistent copy of a data directory in a bucket or a directory.
//!
//! In:    a running server, asked over its HTTP port, or the data directory of a stopped one.
//! Out:   objects, each file once whatever number of backups holds it; a manifest, last; progress.
//! Kept:  nothing here. What an interrupted backup has sent, the next one finds.
//! Never: a manifest of which an object is missing; a backup in which log and store do not fit together.
//!
//! ```text
//! URL/objects/3f/3f9c…-1048576    a file's content, named by its XXH3-128 and its size
//! URL/backups/20260501T103100Z    a manifest: which files make up the data directory of that moment
//! ```

mod ask;
mod expire;
pub(crate) mod fingerprint;
mod freeze;
pub(crate) mod manifest;
mod take;
mod verify;

use serde_json::{Value, json};
use store::objects::{Objects, Patience};

use crate::cli::BackupArgs;
use crate::exit::Exit;
use crate::progress;
use crate::read::{Table, format_or_default};
use crate::serve::offline::Offline;

pub(crate) use ask::{Failure, Line};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use freeze::{Source, remove};
use take::Step;
pub(crate) use take::{Request, SCRATCH, Taken, take};

pub(crate) fn run(args: &BackupArgs) -> anyhow::Result<Exit> {
    if args.list {
        return list(args);
    }
    if let Some(name) = &args.verify {
        return verify::run(args, name);
    }
    let bar = progress::bytes(Some(0));
    let watch = |step: Step| {
        bar.set_length(step.bytes_total);
        bar.set_position(step.bytes);
        Ok(())
    };
    let request = Request { to: args.to.clone(), keep: args.keep };
    let taken = match &args.data {
        Some(data) => {
            let stopped = Offline::open(data)?;
            take(&request, stopped.sources(), stopped.placement(), data, &watch)
        }
        None => ask::server(&args.server, &request, &watch),
    };
    bar.finish_and_clear();
    print(&taken?, args);
    Ok(Exit::Good)
}

fn print(taken: &Taken, args: &BackupArgs) {
    let mut table = Table::new(["backup", "files", "bytes", "sent objects", "sent bytes", "expired"]);
    table.row([
        taken.name.clone(),
        taken.files.to_string(),
        taken.bytes.to_string(),
        taken.sent_objects.to_string(),
        taken.sent_bytes.to_string(),
        taken.expired.join(" "),
    ]);
    table.foot(format!("Bring it back with: sluice restore --from {}@{} --data DIR", args.to, taken.name));
    table.print(format_or_default(args.format), &json!(taken));
}

fn list(args: &BackupArgs) -> anyhow::Result<Exit> {
    let objects = Objects::open(&args.to, Patience::LONG)?;
    let mut table = Table::new(["backup", "partitions", "files", "bytes", "sluice"]);
    let mut answer = Vec::new();
    for name in manifest::names(&objects)? {
        let found = manifest::Manifest::read(&objects, &name)?;
        let (files, bytes) = (found.files().count(), found.files().map(|(_, file)| file.bytes).sum::<u64>());
        table.row([
            name.clone(),
            found.partitions.len().to_string(),
            files.to_string(),
            bytes.to_string(),
            found.sluice.clone(),
        ]);
        answer.push(json!({"backup": name, "taken": found.taken, "partitions": found.partitions.len(),
            "files": files, "bytes": bytes, "sluice": found.sluice}));
    }
    table.print(format_or_default(args.format), &Value::Array(answer));
    Ok(Exit::Good)
}
