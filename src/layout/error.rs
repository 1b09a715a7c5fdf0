//! What can be wrong with an image layout: where, and how.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::content::{self, Kind};
use crate::spec::Digest;

#[derive(Debug, Error)]
pub(crate) enum LayoutError {
    #[error("{} is no image layout: it has no oci-layout file", dir.display())]
    NoLayout { dir: PathBuf },
    #[error("{} is neither empty nor an image layout", dir.display())]
    Occupied { dir: PathBuf },
    #[error("{} has the layout version {found:?}; 1.0.0 is supported", dir.display())]
    Version { dir: PathBuf, found: String },
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{}: {reason}", path.display())]
    Unsupported { path: PathBuf, reason: String },
    #[error("{name} is not in {}", dir.display())]
    NotFound { dir: PathBuf, name: String },
    #[error("{parent} lists {child}, which is not there")]
    ChildMissing { parent: Digest, child: Digest },
    #[error("{}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl LayoutError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }
}

impl From<LayoutError> for content::Error {
    fn from(error: LayoutError) -> Self {
        let kind = match &error {
            LayoutError::NoLayout { .. } | LayoutError::NotFound { .. } => Kind::NotFound,
            LayoutError::Version { .. } | LayoutError::Unsupported { .. } => Kind::Unsupported,
            LayoutError::Damaged { .. } => Kind::Corrupt,
            LayoutError::ChildMissing { .. } => Kind::ChildMissing,
            LayoutError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Kind::NotFound,
            LayoutError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Kind::Denied,
            LayoutError::Occupied { .. } | LayoutError::Io { .. } => Kind::Failed,
        };
        Self::new(kind, error)
    }
}
