//! One repository of a remote registry as an [`Inventory`]: its tags, and every manifest that they reach.
//!
//! An API shows no untagged manifests and no list of blobs. What is there and cannot be read blocks the repository: nobody
//! can say what it needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::enrich::Enricher;
use super::failure::{Failure, Kind};
use super::output::progress::Bar;
use crate::client::RemoteRepository;
use crate::gc::Inventory;
use crate::gc::inventory::{Blocked, Held, Holding, TagEntry};
use crate::spec::limits::INDEX_DEPTH_MAX;
use crate::spec::manifest::Content;
use crate::spec::{Digest, Locator, Manifest, Tag};

/// Manifests that are read at the same time.
const CONCURRENCY: usize = 8;

/// What a repository was found to hold. Manifests are kept whole: a journal wants their bytes.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) tags: BTreeMap<Tag, Digest>,
    pub(crate) manifests: BTreeMap<Digest, Arc<Manifest>>,
    pub(crate) blocked: Option<Blocked>,
}

/// When images were built.
#[derive(Debug, Default)]
pub(crate) struct Dates(Vec<(Digest, Option<Timestamp>)>);

impl Dates {
    /// Puts the dates beside the images that [`Survey::fill`] has put there.
    pub(crate) fn fill(self, inventory: &mut Inventory) {
        for (digest, created) in self.0 {
            let id = inventory.intern(digest);
            inventory.set_created(id, created);
        }
    }
}

impl Survey {
    /// Reads all tags of the repository and what they reach.
    ///
    /// # Errors
    /// When the tags cannot be listed. What cannot be read afterwards blocks the repository instead.
    pub(crate) async fn read(repository: &RemoteRepository, enricher: &Enricher, bar: &Bar) -> Result<Self, Failure> {
        let mut survey = Self { tags: BTreeMap::new(), manifests: BTreeMap::new(), blocked: None };
        let mut pages = repository.tag_pages(None);
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            names.extend(page?);
        }
        bar.set_total(names.len() as u64);
        let mut found = stream::iter(names)
            .map(async |tag| {
                let read = repository.get_manifest(&Locator::Tag(tag.clone())).await;
                (tag, read)
            })
            .buffer_unordered(CONCURRENCY);
        while let Some((tag, read)) = found.next().await {
            bar.advance(1);
            match read {
                Ok((digest, manifest)) => {
                    survey.manifests.entry(digest).or_insert_with(|| enricher.keep(digest, manifest));
                    survey.tags.insert(tag, digest);
                }
                Err(error) => survey.block(&format!("the manifest of tag {tag}"), &error.into()),
            }
        }
        drop(found);
        survey.read_children(enricher).await;
        Ok(survey)
    }

    /// Reads what indexes list, level by level. A child that is not there is no fault: an index may be sparse.
    async fn read_children(&mut self, enricher: &Enricher) {
        for _ in 0..INDEX_DEPTH_MAX {
            let listed = self.manifests.values().flat_map(|manifest| manifest.manifests());
            let mut missing: Vec<Digest> =
                listed.map(|child| child.digest).filter(|digest| !self.manifests.contains_key(digest)).collect();
            missing.sort_unstable();
            missing.dedup();
            let before = self.manifests.len();
            let mut found = stream::iter(missing)
                .map(async |digest| (digest, enricher.manifest(&digest).await))
                .buffer_unordered(CONCURRENCY);
            while let Some((digest, read)) = found.next().await {
                match read {
                    Ok(manifest) => {
                        self.manifests.insert(digest, manifest);
                    }
                    Err(failure) if failure.kind() == Kind::NotFound => {}
                    Err(failure) => self.block(&format!("the manifest {digest}"), &failure),
                }
            }
            drop(found);
            if self.manifests.len() == before {
                break;
            }
        }
    }

    fn block(&mut self, what: &str, failure: &Failure) {
        self.blocked.get_or_insert_with(|| Blocked::Failed(format!("{what} cannot be read: {}", failure.line())));
    }

    /// When every image was built, for rules about age. What cannot be read is of unknown age.
    pub(crate) async fn dates(&self, enricher: &Enricher) -> Dates {
        let configs = self.manifests.iter().filter_map(|(digest, manifest)| match manifest.content() {
            Content::Image { config: Some(config), .. } => Some((*digest, config.clone())),
            _ => None,
        });
        let found = stream::iter(configs)
            .map(async |(digest, config)| (digest, enricher.config(&config).await))
            .buffer_unordered(CONCURRENCY);
        Dates(found.map(|(digest, config)| (digest, config.ok().and_then(|config| config.created()))).collect().await)
    }

    /// Puts what was found into an inventory, which is to be finished when all is in it.
    pub(crate) fn fill(&self, repository: &RemoteRepository, inventory: &mut Inventory) {
        let mut holding = Holding::new(repository.name().clone());
        for (digest, manifest) in &self.manifests {
            let id = inventory.intern(*digest);
            inventory.set_stored(id, manifest.bytes().len() as u64, None);
            inventory.set_manifest(id, manifest, true);
            holding.revisions.push(Held { content: id, changed: None });
        }
        for (tag, digest) in &self.tags {
            let target = inventory.intern(*digest);
            holding.tags.push(TagEntry { tag: tag.clone(), target, changed: None });
        }
        holding.blocked = self.blocked.clone();
        inventory.repositories.push(holding);
    }
}
