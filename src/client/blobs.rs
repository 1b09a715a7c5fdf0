//! Blobs of a remote repository: asked for, read with resumption, deleted. (Sending them is `uploads.rs`.)

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::{Method, StatusCode, header};

use super::RemoteRepository;
use super::error::{Error, Result};
use super::transport::{Answer, Call};
use crate::content::Body;
use crate::spec::{Descriptor, Digest, Route};

/// A download is taken up again after this many breaks in a row without a byte between them.
const RESUMES_MAX: u32 = 5;

impl RemoteRepository {
    /// Size in bytes of a blob.
    pub(crate) async fn head_blob(&self, digest: &Digest) -> Result<u64> {
        let answer = self.transport().send(self.blob_call(Method::HEAD, digest)).await?;
        let status = answer.status();
        // A HEAD may end at a URL that was signed for GET alone; a GET of one byte tells the size too.
        let misled = answer.is_elsewhere() && (status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED);
        if !misled
            && status != StatusCode::METHOD_NOT_ALLOWED
            && let Some(size) = answer.success().await?.content_length()
        {
            return Ok(size);
        }
        let call = self.blob_call(Method::GET, digest).header(header::RANGE, "bytes=0-0");
        let answer = self.transport().send(call).await?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => match content_range(&answer) {
                Some((_, Some(size))) => Ok(size),
                _ => Err(answer.nonsense("206 without the size of the whole")),
            },
            // An empty blob has no first byte.
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(0),
            _ => {
                let answer = answer.success().await?;
                answer.content_length().ok_or_else(|| answer.nonsense("the size of the blob is not said"))
            }
        }
    }

    pub(super) async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        match self.head_blob(digest).await {
            Ok(_) => Ok(true),
            Err(Error::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The bytes of a blob. A connection that breaks is taken up where it broke.
    pub(crate) async fn get_blob(&self, blob: &Descriptor) -> Result<Body> {
        let answer = self.transport().send(self.blob_call(Method::GET, &blob.digest)).await?.success().await?;
        let download = Download {
            repository: self.clone(),
            digest: blob.digest,
            size: blob.size,
            offset: 0,
            breaks: 0,
            chunks: answer.chunks().boxed(),
        };
        Ok(Body::new(blob, download.into_stream().map_err(Into::into)))
    }

    fn blob_call(&self, method: Method, digest: &Digest) -> Call {
        // Digest and size are of the bytes as they are stored.
        Call::api(method, Route::blob(&self.name, *digest), self.to_read()).header(header::ACCEPT_ENCODING, "identity")
    }
}

/// A blob on its way.
struct Download {
    repository: RemoteRepository,
    digest: Digest,
    size: u64,
    /// Bytes passed on.
    offset: u64,
    breaks: u32,
    chunks: BoxStream<'static, Result<Bytes>>,
}

impl Download {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        stream::try_unfold(self, |mut download| async move {
            loop {
                match download.chunks.try_next().await {
                    Ok(Some(chunk)) if chunk.is_empty() => {}
                    Ok(Some(chunk)) => {
                        download.offset += chunk.len() as u64;
                        download.breaks = 0;
                        return Ok(Some((chunk, download)));
                    }
                    Ok(None) => return Ok(None),
                    Err(error) => {
                        download.breaks += 1;
                        if download.breaks > RESUMES_MAX || download.offset >= download.size {
                            return Err(error);
                        }
                        download.resume().await?;
                    }
                }
            }
        })
    }

    /// Asks the registry, not the place it had redirected to, for the rest: a signed URL may have expired.
    async fn resume(&mut self) -> Result<()> {
        let range = format!("bytes={}-", self.offset);
        let mut call = self.repository.blob_call(Method::GET, &self.digest);
        if self.offset > 0 {
            call = call.header(header::RANGE, &range);
        }
        let answer = self.repository.transport().send(call).await?.success().await?;
        let start = match content_range(&answer) {
            Some((start, _)) if answer.status() == StatusCode::PARTIAL_CONTENT => start,
            _ => 0,
        };
        if start > self.offset {
            return Err(answer.nonsense(format!("asked for {range}, the answer begins at {start}")));
        }
        // A registry that knows no ranges begins anew; what has been passed on already is skipped.
        self.chunks = skip(answer.chunks(), self.offset - start).boxed();
        Ok(())
    }
}

/// `stream` without its first `skipped` bytes.
fn skip(
    stream: impl Stream<Item = Result<Bytes>> + Send + 'static,
    skipped: u64,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    stream.scan(skipped, |left, chunk| {
        let chunk = chunk.map(|mut chunk| {
            let part = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
            *left -= part as u64;
            chunk.split_off(part)
        });
        std::future::ready(Some(chunk))
    })
}

/// First byte and whole size out of `bytes 5-9/20`; the size may be `*`.
fn content_range(answer: &Answer) -> Option<(u64, Option<u64>)> {
    let value = answer.header(header::CONTENT_RANGE.as_str())?;
    let (range, size) = value.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, size.trim().parse().ok()))
}
