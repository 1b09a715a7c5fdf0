//! Upload sessions: a file that grows, held under an advisory lock.
//!
//! Chunks are gathered and written by a blocking thread, one write at a time, while the caller hashes the next ones. What
//! an upload needs in memory is two times [`GATHER_BYTES`].

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use tokio::task::{JoinError, JoinHandle};

use super::place::Unplaced;
use super::{Inner, blocking, read_error, write_error};
use crate::store::{Error, Key, Publication, Result, Stage, StageMode};

/// Bytes gathered before they are written: enough that handing them to a thread costs next to nothing.
const GATHER_BYTES: usize = 256 << 10;

/// So many bytes behind the last one, a sync is begun while more arrive: the last, for which the client waits, is short.
const SYNC_BYTES: u64 = 32 << 20;

/// Bytes of one read when a session is read again.
const REREAD_BYTES: u64 = 1 << 20;

/// Most chunks of one `writev` (`IOV_MAX` of Linux).
const CHUNKS_MAX: usize = 1024;

pub(super) struct FsStage {
    inner: Arc<Inner>,
    key: Key,
    path: PathBuf,
    /// The lock is let go when the last holder closes it: the stage, or a write that outlives it.
    file: Arc<File>,
    /// Bytes that were there when it was opened.
    opened_at: u64,
    /// Bytes of the file, including those being written.
    written: u64,
    gathered: VecDeque<Bytes>,
    gathered_bytes: usize,
    writing: Option<JoinHandle<io::Result<()>>>,
    /// The sync that was begun early, and the size of the file then.
    syncing: Option<JoinHandle<()>>,
    syncing_bytes: u64,
    saved: bool,
}

impl FsStage {
    pub(super) fn open(inner: &Arc<Inner>, key: &Key, mode: StageMode) -> Result<Self> {
        let path = inner.path(key.as_str())?;
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = match mode {
            StageMode::Resume => options.open(&path).map_err(|source| inner.read_error(key.as_str(), source)),
            StageMode::Create => {
                options.create_new(true);
                inner.with_parents(&path, || options.open(&path)).map_err(|source| match source.kind() {
                    ErrorKind::AlreadyExists => Error::Exists { key: key.to_string() },
                    _ => write_error(key.as_str(), source),
                })
            }
        }?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Error::Busy { key: key.to_string() }),
            Err(error) => return Err(write_error(key.as_str(), error.into())),
        }
        let written = still_there(&path, &file).map_err(|source| read_error(key.as_str(), source))?;
        Ok(Self {
            inner: Arc::clone(inner),
            key: key.clone(),
            path,
            file: Arc::new(file),
            opened_at: written,
            written,
            gathered: VecDeque::new(),
            gathered_bytes: 0,
            writing: None,
            syncing: None,
            syncing_bytes: written,
            saved: false,
        })
    }

    /// Waits for the write that is under way.
    async fn settle(&mut self) -> Result<()> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let result = blocking_result(writing.await).await;
        result.map_err(|source| write_error(self.key.as_str(), source))
    }

    /// Begins to write what is gathered.
    async fn flush(&mut self) -> Result<()> {
        self.settle().await?;
        if self.gathered.is_empty() {
            return Ok(());
        }
        let (file, chunks, offset) = (Arc::clone(&self.file), std::mem::take(&mut self.gathered), self.written);
        self.written += std::mem::take(&mut self.gathered_bytes) as u64;
        self.writing = Some(tokio::task::spawn_blocking(move || write_at(&file, chunks, offset)));
        self.sync_early();
        Ok(())
    }

    /// Has the disk begin with what was written. That file is opened anew, so that the lock is not held for it; its errors
    /// are left to the sync that counts, because the kernel tells each open file of them.
    fn sync_early(&mut self) {
        let under_way = self.syncing.as_ref().is_some_and(|syncing| !syncing.is_finished());
        if under_way || self.written < self.syncing_bytes + SYNC_BYTES {
            return;
        }
        let path = self.path.clone();
        self.syncing_bytes = self.written;
        self.syncing = Some(tokio::task::spawn_blocking(move || {
            let _ = File::open(path).and_then(|file| file.sync_data());
        }));
    }

    /// All bytes are in the file.
    async fn drain(&mut self) -> Result<()> {
        self.flush().await?;
        self.settle().await
    }

    fn parent(&self) -> PathBuf {
        self.path.parent().unwrap_or(&self.inner.root).to_owned()
    }

    async fn run(self, work: fn(&Self) -> io::Result<()>) -> Result<()> {
        let key = self.key.clone();
        blocking(move || work(&self)).await.map_err(|source| write_error(key.as_str(), source))
    }

    fn sync_and_keep(&self) -> io::Result<()> {
        let parent = self.parent();
        // An earlier holder may have made the file and its directory, and gone without a save.
        let above = parent.parent().map(Path::to_owned);
        self.inner.note(|| "sync an upload".to_owned());
        let directories = [parent.clone()].into_iter().chain(above).collect();
        self.inner.sync_with_debts(&[&self.file], directories, Some(&parent))
    }

    fn publish_file(&self, target: PathBuf, publication: &Publication) -> Result<()> {
        let inner = &*self.inner;
        let failed = |source: io::Error| match source.kind() {
            ErrorKind::NotFound => read_error(self.key.as_str(), source),
            _ => write_error(publication.key.as_str(), source),
        };
        still_there(&self.path, &self.file).map_err(failed)?;
        // Made before the wait, so that their places are synced with the bytes.
        let parent = target.parent().unwrap_or(&inner.root);
        inner.with_parents(&target, || fs::metadata(parent)).map_err(failed)?;
        let upload = Unplaced::Upload { path: &self.path, file: &self.file, target };
        let steps = [vec![upload]].into_iter().chain(inner.prepare_steps(&publication.next)?).collect();
        inner.place(steps).map_err(failed)?;
        // The bytes are where they belong; what is left of the session is no reason to fail.
        let _ = inner.discard(&publication.leftovers);
        let _ = inner.remove_empty([self.parent()]);
        Ok(())
    }

    fn remove_file(&self) -> io::Result<()> {
        self.inner.remove(&self.path)
    }
}

/// The size of an open session, if the session is still under its name: it may have been published or discarded while the
/// file was opened, and nobody may write to a published blob.
pub(super) fn still_there(path: &Path, file: &File) -> io::Result<u64> {
    let (open, named) = (file.metadata()?, fs::metadata(path)?);
    if (open.dev(), open.ino()) == (named.dev(), named.ino()) && open.is_file() {
        Ok(open.len())
    } else {
        Err(ErrorKind::NotFound.into())
    }
}

fn write_at(file: &File, mut chunks: VecDeque<Bytes>, mut offset: u64) -> io::Result<()> {
    while !chunks.is_empty() {
        let slices: Vec<_> = chunks.iter().take(CHUNKS_MAX).map(|chunk| IoSlice::new(chunk)).collect();
        let mut count = match rustix::io::pwritev(file, &slices, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        offset += count as u64;
        while let Some(chunk) = chunks.front_mut() {
            if chunk.len() > count {
                chunk.advance(count);
                break;
            }
            count -= chunk.len();
            chunks.pop_front();
        }
    }
    Ok(())
}

/// What a blocking task gave.
async fn blocking_result<T>(joined: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    match joined {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: nobody polls this again.
            Err(_) => std::future::pending().await,
        },
    }
}

#[async_trait]
impl Stage for FsStage {
    fn size(&self) -> u64 {
        self.written + self.gathered_bytes as u64
    }

    async fn append(&mut self, chunk: Bytes) -> Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        self.gathered_bytes += chunk.len();
        self.gathered.push_back(chunk);
        if self.gathered_bytes >= GATHER_BYTES { self.flush().await } else { Ok(()) }
    }

    async fn reread(&mut self) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.drain().await?;
        let (file, key, end) = (Arc::clone(&self.file), self.key.clone(), self.written);
        let read = move |start: u64| {
            let file = Arc::clone(&file);
            tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; REREAD_BYTES.min(end - start) as usize];
                file.read_exact_at(&mut bytes, start).map(|()| Bytes::from(bytes))
            })
        };
        // One read ahead of the consumer.
        let first = (end > 0).then(|| (0, read(0)));
        let parts = stream::try_unfold(first, move |state| {
            let next = state.map(|(start, reading)| {
                let start = start + REREAD_BYTES;
                (reading, (start < end).then(|| (start, read(start))))
            });
            async move {
                match next {
                    None => Ok(None),
                    Some((reading, next)) => Ok(Some((blocking_result(reading.await).await?, next))),
                }
            }
        });
        Ok(parts.map_err(move |source| read_error(key.as_str(), source)).boxed())
    }

    async fn save(mut self: Box<Self>) -> Result<()> {
        self.drain().await?;
        self.saved = true;
        self.run(Self::sync_and_keep).await
    }

    async fn publish(mut self: Box<Self>, publication: Publication) -> Result<()> {
        let target = self.inner.path(publication.key.as_str())?;
        self.settle().await?;
        blocking(move || {
            let rest = std::mem::take(&mut self.gathered);
            write_at(&self.file, rest, self.written).map_err(|source| write_error(self.key.as_str(), source))?;
            self.publish_file(target, &publication)
        })
        .await
    }

    async fn revert(mut self: Box<Self>) -> Result<bool> {
        // A write that is under way would make the file longer again; whether it went well is of no interest.
        let _ = self.settle().await;
        match (self.opened_at, self.written) {
            (0, _) => self.run(Self::remove_file).await?,
            (before, now) if before == now => {}
            _ => self.run(|stage| stage.file.set_len(stage.opened_at)).await?,
        }
        Ok(true)
    }

    async fn discard(mut self: Box<Self>) -> Result<()> {
        // What is being written goes with the file; whether it went well is of no interest.
        let _ = self.settle().await;
        self.run(Self::remove_file).await
    }
}

impl Drop for FsStage {
    fn drop(&mut self) {
        if !self.saved {
            // Whoever saves the session later syncs its directory in any case.
            self.inner.unsynced.forget(&self.parent());
        }
    }
}
