//! The bytes of a blob on their way: a stream that ends in an error unless its length is the descriptor's, and, where
//! the receiver does not hash for itself, unless its digest is too.
//!
//! Every byte is hashed once, where it comes to rest: a registry checks the digest of an upload, so bytes on their way
//! there are only counted; a receiver that keeps them itself (a layout, a config in memory) takes the verified stream.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use thiserror::Error;

use super::{Error, Kind, Result};
use crate::spec::{Descriptor, Digest, Hasher};

/// What is wrong with bytes that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    #[error("{digest} ended after {got} of {size} bytes")]
    TooShort { digest: Digest, size: u64, got: u64 },
    #[error("{digest} goes on after its {size} bytes")]
    TooLong { digest: Digest, size: u64 },
    #[error("the bytes of {digest} have the digest {got}")]
    Digest { digest: Digest, got: Digest },
    #[error("{digest} has {size} bytes, more than the {max} that are read into memory")]
    TooLarge { digest: Digest, size: u64, max: usize },
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        Self::new(Kind::Corrupt, error)
    }
}

/// The bytes of some content, and what they have to be.
pub(crate) struct Body {
    digest: Digest,
    size: u64,
    /// Counted already.
    stream: BoxStream<'static, Result<Bytes>>,
}

impl Body {
    /// Takes bytes as they come; nothing is trusted of them.
    pub(crate) fn new(expected: &Descriptor, stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        let (digest, size) = (expected.digest, expected.size);
        Self { digest, size, stream: counted(digest, size, stream.boxed()) }
    }

    /// Bytes that are in memory already.
    pub(crate) fn whole(expected: &Descriptor, bytes: Bytes) -> Self {
        Self::new(expected, stream::iter((!bytes.is_empty()).then_some(Ok(bytes))))
    }

    /// Calls `seen` with the length of every chunk that passes.
    pub(crate) fn inspect(self, mut seen: impl FnMut(usize) + Send + 'static) -> Self {
        let stream = self.stream.inspect_ok(move |chunk| seen(chunk.len())).boxed();
        Self { stream, ..self }
    }

    /// Replaces the error that the stream ends in.
    pub(crate) fn map_err(self, change: impl FnMut(Error) -> Error + Send + 'static) -> Self {
        let stream = self.stream.map_err(change).boxed();
        Self { stream, ..self }
    }

    /// The bytes for a receiver that checks the digest itself.
    pub(crate) fn unhashed(self) -> BoxStream<'static, Result<Bytes>> {
        self.stream
    }

    /// The bytes for a receiver that relies on them once the stream has ended without an error.
    pub(crate) fn verified(self) -> BoxStream<'static, Result<Bytes>> {
        let digest = self.digest;
        let hashing = Some((self.stream, Hasher::new(digest.algorithm())));
        stream::unfold(hashing, move |state| async move {
            let (mut stream, mut hasher) = state?;
            match stream.next().await {
                Some(Ok(chunk)) => {
                    hasher.update(&chunk);
                    Some((Ok(chunk), Some((stream, hasher))))
                }
                Some(Err(error)) => Some((Err(error), None)),
                None => {
                    let got = hasher.finish();
                    (got != digest).then(|| (Err(BodyError::Digest { digest, got }.into()), None))
                }
            }
        })
        .boxed()
    }

    /// All bytes at once, verified.
    ///
    /// # Errors
    /// [`Kind::Corrupt`] also for more than `max` bytes, before the first is read.
    pub(crate) async fn bytes(self, max: usize) -> Result<Bytes> {
        let (digest, size) = (self.digest, self.size);
        let length = usize::try_from(size).ok().filter(|&length| length <= max);
        let mut bytes = BytesMut::with_capacity(length.ok_or(BodyError::TooLarge { digest, size, max })?);
        let mut stream = self.verified();
        while let Some(chunk) = stream.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

/// Ends in an error unless `stream` has exactly `size` bytes. What goes beyond is not passed on.
fn counted(digest: Digest, size: u64, stream: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
    stream::unfold(Some((stream, 0_u64)), move |state| async move {
        let (mut stream, got) = state?;
        match stream.next().await {
            Some(Ok(chunk)) => {
                let got = got.saturating_add(chunk.len() as u64);
                if got > size {
                    return Some((Err(BodyError::TooLong { digest, size }.into()), None));
                }
                Some((Ok(chunk), Some((stream, got))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => (got < size).then(|| (Err(BodyError::TooShort { digest, size, got }.into()), None)),
        }
    })
    .boxed()
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({}, {} bytes)", self.digest, self.size)
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
