//! `reg garbage-collect`: distribution's offline collector, with its flags and the lines that it prints.
//!
//! What goes is what [`gc::plan()`] says, the same as `reg gc-plan` shows; it is removed by [`collect()`]. Nobody may serve the
//! directory meanwhile. Upload sessions are left alone, as there.

mod lines;

use std::path::{Path, PathBuf};

use super::context::Context;
use super::failure::{Failure, Kind};
use super::flags::Format;
use super::gc_plan::show::{Item, Shown};
use super::gc_plan::source::{Place, Source, open_storage};
use super::output::Document;
use super::output::table::size_text;
use super::serve;
use crate::gc::policy::Action;
use crate::gc::{self, Policy, Rule};
use crate::registry::collect::collect;
use crate::registry::snapshot::snapshot;
use crate::server::config::Storage;
use crate::store::{InUse, Marked};

/// Free the space of what nothing needs, in the storage of a server that is stopped
///
/// The command line of `registry garbage-collect`. What no manifest needs goes: blobs, and the holds of repositories on
/// them. Upload sessions are left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With -m, manifests that nothing needs go too: those without a tag that no kept index lists, and that do not refer
to a kept manifest by their subject or by a tag named after it (sha256-…).

A repository with a manifest that cannot be read is left alone, with everything that it may refer to; the exit code
is 7 then. A server on this machine that has the directory open is seen, and nothing is done; other servers, and
everyone who pushes to a bucket, have to be stopped by you. Killed at any time, it leaves everything that stays whole,
and the next run goes on.")]
pub(crate) struct Args {
    /// Configuration file of the server [env: REGISTRY_CONFIGURATION_PATH]
    #[arg(value_name = "CONFIG.yml")]
    config: Option<PathBuf>,

    /// Show what would go, and do nothing
    #[arg(long, short)]
    dry_run: bool,

    /// Manifests without a tag that nothing needs go too
    #[arg(long, short = 'm')]
    delete_untagged: bool,
}

/// What is collected, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    pub(super) dry_run: bool,
    pub(super) untagged: bool,
    pub(super) quiet: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let path = serve::config_path(context, args.config.as_deref()).ok_or_else(|| {
        Failure::usage("no configuration is named").with_hint("reg garbage-collect CONFIG.yml, the file of the server")
    })?;
    let storage = serve::read_config(context, Some(&path))?.storage()?;
    let mode = Mode { dry_run: args.dry_run, untagged: args.delete_untagged, quiet: context.output.is_quiet() };
    run_on(context, &storage, &path, mode).await
}

/// Collects in a storage, which a configuration at `path` names.
pub(super) async fn run_on(context: &Context, storage: &Storage, path: &Path, mode: Mode) -> Result<(), Failure> {
    let _alone = lock(context, storage, mode.dry_run)?;
    let driver = open_storage(context, storage).await?;
    let called = path.display();
    let inventory = snapshot(&*driver, false)
        .await
        .map_err(|error| Failure::new(Kind::Failed, error).context(format!("cannot read the storage of {called}")))?;
    let (policy, now) = (policy(mode.untagged), context.clock.now());
    let plan = gc::plan(&inventory, &policy, now);
    let source = Source { inventory, place: Place::Storage(called.to_string()) };
    let shown = Shown { source: &source, policy: &policy, plan: &plan };
    let by_line = context.output.format() == Format::Table;
    if by_line && !mode.quiet {
        let lines = lines::of(&source.inventory, &plan);
        unless_closed(context.output.data(lines.as_bytes()).and_then(|()| context.output.flush()))?;
    }
    if !mode.dry_run {
        collect(&*driver, &source.inventory, &plan).await.map_err(|error| {
            Failure::new(Kind::Failed, error)
                .context("failed to garbage collect")
                .with_hint("what stays is whole; the next run goes on")
        })?;
    }
    let blocked = shown.blocked();
    if by_line {
        blocked.iter().for_each(|(_, failure)| context.output.failure(failure));
    } else {
        let document = Document { schema: "reg.garbage-collect/v1", registry: None, repository: None };
        let mut rows = context.output.rows::<Item>(document);
        let items = shown.items().into_iter();
        rows.extend(items.map(|item| if mode.dry_run { item } else { item.done() }))?;
        blocked.iter().for_each(|(reference, failure)| rows.error(reference, failure));
        rows.finish_with(Some(shown.summary()))?;
    }
    if !mode.quiet {
        let (verb, bytes) = (if mode.dry_run { "would free" } else { "freed" }, plan.summary.bytes_freed);
        context.output.note(format!("{verb} {} ({bytes} bytes)", size_text(bytes)));
    }
    if blocked.is_empty() { Ok(()) } else { Err(Failure::silent(Kind::Partial)) }
}

/// Nobody reads the list any more, but the work is to be done all the same.
fn unless_closed(written: Result<(), Failure>) -> Result<(), Failure> {
    written.or_else(|failure| if failure.kind() == Kind::PipeClosed { Ok(()) } else { Err(failure) })
}

/// What goes: garbage, and with `untagged` the manifests that nothing needs.
fn policy(untagged: bool) -> Policy {
    let rule = Rule { untagged, ..Rule::new("--delete-untagged", Action::Delete) };
    let rules = if untagged { vec![rule] } else { vec![] };
    Policy { rules, upload_age: jiff::SignedDuration::MAX, ..Policy::default() }
}

/// Keeps servers away for as long as the answer lives. Whoever only looks keeps nobody away.
pub(super) fn lock(context: &Context, storage: &Storage, dry_run: bool) -> Result<Option<InUse>, Failure> {
    let warn = |place: String| {
        let warning = format!(
            "warning: nobody may push to {place} before this has ended; whether somebody serves it is not seen"
        );
        context.output.note(warning);
        Ok(None)
    };
    match storage {
        _ if dry_run => Ok(None),
        Storage::Memory => Ok(None),
        Storage::S3(config) => warn(format!("bucket {}", config.bucket)),
        Storage::Filesystem { root } => match InUse::alone(root) {
            Marked::Alone(in_use) | Marked::Shared(in_use) => Ok(Some(in_use)),
            Marked::Unknown => warn(root.display().to_string()),
            Marked::Refused => {
                let failure =
                    format!("{} is in use: a server has it open, or a garbage collection is under way", root.display());
                Err(Failure::message(Kind::Failed, failure)
                    .with_hint("stop the server first; -d shows what would go while it runs"))
            }
        },
    }
}
