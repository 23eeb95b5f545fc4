//! `sluice backup --verify`: every object of a backup read again.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::json;
use store::objects::{ObjectError, Objects, Patience, TRANSFERS_MAX, in_parallel};

use super::fingerprint::{Fingerprint, Fingerprinter};
use super::manifest::{Manifest, named_or_newest};
use crate::cli::BackupArgs;
use crate::exit::Exit;
use crate::progress;
use crate::read::{Table, format_or_default};

pub(super) fn run(args: &BackupArgs, name: &str) -> anyhow::Result<Exit> {
    let objects = Objects::open(&args.to, Patience::LONG)?;
    let name = named_or_newest(&objects, Some(name).filter(|name| !name.is_empty()))?;
    let manifest = Manifest::read(&objects, &name)?;
    let damage = damage(&objects, &manifest)?;

    let (files, bytes) =
        (manifest.files().count(), manifest.files().map(|(_, file)| file.bytes).sum::<u64>());
    let mut table = Table::new(["backup", "files", "bytes", "damaged"]);
    table.row([name.clone(), files.to_string(), bytes.to_string(), damage.len().to_string()]);
    let answer =
        json!({"backup": name, "sound": damage.is_empty(), "files": files, "bytes": bytes, "damage": damage});
    table.print(format_or_default(args.format), &answer);
    for line in &damage {
        eprintln!("damaged: {line}");
    }
    Ok(if damage.is_empty() { Exit::Good } else { Exit::Bad })
}

/// A line for each object that is missing or is not what its name says.
fn damage(objects: &Objects, manifest: &Manifest) -> anyhow::Result<Vec<String>> {
    let wanted: BTreeMap<&Fingerprint, String> = manifest
        .files()
        .map(|(partition, file)| (&file.fingerprint, format!("partition {partition} {}", file.path)))
        .collect();
    let bar = progress::bytes(Some(wanted.keys().map(|fingerprint| fingerprint.bytes).sum()));
    let found = Mutex::new(Vec::new());
    let checked = in_parallel(TRANSFERS_MAX, wanted, |(fingerprint, of)| -> Result<(), ObjectError> {
        let mut fingerprinter = Fingerprinter::default();
        let read = objects.read(&fingerprint.object(), fingerprint.bytes, &mut |piece| {
            fingerprinter.add(piece);
            bar.inc(piece.len() as u64);
            Ok(())
        });
        let why = match read {
            Ok(()) if fingerprinter.fingerprint() == *fingerprint => return Ok(()),
            Ok(()) => "its content is not what was written".to_owned(),
            Err(why @ (ObjectError::NotFound { .. } | ObjectError::TooLarge { .. })) => why.to_string(),
            Err(weather) => return Err(weather),
        };
        found.lock().push(format!("{} ({of}): {why}", objects.object(&fingerprint.object())));
        Ok(())
    });
    bar.finish_and_clear();
    checked?;
    let mut found = found.into_inner();
    found.sort();
    Ok(found)
}
