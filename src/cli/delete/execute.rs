//! Follows a plan, where the world still is as planned: every step looks again, is journalled, and is done then.

use std::collections::{BTreeMap, VecDeque};

use futures_util::stream::{self, StreamExt as _};

use super::Report;
use super::plan::{Cause, Depth, Otherwise, Step, plan};
use super::prepare::{CONCURRENCY, Prepared};
use super::show;
use crate::cli::context::Context;
use crate::cli::failure::{Explain as _, Failure, Kind};
use crate::cli::journal::{Entry, Journal, Outcome};
use crate::client;
use crate::content;
use crate::spec::{Digest, Locator, Tag};

/// Steps that are journalled together, before the first of them is done.
const BATCH: usize = 32;

pub(super) struct Executor<'a> {
    pub(super) context: &'a Context,
    pub(super) journal: &'a mut Journal,
    pub(super) report: &'a mut Report,
}

/// What a second look says about a step.
enum Look {
    AsPlanned,
    /// Already done by somebody else.
    Gone,
    Changed(String),
}

/// Steps that may be done at the same time. Some registries refuse to delete what an index still lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Untag,
    Index,
    Image,
}

impl Phase {
    fn of(step: &Step, prepared: &Prepared) -> Self {
        match step {
            Step::Untag { .. } => Self::Untag,
            Step::Delete { digest, .. } => match prepared.known.manifests.get(digest) {
                Some(manifest) if manifest.is_index() => Self::Index,
                _ => Self::Image,
            },
        }
    }
}

impl Executor<'_> {
    pub(super) async fn run(&mut self, prepared: &mut Prepared) -> Result<(), Failure> {
        let mut steps: VecDeque<Step> = std::mem::take(&mut prepared.plan.steps).into();
        let mut can_untag = prepared.can_untag == Some(true);
        while let Some(first) = steps.front() {
            if self.context.is_stopping() {
                return self.leave(prepared, steps.make_contiguous(), "skipped", &Failure::silent(Kind::Interrupted));
            }
            let phase = Phase::of(first, prepared);
            let is_untag = phase == Phase::Untag;
            // The first tag shows whether the registry can remove one.
            let size = if is_untag && !can_untag { 1 } else { BATCH };
            let alike = steps.iter().take_while(|step| Phase::of(step, prepared) == phase).count();
            let batch: Vec<Step> = steps.drain(..alike.min(size)).collect();
            let refused = self.batch(prepared, batch).await?;
            can_untag |= is_untag && refused.is_empty();
            if !refused.is_empty() {
                let rest = refused.into_iter().chain(steps).collect();
                steps = self.without_untag(prepared, rest).await?.into();
            }
        }
        Ok(())
    }

    /// Plans the rest anew for a registry that cannot remove a tag alone.
    async fn without_untag(&mut self, prepared: &mut Prepared, rest: Vec<Step>) -> Result<Vec<Step>, Failure> {
        // What needs a manifest is beside the point where none can be deleted.
        if prepared.repository.can_delete().await == Some(false) {
            for step in &rest {
                let reference = prepared.place.at(locator(step));
                let failure = prepared.switched_off().context(format!("cannot delete {reference}"));
                self.report.failed(&reference, (action(step), "failed"), &failure)?;
            }
            return Ok(Vec::new());
        }
        if prepared.known.complete {
            prepared.plan.steps = rest;
        } else {
            let tags = rest.into_iter().filter_map(|step| match step {
                Step::Untag { tag, .. } => Some(tag),
                Step::Delete { .. } => None,
            });
            prepared.request.tags = tags.collect();
            let place = prepared.place.clone();
            prepared
                .read_all(self.context, None)
                .await
                .explain(&place.host, || format!("cannot delete from {place}"))?;
            prepared.plan = plan(&prepared.known, &prepared.request);
        }
        prepared.plan = std::mem::take(&mut prepared.plan).without_untag(&prepared.known);
        prepared.report_refused(self.report)?;
        Ok(std::mem::take(&mut prepared.plan.steps))
    }

    /// Does some steps of a kind, and gives back those that the registry cannot do at all.
    async fn batch(&mut self, prepared: &Prepared, steps: Vec<Step>) -> Result<Vec<Step>, Failure> {
        let looks = match self.look_again(prepared, &steps).await {
            Ok(looks) => looks,
            Err(failure) => {
                let failure =
                    failure.at(&prepared.place.host).context(format!("cannot delete from {}", prepared.place));
                self.context.output.failure(&failure);
                self.leave(prepared, &steps, "failed", &failure)?;
                return Ok(Vec::new());
            }
        };
        let mut ready = Vec::new();
        for (step, look) in steps.into_iter().zip(looks) {
            match look {
                Look::AsPlanned => ready.push(step),
                Look::Gone => self.report.done(&prepared.place.at(locator(&step)), (action(&step), "absent"), None)?,
                Look::Changed(how) => {
                    let reference = prepared.place.at(locator(&step));
                    let failure = Failure::message(Kind::Partial, how).context(format!("skipped {reference}"));
                    self.report.failed(&reference, (action(&step), "skipped"), &failure)?;
                }
            }
        }
        self.journal(prepared, &ready)?;
        let mut done = stream::iter(ready)
            .map(async |step| {
                let result = perform(prepared, &step).await;
                (step, result)
            })
            .buffered(CONCURRENCY);
        let (mut refused, mut ended) = (Vec::new(), Vec::new());
        while let Some((step, result)) = done.next().await {
            ended.push(Ended::new(&step, &result));
            match result {
                Err(error) if error.kind() == content::Kind::Unsupported && matches!(step, Step::Untag { .. }) => {
                    refused.push(step);
                }
                result => report(self.report, prepared, &step, result)?,
            }
        }
        drop(done);
        self.journal_outcomes(prepared, &ended)?;
        Ok(refused)
    }

    /// Reports steps that are not done, all for one reason.
    fn leave(
        &mut self,
        prepared: &Prepared,
        steps: &[Step],
        result: &'static str,
        failure: &Failure,
    ) -> Result<(), Failure> {
        for step in steps {
            self.report.tally.add_failure(failure.kind());
            let reason = failure.cause().or_else(|| Some(failure.kind().reason().into()));
            self.report.push(&prepared.place.at(locator(step)), (action(step), result), reason)?;
        }
        Ok(())
    }

    /// Looks at the tags that steps are about, and at tags that are new since the plan.
    async fn look_again(&self, prepared: &Prepared, steps: &[Step]) -> Result<Vec<Look>, Failure> {
        let mut tags: Vec<Tag> = Vec::new();
        for step in steps {
            match step {
                Step::Untag { tag, .. } => tags.push(tag.clone()),
                Step::Delete { tags: own, .. } => tags.extend(own.iter().cloned()),
            }
        }
        if steps.iter().any(|step| matches!(step, Step::Delete { .. })) {
            let mut pages = prepared.repository.tag_pages(None);
            while let Some(page) = pages.next().await {
                match page {
                    Ok(page) => tags.extend(page.into_iter().filter(|tag| !prepared.known.tags.contains_key(tag))),
                    // A repository without tags may be no repository to some registries.
                    Err(error) if error.kind() == content::Kind::NotFound => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let mut now: BTreeMap<Tag, Option<Digest>> = BTreeMap::new();
        let mut found = stream::iter(tags)
            .map(async |tag| {
                let head = prepared.repository.head_manifest(&Locator::Tag(tag.clone())).await;
                (tag, head)
            })
            .buffer_unordered(CONCURRENCY);
        while let Some((tag, head)) = found.next().await {
            match head {
                Ok(head) => drop(now.insert(tag, Some(head.digest))),
                Err(error) if error.kind() == content::Kind::NotFound => drop(now.insert(tag, None)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(steps.iter().map(|step| compare(step, &now)).collect())
    }

    fn journal(&mut self, prepared: &Prepared, steps: &[Step]) -> Result<(), Failure> {
        let time = self.context.clock.now();
        let place = (&prepared.place.host, &prepared.place.repository);
        let mut entries = Vec::new();
        for step in steps {
            let digest = step.digest();
            let Some(manifest) = prepared.known.manifests.get(&digest) else { continue };
            let entry = |tag| Entry::new(time, action(step), place, tag, (digest, manifest.as_ref()));
            entries.extend(lines(step).into_iter().map(entry));
        }
        self.journal.append(&entries)
    }

    /// Writes what came of steps that were journalled.
    fn journal_outcomes(&mut self, prepared: &Prepared, ended: &[Ended]) -> Result<(), Failure> {
        let time = self.context.clock.now();
        let mut outcomes = Vec::new();
        for Ended { step, outcome, reason } in ended {
            outcomes.extend(lines(step).into_iter().map(|tag| Outcome {
                time,
                outcome,
                reason: reason.as_deref(),
                action: action(step),
                host: prepared.place.host.as_str(),
                repository: &prepared.place.repository,
                tag,
                digest: step.digest(),
            }));
        }
        self.journal.append(&outcomes)
    }
}

/// A step that was tried.
struct Ended {
    step: Step,
    outcome: &'static str,
    reason: Option<String>,
}

impl Ended {
    fn new(step: &Step, result: &client::Result<()>) -> Self {
        let (outcome, reason) = match result {
            Ok(()) => ("done", None),
            Err(error) if error.kind() == content::Kind::NotFound => ("absent", None),
            Err(error) => ("failed", Some(error.to_string())),
        };
        Self { step: step.clone(), outcome, reason }
    }
}

/// The tags that stand in the journal for a step, one a line; `None` for a manifest without one.
fn lines(step: &Step) -> Vec<Option<&Tag>> {
    match step.tags() {
        [] => vec![None],
        tags => tags.iter().map(Some).collect(),
    }
}

/// Compares a step with where the tags point now.
fn compare(step: &Step, now: &BTreeMap<Tag, Option<Digest>>) -> Look {
    match step {
        Step::Untag { tag, digest, .. } => match now.get(tag) {
            Some(Some(found)) if found == digest => Look::AsPlanned,
            Some(Some(found)) => Look::Changed(format!("the tag has moved from {digest} to {found}")),
            Some(None) | None => Look::Gone,
        },
        Step::Delete { digest, tags, .. } => {
            let moved = tags.iter().find_map(|tag| Some((tag, (*now.get(tag)?)?))).filter(|(_, found)| found != digest);
            let added = now.iter().find(|(tag, found)| **found == Some(*digest) && !tags.contains(tag));
            match (moved, added) {
                (Some((tag, found)), _) => Look::Changed(format!("the tag {tag} has moved from {digest} to {found}")),
                (None, Some((tag, _))) => Look::Changed(format!("{digest} is tagged {tag} since the plan was made")),
                (None, None) => Look::AsPlanned,
            }
        }
    }
}

async fn perform(prepared: &Prepared, step: &Step) -> client::Result<()> {
    match step {
        Step::Untag { tag, .. } => prepared.repository.delete_tag(tag).await,
        Step::Delete { digest, .. } => prepared.repository.delete_manifest(digest).await,
    }
}

fn report(report: &mut Report, prepared: &Prepared, step: &Step, result: client::Result<()>) -> Result<(), Failure> {
    let place = &prepared.place;
    // What the user named: the tag, where it is one that takes the manifest along.
    let reference = match step {
        Step::Delete { tags, cause: Cause::CannotUntag, .. } => place.at(tags[0].clone()),
        step => place.at(locator(step)),
    };
    match result.explain(&place.host, || format!("cannot delete {reference}")) {
        Ok(()) => match step {
            Step::Untag { otherwise: Otherwise::Never(why), .. } if prepared.request.depth == Depth::Manifest => {
                report.done(&reference, ("untag", "untagged"), Some(format!("the manifest stays: {why}")))
            }
            Step::Untag { .. } => report.done(&reference, ("untag", "untagged"), None),
            Step::Delete { digest, tags, cause } => {
                let reason = (*cause == Cause::CannotUntag)
                    .then(|| "the registry cannot remove a tag alone, and nothing else needed the manifest".into());
                report.done(&place.at(*digest), ("delete", "deleted"), reason)?;
                for tag in tags {
                    let reason = Some("went with its manifest".into());
                    report.push(&place.at(tag.clone()), ("untag", "untagged"), reason)?;
                }
                Ok(())
            }
        },
        Err(failure) if failure.kind() == Kind::NotFound => report.done(&reference, (action(step), "absent"), None),
        Err(failure) => {
            let failure = match failure.kind() {
                Kind::Unsupported => failure.with_hint(show::refused_hint(&place.host)),
                _ => failure,
            };
            report.failed(&reference, (action(step), "failed"), &failure)
        }
    }
}

fn locator(step: &Step) -> Locator {
    match step {
        Step::Untag { tag, .. } => tag.clone().into(),
        Step::Delete { digest, .. } => (*digest).into(),
    }
}

fn action(step: &Step) -> &'static str {
    match step {
        Step::Untag { .. } => "untag",
        Step::Delete { .. } => "delete",
    }
}
