//! What a run of copies is told, what it plans for an image, and what it did.

use super::graph::Graph;
use super::progress::CopyReport;
use crate::spec::{Digest, Locator, Platform, Repository, Tag};

/// How source and target lie to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Apart,
    /// Two repositories of one registry; blobs can be mounted from this one.
    SameRegistry(Repository),
    /// The same repository: everything is there but the tag.
    SamePlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Apply,
    /// Nothing is changed; the report says what would be.
    DryRun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Referrers {
    Leave,
    /// Manifests that refer to the image are copied with it, and those that refer to them.
    Take,
}

/// How a run copies.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) relation: Relation,
    pub(crate) mode: Mode,
    pub(crate) referrers: Referrers,
    /// Empty for all there are.
    pub(crate) platforms: Vec<Platform>,
    /// Blobs and manifests on their way at once, over all images of the run.
    pub(crate) concurrency: usize,
    /// Images of the run. With many, one list of the target's tags is cheaper than asking for each.
    pub(crate) images: usize,
}

/// One image of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) from: Locator,
    /// `None`: by its digest alone.
    pub(crate) to: Option<Tag>,
}

/// How much the target's word is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It has what it says it has, and everything below that.
    Target,
    /// It has every image; indexes are read to see which.
    Everything,
    /// It was wrong before: only what this run has sent is there.
    Nothing,
}

/// What is to be done for one image.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What the source's tag names.
    pub(crate) source_digest: Digest,
    /// What the target's tag will name: something else when platforms were chosen.
    pub(crate) digest: Digest,
    /// The image, then its referrers. Empty: nothing to do.
    pub(super) parts: Vec<Part>,
}

/// A graph to be written, and the tag of its root.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) graph: Graph,
    pub(super) tag: Option<Tag>,
}

/// What was done for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) source_digest: Digest,
    pub(crate) digest: Digest,
    pub(crate) report: CopyReport,
}

impl Plan {
    pub(super) fn nothing(source_digest: Digest, digest: Digest) -> Self {
        Self { source_digest, digest, parts: Vec::new() }
    }
}
