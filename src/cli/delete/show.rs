//! A planned deletion in words.

use std::fmt::Write as _;

use super::Report;
use super::plan::{Bytes, Cause, Held, Otherwise, Plan, Step, list};
use super::prepare::Prepared;
use crate::cli::failure::Failure;
use crate::cli::output::table::size_text;
use crate::spec::{Host, Tag};

/// The plan for a person who decides.
pub(super) fn text(prepared: &Prepared) -> String {
    let Prepared { place, plan, known, notes, can_untag, .. } = prepared;
    let mut text = format!("Plan for {place}\n");
    let width = plan.steps.iter().map(|step| name(step).len()).max().unwrap_or(0);
    for (at, step) in plan.steps.iter().enumerate() {
        let digest = step.digest();
        let verb = match step {
            Step::Untag { .. } => "untag ",
            Step::Delete { .. } => "delete",
        };
        let _ = write!(text, "  {verb}  {:width$}", name(step));
        if matches!(step, Step::Untag { .. }) {
            let _ = write!(text, "  {digest}");
        }
        let remarks = match step {
            // Of several tags of a manifest the last one says what becomes of it.
            Step::Untag { .. } if plan.steps[at + 1..].iter().any(|later| later.digest() == digest) => Vec::new(),
            Step::Untag { otherwise, .. } => untagged(otherwise, *can_untag).into_iter().collect(),
            Step::Delete { tags, .. } => {
                let children = known.manifests.get(&digest).map_or(0, |manifest| manifest.manifests().len());
                let referrers = known.referrers.get(&digest).map_or(0, Vec::len);
                deleted(tags, children, referrers)
            }
        };
        for remark in remarks {
            let _ = write!(text, "\n            {remark}");
        }
        text.push('\n');
    }
    let instead = plan.steps.iter().any(|step| matches!(step, Step::Delete { cause: Cause::CannotUntag, .. }));
    let why = "this registry cannot remove a tag alone: the manifest goes where nothing else needs it".to_owned();
    for note in notes.iter().chain(instead.then_some(&why)) {
        let _ = writeln!(text, "  {note}");
    }
    text.push_str(&bytes(plan));
    text
}

fn name(step: &Step) -> String {
    match step {
        Step::Untag { tag, .. } => tag.to_string(),
        Step::Delete { digest, .. } => digest.to_string(),
    }
}

/// What becomes of a manifest that loses tags.
fn untagged(otherwise: &Otherwise, can_untag: Option<bool>) -> Option<String> {
    match (otherwise, can_untag) {
        (Otherwise::Never(why @ Held::Referrers(_)), _) => Some(format!("{why}: the manifest stays, untagged")),
        (Otherwise::Never(why), _) => Some(format!("{why}: the manifest stays")),
        (Otherwise::Delete, Some(true)) => Some("the manifest stays, untagged".into()),
        (Otherwise::Delete, _) => Some(
            "the manifest stays, untagged, if the registry can remove a tag alone; \
                                        else it is deleted"
                .into(),
        ),
        (Otherwise::Unknown, _) => None,
    }
}

/// What goes with a manifest, and what does not.
fn deleted(tags: &[Tag], children: usize, referrers: usize) -> Vec<String> {
    let mut remarks = Vec::new();
    if !tags.is_empty() {
        remarks.push(format!("its tags go with it: {}", list(tags)));
    }
    if children > 0 {
        let listed = manifests(children);
        remarks.push(format!("an index; what it lists ({listed}) stays, for the garbage collection"));
    }
    if referrers > 0 {
        let referring = manifests(referrers);
        remarks.push(format!("what refers to it ({referring}) stays, for the garbage collection"));
    }
    remarks
}

fn manifests(count: usize) -> String {
    if count == 1 { "1 manifest".into() } else { format!("{count} manifests") }
}

/// What the steps come to. Other repositories of the registry were not looked at, and may hold the same blobs.
fn bytes(plan: &Plan) -> String {
    let Some(Bytes { freed, freed_with_untagged, shared }) = plan.bytes else { return String::new() };
    let stays = match shared {
        0 => String::new(),
        shared => format!("; {} are shared with tags that stay", exactly(shared)),
    };
    match (freed, freed_with_untagged) {
        (0, 0) if shared == 0 => String::new(),
        (0, 0) => format!("Frees nothing: tags that stay need all of its {}.\n", exactly(shared)),
        (freed, more) if freed == more => {
            format!(
                "The registry's garbage collection frees {}, unless other repositories share them{stays}.\n",
                exactly(freed)
            )
        }
        (freed, more) => {
            let plain = if freed == 0 { "nothing".into() } else { exactly(freed) };
            let more = exactly(more);
            format!(
                "The registry's garbage collection frees {plain}, one that also removes untagged manifests (-m) {more}, \
                 unless other repositories share them{stays}.\n"
            )
        }
    }
}

/// `1.67 KiB (1709 bytes)`
fn exactly(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes} bytes") } else { format!("{} ({bytes} bytes)", size_text(bytes)) }
}

/// Reports the steps of a plan that is not followed.
pub(super) fn planned(prepared: &Prepared, report: &mut Report) -> Result<(), Failure> {
    for step in &prepared.plan.steps {
        match step {
            Step::Untag { tag, otherwise, .. } => {
                let reason = match otherwise {
                    Otherwise::Never(why) => Some(why.to_string()),
                    Otherwise::Delete | Otherwise::Unknown => None,
                };
                report.done(&prepared.place.at(tag.clone()), ("untag", "planned"), reason)?;
            }
            Step::Delete { digest, tags, .. } => {
                report.done(&prepared.place.at(*digest), ("delete", "planned"), None)?;
                for tag in tags {
                    let reason = Some("goes with its manifest".into());
                    report.push(&prepared.place.at(tag.clone()), ("untag", "planned"), reason)?;
                }
            }
        }
    }
    Ok(())
}

/// How a vendor's registry deletes, where the registry API does not.
pub(super) fn vendor_way(host: &Host) -> Option<&'static str> {
    let name = host.name();
    let ends = |suffix: &str| name.ends_with(suffix);
    Some(if host.is_docker_hub() {
        "Docker Hub removes tags on its web site and through the API of hub.docker.com"
    } else if name == "ghcr.io" {
        "GitHub removes package versions: gh api -X DELETE /user/packages/container/NAME/versions/ID"
    } else if ends(".amazonaws.com") {
        "aws ecr batch-delete-image --repository-name NAME --image-ids imageTag=TAG"
    } else if ends(".azurecr.io") {
        "az acr repository untag --name REGISTRY --image NAME:TAG"
    } else if ends(".pkg.dev") || ends("gcr.io") {
        "gcloud artifacts docker tags delete IMAGE:TAG"
    } else if name == "quay.io" {
        "Quay removes tags on its web site and through its own API"
    } else {
        return None;
    })
}

/// What helps where a registry refuses to delete.
pub(super) fn refused_hint(host: &Host) -> &'static str {
    vendor_way(host).unwrap_or(
        "start the registry with REGISTRY_STORAGE_DELETE_ENABLED=true, or set storage.delete.enabled in its config.yml; \
         one that is read-only, or a proxy, deletes nothing either",
    )
}
