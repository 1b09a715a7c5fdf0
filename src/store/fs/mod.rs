//! Values as files below a directory, as distribution's `filesystem` driver lays them out.
//!
//! - A value is written to a file beside its place (`<name>.<uuid>.tmp`, which distribution 3.1 uses too and 2.8 walks
//!   past), synced, renamed, and the directory is synced: a reader or a crash finds the old value or the new one. So are
//!   the parents of directories that are new ([`dirs`]). Several values get their names in an order ([`place`]).
//! - Whoever waits for the disk waits together with others ([`disk`]).
//! - An upload session is a file that grows, under an advisory lock ([`stage`]); publishing renames it.
//! - Directories are no values: reads do not find them, the last deletion in one removes it.
//!
//! `stat`, `list` and reads of little run on the calling thread: they are a few microseconds in the page cache, and a hop
//! to a blocking thread costs more than the system call. Syncs and the bytes of uploads go to blocking threads, and so does
//! what is left of a listing that turns out long.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::OFlags;

use super::{
    Data, Driver, Error, Key, ListQuery, Listing, Object, Prefix, Result, Stage, StageMode, Stat, Step, WriteMode,
    checked_range,
};
use crate::spec::ByteRange;
use crate::sys::Clock;

mod dirs;
mod disk;
mod in_use;
mod list;
mod place;
mod prospect;
mod stage;
mod write;

pub(crate) use in_use::{InUse, Marked};
pub(crate) use prospect::{Prospect, prospect};

#[cfg(test)]
mod tests;

/// Up to here a value is read at once into memory; a larger one is handed out as an open file.
const MEMORY_BYTES_MAX: u64 = 64 << 10;

/// A store in a directory. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Fs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    clock: Clock,
    unsynced: dirs::Unsynced,
    disk: disk::Disk,
    circles: Circles,
    #[cfg(test)]
    trace: std::sync::Mutex<Vec<String>>,
}

impl Fs {
    /// Opens the store in `root` for a server that is to write to it. One that does not open leaves no directory that was
    /// not there before.
    ///
    /// # Errors
    /// As [`Fs::open`], and those of creating a file in it.
    pub(crate) fn open_writable(root: &Path, clock: Clock) -> Result<Self> {
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let missing: Vec<&Path> = absolute.ancestors().take_while(|path| fs::symlink_metadata(path).is_err()).collect();
        let opened = Self::open(root, clock).and_then(|fs| fs.check_writable().map(|()| fs));
        if opened.is_err() {
            for directory in missing {
                // What was never made is not there, and one that is not empty is somebody's by now.
                let _ = fs::remove_dir(directory);
            }
        }
        opened
    }

    /// Opens the store in `root`, which is created if it is missing, with the directories above it.
    ///
    /// # Errors
    /// Where the directory cannot be created, or is none. A store that cannot be written opens all the same.
    pub(crate) fn open(root: &Path, clock: Clock) -> Result<Self> {
        Self::open_on(root, clock, disk::Disk::of)
    }

    fn open_on(root: &Path, clock: Clock, disk: fn(&Path) -> io::Result<disk::Disk>) -> Result<Self> {
        let open = || {
            let root = std::path::absolute(root)?;
            let unsynced = dirs::Unsynced::default();
            // Through a symbolic link the directory is there already, and `create_dir_all` says so.
            fs::create_dir_all(&root)?;
            if let Some(parent) = root.parent() {
                disk::sync(parent)?;
            }
            let disk = disk(&root)?;
            Ok(Inner {
                root,
                clock,
                unsynced,
                disk,
                circles: Circles::default(),
                #[cfg(test)]
                trace: std::sync::Mutex::default(),
            })
        };
        let inner = open().map_err(|source| write_error(&root.display().to_string(), source))?;
        Ok(Self(Arc::new(inner)))
    }

    /// Finds out before the first push whether the directory takes files.
    ///
    /// # Errors
    /// What creating a file in it gives.
    fn check_writable(&self) -> Result<()> {
        let probe = self.0.root.join("probe");
        let made = write::Temporary::create(&probe).map(drop);
        made.map_err(|source| write_error(&self.0.root.display().to_string(), source))
    }
}

impl Inner {
    /// The path of a key or prefix. Keys are made by `keys.rs` of checked names; that none climbs out of the root is seen
    /// to here once more.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if plain {
            return Ok(self.root.join(name));
        }
        let source = io::Error::from(io::ErrorKind::InvalidInput).into();
        Err(Error::Io { key: name.to_owned(), source })
    }

    /// The error of a call that reads `key`; a circle of symbolic links is told of.
    fn read_error(&self, key: &str, source: io::Error) -> Error {
        if is_loop(&source) {
            self.circles.tell(key);
        }
        read_error(key, source)
    }

    fn note(&self, _event: impl FnOnce() -> String) {
        #[cfg(test)]
        self.trace.lock().expect("no panic in here").push(_event());
    }
}

/// The error of a call that reads `key`. A name that the file system cannot hold is one that is not there, and nothing is
/// at the end of a circle.
fn read_error(key: &str, source: io::Error) -> Error {
    match source.kind() {
        _ if is_loop(&source) => Error::NotFound { key: key.to_owned() },
        io::ErrorKind::InvalidFilename | io::ErrorKind::IsADirectory => Error::NotFound { key: key.to_owned() },
        _ => Error::from_io_named(key, source),
    }
}

/// Names below which somebody made a circle of symbolic links, once told of.
#[derive(Debug, Default)]
struct Circles(Mutex<BTreeSet<String>>);

impl Circles {
    /// So many are told of; who has more has seen enough.
    const MAX: usize = 100;

    fn tell(&self, name: &str) {
        // The set is whole after each statement.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < Self::MAX && told.insert(name.to_owned()) {
            tracing::warn!(key = name, "symbolic links in the storage lead in a circle: nothing is there");
        }
    }
}

/// Whether a path went round and round through symbolic links: there is nothing at its end.
fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// The error of a call that writes `key`: nothing that is missing on the way is the value that the caller named.
fn write_error(key: &str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Error::Io { key: key.to_owned(), source: source.into() }
        }
        _ => Error::from_io_named(key, source),
    }
}

/// `None` of what is no file.
fn stat_of(metadata: &fs::Metadata) -> Option<Stat> {
    if !metadata.is_file() {
        return None;
    }
    let nanoseconds = i32::try_from(metadata.ctime_nsec()).unwrap_or_default();
    let changed = Timestamp::new(metadata.ctime(), nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    // The kernel's clock ticks in milliseconds and inodes are used again, so that size, inode and change time of a new
    // value can equal those of the last but one; `write` therefore sets a modification time of full precision.
    let parts = [
        metadata.ino(),
        metadata.size(),
        metadata.ctime().cast_unsigned(),
        metadata.ctime_nsec().cast_unsigned(),
        metadata.mtime().cast_unsigned(),
        metadata.mtime_nsec().cast_unsigned(),
    ];
    Some(Stat { size: metadata.size(), changed, version: fold(&parts) })
}

/// FNV-1a over the words, with a last shuffle.
fn fold(parts: &[u64]) -> u64 {
    let folded = parts
        .iter()
        .flat_map(|part| part.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    folded ^ (folded >> 32)
}

/// Runs what waits for the disk on a thread that may wait. It goes on when the caller is dropped, which is why nothing
/// half done is left by a request that goes away.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody polls this again.
            Err(_) => std::future::pending().await,
        },
    }
}

#[async_trait]
impl Driver for Fs {
    async fn stat(&self, key: &Key) -> Result<Stat> {
        let metadata =
            fs::metadata(self.0.path(key.as_str())?).map_err(|source| self.0.read_error(key.as_str(), source))?;
        stat_of(&metadata).ok_or_else(|| Error::NotFound { key: key.to_string() })
    }

    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        let failed = |source| self.0.read_error(key.as_str(), source);
        // A pipe in a value's place would keep the thread until somebody writes to it; files know no waiting.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let path = self.0.path(key.as_str())?;
        let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(failed)?;
        let stat = stat_of(&file.metadata().map_err(failed)?);
        let stat = stat.ok_or_else(|| Error::NotFound { key: key.to_string() })?;
        let range = checked_range(key, stat.size, range)?;
        if range.len() > MEMORY_BYTES_MAX {
            return Ok(Object { stat, range, data: Data::File(file) });
        }
        let mut bytes = vec![0; range.len() as usize];
        file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
        Ok(Object { stat, range, data: Data::Memory(bytes.into()) })
    }

    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()> {
        let (inner, key) = (Arc::clone(&self.0), key.clone());
        blocking(move || inner.write(&key, &bytes, mode)).await
    }

    async fn write_steps(&self, steps: Vec<Step>) -> Result<()> {
        if steps.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let inner = Arc::clone(&self.0);
        blocking(move || inner.write_steps(&steps)).await
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing> {
        list::list(&self.0, query).await
    }

    fn has_directories(&self) -> bool {
        true
    }

    async fn children_version(&self, prefix: &Prefix) -> Result<Option<u64>> {
        list::children_version(&self.0, prefix)
    }

    async fn delete(&self, keys: &[Key]) -> Result<()> {
        let (inner, keys) = (Arc::clone(&self.0), keys.to_vec());
        blocking(move || inner.delete(&keys)).await
    }

    async fn discard(&self, keys: &[Key]) -> Result<()> {
        let (inner, keys) = (Arc::clone(&self.0), keys.to_vec());
        blocking(move || inner.discard(&keys)).await
    }

    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>> {
        Ok(Box::new(stage::FsStage::open(&self.0, key, mode)?))
    }
}
