//! Upload sessions: blobs on their way in.
//!
//! A session is its start time and the bytes so far; any node continues it. It is opened by one request at a time. The
//! bytes are hashed as they come, and the state of the hashers is saved with them (in distribution's form and place), so
//! that a later request goes on from there. Without a state for exactly these bytes they are read again.
//!
//! The blob becomes visible in this order: its bytes are durable under their digest, then the repository's link, then the
//! keys of the session go. Bytes with a wrong digest end the session, as in distribution: nobody can mend them by sending
//! more.

use bytes::Bytes;

use super::session::{Received, Session};
use super::{Error, Incoming, Registry, Result, Started};
use crate::spec::route::UploadStart;
use crate::spec::{Algorithm, ByteRange, Digest, Repository, UploadId};
use crate::store::{self, Depth, Key, Prefix, Publication, StageMode, WriteMode};
use crate::sys;

impl Registry {
    /// POST: mounts, takes a whole blob, or opens a session, in this order of trying.
    pub(crate) async fn start_upload(
        &self,
        repository: &Repository,
        start: &UploadStart,
        body: impl Into<Incoming<'_>>,
    ) -> Result<Started> {
        self.writable()?;
        if let Some(digest) = &start.mount {
            let _shared = self.shared.locks.share(repository).await;
            if let Some(size) = self.mount_blob(repository, digest, start.from.as_ref()).await? {
                return Ok(Started::Mounted { digest: *digest, size });
            }
        }
        let id = sys::upload_id();
        if let Some(digest) = &start.digest {
            let size = self.take_whole(repository, &id, digest, body.into()).await?;
            return Ok(Started::Stored { digest: *digest, size });
        }
        // Go's time.RFC3339, which distribution parses it with, has no fraction of seconds when it writes.
        let now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let started = Key::upload_started(repository, &id);
        self.driver.write(&started, Bytes::from(now), WriteMode::Fresh).await?;
        if start.algorithm == Some(Algorithm::Sha512) {
            self.announce(repository, &id, Algorithm::Sha512).await?;
        }
        Ok(Started::Session(id))
    }

    /// A blob in one request. Nobody knows the id, so that nothing could continue what is left of a failure: it is removed,
    /// a full disk being the likeliest of them.
    async fn take_whole(
        &self,
        repository: &Repository,
        id: &UploadId,
        digest: &Digest,
        body: Incoming<'_>,
    ) -> Result<u64> {
        let taken = async {
            let session = self.create_session(repository, id, digest.algorithm()).await?;
            let session = session.receive_or_discard(body).await?;
            self.publish(repository, session, digest, Vec::new()).await
        }
        .await;
        if taken.is_err() {
            // The failure that the client has to hear of is the first one.
            let _ = self.remove_session(repository, id).await;
        }
        taken
    }

    /// PATCH: appends; `range` is the request's `Content-Range`. Answers the size so far. What arrived before an error of
    /// the body is kept. Where a quota refuses it nothing of it is: the session is as before, or gone.
    pub(crate) async fn append_upload(
        &self,
        repository: &Repository,
        id: &UploadId,
        range: Option<ByteRange>,
        body: impl Into<Incoming<'_>>,
    ) -> Result<u64> {
        self.writable()?;
        let session = self.open_session(repository, id, range, None).await?;
        let (session, received) = session.receive(range, body.into()).await?;
        if let Err(error @ Error::QuotaExceeded { .. }) = received {
            // Others need the room, and a client that gives up says so to nobody.
            if !session.revert().await? {
                self.remove_session(repository, id).await?;
            }
            return Err(error);
        }
        let size = self.save_session(repository, id, session).await.map_err(cancelled)?;
        received.map(|()| size)
    }

    /// PUT: appends what is left, checks the digest and makes the blob visible. Answers its size.
    pub(crate) async fn finish_upload(
        &self,
        repository: &Repository,
        id: &UploadId,
        range: Option<ByteRange>,
        digest: &Digest,
        body: impl Into<Incoming<'_>>,
    ) -> Result<u64> {
        self.writable()?;
        let session = self.open_session(repository, id, range, Some(digest.algorithm())).await?;
        let (session, received): Received = session.receive(range, body.into()).await?;
        match received {
            Ok(()) => {}
            // As where the bytes turn out to be too many in the end: what nobody can finish is not to use up what others
            // could.
            Err(error @ Error::QuotaExceeded { .. }) => {
                session.discard().await?;
                self.remove_session(repository, id).await?;
                return Err(error);
            }
            Err(error) => {
                self.save_session(repository, id, session).await?;
                return Err(error);
            }
        }
        let leftovers = self.session_keys(repository, id).await?;
        let published = self.publish(repository, session, digest, leftovers).await.map_err(cancelled);
        if matches!(published, Err(Error::DigestMismatch { .. } | Error::QuotaExceeded { .. })) {
            self.remove_session(repository, id).await?;
        }
        published
    }

    /// GET: the size so far.
    pub(crate) async fn stat_upload(&self, repository: &Repository, id: &UploadId) -> Result<u64> {
        self.require_session(repository, id).await?;
        let key = Key::upload_data(repository, id);
        match self.driver.stage(&key, StageMode::Resume).await {
            Ok(stage) => Ok(stage.size()),
            Err(error) if error.is_not_found() => Ok(0),
            Err(store::Error::Busy { .. }) => match self.driver.stat(&key).await {
                // Where the driver shows bytes on their way, they are the answer while somebody sends more.
                Ok(stat) => Ok(stat.size),
                Err(_) => Err(Error::UploadBusy),
            },
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn cancel_upload(&self, repository: &Repository, id: &UploadId) -> Result<()> {
        self.writable()?;
        self.require_session(repository, id).await?;
        match self.driver.stage(&Key::upload_data(repository, id), StageMode::Resume).await {
            Ok(stage) => stage.discard().await?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(busy(error)),
        }
        self.remove_session(repository, id).await
    }

    /// Checks the digest, stores the bytes under their sha256 and links them; `leftovers` is what goes then. Answers how
    /// many bytes they are.
    async fn publish(
        &self,
        repository: &Repository,
        session: Session,
        named: &Digest,
        leftovers: Vec<Key>,
    ) -> Result<u64> {
        let size = session.size();
        let (canonical, actual) = session.digests(named.algorithm())?;
        if actual != *named {
            session.discard().await?;
            return Err(Error::DigestMismatch { expected: *named, actual });
        }
        let _charge = match self.charge(repository, &canonical, size, session.arrival()) {
            Ok(charge) => charge,
            Err(refused) => {
                session.discard().await?;
                return Err(refused);
            }
        };
        let _shared = self.shared.locks.share(repository).await;
        let links = self.blob_links(repository, &canonical, named).await?;
        session.publish(Publication { key: Key::blob(&canonical), next: vec![links], leftovers }).await?;
        Ok(size)
    }

    pub(super) async fn require_session(&self, repository: &Repository, id: &UploadId) -> Result<()> {
        match self.driver.stat(&Key::upload_started(repository, id)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Err(Error::UploadUnknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the keys of a session whose bytes are gone already. Should a power failure bring them back, they are a
    /// session without bytes that nobody continues.
    pub(super) async fn remove_session(&self, repository: &Repository, id: &UploadId) -> Result<()> {
        self.driver.discard(&self.session_keys(repository, id).await?).await?;
        self.forget_upload(repository, id);
        Ok(())
    }

    async fn session_keys(&self, repository: &Repository, id: &UploadId) -> Result<Vec<Key>> {
        let prefix = Prefix::upload(repository, id);
        let entries = self.list_all(&prefix, Depth::All).await?;
        Ok(entries.iter().map(|entry| prefix.key(&entry.name)).collect())
    }
}

/// Another request holds the session: the client's doing, not the store's.
pub(super) fn busy(error: store::Error) -> Error {
    match error {
        store::Error::Busy { .. } | store::Error::Exists { .. } => Error::UploadBusy,
        error => error.into(),
    }
}

/// The bytes of a session that was open are gone: a request that came before the first of them has cancelled it.
fn cancelled(error: Error) -> Error {
    match error {
        Error::Store(error) if error.is_not_found() => Error::UploadUnknown,
        error => error,
    }
}

#[cfg(test)]
#[path = "uploads_tests.rs"]
mod tests;
