//! `reg gc`: carries out exactly a plan, one of a file or one made now, looking again at each of its preconditions.
//!
//! Over the API it is a deletion like `reg delete`'s; in a storage it is an offline collection. Nothing goes that the plan
//! does not name, and nothing that it names where the world has moved on.

mod remote;
mod saved;
mod storage;

use std::path::{Path, PathBuf};

use super::context::Context;
use super::failure::Failure;
use super::gc_plan::show::Shown;
use super::gc_plan::{What, source};
use crate::gc;
use saved::{At, Saved};

/// Carry out a plan of `reg gc-plan`
///
/// The plan is a file that `reg gc-plan --out` wrote, or what the same options select now.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing goes but what the plan names. Before each step its precondition is checked again: a tag that has moved since,
a manifest that something needs by now, a blob that is held again are skipped and reported (exit code 7).

Over the API of a registry tags and manifests go, and what is about to go is written to the journal of `reg delete`;
space is freed by the registry's own garbage collection. In a storage (--storage, --config, or a plan made with them)
links and blobs go too, at once and for good; no server may have it open.")]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Write the journal of what goes over an API to this file instead
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let saved = match plan_file(&args.what)? {
        Some(path) => Saved::read(path)?,
        None => make(context, &args.what).await?,
    };
    match &saved.at {
        At::Registry(host) => remote::run(context, args, host, &saved.wishes).await,
        At::Storage(path) => storage::run(context, args, path, &saved).await,
    }
}

/// The file of a plan: a target that is called like one.
fn plan_file(what: &What) -> Result<Option<&Path>, Failure> {
    let is_file = |target: &&String| Path::new(target).extension().is_some_and(|extension| extension == "json");
    let Some(file) = what.targets.iter().find(is_file) else { return Ok(None) };
    if what.targets.len() > 1 || what.storage.is_some() || what.config.is_some() || !what.rules.is_empty() {
        let failure = format!("{file} is a plan, which says itself what goes");
        return Err(Failure::usage(failure).with_hint("leave the other targets and options out"));
    }
    Ok(Some(Path::new(file)))
}

/// Plans now, by the options of `reg gc-plan`.
async fn make(context: &Context, what: &What) -> Result<Saved, Failure> {
    let mut policy = what.rules.policy()?;
    let source = source::read(context, what, &mut policy).await?;
    let now = context.clock.now();
    let plan = gc::plan(&source.inventory, &policy, now);
    let shown = Shown { source: &source, policy: &policy, plan: &plan };
    Saved::parse(&shown.document(now)?.to_string())
}
