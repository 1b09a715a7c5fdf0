//! `reg gc-plan --explain`: why one tag, manifest or blob stays or goes, step by step.

use jiff::Timestamp;
use serde::Serialize;

use super::source::Source;
use super::words::Words;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::output::Document;
use crate::cli::output::table::{Cell, Column, Row};
use crate::gc::inventory::ContentId;
use crate::gc::plan::{Fate, plan};
use crate::gc::view::{Root, Via};
use crate::gc::{Policy, explain};
use crate::spec::Locator;

/// One step from what was asked about to what decides.
#[derive(Debug, Serialize)]
struct Step {
    reference: String,
    /// `keep`, or what the plan does.
    action: &'static str,
    result: &'static str,
    reason: String,
}

impl Row for Step {
    const COLUMNS: &'static [Column] = &[Column::new("reference"), Column::new("action"), Column::new("reason")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" => Cell::text(&self.reference),
            "action" => Cell::text(self.action),
            _ => Cell::text(&self.reason),
        }
    }

    fn name(&self) -> String {
        self.reference.clone()
    }
}

pub(super) fn run(
    context: &Context,
    source: &Source,
    policy: &Policy,
    now: Timestamp,
    text: &str,
) -> Result<(), Failure> {
    let reference = source.resolve(context, text)?;
    let missing = || Failure::message(Kind::NotFound, format!("{text} is not there"));
    let inventory = &source.inventory;
    let at =
        inventory.repositories.iter().position(|holding| holding.name == reference.repository).ok_or_else(missing)?;
    let locator = reference
        .locator()
        .ok_or_else(|| Failure::usage(format!("{text:?} names a repository; --explain needs a tag or digest")))?;
    let explainer = Explainer { source, policy, now, at };
    let steps = match &locator {
        Locator::Tag(tag) => {
            let place = inventory.repositories[at].tags.iter().position(|entry| entry.tag == *tag);
            explainer.tag(place.ok_or_else(missing)?)
        }
        Locator::Digest(digest) => explainer.content(inventory.find(digest).ok_or_else(missing)?),
    };
    let document = Document {
        schema: "reg.gc-explain/v1",
        registry: source.registry(),
        repository: Some(reference.repository.to_string()),
    };
    let mut rows = context.output.rows::<Step>(document);
    rows.extend(steps)?;
    rows.finish()
}

struct Explainer<'a> {
    source: &'a Source,
    policy: &'a Policy,
    now: Timestamp,
    /// The place of the repository.
    at: usize,
}

impl Explainer<'_> {
    fn words(&self) -> Words<'_> {
        let inventory = &self.source.inventory;
        Words { inventory, policy: self.policy, holding: &inventory.repositories[self.at] }
    }

    /// The tag itself, and what becomes of what it points to.
    fn tag(&self, place: usize) -> Vec<Step> {
        let mut steps = vec![self.tag_step(place)];
        let target = self.source.inventory.repositories[self.at].tags[place].target;
        let rest = self.content(target);
        // The tag has been told about already.
        let again = steps[0].reference.clone();
        steps.extend(rest.into_iter().filter(|step| step.reference != again));
        steps
    }

    fn tag_step(&self, place: usize) -> Step {
        let plan = plan(&self.source.inventory, self.policy, self.now);
        let tag = &plan.repositories[self.at].tags[place];
        let words = self.words();
        Step {
            reference: self.source.tag(&words.holding.name, &words.holding.tags[place].tag),
            action: if tag.fate == Fate::Go { "untag" } else { "keep" },
            result: "planned",
            reason: words.tag(tag.why, tag.fate),
        }
    }

    fn content(&self, content: ContentId) -> Vec<Step> {
        let explanation = explain(&self.source.inventory, self.policy, self.now, self.at, content);
        let words = self.words();
        let reference = |id| self.source.manifest(&words.holding.name, self.source.inventory.digest(id));
        let action = |id| match (explanation.fate, self.source.inventory.node(id)) {
            (Fate::Keep, _) => "keep",
            (Fate::Go, Some(_)) => "delete",
            (Fate::Go, None) => "unlink",
        };
        let mut steps = Vec::new();
        for (id, via) in &explanation.path {
            let reason = words.via(*via, explanation.fate);
            steps.push(Step { reference: reference(*id), action: action(*id), result: "planned", reason });
            if let Via::Root(Root::Tag(place)) = via {
                steps.push(self.tag_step(*place));
            }
        }
        if steps.is_empty() {
            let reason = "nothing in the repository lists it".into();
            steps.push(Step { reference: reference(content), action: action(content), result: "planned", reason });
        }
        for other in &explanation.kept_by {
            let name = &self.source.inventory.repositories[*other].name;
            let reference = self.source.manifest(name, self.source.inventory.digest(content));
            let reason = "needed there: its bytes stay".into();
            steps.push(Step { reference, action: "keep", result: "planned", reason });
        }
        steps
    }
}
