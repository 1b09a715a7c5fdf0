//! Finds out what a deletion needs to know of a repository, and plans it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use jiff::SignedDuration;

use super::plan::{Depth, Known, Plan, Request, Step, closure, plan};
use super::show::refused_hint;
use super::{Args, Rules};
use crate::cli::context::Context;
use crate::cli::enrich::Enricher;
use crate::cli::failure::{Explain as _, Failure, Kind};
use crate::cli::survey::Survey;
use crate::client::RemoteRepository;
use crate::content::Source as _;
use crate::gc::inventory::{Blocked, Sight};
use crate::gc::plan::Fate;
use crate::gc::policy::Action;
use crate::gc::{self, Inventory, Policy, Rule};
use crate::spec::{Digest, Locator, Reference, Tag};

/// Requests under way at the same time.
pub(super) const CONCURRENCY: usize = 8;

/// One repository, and what of it was named on the command line.
#[derive(Debug)]
pub(super) struct Target {
    place: Reference,
    repository: RemoteRepository,
    tags: BTreeSet<Tag>,
    manifests: BTreeSet<Digest>,
}

/// A repository whose deletion is planned.
#[derive(Debug)]
pub(in crate::cli) struct Prepared {
    /// The repository, without a tag.
    pub(super) place: Reference,
    pub(super) repository: RemoteRepository,
    pub(super) known: Known,
    pub(super) request: Request,
    pub(super) plan: Plan,
    /// Objects that are not there, with the failure that told.
    pub(super) absent: Vec<(Locator, Failure)>,
    /// Objects that cannot be worked on, or the repository as a whole (`None`).
    pub(super) failed: Vec<(Option<Locator>, Failure)>,
    /// Objects that are not as they were planned to be, and how.
    pub(super) moved: Vec<(Locator, String)>,
    /// What somebody who decides should know.
    pub(super) notes: Vec<String>,
    /// Whether the registry removes a tag and leaves its manifest, where that was found out.
    pub(super) can_untag: Option<bool>,
}

/// The repositories named, each once, in the order of the command line.
pub(super) fn targets(context: &Context, args: &Args) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> = Vec::new();
    let by_rule = args.rules.select();
    if !args.rules.except.is_empty() && !by_rule {
        return Err(Failure::usage("--except only narrows what another option selects").with_hint("--all-tags"));
    }
    for text in &args.references {
        let reference = context.reference(text)?;
        let locator = reference.locator();
        if by_rule && locator.is_some() {
            let message = format!("{text:?} names one image, and the options select among the tags of a repository");
            return Err(Failure::usage(message));
        }
        if !by_rule && locator.is_none() {
            return Err(Failure::usage(format!(
                "{text:?} names a repository; nothing is deleted without a tag or digest"
            ))
            .with_hint(format!("{reference}:TAG, {reference}@DIGEST, or --all-tags")));
        }
        let place = Reference { tag: None, digest: None, ..reference };
        let at = match targets.iter().position(|target| target.place == place) {
            Some(at) => at,
            None => {
                let repository = context.repository(&place)?;
                targets.push(Target { place, repository, tags: BTreeSet::new(), manifests: BTreeSet::new() });
                targets.len() - 1
            }
        };
        match locator {
            Some(Locator::Tag(tag)) => drop(targets[at].tags.insert(tag)),
            Some(Locator::Digest(digest)) => drop(targets[at].manifests.insert(digest)),
            None => {}
        }
    }
    Ok(targets)
}

impl Target {
    /// Plans; what goes wrong stands in the result, so that other repositories are served.
    pub(super) async fn prepare(self, context: &Context, args: &Args) -> Prepared {
        let depth = if args.manifest { Depth::Manifest } else { Depth::Tag };
        let request = Request { tags: self.tags, manifests: self.manifests, depth };
        let mut prepared = Prepared::new(self.place, self.repository, request);
        // Removing a tag deletes no content: it is safe without knowing the rest, unless a person wants to see it first.
        let plain = depth == Depth::Tag && prepared.request.manifests.is_empty() && !args.rules.select();
        let result = if plain && args.yes && !args.dry_run {
            prepared.read_named_tags().await;
            Ok(())
        } else {
            prepared.read_all(context, args.rules.select().then_some(&args.rules)).await
        };
        prepared.plan = plan(&prepared.known, &prepared.request);
        let result = match result {
            // Whoever does not look at the plan learns from the deletions themselves.
            Ok(()) if args.dry_run || !args.yes => prepared.fit_registry().await,
            result => result,
        };
        if let Err(failure) = result {
            prepared.fail(failure);
        }
        prepared
    }
}

impl Prepared {
    /// Nothing is known yet.
    pub(super) fn new(place: Reference, repository: RemoteRepository, request: Request) -> Self {
        Self {
            place,
            repository,
            known: Known::default(),
            request,
            plan: Plan::default(),
            absent: Vec::new(),
            failed: Vec::new(),
            moved: Vec::new(),
            notes: Vec::new(),
            can_untag: None,
        }
    }

    /// Nothing is done here, for this reason.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.plan = Plan::default();
        let failure = failure.at(&self.place.host).context(format!("cannot delete from {}", self.place));
        self.failed.push((None, failure));
    }

    /// Plans what this registry can do: asked with at most two requests, which delete nothing.
    pub(super) async fn fit_registry(&mut self) -> Result<(), Failure> {
        if self.plan.steps.iter().any(|step| matches!(step, Step::Untag { .. })) {
            self.can_untag = self.repository.can_untag().await;
        }
        // A registry that removes tags has deletions switched on.
        if self.plan.steps.is_empty() || self.can_untag == Some(true) {
            return Ok(());
        }
        if self.repository.can_delete().await == Some(false) {
            return Err(self.switched_off());
        }
        if self.can_untag == Some(false) {
            self.plan = std::mem::take(&mut self.plan).without_untag(&self.known);
        }
        Ok(())
    }

    /// What is said where the registry deletes nothing at all.
    pub(super) fn switched_off(&self) -> Failure {
        let why = "deletion is switched off at this registry, or not among what it does";
        Failure::message(Kind::Unsupported, why).with_hint(refused_hint(&self.place.host))
    }

    /// Reads the tags asked about and no others.
    async fn read_named_tags(&mut self) {
        let repository = &self.repository;
        let mut found = stream::iter(self.request.tags.clone())
            .map(async |tag| {
                let read = repository.get_manifest(&Locator::Tag(tag.clone())).await;
                (tag, read)
            })
            .buffered(CONCURRENCY);
        while let Some((tag, read)) = found.next().await {
            match read.explain(&self.place.host, || format!("cannot delete {}", self.place.at(tag.clone()))) {
                Ok((digest, manifest)) => {
                    self.known.manifests.entry(digest).or_insert_with(|| manifest.into());
                    self.known.tags.insert(tag, digest);
                }
                Err(failure) if failure.kind() == Kind::NotFound => {
                    let failure = no_tag(&self.place, &tag);
                    self.absent.push((tag.into(), failure));
                }
                Err(failure) => self.failed.push((Some(tag.into()), failure)),
            }
        }
    }

    /// Reads the whole repository, so that siblings, parents and bytes are known.
    pub(super) async fn read_all(&mut self, context: &Context, rules: Option<&Rules>) -> Result<(), Failure> {
        let enricher = Enricher::new(self.repository.clone());
        let bar = context.output.progress().objects("reading tags", None);
        let survey = Survey::read(&self.repository, &enricher, &bar).await;
        bar.remove();
        let mut survey = survey?;
        if let Some(blocked) = &survey.blocked {
            self.meet_blocked(blocked, rules.is_some())?;
        }
        if let Some(rules) = rules {
            self.request.tags = self.select(context, rules, &survey, &enricher).await?;
        }
        self.known.tags = std::mem::take(&mut survey.tags);
        self.known.manifests = std::mem::take(&mut survey.manifests);
        // What cannot be read may need anything: then nobody knows what is freed.
        self.known.complete = survey.blocked.is_none();
        self.read_named_manifests(&enricher).await;
        for tag in self.request.tags.iter().filter(|tag| !self.known.tags.contains_key(*tag)) {
            self.absent.push((tag.clone().into(), no_tag(&self.place, tag)));
        }
        self.read_around(&enricher).await
    }

    /// What cannot be read may need anything: no content goes then. A tag by name may.
    fn meet_blocked(&mut self, blocked: &Blocked, by_rule: bool) -> Result<(), Failure> {
        let (Blocked::Damaged(why) | Blocked::Failed(why)) = blocked;
        if by_rule || self.request.depth != Depth::Tag || !self.request.manifests.is_empty() {
            return Err(Failure::message(Kind::Failed, format!("the repository is left alone: {why}")));
        }
        self.notes.push(format!("not everything is known: {why}"));
        Ok(())
    }

    async fn read_named_manifests(&mut self, enricher: &Enricher) {
        for digest in self.request.manifests.clone() {
            if self.known.manifests.contains_key(&digest) {
                continue;
            }
            let read = enricher.manifest(&digest).await;
            match read.explain(&self.place.host, || format!("cannot delete {}", self.place.at(digest))) {
                Ok(manifest) => drop(self.known.manifests.insert(digest, manifest)),
                Err(failure) => {
                    self.request.manifests.remove(&digest);
                    match failure.kind() {
                        Kind::NotFound => self.absent.push((digest.into(), failure)),
                        _ => self.failed.push((Some(digest.into()), failure)),
                    }
                }
            }
        }
    }

    /// Reads what goes or stays with the manifests in question: what they list, and what refers to any of it.
    async fn read_around(&mut self, enricher: &Enricher) -> Result<(), Failure> {
        let tagged = self.request.tags.iter().filter_map(|tag| self.known.tags.get(tag));
        let mut asked: BTreeSet<Digest> = tagged.chain(&self.request.manifests).copied().collect();
        while !asked.is_empty() {
            let mut found = stream::iter(asked.clone())
                .map(async |digest| (digest, self.repository.referrers(&digest).await))
                .buffer_unordered(CONCURRENCY);
            let mut referrers: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
            while let Some((digest, read)) = found.next().await {
                referrers.insert(digest, read?.into_iter().map(|referrer| referrer.digest).collect());
            }
            drop(found);
            for (digest, mut all) in referrers {
                let name = format!("{}-{}", digest.algorithm(), digest.hex());
                let companions = self.known.tags.iter().filter(|(tag, _)| {
                    // `sha256-…` itself is the list of referrers, which have been counted; `.sig`, `.att` are more.
                    tag.as_str().strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
                });
                all.extend(companions.map(|(_, digest)| *digest));
                self.known.referrers.insert(digest, all.into_iter().collect());
            }
            let referring = asked.iter().flat_map(|digest| &self.known.referrers[digest]).copied();
            let listed = closure(&self.known, asked.iter().copied());
            let mut next: BTreeSet<Digest> = listed.into_iter().chain(referring).collect();
            if self.known.referrers.values().any(|referring| !referring.is_empty()) {
                // Signatures share their empty config with those of images that stay.
                next.extend(self.known.manifests.keys().copied());
            }
            asked = next.into_iter().filter(|digest| !self.known.referrers.contains_key(digest)).collect();
            self.read_missing(&asked, enricher).await?;
        }
        Ok(())
    }

    /// Reads manifests that no tag leads to. One that is not there is no fault: an index may be sparse.
    async fn read_missing(&mut self, digests: &BTreeSet<Digest>, enricher: &Enricher) -> Result<(), Failure> {
        let missing = digests.iter().copied().filter(|digest| !self.known.manifests.contains_key(digest));
        let mut found = stream::iter(missing.collect::<Vec<_>>())
            .map(async |digest| (digest, enricher.manifest(&digest).await))
            .buffer_unordered(CONCURRENCY);
        while let Some((digest, read)) = found.next().await {
            match read {
                Ok(manifest) => drop(self.known.manifests.insert(digest, manifest)),
                Err(failure) if failure.kind() == Kind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// The tags that rules select.
    async fn select(
        &mut self,
        context: &Context,
        rules: &Rules,
        survey: &Survey,
        enricher: &Enricher,
    ) -> Result<BTreeSet<Tag>, Failure> {
        let rule = Rule {
            tags: true,
            matching: rules.matching.clone(),
            except: rules.except.clone(),
            older_than: rules.older_than.map(signed).transpose()?,
            keep: rules.keep,
            ..Rule::new("delete", Action::Delete)
        };
        let looked_at = survey.tags.len();
        let mut survey = Survey { tags: survey.tags.clone(), manifests: survey.manifests.clone(), blocked: None };
        if let Some(glob) = &rules.filter {
            // Tags that no rule is about; what they need is looked after when the deletion is planned.
            survey.tags.retain(|tag, _| glob.is_match(tag.as_str()));
        }
        let mut inventory = Inventory::new(Sight::Api);
        survey.fill(&self.repository, &mut inventory);
        let policy = Policy { rules: vec![rule], ..Policy::default() };
        if policy.needs_created() {
            survey.dates(enricher).await.fill(&mut inventory);
        }
        inventory.finish();
        let planned = gc::plan(&inventory, &policy, context.clock.now());
        let tags = inventory.repositories.iter().flat_map(|holding| &holding.tags);
        let fates = planned.repositories.iter().flat_map(|repository| &repository.tags);
        let selected: BTreeSet<Tag> =
            tags.zip(fates).filter(|(_, fate)| fate.fate == Fate::Go).map(|(entry, _)| entry.tag.clone()).collect();
        let of_unknown_age = match planned.tags_of_unknown_age() {
            0 => String::new(),
            count => format!("; {count} of unknown age are kept"),
        };
        self.notes.push(format!("{} of {} tags selected{of_unknown_age}", selected.len(), looked_at));
        Ok(selected)
    }
}

fn signed(length: std::time::Duration) -> Result<SignedDuration, Failure> {
    SignedDuration::try_from(length).map_err(|_| Failure::usage("that is longer than time goes back"))
}

/// The same words whether the tags were listed or the tag was asked for.
fn no_tag(place: &Reference, tag: &Tag) -> Failure {
    Failure::message(Kind::NotFound, format!("{place} has no tag {tag}"))
        .context(format!("cannot delete {}", place.at(tag.clone())))
}
