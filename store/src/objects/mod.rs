//! Objects in a bucket or a directory: the one way out of this machine for what is old and for what is copied.
//!
//! In:    names below one URL, bytes or files.
//! Out:   the same again, whole or by ranges; lists.
//! Kept:  nothing but connections. Everything an object holds is memory of whoever asked, by a bound.
//! Never: an object under its name that is half there; a wait without an end ([`Patience`]).
//!
//! Calls block, from any number of threads; each waits for its own answer. From async code call them where blocking
//! is allowed.

mod error;
mod parallel;
mod place;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Runtime;
use tokio_stream::StreamExt as _;

pub use error::ObjectError;
pub use parallel::in_parallel;
pub use place::Patience;

use place::Place;

/// Files above this go up in parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts of one file on their way at once. With [`TRANSFERS_MAX`] files this bounds memory: 4 × 2 × 8 MiB.
const PARTS_AT_ONCE: usize = 2;
/// Transfers at once that fill a usual network and spare a small machine.
pub const TRANSFERS_MAX: usize = 4;
/// One read of a file.
const READ_BYTES: usize = 1 << 20;

const _: () = assert!(TRANSFERS_MAX * PARTS_AT_ONCE * PART_BYTES <= 64 << 20, "a backup stays below 64 MiB");

/// A place for objects. A clone is the same place.
#[derive(Clone)]
pub struct Objects {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    place: Place,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectInfo {
    /// Below the URL.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified: SystemTime,
}

// === impl Objects ===

impl Objects {
    /// The place behind a URL, with credentials, region and endpoint from the environment of this process
    /// (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `AZURE_STORAGE_ACCOUNT_NAME`, `GOOGLE_SERVICE_ACCOUNT` …). Nothing
    /// is asked of the store yet.
    ///
    /// # Errors
    /// When the URL is none, or a setting is missing.
    pub fn open(url: &str, patience: Patience) -> Result<Self, ObjectError> {
        let env: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::open_with(url, &env, patience)
    }

    /// The same with an environment of your own.
    ///
    /// # Errors
    /// As [`Objects::open`].
    pub fn open_with(url: &str, env: &[(String, String)], patience: Patience) -> Result<Self, ObjectError> {
        let place = Place::of(url, env, patience)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1) // moves bytes and nothing else
            .thread_name("objects")
            .enable_all()
            .build()
            .map_err(ObjectError::file("start a thread for", url))?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { inner: Arc::new(Inner { url, place, runtime: Some(runtime) }) })
    }

    /// As it was given.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Writes an object, or the same name anew. Durable when this returns.
    ///
    /// # Errors
    /// Weather.
    pub fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Result<(), ObjectError> {
        let bytes: Bytes = bytes.into();
        self.run("write", name, |path| async move { self.store().put(&path, bytes.into()).await })?;
        self.sync(name)
    }

    /// Writes the first `bytes` of a file as an object. `moved` hears of every piece that was read. Durable when
    /// this returns.
    ///
    /// # Errors
    /// Weather, here or there; a file that is shorter.
    pub fn put_file(
        &self,
        name: &str,
        file: &FilePath,
        bytes: u64,
        moved: &(dyn Fn(u64) + Sync),
    ) -> Result<(), ObjectError> {
        let mut source = File::open(file).map_err(ObjectError::file("open", file))?;
        let writer =
            BufWriter::with_capacity(Arc::clone(&self.inner.place.store), self.path(name), PART_BYTES);
        let mut writer = writer.with_max_concurrency(PARTS_AT_ONCE);
        let (mut left, mut buffer) = (bytes, vec![0; READ_BYTES]);
        while left > 0 {
            let piece = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            source.read_exact(&mut buffer[..piece]).map_err(ObjectError::file("read", file))?;
            self.write("write", name, writer.write_all(&buffer[..piece]))?;
            moved(piece as u64);
            left -= piece as u64;
        }
        self.write("write", name, writer.shutdown())?;
        self.sync(name)
    }

    /// A whole object of at most `bytes_max`.
    ///
    /// # Errors
    /// Weather, no such object, one that is larger.
    pub fn get(&self, name: &str, bytes_max: u64) -> Result<Bytes, ObjectError> {
        let mut whole = Vec::new();
        self.read(name, bytes_max, &mut |piece| {
            whole.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(whole.into())
    }

    /// A whole object of at most `bytes_max`, piece by piece.
    ///
    /// # Errors
    /// As [`Objects::get`], and what `each` returned.
    pub fn read(
        &self,
        name: &str,
        bytes_max: u64,
        each: &mut dyn FnMut(&[u8]) -> Result<(), ObjectError>,
    ) -> Result<(), ObjectError> {
        let got = self.run("read", name, |path| async move { self.store().get(&path).await })?;
        let bytes = got.meta.size;
        if bytes > bytes_max {
            return Err(ObjectError::TooLarge { object: self.object(name), bytes, bytes_max });
        }
        let mut pieces = got.into_stream();
        while let Some(piece) = self.runtime().block_on(pieces.next()) {
            each(&piece.map_err(|why| ObjectError::of("read", self.object(name), &why))?)?;
        }
        Ok(())
    }

    /// A part of an object.
    ///
    /// # Errors
    /// Weather, no such object, or one that is too short.
    pub fn get_range(&self, name: &str, range: std::ops::Range<u64>) -> Result<Bytes, ObjectError> {
        let wanted = range.end.saturating_sub(range.start);
        let got = self.run("read", name, |path| async move { self.store().get_range(&path, range).await })?;
        if got.len() as u64 != wanted {
            let why = format!("{} bytes came where {wanted} were asked for", got.len());
            return Err(ObjectError::Away { doing: "read", object: self.object(name), why });
        }
        Ok(got)
    }

    /// Every object whose name begins with these folders, by name.
    ///
    /// # Errors
    /// Weather.
    pub fn list(&self, folder: &str) -> Result<Vec<ObjectInfo>, ObjectError> {
        let prefix = self.path(folder);
        let found = self.runtime().block_on(async {
            let listed = self.store().list(Some(&prefix));
            listed.collect::<Result<Vec<_>, _>>().await
        });
        let found = found.map_err(|why| ObjectError::of("list", self.object(folder), &why))?;
        let mut infos: Vec<ObjectInfo> = found
            .into_iter()
            .filter_map(|about| {
                let name = about.location.as_ref().strip_prefix(self.inner.place.prefix.as_ref())?;
                let name = name.trim_start_matches('/').to_owned();
                Some(ObjectInfo { name, bytes: about.size, modified: about.last_modified.into() })
            })
            .collect();
        infos.sort_unstable();
        Ok(infos)
    }

    /// Removes an object; one that is gone is fine.
    ///
    /// # Errors
    /// Weather.
    pub fn delete(&self, name: &str) -> Result<(), ObjectError> {
        match self.run("delete", name, |path| async move { self.store().delete(&path).await }) {
            Err(ObjectError::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    /// The whole URL of an object, for people.
    #[must_use]
    pub fn object(&self, name: &str) -> String {
        format!("{}/{name}", self.inner.url)
    }
}

// === impl Objects: within ===

impl Objects {
    fn store(&self) -> &dyn ObjectStore {
        &*self.inner.place.store
    }

    fn runtime(&self) -> &Runtime {
        self.inner.runtime.as_ref().expect("it is there until the last clone is dropped")
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.inner.place.prefix.clone(), |path, part| path.join(part))
    }

    fn run<T, F>(
        &self,
        doing: &'static str,
        name: &str,
        call: impl FnOnce(Path) -> F,
    ) -> Result<T, ObjectError>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let done = self.runtime().block_on(call(self.path(name)));
        done.map_err(|why| ObjectError::of(doing, self.object(name), &why))
    }

    /// The writer hides the store's error in one of I/O.
    fn write<T>(
        &self,
        doing: &'static str,
        name: &str,
        call: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, ObjectError> {
        self.runtime().block_on(call).map_err(|why| {
            let object = self.object(name);
            match why.get_ref().and_then(|inner| inner.downcast_ref::<object_store::Error>()) {
                Some(inner) => ObjectError::of(doing, object, inner),
                None => ObjectError::Away { doing, object, why: why.to_string() },
            }
        })
    }

    /// A directory is a store too, and a rename alone does not survive a power loss.
    fn sync(&self, name: &str) -> Result<(), ObjectError> {
        let Some(root) = &self.inner.place.root else { return Ok(()) };
        let file: PathBuf = name.split('/').fold(root.clone(), |path, part| path.join(part));
        for path in file.ancestors().take_while(|path| path.starts_with(root)) {
            File::open(path).and_then(|open| open.sync_all()).map_err(ObjectError::file("sync", path))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("url", &self.inner.url).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Drop for Inner {
    /// A runtime waits for its threads when it is dropped, which async code must not.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
