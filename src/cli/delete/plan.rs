//! What a deletion comes to: from what is known of a repository and what is asked for to steps and refusals. Pure.
//!
//! Two rules stand above every request: a manifest that a kept tag reaches is not deleted, and a tag is removed by moving
//! nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::spec::limits::INDEX_DEPTH_MAX;
use crate::spec::{Digest, Manifest, Tag};

/// What is known of a repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) tags: BTreeMap<Tag, Digest>,
    /// Every manifest that is reached from a tag or asked about.
    pub(crate) manifests: BTreeMap<Digest, Arc<Manifest>>,
    /// Manifests that refer to one that is asked about, by their subject or by a tag named after it.
    pub(crate) referrers: BTreeMap<Digest, Vec<Digest>>,
    /// Whether all tags and what they reach are in it, or only some.
    pub(crate) complete: bool,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Tags to remove.
    pub(crate) tags: BTreeSet<Tag>,
    /// Manifests to delete, with all of their tags.
    pub(crate) manifests: BTreeSet<Digest>,
    pub(crate) depth: Depth,
}

/// What is to become of the manifest behind a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// It stays, without the tag.
    #[default]
    Tag,
    /// It goes where nothing kept needs it; else the tag goes alone.
    Manifest,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Untag {
        tag: Tag,
        digest: Digest,
        otherwise: Otherwise,
    },
    /// Deletes a manifest; these tags go with it.
    Delete {
        digest: Digest,
        tags: Vec<Tag>,
        cause: Cause,
    },
}

/// What is left where a registry cannot remove a tag alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// Nothing else needs the manifest: deleting it is what removing its last tags means.
    Delete,
    Never(Held),
    /// Not looked into yet.
    Unknown,
}

/// Why a manifest is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Asked,
    /// The registry cannot remove a tag alone, and nothing else needs the manifest.
    CannotUntag,
}

/// What needs a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Other tags, which stay.
    Tags(Vec<Tag>),
    /// An index that stays.
    Index(Digest),
    Referrers(usize),
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tags(tags) => write!(f, "also tagged {}", list(tags)),
            Self::Index(index) => write!(f, "listed by the index {index}, which stays"),
            Self::Referrers(1) => f.write_str("referred to by one manifest"),
            Self::Referrers(count) => write!(f, "referred to by {count} manifests"),
        }
    }
}

/// Up to five tags, and how many more.
pub(crate) fn list(tags: &[Tag]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = tags.iter().take(SHOWN).map(Tag::as_str).collect();
    let rest = tags.len().saturating_sub(SHOWN);
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

/// A request that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The tag asked about, or else the manifest.
    pub(crate) tag: Option<Tag>,
    pub(crate) digest: Digest,
    pub(crate) why: Held,
    /// Whether the manifest was asked for, or would go only because the tag cannot go alone.
    pub(crate) cause: Cause,
}

/// What there is to do, in order: tags first, then indexes, then the manifests that they list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) refused: Vec<Refusal>,
    /// What it comes to; `None` where not all tags are known.
    pub(crate) bytes: Option<Bytes>,
}

/// Bytes behind what goes: manifests, configs and layers, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes {
    /// Needed by no manifest that is left, tagged or not: what a plain garbage collection frees.
    pub(crate) freed: u64,
    /// Reached by no tag that is left: what a garbage collection frees that removes untagged manifests too.
    pub(crate) freed_with_untagged: u64,
    /// Reached by tags that stay.
    pub(crate) shared: u64,
}

/// Plans.
pub(crate) fn plan(known: &Known, request: &Request) -> Plan {
    let goes = |tag: &Tag, digest: &Digest| request.tags.contains(tag) || request.manifests.contains(digest);
    let kept_tags = known.tags.iter().filter(|(tag, digest)| !goes(tag, digest));
    let kept = closure(known, kept_tags.map(|(_, digest)| *digest));
    let held = |digest: &Digest| hold(known, &kept, digest, goes);

    let (mut untags, mut deletes, mut refused) = (Vec::new(), BTreeMap::new(), Vec::new());
    for digest in &request.manifests {
        match held(digest) {
            Some(why) => refused.push(Refusal { tag: None, digest: *digest, why, cause: Cause::Asked }),
            None => drop(deletes.insert(*digest, tags_of(known, digest))),
        }
    }
    for tag in &request.tags {
        let Some(digest) = known.tags.get(tag) else { continue };
        if request.manifests.contains(digest) {
            continue;
        }
        match (request.depth, held(digest)) {
            (Depth::Manifest, None) => drop(deletes.insert(*digest, tags_of(known, digest))),
            (_, why) => {
                let otherwise = if known.complete { otherwise(known, digest, why) } else { Otherwise::Unknown };
                untags.push(Step::Untag { tag: tag.clone(), digest: *digest, otherwise });
            }
        }
    }
    let deletes = deletes.into_iter().map(|(digest, tags)| Step::Delete { digest, tags, cause: Cause::Asked });
    Plan { steps: untags.into_iter().chain(deletes).collect(), refused, bytes: None }.finished(known)
}

impl Plan {
    /// The same, for a registry that cannot remove a tag alone.
    pub(crate) fn without_untag(self, known: &Known) -> Self {
        let mut plan = Self { steps: Vec::new(), ..self };
        let mut instead: BTreeMap<Digest, Vec<Tag>> = BTreeMap::new();
        for step in self.steps {
            match step {
                Step::Untag { tag, digest, otherwise: Otherwise::Delete } => {
                    instead.entry(digest).or_default().push(tag)
                }
                Step::Untag { tag, digest, otherwise: Otherwise::Never(why) } => {
                    plan.refused.push(Refusal { tag: Some(tag), digest, why, cause: Cause::CannotUntag });
                }
                other => plan.steps.push(other),
            }
        }
        let instead = instead.into_iter();
        plan.steps.extend(instead.map(|(digest, tags)| Step::Delete { digest, tags, cause: Cause::CannotUntag }));
        plan.finished(known)
    }

    /// Puts the steps in order and counts what they come to.
    fn finished(mut self, known: &Known) -> Self {
        let is_index = |digest: &Digest| known.manifests.get(digest).is_some_and(|manifest| manifest.is_index());
        // The sort is stable: tags stay in the order of their names.
        self.steps.sort_by_key(|step| match step {
            Step::Untag { .. } => (0, None),
            Step::Delete { digest, .. } => (if is_index(digest) { 1 } else { 2 }, Some(*digest)),
        });
        self.bytes = known.complete.then(|| {
            let going: BTreeSet<&Tag> = self.steps.iter().flat_map(Step::tags).collect();
            let staying = known.tags.iter().filter(|(tag, _)| !going.contains(tag));
            let tagged = with_referrers(known, staying.map(|(_, digest)| *digest).collect());
            let gone = with_referrers(known, self.steps.iter().map(Step::digest).collect());
            let deleted: BTreeSet<Digest> = self.steps.iter().filter_map(Step::deleted).collect();
            // What an index lists, and what refers to a manifest, is not deleted with it.
            let left = known.manifests.keys().copied().filter(|digest| !deleted.contains(digest)).collect();
            let (gone, tagged) = (contents(known, &gone), contents(known, &tagged));
            Bytes {
                freed: without(&contents(known, &deleted), &contents(known, &left)),
                freed_with_untagged: without(&gone, &tagged),
                shared: gone
                    .iter()
                    .filter(|(digest, _)| tagged.contains_key(*digest))
                    .map(|(_, size)| size)
                    .fold(0, add),
            }
        });
        self
    }
}

impl Step {
    /// The manifest that it is about.
    pub(crate) const fn digest(&self) -> Digest {
        match self {
            Self::Untag { digest, .. } | Self::Delete { digest, .. } => *digest,
        }
    }

    /// The manifest, where it is one that goes.
    fn deleted(&self) -> Option<Digest> {
        matches!(self, Self::Delete { .. }).then(|| self.digest())
    }

    /// The tags that go.
    pub(crate) fn tags(&self) -> &[Tag] {
        match self {
            Self::Untag { tag, .. } => std::slice::from_ref(tag),
            Self::Delete { tags, .. } => tags,
        }
    }
}

fn tags_of(known: &Known, digest: &Digest) -> Vec<Tag> {
    known.tags.iter().filter(|(_, target)| *target == digest).map(|(tag, _)| tag.clone()).collect()
}

/// What that stays needs the manifest.
fn hold(known: &Known, kept: &BTreeSet<Digest>, digest: &Digest, goes: impl Fn(&Tag, &Digest) -> bool) -> Option<Held> {
    let others: Vec<Tag> =
        known.tags.iter().filter(|(t, d)| *d == digest && !goes(t, d)).map(|(tag, _)| tag.clone()).collect();
    if !others.is_empty() {
        return Some(Held::Tags(others));
    }
    let lists = |index: &&Digest| {
        let manifest = known.manifests.get(index);
        manifest.is_some_and(|manifest| manifest.manifests().iter().any(|child| child.digest == *digest))
    };
    kept.iter().find(lists).map(|index| Held::Index(*index))
}

fn otherwise(known: &Known, digest: &Digest, held: Option<Held>) -> Otherwise {
    match (held, known.referrers.get(digest).map_or(0, Vec::len)) {
        (Some(why), _) => Otherwise::Never(why),
        (None, 0) => Otherwise::Delete,
        (None, count) => Otherwise::Never(Held::Referrers(count)),
    }
}

/// The manifests reached from `roots` by what indexes list, the roots included.
pub(crate) fn closure(known: &Known, roots: impl Iterator<Item = Digest>) -> BTreeSet<Digest> {
    let mut reached = BTreeSet::new();
    let mut level: Vec<Digest> = roots.collect();
    for _ in 0..=INDEX_DEPTH_MAX {
        level.retain(|digest| reached.insert(*digest));
        let listed = level.iter().filter_map(|digest| known.manifests.get(digest));
        level = listed.flat_map(|manifest| manifest.manifests().iter().map(|child| child.digest)).collect();
    }
    reached
}

/// The same with what refers to them: referrers share the fate of their subject.
fn with_referrers(known: &Known, mut roots: BTreeSet<Digest>) -> BTreeSet<Digest> {
    loop {
        let reached = closure(known, roots.iter().copied());
        let referring = reached.iter().filter_map(|digest| known.referrers.get(digest)).flatten().copied();
        roots = reached.iter().copied().chain(referring).collect();
        if roots.len() == reached.len() {
            return reached;
        }
    }
}

/// The manifests with the blobs that they need, and the size of each in bytes.
fn contents(known: &Known, manifests: &BTreeSet<Digest>) -> BTreeMap<Digest, u64> {
    let mut sizes = BTreeMap::new();
    for (digest, manifest) in manifests.iter().filter_map(|digest| Some((digest, known.manifests.get(digest)?))) {
        sizes.insert(*digest, manifest.bytes().len() as u64);
        sizes.extend(manifest.blobs().filter(|blob| !blob.is_foreign()).map(|blob| (blob.digest, blob.size)));
    }
    sizes
}

fn without(gone: &BTreeMap<Digest, u64>, kept: &BTreeMap<Digest, u64>) -> u64 {
    gone.iter().filter(|(digest, _)| !kept.contains_key(*digest)).map(|(_, size)| size).fold(0, add)
}

/// Sizes are what manifests say, and those may say anything.
const fn add(sum: u64, size: &u64) -> u64 {
    sum.saturating_add(*size)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
