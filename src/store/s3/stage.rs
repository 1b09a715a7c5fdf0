//! Upload sessions in a bucket: a multipart upload to the key of the session, and its state in an object beside it.
//!
//! Bytes are gathered to parts of one size, which go to the server as they fill. What does not fill a part stays in memory,
//! and is kept with the state on `save`, so that any later request, of this process or another, goes on where it ended.
//! Publishing completes the upload, has the server copy it to its place, and deletes what the session left; an upload that
//! never filled a part is put there at once.
//!
//! Parts cannot be read. Reading a session again therefore completes the upload to an object (`base`); if more bytes
//! follow, that object becomes the first parts of a new upload.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::multipart::{MultipartStore, PartId};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions};

use super::state::{State, Tail};
use super::{CHUNK_BYTES_MIN, Inner, failed};
use crate::store::{Driver, Error, Key, Publication, Result, Stage, StageMode};

/// Largest object that one request copies, in bytes (Amazon S3, `CopyObject`).
const COPY_BYTES_MAX: u64 = 5 << 30;

/// Largest state object believed, in bytes: the tail and 10,000 parts are less.
const STATE_BYTES_MAX: u64 = 64 << 20;

/// What stands in front of the tail in a state object is less, in bytes: 10,000 parts by their names.
const STATE_HEAD_BYTES_MAX: u64 = 1 << 20;

/// Bytes of a session by its state that was saved last, of which no more is read than says so.
pub(super) async fn staged(inner: &Inner, key: &Key) -> Result<u64> {
    let state_key = key.upload_state();
    let options = GetOptions { range: Some(GetRange::Bounded(0..STATE_HEAD_BYTES_MAX)), ..GetOptions::default() };
    let got = match inner.client.get_opts(&inner.path(&state_key)?, options).await {
        Ok(got) => got,
        Err(object_store::Error::NotFound { .. }) => return Ok(0),
        Err(error) => return Err(failed(state_key.as_str(), error)),
    };
    let size = got.meta.size;
    let head = got.bytes().await.map_err(|error| failed(state_key.as_str(), error))?;
    // What cannot be read takes its place all the same.
    Ok(State::read(&head).map_or(size, |(state, rest)| {
        let tail = size.saturating_sub((head.len() - rest.len()) as u64);
        state.base.saturating_add(state.parts_bytes).saturating_add(tail)
    }))
}

pub(super) struct S3Stage {
    session: Session,
    state: State,
    tail: Tail,
    /// An error happened, after which what is in the bucket may be more than `state` says.
    failed: bool,
    /// The upload was begun here, and no saved state knows it.
    unsaved: bool,
    /// Parts of the upload that the saved state knows.
    saved_parts: usize,
}

/// The session that this process holds while the value lives.
struct Session {
    inner: Arc<Inner>,
    key: Key,
    /// Where the state is kept.
    state: Key,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.inner.held().remove(&self.key);
    }
}

impl Session {
    fn hold(inner: &Arc<Inner>, key: &Key) -> Option<Self> {
        let free = inner.held().insert(key.clone());
        free.then(|| Self { inner: Arc::clone(inner), key: key.clone(), state: key.upload_state() })
    }

    fn error(&self, error: object_store::Error) -> Error {
        failed(self.key.as_str(), error)
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Corrupt { key: self.state.to_string(), reason: reason.to_owned() }
    }

    /// The state that was saved last; `None` where there is none.
    async fn load(&self) -> Result<Option<(State, Tail)>> {
        let client = &self.inner.client;
        let got = match client.get(&self.inner.path(&self.state)?).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        if got.meta.size > STATE_BYTES_MAX {
            return Err(self.damaged("too large"));
        }
        let object = got.bytes().await.map_err(|error| self.error(error))?;
        let (mut state, kept) = State::read(&object).ok_or_else(|| self.damaged("not the state of an upload"))?;
        let mut tail = Tail::default();
        if !kept.is_empty() {
            tail.push(kept);
        }
        if state != State::default() {
            // Since then somebody may have completed the upload and gone: then there is an object of all these bytes, and
            // perhaps some more. One with less is what an upload began with.
            let saved = state.base.saturating_add(state.parts_bytes).saturating_add(tail.bytes as u64);
            match client.head(&self.inner.path(&self.key)?).await {
                Ok(meta) if meta.size >= saved => {
                    (state, tail) = (State { base: meta.size, ..State::default() }, Tail::default());
                }
                Ok(meta) if state.base == 0 || state.base == meta.size => {}
                Ok(meta) => return Err(self.damaged(&format!("{} bytes are {}", state.base, meta.size))),
                Err(object_store::Error::NotFound { .. }) if state.base == 0 => {}
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(Some((state, tail)))
    }

    async fn store(&self, state: &State, tail: &Tail) -> Result<()> {
        let payload = state.write(tail).map_err(|error| self.damaged(&error.to_string()))?;
        self.inner.put(&self.state, payload, PutMode::Overwrite).await
    }

    fn leftovers(&self) -> [Key; 2] {
        [self.state.clone(), self.key.clone()]
    }
}

impl S3Stage {
    pub(super) async fn open(inner: &Arc<Inner>, key: &Key, mode: StageMode) -> Result<Self> {
        let session = match (Session::hold(inner, key), mode) {
            (Some(session), _) => session,
            (None, StageMode::Create) => return Err(Error::Exists { key: key.to_string() }),
            (None, StageMode::Resume) => return Err(Error::Busy { key: key.to_string() }),
        };
        let (state, tail) = match (session.load().await?, mode) {
            (None, StageMode::Create) => Default::default(),
            (Some(found), StageMode::Resume) => found,
            (Some(_), StageMode::Create) => return Err(Error::Exists { key: key.to_string() }),
            (None, StageMode::Resume) => return Err(Error::NotFound { key: key.to_string() }),
        };
        let saved_parts = state.parts.len();
        Ok(Self { session, state, tail, failed: false, unsaved: false, saved_parts })
    }

    fn part_bytes(&self) -> usize {
        self.session.inner.config.chunksize.max(CHUNK_BYTES_MIN)
    }

    /// Sends full parts until less than one is left.
    async fn send_full(&mut self) -> Result<()> {
        while self.tail.bytes >= self.part_bytes() {
            if self.state.base > 0 {
                self.take_base_back().await?;
            }
            self.send(self.part_bytes()).await?;
        }
        Ok(())
    }

    /// Sends one part of up to `max` bytes.
    async fn send(&mut self, max: usize) -> Result<()> {
        let Session { inner, key, .. } = &self.session;
        let path = inner.path(key)?;
        let upload = match &self.state.upload {
            Some(upload) => upload.clone(),
            None => {
                let options = PutMultipartOptions { attributes: inner.config.attributes(), ..Default::default() };
                let begun = inner.client.create_multipart_opts(&path, options).await;
                self.unsaved = true;
                self.state.upload.insert(begun.map_err(|error| self.session.error(error))?).clone()
            }
        };
        let part = self.tail.take(max);
        let size = part.content_length() as u64;
        let put = inner.client.put_part(&path, &upload, self.state.parts.len(), part).await;
        let PartId { content_id } = put.map_err(|error| self.session.error(error))?;
        self.state.parts.push(content_id);
        self.state.parts_bytes += size;
        Ok(())
    }

    /// Makes the object that the session was completed to the first parts of a new upload. A few bytes at its end that
    /// fill no part go before the tail.
    async fn take_base_back(&mut self) -> Result<()> {
        let Session { inner, key, .. } = &self.session;
        let got = inner.client.get(&inner.path(key)?).await.map_err(|error| self.session.error(error))?;
        let mut behind = std::mem::take(&mut self.tail);
        self.state.base = 0;
        let mut stream = got.into_stream();
        while let Some(chunk) = stream.next().await {
            self.tail.push(chunk.map_err(|error| self.session.error(error))?);
            while self.tail.bytes >= self.part_bytes() {
                self.send(self.part_bytes()).await?;
            }
        }
        self.tail.bytes += behind.bytes;
        self.tail.chunks.append(&mut behind.chunks);
        Ok(())
    }

    /// Turns parts and tail into the object under the key of the session.
    async fn complete(&mut self) -> Result<()> {
        if self.state.base > 0 && self.tail.bytes > 0 {
            self.take_base_back().await?;
        }
        if self.tail.bytes > 0 {
            self.send(usize::MAX).await?;
        }
        let Some(upload) = &self.state.upload else { return Ok(()) };
        let Session { inner, key, .. } = &self.session;
        let parts = self.state.parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
        let completed = inner.client.complete_multipart(&inner.path(key)?, upload, parts).await;
        completed.map_err(|error| self.session.error(error))?;
        self.state = State { base: self.state.parts_bytes, ..State::default() };
        Ok(())
    }

    async fn publish_at(&mut self, target: &Key) -> Result<()> {
        let Session { inner, key, .. } = &self.session;
        let inner = Arc::clone(inner);
        if self.state == State::default() {
            let payload = self.tail.take(usize::MAX);
            return inner.put(target, payload, PutMode::Overwrite).await;
        }
        if self.size() > COPY_BYTES_MAX {
            let reason =
                format!("{} bytes: more than 5 GiB cannot be copied to their place in a bucket yet", self.size());
            return Err(Error::Io { key: target.to_string(), source: reason.into() });
        }
        let source = key.clone();
        self.complete().await?;
        inner.copy(&source, target).await
    }

    fn usable(&self) -> Result<()> {
        if self.failed { Err(self.session.damaged("an earlier step of this upload failed")) } else { Ok(()) }
    }
}

/// Drops the parts of an upload, if it is still there.
async fn abort(inner: &Inner, key: &Key, upload: &String) -> Result<()> {
    match inner.client.abort_multipart(&inner.path(key)?, upload).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(failed(key.as_str(), error)),
    }
}

impl Drop for S3Stage {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (true, Some(upload), Ok(runtime)) = (self.unsaved, self.state.upload.take(), runtime) {
            let (inner, key) = (Arc::clone(&self.session.inner), self.session.key.clone());
            // Nobody could find these parts again. If it fails, the bucket's lifecycle rule has to.
            runtime.spawn(async move { abort(&inner, &key, &upload).await });
        }
    }
}

#[async_trait]
impl Stage for S3Stage {
    fn size(&self) -> u64 {
        self.state.base.saturating_add(self.state.parts_bytes).saturating_add(self.tail.bytes as u64)
    }

    async fn append(&mut self, chunk: Bytes) -> Result<()> {
        self.usable()?;
        if !chunk.is_empty() {
            self.tail.push(chunk);
        }
        // Also when the future is dropped on the way.
        self.failed = true;
        self.send_full().await?;
        self.failed = false;
        Ok(())
    }

    async fn reread(&mut self) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.usable()?;
        if self.state == State::default() {
            let chunks: Vec<_> = self.tail.chunks.iter().cloned().map(Ok).collect();
            return Ok(stream::iter(chunks).boxed());
        }
        self.failed = true;
        self.complete().await?;
        self.failed = false;
        let Session { inner, key, .. } = &self.session;
        let got = inner.client.get(&inner.path(key)?).await.map_err(|error| self.session.error(error))?;
        let name = key.to_string();
        Ok(got.into_stream().map_err(move |error| failed(&name, error)).boxed())
    }

    async fn save(mut self: Box<Self>) -> Result<()> {
        self.usable()?;
        if self.tail.bytes >= CHUNK_BYTES_MIN && self.state.base == 0 {
            // Large enough for a part of its own: cheaper than to be kept with the state and sent again.
            self.send(usize::MAX).await?;
        }
        self.session.store(&self.state, &self.tail).await?;
        self.unsaved = false;
        Ok(())
    }

    async fn publish(mut self: Box<Self>, publication: Publication) -> Result<()> {
        self.usable()?;
        self.publish_at(&publication.key).await?;
        super::S3(Arc::clone(&self.session.inner)).write_steps(publication.next).await?;
        // The blob is where it belongs; what is left over is no reason to fail.
        let leftovers = [self.session.leftovers().to_vec(), publication.leftovers].concat();
        if self.session.inner.delete(&leftovers).await.is_err() {
            tracing::warn!(session = %self.session.key, "cannot delete what an upload left");
        }
        Ok(())
    }

    async fn revert(mut self: Box<Self>) -> Result<bool> {
        if self.unsaved {
            if let Some(upload) = self.state.upload.take() {
                let Session { inner, key, .. } = &self.session;
                abort(inner, key, &upload).await?;
            }
        } else if self.state.upload.is_some() && self.state.parts.len() != self.saved_parts {
            // A part cannot be taken back, and would stay in the bucket, seen by nobody, for as long as the upload does.
            self.discard().await?;
            return Ok(false);
        }
        Ok(true)
    }

    async fn discard(mut self: Box<Self>) -> Result<()> {
        if let Some(upload) = self.state.upload.take() {
            let Session { inner, key, .. } = &self.session;
            abort(inner, key, &upload).await?;
        }
        self.session.inner.delete(&self.session.leftovers()).await
    }
}
