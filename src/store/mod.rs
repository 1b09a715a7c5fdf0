//! The bytes a registry keeps: the [`Driver`] trait, what it reads and writes, and errors by meaning.
//!
//! Knows keys, and no rule of a registry. A driver is what an object store can do as it is: no rename, no directories,
//! no append outside of an upload session. Every driver passes `suite.rs`.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use rustix::io::Errno;
use thiserror::Error;

use crate::spec::ByteRange;

mod census;
#[cfg(test)]
pub(crate) mod faulty;
mod fs;
pub(crate) mod keys;
mod memory;
mod probe;
pub(crate) mod s3;
#[cfg(test)]
pub(crate) mod suite;

pub(crate) use census::census;
pub(crate) use fs::{Fs, InUse, Marked, Prospect, prospect};
pub(crate) use keys::{Key, Prefix};
pub(crate) use memory::Memory;
pub(crate) use probe::{Ailment, probe};
pub(crate) use s3::{S3, S3Config, Unusable};

/// What went wrong with a key, by what the caller can do about it.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("{key} does not exist")]
    NotFound { key: String },
    /// A create-if-absent found something.
    #[error("{key} exists already")]
    Exists { key: String },
    /// Somebody else holds the upload session.
    #[error("{key} is in use by another request")]
    Busy { key: String },
    #[error("no space left to write {key}")]
    OutOfSpace { key: String, source: BoxError },
    #[error("no permission for {key}")]
    Denied { key: String, source: BoxError },
    /// This process or the machine has as many files open as it may.
    #[error("no file descriptor left to access {key}")]
    Exhausted { key: String, source: BoxError },
    /// What is there cannot have been written whole.
    #[error("{key} is damaged: {reason}")]
    Corrupt { key: String, reason: String },
    #[error("cannot access {key}")]
    Io { key: String, source: BoxError },
}

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What is known of a stored value without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Size in bytes.
    pub(crate) size: u64,
    /// When the value came to be in this store: change time of a file, arrival of an object. It does not go backwards
    /// when files are copied with their times, so ages and scans may rest on it.
    pub(crate) changed: Timestamp,
    /// Differs when the value differs; equal values of one key may differ in it too.
    pub(crate) version: u64,
}

/// A value being read.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) stat: Stat,
    /// The part of the value that `data` holds.
    pub(crate) range: ByteRange,
    pub(crate) data: Data,
}

/// The bytes of an [`Object`], in the form in which the driver has them.
pub(crate) enum Data {
    Memory(Bytes),
    /// An open file that nobody ever changes; `range` of the object says which part.
    File(std::fs::File),
    Stream(BoxStream<'static, Result<Bytes>>),
}

impl Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::File(_) => "File",
            Self::Stream(_) => "Stream",
        })
    }
}

impl Object {
    /// All of the bytes. For values that are known to be small: the caller checks `stat.size` first.
    ///
    /// # Errors
    /// What reading them gives.
    pub(crate) async fn bytes(self, key: &Key) -> Result<Bytes> {
        match self.data {
            Data::Memory(bytes) => Ok(bytes),
            Data::File(file) => {
                let mut bytes = vec![0; usize::try_from(self.range.len()).unwrap_or(usize::MAX)];
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, self.range.start)
                    .map_err(|source| Error::from_io(key, source))?;
                Ok(bytes.into())
            }
            Data::Stream(stream) => {
                let all = stream.try_fold(BytesMut::new(), |mut all, chunk| async move {
                    all.extend_from_slice(&chunk);
                    Ok(all)
                });
                Ok(all.await?.freeze())
            }
        }
    }
}

impl Error {
    /// Gives an I/O error its meaning.
    pub(crate) fn from_io(key: &Key, source: std::io::Error) -> Self {
        Self::from_io_named(key.as_str(), source)
    }

    fn from_io_named(key: &str, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let key = key.to_owned();
        if let Some(Errno::MFILE | Errno::NFILE) = Errno::from_io_error(&source) {
            return Self::Exhausted { key, source: source.into() };
        }
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::NotFound { key },
            ErrorKind::AlreadyExists => Self::Exists { key },
            // The last is a limit on the size of files, of the file system or of the process.
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::OutOfSpace { key, source: source.into() }
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Denied { key, source: source.into() },
            _ => Self::Io { key, source: source.into() },
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// The part of a value of `size` bytes that a read is for.
fn checked_range(key: &Key, size: u64, range: Option<ByteRange>) -> Result<ByteRange> {
    match range {
        None => Ok(ByteRange { start: 0, end: size }),
        Some(range) if range.start <= range.end && range.end <= size => Ok(range),
        Some(ByteRange { start, end }) => {
            let reason = format!("bytes {start} to {end} were asked of {size}");
            Err(Error::Corrupt { key: key.to_string(), reason })
        }
    }
}

/// What a write does where something stands already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteMode {
    /// [`Error::Exists`].
    Create,
    /// Like `Create`, for a name that nobody else can know: a write that fails may leave a part of the value there.
    Fresh,
    Replace,
}

/// A small value to be written whole, in place of what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) key: Key,
    pub(crate) bytes: Bytes,
}

/// Values that may come to be in any order.
pub(crate) type Step = Vec<Put>;

/// What becomes of an upload session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    /// Where its bytes go, in place of what may stand there.
    pub(crate) key: Key,
    /// What is written then, as [`Driver::write_steps`] does.
    pub(crate) next: Vec<Step>,
    /// What has no use any more, as for [`Driver::discard`].
    pub(crate) leftovers: Vec<Key>,
}

impl From<Key> for Publication {
    fn from(key: Key) -> Self {
        Self { key, next: Vec::new(), leftovers: Vec::new() }
    }
}

/// Whether an upload session is begun or continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StageMode {
    /// [`Error::Exists`] if there is one.
    Create,
    /// [`Error::NotFound`] if there is none.
    Resume,
}

/// How far a listing goes below its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Up to the next `/`: names of values and of common prefixes.
    Children,
    /// Every value below.
    All,
}

/// Which part of which listing.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery<'a> {
    pub(crate) prefix: &'a Prefix,
    pub(crate) depth: Depth,
    /// The listing begins with the first name greater than this one, relative to `prefix`.
    pub(crate) start_after: Option<&'a str>,
    /// Most entries in the answer.
    pub(crate) limit: usize,
    /// Whether entries need their [`Stat`] (a system call each on a file system).
    pub(crate) with_stat: bool,
}

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to the prefix of the query. A common prefix ends in `/`, a value does not.
    pub(crate) name: String,
    /// Of a value, where the query asked for it or the store gave it for nothing.
    pub(crate) stat: Option<Stat>,
}

/// A part of a listing, in byte order of the names (a common prefix with its `/`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    /// Whether more follow behind the last entry.
    pub(crate) more: bool,
}

/// A place that keeps values under keys.
///
/// Every method is atomic for each key it names; what a writing method answered `Ok` survives `kill -9` and power loss. A
/// write that failed, or whose future was dropped, left the old value or the new one.
///
/// An upload session lives under a key of its own from `stage` to `publish` or `discard`. Until then its bytes are for
/// [`Driver::stage`] alone: whether `stat`, `read` and `list` show them differs from driver to driver, and `delete` does
/// not end it.
#[async_trait]
pub(crate) trait Driver: Debug + Send + Sync {
    /// Size, time and version of a value. [`Error::NotFound`] where there is none, a "directory" included.
    async fn stat(&self, key: &Key) -> Result<Stat>;

    /// Opens a value, or a part of it; `None` is the whole. [`Error::Corrupt`] where the value ends before the range does:
    /// the caller took it from a size that was true once.
    async fn read(&self, key: &Key, range: Option<ByteRange>) -> Result<Object>;

    /// Writes a small value whole.
    async fn write(&self, key: &Key, bytes: Bytes, mode: WriteMode) -> Result<()>;

    /// Writes values step after step: whatever happens, one of a step is there only if all of the steps before it are.
    async fn write_steps(&self, steps: Vec<Step>) -> Result<()> {
        for step in steps {
            let writes = step
                .into_iter()
                .map(|Put { key, bytes }| async move { self.write(&key, bytes, WriteMode::Replace).await });
            try_join_all(writes).await?;
        }
        Ok(())
    }

    /// A part of an ordered listing. A prefix without values lists nothing.
    ///
    /// A file system may show the prefix of a value that is just being written or deleted, or of one whose writer died.
    async fn list(&self, query: &ListQuery<'_>) -> Result<Listing>;

    /// Whether a listing of what lies directly below a prefix is much cheaper than one of everything below it.
    fn has_directories(&self) -> bool {
        false
    }

    /// Something that differs once a name was added to or removed from the children of `prefix` (what lies deeper does
    /// not count), so that a listing kept by the caller can be believed again without reading it anew.
    ///
    /// `None` where the store has no such thing, or where it cannot tell apart two changes that are too near to each
    /// other in time (a file system whose directory changed within the last moments).
    async fn children_version(&self, prefix: &Prefix) -> Result<Option<u64>> {
        let _ = prefix;
        Ok(None)
    }

    /// Removes values; what is not there is removed already. Several keys cost one sync or one request where the store can.
    /// After an error some may be gone and others not.
    async fn delete(&self, keys: &[Key]) -> Result<()>;

    /// Like `delete`, of values that harm nobody if a power failure brings them back.
    async fn discard(&self, keys: &[Key]) -> Result<()> {
        self.delete(keys).await
    }

    /// Begins or continues the upload session whose bytes stand under `key`. One holder at a time: [`Error::Busy`].
    ///
    /// A new session is there to stay with its first `save`. Dropping the stage lets go of the session as a crash would:
    /// the next holder finds every saved byte and none, some or all of those appended since.
    async fn stage(&self, key: &Key, mode: StageMode) -> Result<Box<dyn Stage>>;

    /// How many bytes an upload session keeps, as far as that can be seen without holding it; 0 where there is none. For
    /// counting: what somebody sends at this moment may be missing.
    async fn staged(&self, key: &Key) -> Result<u64> {
        match self.stat(key).await {
            Ok(stat) => Ok(stat.size),
            Err(error) if error.is_not_found() => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Bytes of an upload session on their way in.
///
/// After an error of any method the stage is good for dropping it only.
#[async_trait]
pub(crate) trait Stage: Send {
    /// Bytes appended so far, in earlier requests too.
    fn size(&self) -> u64;

    /// Takes the bytes. They may still be on their way when this returns, so that the caller can hash meanwhile; an error
    /// then shows in a later call, at the latest in `save` or `publish`.
    async fn append(&mut self, chunk: Bytes) -> Result<()>;

    /// Reads the bytes of the session from their beginning. Read it to its end before the next call.
    async fn reread(&mut self) -> Result<BoxStream<'static, Result<Bytes>>>;

    /// Leaves the session for a later request, which finds every appended byte.
    async fn save(self: Box<Self>) -> Result<()>;

    /// Makes the bytes durable under a key, writes what follows from that, and ends the session.
    async fn publish(self: Box<Self>, publication: Publication) -> Result<()>;

    /// Leaves the session as it was when this stage began, without what was appended since, where that costs little; ends
    /// it as `discard` does where it does not. Answers whether the session goes on; one of no bytes may have to be created
    /// again all the same.
    async fn revert(self: Box<Self>) -> Result<bool>;

    /// Ends the session and drops its bytes.
    async fn discard(self: Box<Self>) -> Result<()>;
}
