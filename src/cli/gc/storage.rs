//! A plan for a storage: what of it still holds is collected, while no server has it open.

use std::path::Path;

use super::Args;
use super::saved::Saved;
use crate::cli::context::Context;
use crate::cli::delete::{Item, Report};
use crate::cli::failure::{Failure, Kind};
use crate::cli::garbage_collect::lock;
use crate::cli::gc_plan::source::open_storage;
use crate::cli::output::Document;
use crate::cli::output::table::size_text;
use crate::cli::{prompt, serve};
use crate::gc::recheck::{Verdict, Wish, recheck};
use crate::registry::collect::collect;
use crate::registry::snapshot::snapshot;
use crate::server::config::Storage;

pub(super) async fn run(context: &Context, args: &Args, path: &Path, saved: &Saved) -> Result<(), Failure> {
    let called = path.display();
    let storage = match path.is_dir() {
        true => Storage::Filesystem { root: path.to_owned() },
        false => serve::read_config(context, Some(path))?.storage()?,
    };
    let _alone = lock(context, &storage, args.dry_run)?;
    let driver = open_storage(context, &storage).await?;
    let inventory = snapshot(&*driver, false)
        .await
        .map_err(|error| Failure::new(Kind::Failed, error).context(format!("cannot read {called}")))?;
    let (plan, verdicts) = recheck(&inventory, &saved.wishes, saved.planned_at);
    let count = verdicts.iter().filter(|verdict| **verdict == Verdict::Granted).count();
    let bytes = plan.summary.bytes_freed;
    if count > 0 && !args.dry_run {
        if !args.yes {
            let (tags, manifests, blobs) = (plan.summary.tags, plan.summary.manifests, plan.summary.blobs);
            let freed = size_text(bytes);
            context.output.note(format!(
                "{tags} tags, {manifests} manifests and {blobs} blobs go from {called} for good, and free {freed} ({bytes} bytes)"
            ));
        }
        prompt::confirm(context, &format!("Remove these {count}?"), count, args.yes)?;
        collect(&*driver, &inventory, &plan).await.map_err(|error| {
            Failure::new(Kind::Failed, error)
                .context(format!("cannot collect garbage in {called}"))
                .with_hint("what stays is whole; the same plan goes on where this ended")
        })?;
    }
    let document = Document { schema: "reg.gc/v1", registry: None, repository: None };
    let mut report = Report::new(context.output.rows::<Item>(document));
    for ((wish, reference), verdict) in saved.wishes.iter().zip(&saved.references).zip(verdicts) {
        let (action, done) = words(wish);
        match verdict {
            Verdict::Granted if args.dry_run => report.done(reference, (action, "planned"), None)?,
            Verdict::Granted => report.done(reference, (action, done), None)?,
            Verdict::Absent => report.done(reference, (action, "absent"), None)?,
            Verdict::Refused(why) => {
                let failure = Failure::message(Kind::Partial, why).context(format!("skipped {reference}"));
                report.failed(reference, (action, "skipped"), &failure)?;
            }
        }
    }
    let summary = &plan.summary;
    report.finish(serde_json::json!({
        "tags": summary.tags,
        "manifests": summary.manifests,
        "links": summary.links,
        "blobs": summary.blobs,
        "uploads": summary.uploads,
        "bytes_freed": bytes,
    }))
}

/// What is done, and what it is when it has been done.
fn words(wish: &Wish) -> (&'static str, &'static str) {
    match wish {
        Wish::Untag(..) => ("untag", "untagged"),
        Wish::Delete(..) => ("delete", "deleted"),
        Wish::Unlink(..) => ("unlink", "unlinked"),
        Wish::Free(_) => ("free", "freed"),
        Wish::Purge(..) => ("purge", "purged"),
    }
}
