//! Images made up for tests, and places that fail on purpose.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};

use super::memory::Memory;
use super::{Ask, Body, Error, Kind, Offer, PutAs, Result, Source, Stored, Target, Ticket};
use crate::spec::{Algorithm, Descriptor, Digest, Locator, Manifest, MediaType, Repository, Tag};

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

/// Adds a blob and says what describes it.
pub(crate) fn blob(place: &Memory, algorithm: Algorithm, bytes: &[u8]) -> Descriptor {
    let digest = algorithm.digest(bytes);
    place.add_blob(digest, Bytes::copy_from_slice(bytes));
    Descriptor::new(MediaType::from("application/vnd.oci.image.layer.v1.tar"), digest, bytes.len() as u64)
}

/// Adds a manifest made of `document` and says what describes it.
pub(crate) fn manifest(place: &Memory, algorithm: Algorithm, document: &Value, name: Option<Tag>) -> Descriptor {
    let bytes = Bytes::from(document.to_string());
    let digest = algorithm.digest(&bytes);
    let manifest = Manifest::parse(bytes, None).expect("a manifest");
    let described = Descriptor::new(manifest.media_type().clone(), digest, manifest.bytes().len() as u64);
    place.add_manifest(digest, manifest, name);
    described
}

pub(crate) fn image(
    place: &Memory,
    algorithm: Algorithm,
    config: &Descriptor,
    layers: &[Descriptor],
    subject: Option<&Descriptor>,
    name: Option<Tag>,
) -> Descriptor {
    let mut document = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers,
    });
    if let Some(subject) = subject {
        document["subject"] = json!(subject);
    }
    manifest(place, algorithm, &document, name)
}

pub(crate) fn index(place: &Memory, algorithm: Algorithm, entries: &[Descriptor], name: Option<Tag>) -> Descriptor {
    let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
    manifest(place, algorithm, &document, name)
}

/// What a place did, and how it is to misbehave.
#[derive(Debug, Default)]
pub(crate) struct Odd {
    pub(crate) memory: Memory,
    /// The n-th calls that write fail with this.
    pub(crate) failures: Mutex<HashMap<u32, Kind>>,
    pub(crate) calls: AtomicU32,
    /// How often a blob was sent to its end.
    pub(crate) sent: Mutex<HashMap<Digest, u32>>,
    pub(crate) requests: AtomicU32,
    /// Says that it has these blobs when asked for the first time, and has not.
    pub(crate) lies: Mutex<Vec<Digest>>,
    /// Takes over what is mounted from here.
    pub(crate) neighbour: Option<Memory>,
    pub(crate) keeps_no_referrers: bool,
}

impl Odd {
    fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn write(&self) -> Result<()> {
        self.request();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&call) {
            Some(kind) => Err(Error::new(kind, "made to fail")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Source for Odd {
    async fn resolve(&self, locator: &Locator) -> Result<Descriptor> {
        self.request();
        self.memory.resolve(locator).await
    }

    async fn manifest(&self, locator: &Locator) -> Result<(Digest, Manifest)> {
        self.request();
        self.memory.manifest(locator).await
    }

    async fn fetch(&self, blob: &Descriptor) -> Result<Body> {
        self.request();
        self.memory.fetch(blob).await
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.request();
        if !self.keeps_no_referrers {
            return self.memory.referrers(subject).await;
        }
        match self.memory.manifest(&Locator::Tag(super::referrers::fallback_tag(subject))).await {
            Ok((_, list)) => Ok(list.manifests().to_vec()),
            Err(_) => Ok(Vec::new()),
        }
    }

    async fn tags(&self) -> Result<Vec<Tag>> {
        self.request();
        self.memory.tags().await
    }
}

#[async_trait]
impl Target for Odd {
    async fn has(&self, blob: &Descriptor) -> Result<bool> {
        self.request();
        self.memory.has(blob).await
    }

    async fn offer(&self, blob: &Descriptor, ask: Ask<'_>) -> Result<Offer> {
        self.write()?;
        let lie = {
            let mut lies = self.lies.lock().unwrap_or_else(PoisonError::into_inner);
            let at = lies.iter().position(|digest| *digest == blob.digest);
            at.filter(|_| ask == Ask::Present).map(|at| lies.remove(at))
        };
        if lie.is_some() {
            return Ok(Offer::Present);
        }
        if let (Ask::Mount(_), Some(neighbour)) = (ask, &self.neighbour)
            && let Ok(body) = neighbour.fetch(blob).await
        {
            self.memory.add_blob(blob.digest, body.bytes(usize::MAX).await?);
            return Ok(Offer::Mounted);
        }
        self.memory.offer(blob, ask).await
    }

    async fn push(&self, blob: &Descriptor, ticket: Ticket, body: Body) -> Result<()> {
        self.write()?;
        self.memory.push(blob, ticket, body).await?;
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner).entry(blob.digest).or_default() += 1;
        Ok(())
    }

    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> Result<Stored> {
        self.write()?;
        self.memory.put(manifest, digest, put_as).await?;
        let ignored = self.keeps_no_referrers && manifest.subject().is_some();
        Ok(if ignored { Stored::SubjectIgnored } else { Stored::Whole })
    }
}

pub(crate) fn repository(name: &str) -> Repository {
    name.parse().expect("a repository")
}
