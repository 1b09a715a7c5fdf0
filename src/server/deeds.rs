//! What requests did to content: pulled, pushed, mounted, deleted. Said in one line where it is done, and heard by whoever
//! wants to know.
//!
//! The rules are distribution's: what is asked for by HEAD is pulled too; a blob is pushed when its upload is complete; the
//! manifest that is deleted takes each of its tags along as a deed of its own. What was not modified is not pulled.
//!
//! A [`Deed`] borrows everything: where nobody listens it costs nothing.

use bytes::Bytes;

use super::handler::Call;
use crate::registry::StoredManifest;
use crate::spec::{Digest, MediaType, Repository, Tag};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Pull,
    Push,
    Mount,
    Delete,
}

impl Action {
    /// By distribution's names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Mount => "mount",
            Self::Delete => "delete",
        }
    }
}

/// What a request did to one blob, manifest or tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed<'a> {
    pub(super) action: Action,
    pub(super) repository: &'a Repository,
    /// As the client names it. Not known of a tag that led nowhere.
    pub(super) digest: Option<Digest>,
    /// Bytes of all of the content, whatever part of it was asked for.
    pub(super) size: u64,
    /// `None` for a blob, whose type nobody has said, and for what could not be read.
    pub(super) media_type: Option<&'a MediaType>,
    /// Of a manifest.
    pub(super) bytes: Option<&'a Bytes>,
    /// By which the manifest was asked for, to which it was pushed, or which was deleted.
    pub(super) tag: Option<&'a Tag>,
    /// Where a mounted blob was, if its client said so.
    pub(super) from: Option<&'a Repository>,
    pub(super) is_blob: bool,
}

impl<'a> Deed<'a> {
    pub(super) fn blob(action: Action, repository: &'a Repository, digest: &Digest, size: u64) -> Self {
        Self { digest: Some(*digest), size, is_blob: true, ..Self::of(action, repository, None) }
    }

    pub(super) fn manifest(action: Action, repository: &'a Repository, manifest: &'a StoredManifest) -> Self {
        Self::of(action, repository, Some(manifest))
    }

    /// The same, where it may be that nobody could read the manifest.
    pub(super) fn of(action: Action, repository: &'a Repository, manifest: Option<&'a StoredManifest>) -> Self {
        Self {
            action,
            repository,
            digest: manifest.map(|manifest| manifest.digest),
            size: manifest.map_or(0, |manifest| manifest.bytes.len() as u64),
            media_type: manifest.map(|manifest| &manifest.media_type),
            bytes: manifest.map(|manifest| &manifest.bytes),
            tag: None,
            from: None,
            is_blob: false,
        }
    }

    pub(super) fn at(self, tag: Option<&'a Tag>) -> Self {
        Self { tag, ..self }
    }
}

impl Call {
    /// Tells everybody who listens. Waits for nobody.
    pub(super) fn tell(&self, deed: Deed<'_>) {
        if let Some(notifier) = &self.state.notifier {
            notifier.hear(self, &deed);
        }
        if let Some(metrics) = &self.state.metrics {
            metrics.repositories.count(deed.action, deed.repository, deed.is_blob);
        }
        tracing::debug!(
            http.request.id = %self.id,
            vars.name = %deed.repository,
            vars.digest = deed.digest.map(tracing::field::display),
            vars.reference = deed.tag.map(tracing::field::display),
            vars.from = deed.from.map(tracing::field::display),
            size = deed.size,
            mediatype = deed.media_type.map(tracing::field::display),
            "{} {}",
            deed.action.name(),
            if deed.is_blob { "blob" } else { "manifest" }
        );
    }
}
