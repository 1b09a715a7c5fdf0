//! One upload session while a request holds it: the driver's stage, and the hashers beside it.

use futures_util::StreamExt;

use super::hash_state;
use super::hashing::{Hashers, Hashing};
use super::quotas::Arrival;
use super::uploads::busy;
use super::{Error, Incoming, Registry, Result};
use crate::spec::{Algorithm, ByteRange, Digest, Hasher, Repository, UploadId};
use crate::store::{self, Key, Publication, Stage, StageMode, WriteMode};

/// Fewer bytes than this are hashed again rather than their state saved: 1 MiB takes a millisecond, as writing a file
/// durably does.
const STATE_BYTES_MIN: u64 = 1 << 20;

/// Largest saved state in bytes; distribution's are 108 and 204.
const STATE_BYTES_MAX: u64 = 1 << 10;

pub(super) struct Session {
    stage: Box<dyn Stage>,
    hashers: Hashers,
    /// Most bytes that it may have.
    bytes_max: Option<u64>,
    /// Where its bytes count; `None` under no quota.
    arrival: Option<Arrival>,
    /// Bytes that were there when the session was opened.
    opened_at: u64,
    /// Whether the driver knows of the session.
    is_new: bool,
}

/// A session behind the body of a request, and whether all of the body was as announced.
pub(super) type Received = (Session, Result<()>);

impl Session {
    /// Takes a body. The inner error leaves a session that can be saved; the outer one does not.
    pub(super) async fn receive(mut self, range: Option<ByteRange>, body: Incoming<'_>) -> Result<Received> {
        let mut hashing = Hashing::new(self.hashers);
        let bounds = Bounds { range, bytes_max: self.bytes_max, arrival: self.arrival.as_ref() };
        let received = receive(&mut *self.stage, &mut hashing, &bounds, body).await;
        if let Err(error @ Error::Store(_)) = received {
            return Err(error);
        }
        self.hashers = hashing.finish().await?;
        Ok((self, received))
    }

    /// Takes a body as a whole: after an error of the body or of the store nothing of it is left.
    pub(super) async fn receive_or_discard(mut self, body: Incoming<'_>) -> Result<Self> {
        let mut hashing = Hashing::new(self.hashers);
        let bounds = Bounds { range: None, bytes_max: self.bytes_max, arrival: self.arrival.as_ref() };
        if let Err(error) = receive(&mut *self.stage, &mut hashing, &bounds, body).await {
            // The failure that the client has to hear of is the first one.
            let _ = self.stage.discard().await;
            return Err(error);
        }
        self.hashers = hashing.finish().await?;
        Ok(self)
    }

    /// The sha256 of the bytes, and their digest under `algorithm`.
    pub(super) fn digests(&self, algorithm: Algorithm) -> Result<(Digest, Digest)> {
        let finish = |hasher: &Option<Hasher>| hasher.clone().map(Hasher::finish);
        let missing = || Error::Body(std::io::Error::other("the upload was not hashed"));
        let sha256 = finish(&self.hashers.sha256).ok_or_else(missing)?;
        match algorithm {
            Algorithm::Sha256 => Ok((sha256, sha256)),
            Algorithm::Sha512 => Ok((sha256, finish(&self.hashers.sha512).ok_or_else(missing)?)),
        }
    }

    /// Bytes so far.
    pub(super) fn size(&self) -> u64 {
        self.stage.size()
    }

    pub(super) fn arrival(&self) -> Option<&Arrival> {
        self.arrival.as_ref()
    }

    pub(super) async fn publish(self, publication: Publication) -> Result<()> {
        Ok(self.stage.publish(publication).await?)
    }

    /// Leaves the session as it was when it was opened, or ends it. Answers whether it goes on.
    pub(super) async fn revert(self) -> Result<bool> {
        let Self { stage, arrival, .. } = self;
        let goes_on = stage.revert().await?;
        if let (true, Some(arrival)) = (goes_on, &arrival) {
            arrival.revert();
        }
        Ok(goes_on)
    }

    pub(super) async fn discard(self) -> Result<()> {
        Ok(self.stage.discard().await?)
    }
}

/// How much of a body is taken.
struct Bounds<'a> {
    /// As its request says.
    range: Option<ByteRange>,
    /// Of the stage.
    bytes_max: Option<u64>,
    arrival: Option<&'a Arrival>,
}

/// Appends and hashes a body, in order, as far as it may go.
async fn receive(
    stage: &mut dyn Stage,
    hashing: &mut Hashing,
    &Bounds { range, bytes_max, arrival }: &Bounds<'_>,
    mut body: Incoming<'_>,
) -> Result<()> {
    let expected = range.map(|range| range.len());
    if let (Some(arrival), Some(bytes)) = (arrival, body.announced.or(expected).filter(|&bytes| bytes > 0)) {
        arrival.expect(stage.size().saturating_add(bytes))?;
    }
    let mut actual = 0;
    while let Some(chunk) = body.bytes.next().await {
        let chunk = chunk.map_err(Error::Body)?;
        if chunk.is_empty() {
            continue;
        }
        actual += chunk.len() as u64;
        if let Some(expected) = expected.filter(|&expected| actual > expected) {
            return Err(Error::SizeMismatch { expected, actual });
        }
        let size = stage.size() + chunk.len() as u64;
        if let Some(limit) = bytes_max.filter(|&limit| size > limit) {
            return Err(Error::BlobTooLarge { limit });
        }
        if let Some(arrival) = arrival {
            arrival.grow(size)?;
        }
        hashing.update(chunk.clone()).await?;
        stage.append(chunk).await?;
    }
    match expected {
        Some(expected) if expected != actual => Err(Error::SizeMismatch { expected, actual }),
        _ => Ok(()),
    }
}

impl Registry {
    /// A session that only this request will ever know.
    pub(super) async fn create_session(
        &self,
        repository: &Repository,
        id: &UploadId,
        named: Algorithm,
    ) -> Result<Session> {
        let stage = self.driver.stage(&Key::upload_data(repository, id), StageMode::Create).await?;
        let (bytes_max, arrival) = (self.blob_bytes_max(), self.arrival(repository, id, 0));
        Ok(Session { stage, hashers: Hashers::new(named), bytes_max, arrival, opened_at: 0, is_new: true })
    }

    /// Continues a session. `range` has to begin where its bytes end; `named` is the algorithm of the final digest, where
    /// it is known already.
    pub(super) async fn open_session(
        &self,
        repository: &Repository,
        id: &UploadId,
        range: Option<ByteRange>,
        named: Option<Algorithm>,
    ) -> Result<Session> {
        self.require_session(repository, id).await?;
        let key = Key::upload_data(repository, id);
        let (stage, is_new) = match self.driver.stage(&key, StageMode::Resume).await {
            Ok(stage) => (stage, false),
            // The session was started and nothing was sent.
            Err(error) if error.is_not_found() => {
                (self.driver.stage(&key, StageMode::Create).await.map_err(busy)?, true)
            }
            Err(error) => return Err(busy(error)),
        };
        let size = stage.size();
        if let Some(actual) = range.map(|range| range.start).filter(|&start| start != size) {
            return Err(Error::OutOfOrder { expected: size, actual });
        }
        let sha512 = match named {
            Some(named) => named == Algorithm::Sha512,
            None => self.is_announced(repository, id, Algorithm::Sha512).await?,
        };
        let named = if sha512 { Algorithm::Sha512 } else { Algorithm::Sha256 };
        let (bytes_max, arrival) = (self.blob_bytes_max(), self.arrival(repository, id, size));
        let hashers = Hashers::new(named);
        let mut session = Session { stage, hashers, bytes_max, arrival, opened_at: size, is_new };
        if size > 0 {
            self.restore_hashers(repository, id, &mut session).await?;
        }
        Ok(session)
    }

    /// Leaves a session for a later request. Answers its size.
    pub(super) async fn save_session(&self, repository: &Repository, id: &UploadId, session: Session) -> Result<u64> {
        let Session { stage, hashers, opened_at, is_new, .. } = session;
        let size = stage.size();
        if size == opened_at && !is_new {
            return Ok(size);
        }
        stage.save().await?;
        // Only behind the bytes: a state of bytes that a power failure took would be believed for others in their place.
        if size >= STATE_BYTES_MIN {
            for hasher in [hashers.sha256, hashers.sha512].into_iter().flatten() {
                self.write_state(repository, id, &hasher, size).await?;
            }
            let old = [Algorithm::Sha256, Algorithm::Sha512]
                .map(|algorithm| Key::upload_hash_state(repository, id, algorithm, opened_at));
            if opened_at > 0 {
                self.driver.delete(&old).await?;
            }
        }
        Ok(size)
    }

    /// Notes in the session that its digest will be of this algorithm: as a state of no bytes.
    pub(super) async fn announce(&self, repository: &Repository, id: &UploadId, algorithm: Algorithm) -> Result<()> {
        self.write_state(repository, id, &Hasher::new(algorithm), 0).await
    }

    async fn is_announced(&self, repository: &Repository, id: &UploadId, algorithm: Algorithm) -> Result<bool> {
        match self.driver.stat(&Key::upload_hash_state(repository, id, algorithm, 0)).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn write_state(&self, repository: &Repository, id: &UploadId, hasher: &Hasher, size: u64) -> Result<()> {
        let key = Key::upload_hash_state(repository, id, hasher.algorithm(), size);
        Ok(self.driver.write(&key, hash_state::save(hasher, size).into(), WriteMode::Replace).await?)
    }

    /// Brings the hashers to where the bytes are: by their saved states, or by reading the bytes again.
    async fn restore_hashers(&self, repository: &Repository, id: &UploadId, session: &mut Session) -> Result<()> {
        let size = session.opened_at;
        let (mut stale, mut is_stale) = (Hashers { sha256: None, sha512: None }, false);
        let Hashers { sha256, sha512 } = &mut session.hashers;
        for (hasher, stale) in [(sha256, &mut stale.sha256), (sha512, &mut stale.sha512)] {
            let Some(algorithm) = hasher.as_ref().map(Hasher::algorithm) else { continue };
            match self.read_state(repository, id, algorithm, size).await? {
                Some(state) => *hasher = Some(state),
                None => {
                    *stale = hasher.take();
                    is_stale = true;
                }
            }
        }
        if !is_stale {
            return Ok(());
        }
        let mut hashing = Hashing::new(stale);
        let mut bytes = session.stage.reread().await?;
        while let Some(chunk) = bytes.next().await {
            hashing.update(chunk?).await?;
        }
        let fresh = hashing.finish().await?;
        session.hashers.sha256 = session.hashers.sha256.take().or(fresh.sha256);
        session.hashers.sha512 = session.hashers.sha512.take().or(fresh.sha512);
        Ok(())
    }

    async fn read_state(
        &self,
        repository: &Repository,
        id: &UploadId,
        algorithm: Algorithm,
        size: u64,
    ) -> Result<Option<Hasher>> {
        let key = Key::upload_hash_state(repository, id, algorithm, size);
        match self.driver.read(&key, None).await {
            Ok(object) if object.stat.size <= STATE_BYTES_MAX => {
                Ok(hash_state::restore(algorithm, &object.bytes(&key).await?, size))
            }
            Ok(_) | Err(store::Error::Corrupt { .. }) => Ok(None),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
