//! What can go wrong with a request, by what the client is told.

use thiserror::Error;

use crate::spec::manifest::ManifestError;
use crate::spec::{Digest, ErrorCode, Locator, Repository};
use crate::store;

/// A failure of the registry.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("repository {0} is not known")]
    NameUnknown(Repository),
    #[error("manifest {0} is not known")]
    ManifestUnknown(Locator),
    #[error("blob {0} is not known")]
    BlobUnknown(Digest),
    #[error("upload session is not known")]
    UploadUnknown,
    /// Another request is writing to the session.
    #[error("upload session is in use by another request")]
    UploadBusy,
    #[error("the digest is {actual}, not {expected}")]
    DigestMismatch { expected: Digest, actual: Digest },
    #[error("expected the chunk to start at byte {expected}, got {actual}")]
    OutOfOrder { expected: u64, actual: u64 },
    #[error("the body has {actual} bytes, the range says {expected}")]
    SizeMismatch { expected: u64, actual: u64 },
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    #[error("the manifest has the digest {actual}, not {expected}")]
    ManifestDigest { expected: Digest, actual: Digest },
    /// Blobs or manifests that a manifest lists and the repository does not hold.
    #[error("{} of the manifest's children are not known, {} first", .0.len(), .0[0])]
    ChildrenUnknown(Vec<Digest>),
    /// A child is there, in another size than its descriptor says.
    #[error("{digest} has {actual} bytes, its descriptor says {expected}")]
    ChildSize { digest: Digest, expected: u64, actual: u64 },
    /// A manifest sends clients to an address that the rules are against.
    #[error("the registry takes no manifest that sends clients to {:?}", .0.chars().take(200).collect::<String>())]
    UrlRefused(String),
    #[error("a blob has at most {limit} bytes here")]
    BlobTooLarge { limit: u64 },
    /// What is held below a prefix, what the session had before this request included, and what the request brings are more
    /// than may be held there. Where nobody said how much it brings, `needed` is what has come of it.
    #[error(
        "the quota of {} is {quota} bytes: {used} are used, and {needed} more are needed",
        if prefix.is_empty() { "the registry" } else { prefix }
    )]
    QuotaExceeded { prefix: String, quota: u64, used: u64, needed: u64 },
    /// Its class is none that is allowed here.
    #[error("the registry takes no {0}")]
    ClassRefused(String),
    #[error("deletes are switched off")]
    DeleteDisabled,
    #[error("the registry is read-only")]
    ReadOnly,
    #[error("invalid number of results {0}")]
    PageSize(usize),
    /// The body of the request ended early or too late.
    #[error("the request body could not be read")]
    Body(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::NameUnknown(_) => ErrorCode::NameUnknown,
            Self::ManifestUnknown(_) => ErrorCode::ManifestUnknown,
            Self::BlobUnknown(_) => ErrorCode::BlobUnknown,
            Self::UploadUnknown => ErrorCode::BlobUploadUnknown,
            Self::UploadBusy | Self::Body(_) => ErrorCode::BlobUploadInvalid,
            Self::DigestMismatch { .. } | Self::ManifestDigest { .. } => ErrorCode::DigestInvalid,
            Self::OutOfOrder { .. } => ErrorCode::RangeInvalid,
            Self::SizeMismatch { .. } | Self::ChildSize { .. } | Self::BlobTooLarge { .. } => ErrorCode::SizeInvalid,
            Self::QuotaExceeded { .. } => ErrorCode::Denied,
            Self::ManifestInvalid(_) | Self::UrlRefused(_) => ErrorCode::ManifestInvalid,
            Self::ClassRefused(_) => ErrorCode::Denied,
            Self::ChildrenUnknown(_) => ErrorCode::ManifestBlobUnknown,
            Self::DeleteDisabled | Self::ReadOnly => ErrorCode::Unsupported,
            Self::PageSize(_) => ErrorCode::PaginationNumberInvalid,
            Self::Store(
                store::Error::OutOfSpace { .. } | store::Error::Denied { .. } | store::Error::Exhausted { .. },
            ) => ErrorCode::Unavailable,
            Self::Store(_) => ErrorCode::Unknown,
        }
    }
}
