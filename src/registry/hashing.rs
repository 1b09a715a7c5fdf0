//! Hashing beside writing: the bytes of an upload are hashed on another thread, in batches, while the next ones arrive and
//! the driver writes.

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Error, Result};
use crate::spec::{Algorithm, ByteRange, Digest, Hasher};
use crate::store::{self, Data, Key, Object};

/// A batch is hashed when it has this many bytes: 0.2 ms of work, long beside the change of threads and short enough to
/// overlap. A session holds two of them at most.
const BATCH_BYTES: usize = 256 << 10;

/// What is hashed where it stands: not worth a change of threads.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// Bytes of a file that are read at once for hashing.
const READ_BYTES: usize = 256 << 10;

/// The digests that an upload needs.
#[derive(Clone, Debug)]
pub(super) struct Hashers {
    /// The name of the stored bytes.
    pub(super) sha256: Option<Hasher>,
    /// The name that the client gives them, where it announced that.
    pub(super) sha512: Option<Hasher>,
}

impl Hashers {
    /// Hashers of nothing yet.
    pub(super) fn new(named: Algorithm) -> Self {
        let sha512 = (named == Algorithm::Sha512).then(|| Hasher::new(Algorithm::Sha512));
        Self { sha256: Some(Hasher::new(Algorithm::Sha256)), sha512 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for hasher in [&mut self.sha256, &mut self.sha512].into_iter().flatten() {
            hasher.update(bytes);
        }
    }
}

#[derive(Debug)]
enum State {
    Here(Hashers),
    /// At work on another thread.
    Away(JoinHandle<Hashers>),
}

/// Hashers at work.
#[derive(Debug)]
pub(super) struct Hashing {
    /// `None` only while a method moves it, and after an error.
    state: Option<State>,
    batch: Vec<Bytes>,
    batch_bytes: usize,
}

impl Hashing {
    pub(super) fn new(hashers: Hashers) -> Self {
        Self { state: Some(State::Here(hashers)), batch: Vec::new(), batch_bytes: 0 }
    }

    pub(super) async fn update(&mut self, bytes: Bytes) -> Result<()> {
        self.batch_bytes += bytes.len();
        self.batch.push(bytes);
        if self.batch_bytes >= BATCH_BYTES {
            let hashers = self.take().await?;
            self.state = Some(State::Away(self.start(hashers)));
        }
        Ok(())
    }

    /// The hashers, fed with everything.
    pub(super) async fn finish(mut self) -> Result<Hashers> {
        let mut hashers = self.take().await?;
        if self.batch_bytes <= INLINE_BYTES_MAX {
            self.batch.iter().for_each(|bytes| hashers.update(bytes));
            return Ok(hashers);
        }
        self.start(hashers).await.map_err(stopped)
    }

    fn start(&mut self, mut hashers: Hashers) -> JoinHandle<Hashers> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        spawn_blocking(move || {
            batch.iter().for_each(|bytes| hashers.update(bytes));
            hashers
        })
    }

    async fn take(&mut self) -> Result<Hashers> {
        match self.state.take() {
            Some(State::Here(hashers)) => Ok(hashers),
            Some(State::Away(work)) => work.await.map_err(stopped),
            None => Err(Error::Body(std::io::Error::other("hashing ended before"))),
        }
    }
}

/// The thread did not finish: the process is ending.
fn stopped(error: tokio::task::JoinError) -> Error {
    Error::Body(std::io::Error::other(error))
}

/// The sha256 of a value, read in pieces.
pub(super) async fn hash_object(object: Object, key: &Key) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    match object.data {
        Data::Memory(bytes) => {
            hasher.update(&bytes);
            Ok(hasher.finish())
        }
        Data::File(file) => {
            let key = key.clone();
            spawn_blocking(move || hash_file(&file, object.range, hasher, &key)).await.map_err(stopped)?
        }
        Data::Stream(mut stream) => {
            while let Some(chunk) = stream.next().await {
                hasher.update(&chunk?);
            }
            Ok(hasher.finish())
        }
    }
}

fn hash_file(file: &std::fs::File, range: ByteRange, mut hasher: Hasher, key: &Key) -> Result<Digest> {
    let mut buffer = vec![0; READ_BYTES];
    let mut at = range.start;
    while at < range.end {
        let len = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let part = &mut buffer[..len];
        std::os::unix::fs::FileExt::read_exact_at(file, part, at).map_err(|e| store::Error::from_io(key, e))?;
        hasher.update(part);
        at += len as u64;
    }
    Ok(hasher.finish())
}
