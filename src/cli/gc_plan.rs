//! `reg gc-plan`: what retention and garbage collection would free, without changing anything.
//!
//! The inventory comes from a storage directory or over the API of any registry; the plan is [`gc::plan()`]'s, the same value
//! that a collection carries out. Here it is only asked for, and shown.

mod explain;
mod remote;
pub(super) mod rules;
pub(super) mod show;
pub(super) mod source;
mod words;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::context::Context;
use super::failure::{Failure, Kind};
use super::flags::Format;
use super::output::Document;
use crate::gc;
use crate::gc::inventory::{Blocked, Holding};
use rules::Rules;
use show::{Item, RepositoryRow, Shown, WideItem};
use source::Source;

pub(super) const SCHEMA: &str = "reg.gc-plan/v1";

/// Show what retention and garbage collection would free
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without rules: what no tag and no manifest needs any more. Rules add tags and untagged manifests that may go
too. What any rule keeps is kept, and nothing goes that a kept tag needs. A repository with a manifest that
cannot be read is left alone, with everything that it may refer to.

--keep counts images: tags of one digest are one, as old as the youngest of them, and stay or go together.
Of images of one age that with the tag latest is the newest, then that with the highest version, then that
with the greatest name.

Over the API of a registry only tags, and what they reach, can be seen: no untagged manifests, no
unreferenced blobs. --storage and --config see everything.")]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,

    /// Say which rule, or what else, keeps or removes REPOSITORY:TAG or REPOSITORY@DIGEST
    #[arg(long, value_name = "REF")]
    explain: Option<String>,

    /// Write the plan to this file too, as the JSON document
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Exit with 8 if more than this would be freed, such as 10GiB
    #[arg(long, value_name = "SIZE", value_parser = rules::size)]
    fail_over: Option<u64>,
}

/// What is planned for, and by which rules.
#[derive(Debug, clap::Args)]
pub(crate) struct What {
    /// Registries or repositories to plan for; with --storage or --config, repositories in there [default: all]
    #[arg(value_name = "TARGET")]
    pub(super) targets: Vec<String>,

    /// Read a storage directory, of this registry or of registry:2 (the one that contains docker/registry/v2)
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(super) storage: Option<PathBuf>,

    /// Read the storage that a server's configuration file names
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) rules: Rules,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let mut policy = args.what.rules.policy()?;
    let source = source::read(context, &args.what, &mut policy).await?;
    let now = context.clock.now();
    if let Some(reference) = &args.explain {
        return explain::run(context, &source, &policy, now, reference);
    }
    let plan = gc::plan(&source.inventory, &policy, now);
    let shown = Shown { source: &source, policy: &policy, plan: &plan };
    show(context, args, &shown)?;
    if let Some(path) = &args.out {
        write_document(path, &shown.document(now)?)?;
    }
    context.output.note(shown.caveat());
    finish(args, &source, &plan)
}

/// Shows the plan in the format asked for: repositories for people, objects for programs.
fn show(context: &Context, args: &Args, shown: &Shown<'_>) -> Result<(), Failure> {
    let output = &context.output;
    let document = || Document { schema: SCHEMA, registry: shown.source.registry(), repository: None };
    let blocked = shown.blocked();
    match output.format() {
        format @ (Format::Table | Format::Wide) => {
            let mut rows = output.rows::<RepositoryRow>(document());
            rows.extend(shown.repositories())?;
            blocked.iter().for_each(|(reference, failure)| rows.error(reference, failure));
            rows.finish()?;
            if format == Format::Wide {
                let mut rows = output.rows::<WideItem>(document());
                rows.extend(shown.items().into_iter().map(WideItem::new))?;
                output.text("\n")?;
                rows.finish()?;
            }
            let line = if args.what.rules.is_empty() { shown.garbage_line() } else { shown.line() };
            output.text(&format!("{line}\n"))
        }
        format => {
            let mut rows = output.rows::<Item>(document());
            // Names are for `xargs reg delete`, which knows tags and manifests.
            let wanted = |item: &Item| format != Format::Name || item.is_deletable();
            rows.extend(shown.items().into_iter().filter(wanted))?;
            blocked.iter().for_each(|(reference, failure)| rows.error(reference, failure));
            rows.finish_with(Some(shown.summary()))
        }
    }
}

/// Writes a file whole or not at all.
fn write_document(path: &Path, document: &Value) -> Result<(), Failure> {
    let write = || {
        let mut text = serde_json::to_string_pretty(document)?;
        text.push('\n');
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let written = std::fs::write(&temporary, text).and_then(|()| {
            std::fs::File::open(&temporary)?.sync_all()?;
            std::fs::rename(&temporary, path)
        });
        if written.is_err() {
            // What is left of it is of no use to anybody.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    };
    write().map_err(|error| Failure::from(error).context(format!("cannot write the plan to {}", path.display())))
}

/// Says by the exit code what the plan came to.
fn finish(args: &Args, source: &Source, plan: &gc::Plan) -> Result<(), Failure> {
    // Damage is a finding; what could not be asked for makes the plan a partial one.
    let failed = |holding: &Holding| matches!(holding.blocked, Some(Blocked::Failed(_)));
    if source.inventory.repositories.iter().any(failed) {
        return Err(Failure::silent(Kind::Partial));
    }
    match args.fail_over {
        Some(limit) if plan.summary.bytes_freed > limit => Err(Failure::silent(Kind::ConditionTrue)),
        _ => Ok(()),
    }
}
