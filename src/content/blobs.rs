//! One blob from source to target: asked for and offered in one step, sent when it is wanted, sent again when the way
//! broke down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::copy::Copier;
use super::error::CopyError;
use super::options::{Mode, Relation, Trust};
use super::progress::{Event, Outcome};
use super::{Ask, Body, Error, Kind, Offer, Ticket};
use crate::spec::Descriptor;
use crate::spec::limits::BLOB_TRIES_MAX;

impl Copier<'_> {
    /// Sees to it that the target has a blob; `None` when another image of the run did.
    pub(super) async fn blob(&self, blob: &Descriptor, trust: Trust) -> Result<Option<Outcome>, CopyError> {
        let work = async {
            let outcome = self.move_blob(blob, trust).await?;
            self.tell(Event::Blob { digest: blob.digest, size: blob.size, outcome });
            Ok(outcome)
        };
        self.blobs.run(blob.digest, work).await
    }

    async fn move_blob(&self, blob: &Descriptor, trust: Trust) -> Result<Outcome, CopyError> {
        let ask = match (&self.options.relation, trust) {
            (_, Trust::Nothing) => Ask::Upload,
            (Relation::SamePlace, _) => return Ok(Outcome::Present),
            (Relation::SameRegistry(from), _) => Ask::Mount(from),
            (Relation::Apart, _) => Ask::Present,
        };
        let _permit = self.permit().await;
        if self.options.mode == Mode::DryRun {
            return self.foresee(blob, ask).await;
        }
        // A layer that lives elsewhere is asked for at its source first: most often it is not there.
        let mut body = None;
        if blob.is_foreign() {
            match self.source.fetch(blob).await {
                Ok(fetched) => body = Some(fetched),
                Err(error) if error.kind == Kind::NotFound => return Ok(Outcome::Foreign),
                Err(error) => return Err(CopyError::reading(blob)(error)),
            }
        }
        let mut tries = 1;
        loop {
            match self.offer_and_send(blob, ask, body.take()).await {
                Err(error) if error.kind() == Kind::Interrupted && tries < BLOB_TRIES_MAX => tries += 1,
                result => return result,
            }
        }
    }

    async fn offer_and_send(&self, blob: &Descriptor, ask: Ask<'_>, body: Option<Body>) -> Result<Outcome, CopyError> {
        match self.target.offer(blob, ask).await.map_err(CopyError::writing(blob))? {
            Offer::Present => Ok(Outcome::Present),
            Offer::Mounted => Ok(Outcome::Mounted),
            Offer::Wanted(ticket) => self.send(blob, ticket, body).await.map(|()| Outcome::Copied),
        }
    }

    async fn send(&self, blob: &Descriptor, ticket: Ticket, body: Option<Body>) -> Result<(), CopyError> {
        let digest = blob.digest;
        self.tell(Event::Started { digest, size: blob.size });
        let body = match (body, embedded(blob)) {
            (Some(body), _) => body,
            (None, Some(bytes)) => Body::whole(blob, bytes),
            (None, None) => self.source.fetch(blob).await.map_err(CopyError::reading(blob))?,
        };
        let moved = Arc::new(AtomicU64::new(0));
        let failed_source: Arc<Mutex<Option<Error>>> = Arc::default();
        let (listener, count, slot) = (self.listener.clone(), moved.clone(), failed_source.clone());
        let body = body
            .inspect(move |length| {
                count.fetch_add(length as u64, Ordering::Relaxed);
                listener(Event::Moved { digest, bytes: length as u64 });
            })
            .map_err(move |error| {
                let stopped = Error::new(error.kind.clone(), "the source stopped");
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                stopped
            });
        self.target.push(blob, ticket, body).await.map_err(|error| {
            self.tell(Event::Again { digest, bytes: moved.load(Ordering::Relaxed) });
            // The target fails too when the source stops in the middle; whose fault it was is what helps.
            match failed_source.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(cause) => CopyError::reading(blob)(cause),
                None => CopyError::writing(blob)(error),
            }
        })
    }

    /// What would become of a blob, asked without changing anything.
    async fn foresee(&self, blob: &Descriptor, ask: Ask<'_>) -> Result<Outcome, CopyError> {
        if ask != Ask::Upload && self.target.has(blob).await.map_err(CopyError::looking_up(blob))? {
            return Ok(Outcome::Present);
        }
        match ask {
            Ask::Mount(_) => Ok(Outcome::Mounted),
            Ask::Upload | Ask::Present => Ok(Outcome::Copied),
        }
    }
}

/// The content that stands in the descriptor itself (image-spec, "data"), if it is what the descriptor says.
fn embedded(blob: &Descriptor) -> Option<Bytes> {
    let bytes = data_encoding::BASE64.decode(blob.data.as_deref()?.as_bytes()).ok()?;
    (blob.size == bytes.len() as u64 && blob.digest.matches(&bytes)).then(|| bytes.into())
}
