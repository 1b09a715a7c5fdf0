//! The registry: OCI rules over a [`Driver`]. Knows no HTTP.
//!
//! Invariants, checked by the simulation and the kill tests:
//!
//! - **I1** every tag resolves to a manifest;
//! - **I2** every stored manifest's children are readable (at the time it was accepted, foreign layers excepted);
//! - **I3** what was answered stays: bytes are durable, then the link is, then the caller is told.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;

use crate::spec::route::UploadStart;
use crate::spec::{ByteRange, Descriptor, Digest, Locator, Manifest, MediaType, Page, Repository, Tag, UploadId};
use crate::store::{Driver, Object, Stat};
use crate::sys::Clock;

mod error;

pub(crate) use error::Error;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The body of a request as it arrives. An error ends it; what came before may be kept.
pub(crate) type Incoming<'a> = Pin<&'a mut (dyn Stream<Item = std::io::Result<Bytes>> + Send)>;

/// What a registry allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) delete_enabled: bool,
    pub(crate) read_only: bool,
    pub(crate) completeness: Completeness,
}

/// Which children of a manifest have to be there before it is taken (distribution-spec, "Push", lets a registry choose).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// All: what is answered 201 can be pulled. distribution's `validation` as it is by default.
    #[default]
    Whole,
    /// All blobs of an image; an index may list manifests that are elsewhere (`validation.manifests.indexes.platforms:
    /// none`).
    SparseIndexes,
    /// None (`validation.disabled: true`).
    Sparse,
}

/// A registry over one driver. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    driver: Arc<dyn Driver>,
    clock: Clock,
    options: Options,
}

/// A manifest as stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredManifest {
    /// The digest that was asked for, or the one the tag points to.
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    pub(crate) bytes: Bytes,
}

/// What a manifest PUT did.
#[derive(Clone, Debug)]
pub(crate) struct PutManifest {
    pub(crate) digest: Digest,
    /// For `OCI-Subject`.
    pub(crate) subject: Option<Digest>,
    /// For `OCI-Tag`: the tags of the query that now point here.
    pub(crate) tags: Vec<Tag>,
}

/// What became of a POST to the uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Started {
    /// The blob is in the repository: mounted, or sent with the request.
    Done(Digest),
    /// A session waits for its bytes.
    Session(UploadId),
}

/// A part of a sorted list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageOf<T> {
    pub(crate) items: Vec<T>,
    /// What `last` of the next page is; `None` behind the end.
    pub(crate) next: Option<String>,
}

impl Registry {
    pub(crate) fn new(driver: Arc<dyn Driver>, clock: Clock, options: Options) -> Self {
        Self { driver, clock, options }
    }

    /// Reads, in the background, the manifests of repositories that another registry wrote, for their subjects; and fills
    /// the catalog. Answers are right without it: it spares the first of them the wait.
    pub(crate) fn index_in_background(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async {})
    }

    // The methods below are the whole surface; each lives in the file of its noun.

    /// Size and version of a blob that the repository holds.
    pub(crate) async fn stat_blob(&self, _repository: &Repository, _digest: &Digest) -> Result<Stat> {
        todo!("blobs.rs")
    }

    /// Opens a blob that the repository holds; `range` chooses a part once the size is known, `None` for no part.
    pub(crate) async fn open_blob(
        &self,
        _repository: &Repository,
        _digest: &Digest,
        _range: Option<ByteRange>,
    ) -> Result<Object> {
        todo!("blobs.rs")
    }

    pub(crate) async fn delete_blob(&self, _repository: &Repository, _digest: &Digest) -> Result<()> {
        todo!("blobs.rs")
    }

    /// POST: mounts, takes a whole blob, or opens a session, in this order of trying.
    pub(crate) async fn start_upload(
        &self,
        _repository: &Repository,
        _start: &UploadStart,
        _body: Incoming<'_>,
    ) -> Result<Started> {
        todo!("uploads.rs")
    }

    /// PATCH: appends; `range` is the request's `Content-Range`. Answers the size so far. What arrived before an error of
    /// the body is kept.
    pub(crate) async fn append_upload(
        &self,
        _repository: &Repository,
        _id: &UploadId,
        _range: Option<ByteRange>,
        _body: Incoming<'_>,
    ) -> Result<u64> {
        todo!("uploads.rs")
    }

    /// PUT: appends what is left, checks the digest and makes the blob visible.
    pub(crate) async fn finish_upload(
        &self,
        _repository: &Repository,
        _id: &UploadId,
        _range: Option<ByteRange>,
        _digest: &Digest,
        _body: Incoming<'_>,
    ) -> Result<()> {
        todo!("uploads.rs")
    }

    /// GET: the size so far.
    pub(crate) async fn stat_upload(&self, _repository: &Repository, _id: &UploadId) -> Result<u64> {
        todo!("uploads.rs")
    }

    pub(crate) async fn cancel_upload(&self, _repository: &Repository, _id: &UploadId) -> Result<()> {
        todo!("uploads.rs")
    }

    pub(crate) async fn get_manifest(&self, _repository: &Repository, _locator: &Locator) -> Result<StoredManifest> {
        todo!("manifests.rs")
    }

    pub(crate) async fn put_manifest(
        &self,
        _repository: &Repository,
        _locator: &Locator,
        _tags: &[Tag],
        _content_type: Option<&MediaType>,
        _bytes: Bytes,
    ) -> Result<PutManifest> {
        todo!("manifests.rs")
    }

    /// Removes a manifest and every tag that points to it.
    pub(crate) async fn delete_manifest(&self, _repository: &Repository, _digest: &Digest) -> Result<()> {
        todo!("manifests.rs")
    }

    /// Removes a tag; what it pointed to stays.
    pub(crate) async fn delete_tag(&self, _repository: &Repository, _tag: &Tag) -> Result<()> {
        todo!("tags.rs")
    }

    /// Tags in byte order; `NameUnknown` where there is no such repository.
    pub(crate) async fn tags(&self, _repository: &Repository, _page: &Page) -> Result<PageOf<Tag>> {
        todo!("tags.rs")
    }

    /// Repositories in byte order.
    pub(crate) async fn catalog(&self, _page: &Page) -> Result<PageOf<Repository>> {
        todo!("catalog.rs")
    }

    /// Manifests whose subject is `subject`, by digest; empty for what is unknown.
    pub(crate) async fn referrers(
        &self,
        _repository: &Repository,
        _subject: &Digest,
        _artifact_type: Option<&str>,
        _page: &Page,
    ) -> Result<PageOf<Descriptor>> {
        todo!("referrers.rs")
    }
}
