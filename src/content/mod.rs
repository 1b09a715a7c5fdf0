//! Content between places: the traits [`Source`] and [`Target`], which a remote registry, an image layout and memory all
//! are, and copying from one to the other.
//!
//! Knows no URL and no file path, prints nothing, and keeps no clock.

use std::fmt;

use async_trait::async_trait;

use crate::spec::{Descriptor, Digest, Locator, Manifest, Repository, Tag};

mod blobs;
pub(crate) mod body;
pub(crate) mod copy;
pub(crate) mod error;
pub(crate) mod graph;
#[cfg(test)]
pub(crate) mod memory;
mod once;
pub(crate) mod options;
pub(crate) mod progress;
pub(crate) mod referrers;
pub(crate) mod select;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use body::Body;
pub(crate) use error::CopyError;
pub(crate) use progress::{Event, Outcome};

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
    /// A manifest was refused because something it lists is not there (`MANIFEST_BLOB_UNKNOWN`).
    ChildMissing,
    /// The connection or the place broke down half way: the same again may work.
    Interrupted,
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

/// What is asked of a target when a blob is offered to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask<'a> {
    /// Nothing: it is known not to have the blob, or not believed that it has.
    Upload,
    /// Whether it has the blob already.
    Present,
    /// To take the blob over from another repository of the same registry.
    Mount(&'a Repository),
}

/// What a target says to a blob offered.
#[derive(Debug)]
pub(crate) enum Offer {
    /// It has had the blob all along.
    Present,
    /// It took the blob over from the repository named, without its bytes.
    Mounted,
    /// It wants the bytes.
    Wanted(Ticket),
}

/// An upload begun: what the target needs to recognise it again (a registry: the session's location), and nobody else's
/// business.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) String);

/// What a manifest is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutAs<'a> {
    /// A child of an index that follows: nobody looks for it by itself.
    Child,
    /// By its digest alone; a layout lists it, a registry makes no difference.
    Root,
    Tag(&'a Tag),
}

/// How a manifest was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Whole,
    /// The manifest has a subject and the place keeps no list of referrers (no `OCI-Subject` in the answer): the list
    /// under the fallback tag is the client's to write (distribution-spec, "Pushing Manifests with Subject").
    SubjectIgnored,
}

/// A place that content is read from: one repository of a registry, or one image layout.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// What a tag or digest names, without its bytes where that is cheaper.
    async fn resolve(&self, locator: &Locator) -> Result<Descriptor>;

    /// A manifest whole, its digest checked. Takes a tag too, so that one request resolves and fetches.
    async fn manifest(&self, locator: &Locator) -> Result<(Digest, Manifest)>;

    /// The bytes of a blob.
    async fn fetch(&self, blob: &Descriptor) -> Result<Body>;

    /// Manifests whose subject is `subject`; none where the place knows of none.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>>;

    /// Every tag, in the order of the place.
    async fn tags(&self) -> Result<Vec<Tag>>;
}

/// A place that content is written to. (Whether it has a manifest is what [`Source::resolve`] says.)
#[async_trait]
pub(crate) trait Target: Source {
    /// Whether a blob is there. Changes nothing, which [`Target::offer`] may.
    async fn has(&self, blob: &Descriptor) -> Result<bool>;

    /// Offers a blob: asks and begins the upload at once where the place can do both in one step. A question that the
    /// place does not understand is answered by [`Offer::Wanted`].
    async fn offer(&self, blob: &Descriptor, ask: Ask<'_>) -> Result<Offer>;

    /// Sends the bytes of a blob that was wanted. The target checks size and digest; after an error the ticket is spent.
    async fn push(&self, blob: &Descriptor, ticket: Ticket, body: Body) -> Result<()>;

    /// Stores a manifest, exactly its bytes, under its digest, and under a tag too where one is given.
    async fn put(&self, manifest: &Manifest, digest: &Digest, put_as: PutAs<'_>) -> Result<Stored>;
}
