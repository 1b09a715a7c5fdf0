//! A plan as rows: repositories with their totals for people, objects for programs.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::SCHEMA;
use super::source::{Place, Source};
use super::words::Words;
use crate::cli::failure::{Failure, Kind};
use crate::cli::output::json;
use crate::cli::output::table::{Cell, Column, Row, size_text};
use crate::gc::inventory::{Blocked, Holding};
use crate::gc::plan::{Fate, Owner, RepositoryPlan, Standing};
use crate::gc::{Plan, Policy};
use crate::spec::Digest;

/// One object that would go, or a repository that is left alone.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Item {
    reference: String,
    /// `untag`, `delete` (a manifest), `unlink` (a repository's hold on a blob), `free` (bytes), `purge` (an upload
    /// session) or `keep`.
    action: &'static str,
    /// `planned` or `blocked`; when it was carried out `untagged`, `deleted`, `unlinked`, `freed` or `purged`.
    result: &'static str,
    reason: String,
    /// What the object must still be when the plan is carried out: what the tag points to, which manifest or blob it is.
    digest: Option<Digest>,
    /// What would be freed if this alone went; of a manifest nothing by itself.
    bytes: Option<u64>,
}

impl Item {
    fn planned(reference: String, action: &'static str, reason: String) -> Self {
        Self { reference, action, result: "planned", reason, digest: None, bytes: None }
    }

    /// The same when it has been carried out.
    pub(in crate::cli) fn done(self) -> Self {
        let result = match (self.result, self.action) {
            ("planned", "untag") => "untagged",
            ("planned", "delete") => "deleted",
            ("planned", "unlink") => "unlinked",
            ("planned", "free") => "freed",
            ("planned", "purge") => "purged",
            (other, _) => other,
        };
        Self { result, ..self }
    }

    /// Whether `reg delete` takes its reference.
    pub(in crate::cli) fn is_deletable(&self) -> bool {
        matches!(self.action, "untag" | "delete")
    }
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[
        Column::new("reference"),
        Column::new("action"),
        Column::new("result"),
        Column::new("reason"),
        Column::wide("digest"),
        Column::new("bytes"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" => Cell::text(&self.reference),
            "action" => Cell::text(self.action),
            "result" => Cell::text(self.result),
            "reason" => Cell::text(&self.reason),
            "digest" => Cell::digest(self.digest),
            _ => Cell::size(self.bytes),
        }
    }

    fn name(&self) -> String {
        self.reference.clone()
    }
}

/// The same for a table, where a digest has a column of its own and is not said twice.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(in crate::cli) struct WideItem(Item);

impl WideItem {
    pub(in crate::cli) fn new(mut item: Item) -> Self {
        if let Some(digest) =
            item.digest.map(|digest| digest.to_string()).filter(|digest| item.reference.ends_with(digest))
        {
            item.reference.truncate(item.reference.len() - digest.len());
            item.reference.truncate(item.reference.trim_end_matches('@').len());
        }
        Self(item)
    }
}

impl Row for WideItem {
    const COLUMNS: &'static [Column] = Item::COLUMNS;

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" if self.0.reference.is_empty() => Cell::Unknown,
            key => self.0.cell(key),
        }
    }

    fn name(&self) -> String {
        self.0.name()
    }
}

/// The totals of one repository, or of what belongs to none or to several.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct RepositoryRow {
    repository: String,
    tags: Part,
    manifests: Part,
    /// Bytes that the plan frees and that only this repository holds.
    frees: u64,
    /// Bytes that only this repository holds.
    exclusive: Option<u64>,
    total: Option<u64>,
    blocked: bool,
}

/// How many of how many go.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Part {
    gone: usize,
    of: usize,
}

impl Row for RepositoryRow {
    const COLUMNS: &'static [Column] = &[
        Column::new("repository"),
        Column::new("tags"),
        Column::new("manifests"),
        Column::new("frees"),
        Column::new("exclusive"),
        Column::new("total"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        let part = |part: Part| match part.of {
            _ if self.total.is_none() => Cell::Unknown,
            _ if self.blocked => Cell::text("blocked"),
            of => Cell::text(format!("{} of {of}", part.gone)),
        };
        match key {
            "repository" => Cell::text(&self.repository),
            "tags" => part(self.tags),
            "manifests" => part(self.manifests),
            "frees" => Cell::Size(self.frees),
            "exclusive" => Cell::size(self.exclusive),
            _ => Cell::size(self.total),
        }
    }

    fn name(&self) -> String {
        self.repository.clone()
    }
}

/// A plan with everything that is needed to talk about it.
pub(in crate::cli) struct Shown<'a> {
    pub(in crate::cli) source: &'a Source,
    pub(in crate::cli) policy: &'a Policy,
    pub(in crate::cli) plan: &'a Plan,
}

impl<'a> Shown<'a> {
    fn holdings(&self) -> impl Iterator<Item = (&'a Holding, &'a RepositoryPlan)> + use<'a> {
        self.source.inventory.repositories.iter().zip(&self.plan.repositories)
    }

    /// What frees most first.
    pub(in crate::cli) fn repositories(&self) -> Vec<RepositoryRow> {
        let asked = self.holdings().filter(|(_, plan)| plan.standing != Standing::NotAsked);
        let mut rows: Vec<RepositoryRow> = asked
            .map(|(holding, plan)| {
                let uploads: u64 = plan.purge.iter().map(|at| holding.uploads[*at].size).sum();
                let gone = |fates: &mut dyn Iterator<Item = Fate>| fates.filter(|fate| *fate == Fate::Go).count();
                let tags = Part { gone: gone(&mut plan.tags.iter().map(|tag| tag.fate)), of: plan.tags.len() };
                let mut manifests = plan.manifests.iter().map(|manifest| manifest.fate);
                RepositoryRow {
                    repository: self.source.repository(&holding.name),
                    tags,
                    manifests: Part { gone: gone(&mut manifests), of: plan.manifests.len() },
                    frees: plan.bytes.freed + uploads,
                    exclusive: Some(plan.bytes.exclusive),
                    total: Some(plan.bytes.total),
                    blocked: plan.standing == Standing::Blocked,
                }
            })
            .collect();
        rows.sort_by(|a, b| b.frees.cmp(&a.frees).then_with(|| a.repository.cmp(&b.repository)));
        for (called, owner) in [("(several repositories)", Owner::Several), ("(no repository)", Owner::Nobody)] {
            let blobs = self.plan.blobs.iter().filter(|blob| blob.owner == owner);
            let sizes: Vec<u64> = blobs.map(|blob| self.size(blob.content).unwrap_or(0)).collect();
            if !sizes.is_empty() {
                rows.push(RepositoryRow {
                    repository: called.into(),
                    tags: Part::default(),
                    manifests: Part::default(),
                    frees: sizes.iter().fold(0, |sum, size| size.saturating_add(sum)),
                    exclusive: None,
                    total: None,
                    blocked: false,
                });
            }
        }
        rows
    }

    fn size(&self, id: crate::gc::ContentId) -> Option<u64> {
        self.source.inventory.content(id).size
    }

    /// Everything that would go, repository by repository, then the bytes.
    pub(in crate::cli) fn items(&self) -> Vec<Item> {
        let mut items: Vec<Item> = self.holdings().flat_map(|(holding, plan)| self.items_of(holding, plan)).collect();
        items.extend(self.plan.blobs.iter().map(|blob| {
            let digest = *self.source.inventory.digest(blob.content);
            let reason = match blob.owner {
                Owner::Nobody => "no repository holds it".into(),
                Owner::One(at) => {
                    format!("nothing that stays in {} needs it", self.source.inventory.repositories[at].name)
                }
                Owner::Several => "nothing that stays in any repository needs it".into(),
            };
            let bytes = self.size(blob.content);
            Item { digest: Some(digest), bytes, ..Item::planned(digest.to_string(), "free", reason) }
        }));
        items
    }

    fn items_of(&self, holding: &Holding, plan: &RepositoryPlan) -> Vec<Item> {
        let (source, inventory) = (self.source, &self.source.inventory);
        let words = Words { inventory, policy: self.policy, holding };
        let mut items = Vec::new();
        if let Some(Blocked::Damaged(why) | Blocked::Failed(why)) = &holding.blocked {
            let reference = source.repository(&holding.name);
            items.push(Item { result: "blocked", ..Item::planned(reference, "keep", why.clone()) });
        }
        for (entry, tag) in holding.tags.iter().zip(&plan.tags).filter(|(_, tag)| tag.fate == Fate::Go) {
            let reason = words.tag(tag.why, tag.fate);
            items.push(Item {
                digest: Some(*inventory.digest(entry.target)),
                bytes: tag.bytes.map(|bytes| bytes.unique),
                ..Item::planned(source.tag(&holding.name, &entry.tag), "untag", reason)
            });
        }
        let manifests = holding.revisions.iter().zip(&plan.manifests);
        for (held, manifest) in manifests.filter(|(_, manifest)| manifest.fate == Fate::Go) {
            let digest = *inventory.digest(held.content);
            let reason = words.via(manifest.via, manifest.fate);
            let reference = source.manifest(&holding.name, &digest);
            items.push(Item { digest: Some(digest), ..Item::planned(reference, "delete", reason) });
        }
        for id in &plan.unlink {
            let digest = *inventory.digest(*id);
            let reference = source.manifest(&holding.name, &digest);
            let reason = "no manifest of the repository needs it".into();
            items.push(Item { digest: Some(digest), ..Item::planned(reference, "unlink", reason) });
        }
        for at in &plan.purge {
            let upload = &holding.uploads[*at];
            let reference = format!("{} upload {}", source.repository(&holding.name), upload.id);
            let reason = "an upload that nobody continued".into();
            items.push(Item { bytes: Some(upload.size), ..Item::planned(reference, "purge", reason) });
        }
        items
    }

    /// What is left alone because it cannot be read.
    pub(in crate::cli) fn blocked(&self) -> Vec<(String, Failure)> {
        let of_repository = |(holding, _): (&Holding, _)| {
            let (Blocked::Damaged(why) | Blocked::Failed(why)) = holding.blocked.as_ref()?;
            let reference = self.source.repository(&holding.name);
            let failure = Failure::message(Kind::Failed, why).context(format!("{reference} is left alone"));
            Some((reference, failure))
        };
        let mut blocked: Vec<(String, Failure)> = self.holdings().filter_map(of_repository).collect();
        let place = match &self.source.place {
            Place::Registry(host) => host.to_string(),
            Place::Storage(directory) => directory.clone(),
        };
        blocked.extend(self.source.inventory.frozen.iter().map(|why| {
            let failure =
                Failure::message(Kind::Failed, why).context("no bytes are freed: nobody can say what is needed");
            (place.clone(), failure)
        }));
        blocked
    }

    pub(in crate::cli) fn summary(&self) -> Value {
        let summary = &self.plan.summary;
        json!({
            "tags": summary.tags,
            "manifests": summary.manifests,
            "links": summary.links,
            "blobs": summary.blobs,
            "uploads": summary.uploads,
            "blocked": summary.blocked,
            "bytes_freed": summary.bytes_freed,
            "sizes_unknown": summary.sizes_unknown,
            "tags_of_unknown_age": self.plan.tags_of_unknown_age(),
            "repositories": self.repositories(),
        })
    }

    /// The plan as a document of its own, for whoever carries it out.
    pub(in crate::cli) fn document(&self, now: Timestamp) -> Result<Value, Failure> {
        let source = match &self.source.place {
            Place::Registry(host) => json!({ "registry": host.to_string() }),
            Place::Storage(directory) => json!({ "storage": directory }),
        };
        let items = serde_json::to_value(self.items()).map_err(|error| Failure::new(Kind::Failed, error))?;
        let errors: Vec<Value> = self.blocked().iter().map(|(at, failure)| json::error(at, failure)).collect();
        Ok(json!({
            "schema": SCHEMA,
            "registry": self.source.registry(),
            "repository": null,
            "source": source,
            "planned_at": now.to_string(),
            "items": items,
            "errors": errors,
            "summary": self.summary(),
        }))
    }

    /// The last line of a table.
    pub(in crate::cli) fn line(&self) -> String {
        let summary = &self.plan.summary;
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut parts = vec![count(summary.tags, "tag"), count(summary.manifests, "manifest")];
        parts.push(count(summary.blobs, "blob"));
        if summary.uploads > 0 {
            parts.push(count(summary.uploads, "unfinished upload"));
        }
        let least = if summary.sizes_unknown > 0 { "at least " } else { "" };
        let bytes = size_text(summary.bytes_freed);
        let of_unknown_age = match self.plan.tags_of_unknown_age() {
            0 => String::new(),
            of_unknown_age => format!("; {} of unknown age kept", count(of_unknown_age, "tag")),
        };
        format!("{} would go and free {least}{bytes} ({} bytes){of_unknown_age}", parts.join(", "), summary.bytes_freed)
    }

    /// The same where no rule was given.
    pub(in crate::cli) fn garbage_line(&self) -> String {
        let summary = &self.plan.summary;
        if !self.source.sees_everything() {
            return "nothing would go: without rules (--keep, --older-than, …) only garbage does, which an API does not show".into();
        }
        if summary.blobs == 0 && summary.uploads == 0 && summary.links == 0 {
            return "nothing would go: every blob is needed by a manifest".into();
        }
        self.line()
    }

    /// What the reader should know about what could not be seen.
    pub(in crate::cli) fn caveat(&self) -> &'static str {
        if self.source.sees_everything() {
            "the space is freed by a garbage collection of the storage; nothing has been changed"
        } else {
            "over the API only tags of these repositories and what they reach can be seen: untagged manifests and \
             unreferenced blobs are not counted, what other repositories share is counted as free, and space is freed \
             by the registry's own garbage collection"
        }
    }
}
