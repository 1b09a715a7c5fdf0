//! One repository as a graph: what follows from keeping a manifest, and a walk along it.
//!
//! A manifest that stays keeps its children (an index its manifests, an image its config and layers), its referrers, and
//! what the tags named after it point to. Explicit queue, every content visited once: no input makes it recurse.

use std::collections::{HashMap, VecDeque};

use super::inventory::{ContentId, Held, Holding, Inventory};
use super::retention::Vote;
use crate::spec::{Algorithm, Digest, Tag};

/// Why a walk starts somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// The tag at this place of the repository.
    Tag(usize),
    /// A manifest that no tag needs, and what the rules say about it.
    Untagged(Vote),
    /// Written within the grace period.
    Recent,
    /// The repository is not asked about, or cannot be read.
    LeftAlone,
}

/// How a walk came to some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Root(Root),
    /// Listed by.
    Child(ContentId),
    /// Refers to, by its `subject`.
    Referrer(ContentId),
    /// The tag (by its place) that is named after.
    Companion(ContentId, usize),
}

/// What a tag is to the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TagKind {
    Ordinary,
    /// Named `sha256-<hex>…` after a manifest of the repository, whose fate it shares.
    Companion(ContentId),
    /// Named like that after something that is not here (signatures are kept in a repository of their own, for example):
    /// nobody can say that it is not needed.
    Stray,
}

/// A repository with the edges that do not stand in its manifests.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) holding: &'a Holding,
    /// By place in the repository.
    pub(crate) kinds: Vec<TagKind>,
    referrers: HashMap<ContentId, Vec<ContentId>>,
    companions: HashMap<ContentId, Vec<usize>>,
}

/// The first 64 hex digits, to which the referrers tag schema cuts longer digests, with their algorithm.
type CompanionName = (Algorithm, String);

impl<'a> View<'a> {
    pub(crate) fn new(inventory: &'a Inventory, holding: &'a Holding) -> Self {
        let mut view =
            Self { inventory, holding, kinds: vec![], referrers: HashMap::new(), companions: HashMap::new() };
        let mut known = std::collections::HashSet::new();
        for id in holding.revisions.iter().map(|held| inventory.stored_as(held.content)) {
            let subject = inventory.node(id).and_then(|node| node.subject);
            if let Some(subject) = subject.filter(|_| known.insert(id)) {
                view.referrers.entry(subject).or_default().push(id);
            }
        }
        let names: Vec<Option<CompanionName>> = holding.tags.iter().map(|entry| companion_name(&entry.tag)).collect();
        let subjects = if names.iter().any(Option::is_some) { view.subjects() } else { HashMap::new() };
        for (at, name) in names.into_iter().enumerate() {
            let kind = match name.map(|name| subjects.get(&name)) {
                None => TagKind::Ordinary,
                Some(None) => TagKind::Stray,
                Some(Some(&subject)) => {
                    view.companions.entry(subject).or_default().push(at);
                    TagKind::Companion(subject)
                }
            };
            view.kinds.push(kind);
        }
        view
    }

    /// Manifests of the repository by the name that a tag after them has.
    fn subjects(&self) -> HashMap<CompanionName, ContentId> {
        let tagged = self.holding.tags.iter().map(|entry| entry.target);
        let held = self.holding.revisions.iter().map(|held| held.content);
        held.chain(tagged)
            .map(|named| (name_for_companions(self.inventory.digest(named)), self.inventory.stored_as(named)))
            .collect()
    }

    /// What the tag at this place points to, as stored.
    pub(crate) fn target(&self, at: usize) -> ContentId {
        self.inventory.stored_as(self.holding.tags[at].target)
    }

    pub(crate) fn stored(&self, held: &Held) -> ContentId {
        self.inventory.stored_as(held.content)
    }

    /// Tags that stand on their own, with what they point to.
    pub(crate) fn tag_roots(&self) -> impl Iterator<Item = (ContentId, Root)> + '_ {
        let own = |(at, kind): (usize, &TagKind)| (!matches!(kind, TagKind::Companion(_))).then_some(at);
        self.kinds.iter().enumerate().filter_map(own).map(|at| (self.target(at), Root::Tag(at)))
    }

    /// Everything that the repository holds in its own right.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (ContentId, Root)> + '_ {
        let tags = (0..self.holding.tags.len()).map(|at| self.target(at));
        let held = self.holding.revisions.iter().chain(&self.holding.links).map(|held| self.stored(held));
        tags.chain(held).map(|id| (id, Root::LeftAlone))
    }

    /// What stays because `id` stays, with the reason.
    pub(crate) fn followers(&self, id: ContentId, mut found: impl FnMut(ContentId, Via)) {
        if let Some(node) = self.inventory.node(id) {
            for &child in node.manifests.iter().chain(&node.blobs) {
                found(child, Via::Child(id));
            }
        }
        for &referrer in self.referrers.get(&id).into_iter().flatten() {
            found(referrer, Via::Referrer(id));
        }
        for &at in self.companions.get(&id).into_iter().flatten() {
            found(self.target(at), Via::Companion(id, at));
        }
    }
}

/// `sha256-<64 hex>` with anything behind a dot: the fallback tag of the distribution-spec ("Referrers Tag Schema"), and
/// cosign's `.sig`, `.att` and `.sbom`.
fn companion_name(tag: &Tag) -> Option<CompanionName> {
    let (algorithm, rest) = tag.as_str().split_once('-')?;
    let hex = rest.split_once('.').map_or(rest, |(hex, _)| hex);
    let well_formed = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    Some((algorithm.parse().ok().filter(|_| well_formed)?, hex.into()))
}

fn name_for_companions(digest: &Digest) -> CompanionName {
    let mut hex = digest.hex();
    hex.truncate(64);
    (digest.algorithm(), hex)
}

/// Walks over the contents of an inventory; keeps its memory from one walk to the next.
#[derive(Debug)]
pub(crate) struct Walker {
    /// The number of the walk that came by last.
    seen: Vec<u32>,
    via: Vec<Via>,
    round: u32,
    queue: VecDeque<ContentId>,
    /// Edges looked at so far, in all walks.
    pub(crate) steps: u64,
}

impl Walker {
    pub(crate) fn new(inventory: &Inventory) -> Self {
        Self {
            seen: vec![0; inventory.len()],
            via: vec![Via::Root(Root::LeftAlone); inventory.len()],
            round: 0,
            queue: VecDeque::new(),
            steps: 0,
        }
    }

    /// Visits what is reached from `roots`, nearest first, each once. The result stands until the next walk.
    pub(crate) fn walk(
        &mut self,
        view: &View<'_>,
        roots: impl IntoIterator<Item = (ContentId, Root)>,
        mut visit: impl FnMut(ContentId),
    ) {
        self.round += 1;
        for (id, root) in roots {
            self.reach(id, Via::Root(root));
        }
        while let Some(id) = self.queue.pop_front() {
            visit(id);
            view.followers(id, |follower, via| self.reach(follower, via));
        }
    }

    fn reach(&mut self, id: ContentId, via: Via) {
        self.steps += 1;
        if self.seen[id.index()] != self.round {
            self.seen[id.index()] = self.round;
            self.via[id.index()] = via;
            self.queue.push_back(id);
        }
    }

    /// How the last walk came to `id`; `None` where it did not.
    pub(crate) fn via(&self, id: ContentId) -> Option<Via> {
        (self.seen[id.index()] == self.round).then(|| self.via[id.index()])
    }

    pub(crate) fn reached(&self, id: ContentId) -> bool {
        self.seen[id.index()] == self.round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_named_after_digests() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let of = |tag: &str| companion_name(&tag.parse().expect("a tag"));
        for suffix in ["", ".sig", ".att", ".sbom", ".a.b"] {
            assert_eq!(of(&format!("sha256-{hex}{suffix}")), Some((Algorithm::Sha256, hex.into())), "{suffix}");
        }
        assert_eq!(of(&format!("sha512-{hex}")), Some((Algorithm::Sha512, hex.into())));
        let upper = hex.to_uppercase();
        for tag in
            ["latest", "sha256-abc", &format!("md5-{hex}"), &format!("sha256-{hex}0"), &format!("sha256-{upper}")]
        {
            assert_eq!(of(tag), None, "{tag}");
        }
        assert_eq!(name_for_companions(&Algorithm::Sha512.digest(b"")).1.len(), 64);
    }
}
