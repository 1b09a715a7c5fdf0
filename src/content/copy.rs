//! Copying images: a graph of content from a source to a target.
//!
//! First a [`Plan`] (what the graph is, what of it the target lacks), then its execution: blobs, manifests with children
//! before parents, the tag last. Interrupted anywhere, the target has no manifest whose children are missing, and the
//! next run goes on from what is there. Permits bound the requests of all images of a run together; they are held for one
//! blob or one manifest and never while waiting for another, so depth cannot use them up.

use std::collections::HashSet;
use std::fmt;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::error::{CopyError, Object};
use super::graph::{Graph, Walk};
use super::once::Once;
use super::options::{Copied, Item, Mode, Options, Part, Plan, Referrers, Relation, Trust};
use super::progress::{CopyReport, Event, Listener, Outcome};
use super::select::{self, Selection};
use super::{Kind, PutAs, Source, Target};
use crate::spec::limits::CONFIG_BYTES_MAX;
use crate::spec::{Descriptor, Digest, Locator, Manifest, Tag};

/// A run: any number of images from one source to one target.
pub(crate) struct Copier<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) target: &'a dyn Target,
    pub(super) options: Options,
    pub(super) listener: Listener,
    pub(super) blobs: Once,
    pub(super) manifests: Once,
    /// The target's tags, once they were asked for; `None` where the target does not say.
    tags: OnceCell<Option<HashSet<Tag>>>,
    /// One writer at a time of lists under fallback tags.
    pub(super) fallback: tokio::sync::Mutex<()>,
    permits: Semaphore,
}

impl fmt::Debug for Copier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Copier({:?} to {:?}, {:?})", self.source, self.target, self.options)
    }
}

impl<'a> Copier<'a> {
    pub(crate) fn new(source: &'a dyn Source, target: &'a dyn Target, options: Options, listener: Listener) -> Self {
        let permits = Semaphore::new(options.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            source,
            target,
            options,
            listener,
            blobs: Once::default(),
            manifests: Once::default(),
            tags: OnceCell::new(),
            fallback: tokio::sync::Mutex::default(),
            permits,
        }
    }

    /// Plans and does one image.
    pub(crate) async fn copy(&self, item: &Item) -> Result<Copied, CopyError> {
        let plan = self.plan(item).await?;
        let report = self.carry_out(&plan).await?;
        Ok(Copied { source_digest: plan.source_digest, digest: plan.digest, report })
    }

    /// Finds out what an image consists of and what of it the target lacks.
    ///
    /// Costs one request to either side when the target's tag is as the source's: the target is asked first, because
    /// where it has nothing, one request to the source resolves and fetches.
    async fn plan(&self, item: &Item) -> Result<Plan, CopyError> {
        let with_referrers = self.options.referrers == Referrers::Take;
        let whole = self.options.platforms.is_empty();
        let mut there = None;
        let known_name = match (&item.to, &item.from) {
            (Some(tag), _) => Some(Locator::Tag(tag.clone())),
            (None, Locator::Digest(digest)) => Some(Locator::Digest(*digest)),
            (None, Locator::Tag(_)) => None,
        };
        if whole && let Some(name) = known_name {
            there = self.digest_at_target(&name).await?;
            if there.is_some() && !with_referrers {
                let _permit = self.permit().await;
                let at_source = self.source.resolve(&item.from).await.map_err(CopyError::reading(&item.from))?;
                if there == Some(at_source.digest) {
                    return Ok(Plan::nothing(at_source.digest, at_source.digest));
                }
            }
        }
        let (source_digest, manifest) = self.read_manifest(&item.from).await?;
        let (digest, manifest) = self.choose(source_digest, manifest).await?;
        if !whole {
            there = self.digest_at_target(&item.to.clone().map_or(Locator::Digest(digest), Locator::Tag)).await?;
        }
        let mut plan = Plan::nothing(source_digest, digest);
        let is_there = there == Some(digest);
        if is_there && !with_referrers {
            return Ok(plan);
        }
        let graph = self.walk(digest, manifest, if is_there { Trust::Everything } else { Trust::Target }).await?;
        let subjects: Vec<Digest> = graph.digests().collect();
        if !is_there {
            plan.parts.push(Part { graph, tag: item.to.clone() });
        }
        if with_referrers {
            plan.parts.extend(self.plan_referrers(subjects).await?);
        }
        Ok(plan)
    }

    /// Does what was planned. Where the target refuses a manifest because it lacks what it said it had (a collector came
    /// between, a copy was cut off on a registry that stores manifests unchecked), everything below is sent once more.
    async fn carry_out(&self, plan: &Plan) -> Result<CopyReport, CopyError> {
        let mut report = CopyReport::default();
        if plan.parts.is_empty() {
            self.tell(Event::Manifest { digest: plan.digest, outcome: Outcome::Present });
            report.count(Outcome::Present, 0);
        }
        for part in &plan.parts {
            match self.write(part, Trust::Target).await {
                Err(CopyError::Target { cause, .. }) if cause.kind == Kind::ChildMissing => {
                    report += self.heal(part).await?;
                }
                result => report += result?,
            }
        }
        Ok(report)
    }

    async fn heal(&self, part: &Part) -> Result<CopyReport, CopyError> {
        let root = part.graph.root;
        let manifest = match part.graph.manifests.get(&root) {
            Some(manifest) => manifest.clone(),
            None => self.read_manifest(&Locator::Digest(root)).await?.1,
        };
        let graph = self.walk(root, manifest, Trust::Nothing).await?;
        graph.blobs.iter().for_each(|blob| self.blobs.disbelieve(&blob.digest));
        self.write(&Part { graph, tag: part.tag.clone() }, Trust::Nothing).await
    }

    /// Walks the graph below a manifest, leaving out what the target has.
    pub(super) async fn walk(&self, root: Digest, manifest: Manifest, trust: Trust) -> Result<Graph, CopyError> {
        let mut walk = Walk::new(root, manifest)?;
        loop {
            let level = walk.next_level()?;
            if level.is_empty() {
                return Ok(walk.finish());
            }
            let mut found = stream::iter(level)
                .map(|child| async move { self.visit(&child, trust).await.map(|manifest| (child, manifest)) })
                .buffered(self.options.concurrency);
            while let Some((child, manifest)) = found.try_next().await? {
                match manifest {
                    Some(manifest) => walk.enter_child(&child, manifest)?,
                    None => walk.leave_out(child.digest),
                }
            }
        }
    }

    /// A manifest to enter, or `None` where it can be left out.
    async fn visit(&self, child: &Descriptor, trust: Trust) -> Result<Option<Manifest>, CopyError> {
        let locator = Locator::Digest(child.digest);
        // The referrers of everything that an index lists are wanted, so it is read even where the target has it.
        let must_read = child.media_type.is_index() && self.options.referrers == Referrers::Take;
        let is_there = match trust {
            Trust::Nothing => false,
            Trust::Everything => true,
            Trust::Target => {
                !must_read
                    && (self.manifests.is_done(&child.digest) || self.digest_at_target(&locator).await?.is_some())
            }
        };
        if is_there && !must_read {
            return Ok(None);
        }
        self.read_manifest(&locator).await.map(|(_, manifest)| Some(manifest))
    }

    /// Writes a graph: blobs, then manifests upwards, the root last.
    async fn write(&self, part: &Part, trust: Trust) -> Result<CopyReport, CopyError> {
        let graph = &part.graph;
        let mut report = CopyReport::default();
        let news: Vec<&Descriptor> = graph.blobs.iter().filter(|blob| !self.blobs.is_taken(&blob.digest)).collect();
        self.tell(Event::Planned {
            blobs: news.len(),
            bytes: news.iter().fold(0, |sum, blob| blob.size.saturating_add(sum)),
        });
        let mut blobs = stream::iter(&graph.blobs)
            .map(|blob| async move { self.blob(blob, trust).await.map(|outcome| (blob.size, outcome)) })
            .buffer_unordered(self.options.concurrency);
        while let Some((size, outcome)) = blobs.try_next().await? {
            report.count(outcome.unwrap_or(Outcome::Present), size);
        }
        for wave in &graph.waves {
            let manifests = wave.iter().filter_map(|digest| Some((*digest, graph.manifests.get(digest)?)));
            let mut written = stream::iter(manifests)
                .map(|(digest, manifest)| async move {
                    let put_as = match &part.tag {
                        _ if digest != graph.root => PutAs::Child,
                        Some(tag) => PutAs::Tag(tag),
                        None => PutAs::Root,
                    };
                    let outcome = self.put_manifest(digest, manifest, put_as).await?;
                    Ok::<_, CopyError>((manifest.bytes().len() as u64, outcome))
                })
                .buffer_unordered(self.options.concurrency);
            while let Some((size, outcome)) = written.try_next().await? {
                report.count(outcome.unwrap_or(Outcome::Present), size);
            }
        }
        Ok(report)
    }

    /// Writes a manifest; `None` when another image of the run has.
    async fn put_manifest(
        &self,
        digest: Digest,
        manifest: &Manifest,
        put_as: PutAs<'_>,
    ) -> Result<Option<Outcome>, CopyError> {
        let work = async {
            if self.options.mode == Mode::Apply {
                let permit = self.permit().await;
                let object = match put_as {
                    PutAs::Tag(tag) => Object::Manifest(tag.clone().into()),
                    PutAs::Child | PutAs::Root => digest.into(),
                };
                let stored = self.target.put(manifest, &digest, put_as).await.map_err(CopyError::writing(object))?;
                drop(permit);
                self.note_subject(digest, manifest, stored).await?;
            }
            self.tell(Event::Manifest { digest, outcome: Outcome::Copied });
            Ok(Outcome::Copied)
        };
        if let PutAs::Tag(_) = put_as {
            // The same manifest under another tag is another write.
            let outcome = work.await?;
            self.manifests.note(digest, outcome);
            return Ok(Some(outcome));
        }
        self.manifests.run(digest, work).await
    }

    /// What is meant of the image at the source.
    async fn choose(&self, digest: Digest, manifest: Manifest) -> Result<(Digest, Manifest), CopyError> {
        let wanted = &self.options.platforms;
        match select::select(&manifest, wanted)? {
            Selection::Whole => {
                if let (false, false, Some(config)) = (wanted.is_empty(), manifest.is_index(), manifest.blobs().next())
                {
                    let _permit = self.permit().await;
                    let body = self.source.fetch(config).await.map_err(CopyError::reading(config))?;
                    let config = body.bytes(CONFIG_BYTES_MAX).await.map_err(CopyError::reading(config))?;
                    select::check_config(&config, wanted)?;
                }
                Ok((digest, manifest))
            }
            Selection::Entry(entry) => self.read_manifest(&Locator::Digest(entry.digest)).await,
            Selection::Rewritten(digest, manifest) => Ok((digest, manifest)),
        }
    }

    pub(super) async fn read_manifest(&self, locator: &Locator) -> Result<(Digest, Manifest), CopyError> {
        let _permit = self.permit().await;
        self.source.manifest(locator).await.map_err(CopyError::reading(locator))
    }

    /// The digest that the target has under a tag or digest.
    pub(super) async fn digest_at_target(&self, locator: &Locator) -> Result<Option<Digest>, CopyError> {
        let is_absent = match (self.tags.get(), locator) {
            (Some(Some(tags)), Locator::Tag(tag)) => !tags.contains(tag),
            (_, Locator::Digest(_)) => self.is_target_new(),
            _ => false,
        };
        if is_absent {
            return Ok(None);
        }
        if let (Relation::SamePlace, Locator::Digest(digest)) = (&self.options.relation, locator) {
            return Ok(Some(*digest));
        }
        let permit = self.permit().await;
        match self.target.resolve(locator).await {
            Ok(descriptor) => Ok(Some(descriptor.digest)),
            // What is damaged or has a hole is written anew; that mends a layout.
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Corrupt | Kind::ChildMissing) => {
                drop(permit);
                if self.options.images > 1 {
                    self.tags.get_or_init(|| self.list_target_tags()).await;
                }
                Ok(None)
            }
            Err(error) => Err(CopyError::looking_up(locator)(error)),
        }
    }

    /// The target's tags, where it tells them: only requests are saved by knowing.
    async fn list_target_tags(&self) -> Option<HashSet<Tag>> {
        let _permit = self.permit().await;
        match self.target.tags().await {
            Ok(tags) => Some(tags.into_iter().collect()),
            Err(error) if error.kind == Kind::NotFound => Some(HashSet::new()),
            Err(_) => None,
        }
    }

    /// Whether the target is known to have no tag, hence most probably no manifest. (A copy that was cut off may have left
    /// some; they are written again. Its blobs may be there too, and are asked for: that costs nothing.)
    pub(super) fn is_target_new(&self) -> bool {
        matches!(self.tags.get(), Some(Some(tags)) if tags.is_empty())
    }

    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.permits.acquire().await.ok()
    }

    pub(super) fn tell(&self, event: Event) {
        (self.listener)(event);
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
