//! Why a copy failed: on which side, and at which object.

use std::fmt;

use thiserror::Error;

use super::graph::GraphError;
use super::select::SelectError;
use super::{Error, Kind};
use crate::spec::{Descriptor, Digest, Locator};

/// What was being read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Object {
    Blob(Digest),
    Manifest(Locator),
    /// The list of manifests that refer to this one.
    Referrers(Digest),
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob(digest) => write!(f, "blob {digest}"),
            Self::Manifest(Locator::Tag(tag)) => write!(f, "tag {tag}"),
            Self::Manifest(Locator::Digest(digest)) => write!(f, "manifest {digest}"),
            Self::Referrers(digest) => write!(f, "referrers of {digest}"),
        }
    }
}

impl From<&Descriptor> for Object {
    fn from(blob: &Descriptor) -> Self {
        Self::Blob(blob.digest)
    }
}

impl From<&Locator> for Object {
    fn from(locator: &Locator) -> Self {
        Self::Manifest(locator.clone())
    }
}

impl From<Digest> for Object {
    fn from(manifest: Digest) -> Self {
        Self::Manifest(Locator::Digest(manifest))
    }
}

/// Why a copy failed.
#[derive(Debug, Error)]
pub(crate) enum CopyError {
    #[error("source: cannot read {object}")]
    Source {
        object: Object,
        #[source]
        cause: Error,
    },
    #[error("target: cannot look up {object}")]
    Lookup {
        object: Object,
        #[source]
        cause: Error,
    },
    #[error("target: cannot write {object}")]
    Target {
        object: Object,
        #[source]
        cause: Error,
    },
    #[error("source: the graph of the image is not followed")]
    Graph(#[from] GraphError),
    #[error("source: cannot select platforms")]
    Select(#[from] SelectError),
}

impl CopyError {
    pub(crate) fn reading(object: impl Into<Object>) -> impl FnOnce(Error) -> Self {
        move |cause| Self::Source { object: object.into(), cause }
    }

    pub(crate) fn looking_up(object: impl Into<Object>) -> impl FnOnce(Error) -> Self {
        move |cause| Self::Lookup { object: object.into(), cause }
    }

    pub(crate) fn writing(object: impl Into<Object>) -> impl FnOnce(Error) -> Self {
        move |cause| Self::Target { object: object.into(), cause }
    }

    /// Whether it failed on the side that is written to.
    pub(crate) const fn is_of_target(&self) -> bool {
        matches!(self, Self::Lookup { .. } | Self::Target { .. })
    }

    /// What the place said that failed.
    pub(crate) const fn of_place(&self) -> Option<&Error> {
        match self {
            Self::Source { cause, .. } | Self::Lookup { cause, .. } | Self::Target { cause, .. } => Some(cause),
            Self::Graph(_) | Self::Select(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Source { cause, .. } | Self::Lookup { cause, .. } | Self::Target { cause, .. } => cause.kind.clone(),
            Self::Graph(GraphError::Size { .. }) => Kind::Corrupt,
            Self::Graph(_) => Kind::Unsupported,
            Self::Select(SelectError::NotThere { .. } | SelectError::Other { .. }) => Kind::NotFound,
            Self::Select(SelectError::Malformed(_)) => Kind::Corrupt,
        }
    }
}
