//! Content between places: the traits [`Source`] and [`Target`], which a remote registry, an image layout and memory all
//! are.
//!
//! Knows no URL and no file path.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::spec::{Descriptor, Digest, Locator, Manifest, Repository, Tag};

/// What a failure means to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    /// Credentials are needed or do not suffice.
    Denied,
    /// The place cannot do this at all.
    Unsupported,
    /// Too many requests; `retry_after_secs` where the place says when.
    RateLimited {
        retry_after_secs: Option<u64>,
    },
    /// The bytes are not what their descriptor says.
    Corrupt,
    Failed,
}

/// A failure, with the place's own error as its cause.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) kind: Kind,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: Kind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}

/// The bytes of some content on their way.
pub(crate) struct Body {
    pub(crate) stream: BoxStream<'static, Result<Bytes>>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// Whether a mount was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mounted {
    Yes,
    NotTaken,
}

/// A place that content is read from: one repository of a registry, or one image layout.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// What a tag or digest names, without its bytes where that is cheaper.
    async fn resolve(&self, locator: &Locator) -> Result<Descriptor>;

    /// A manifest whole, its digest checked. Takes a tag too, so that one request resolves and fetches.
    async fn manifest(&self, locator: &Locator) -> Result<(Digest, Manifest)>;

    /// The bytes of a blob. The stream ends in an error unless size and digest are the descriptor's.
    async fn fetch(&self, blob: &Descriptor) -> Result<Body>;

    /// Manifests whose subject is `subject`.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>>;

    /// Every tag, in the order of the place.
    async fn tags(&self) -> Result<Vec<Tag>>;
}

/// A place that content is written to.
#[async_trait]
pub(crate) trait Target: Source {
    /// Whether a blob or manifest is there.
    async fn exists(&self, node: &Descriptor) -> Result<bool>;

    /// Stores a blob. The target checks size and digest too.
    async fn push(&self, blob: &Descriptor, body: Body) -> Result<()>;

    /// Takes a blob over from another repository of the same place, without its bytes.
    async fn mount(&self, blob: &Descriptor, from: &Repository) -> Result<Mounted>;

    /// Stores a manifest, exactly its bytes, under its digest or a tag.
    async fn put(&self, manifest: &Manifest, digest: &Digest, tag: Option<&Tag>) -> Result<()>;
}
