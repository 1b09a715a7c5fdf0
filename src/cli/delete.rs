//! `reg delete`: plan, show, ask, then do exactly that, looking again before each step.
//!
//! A tag is removed as a tag; its manifest and its other names stay. A manifest goes when it is named by its digest, or
//! with `--manifest`.

pub(super) mod exact;
mod execute;
mod plan;
mod prepare;
mod problems;
mod show;

use std::path::PathBuf;

use globset::GlobMatcher;
use regex::Regex;
use serde::Serialize;
use serde_json::json;

use super::catalog::glob;
use super::context::Context;
use super::failure::{Failure, Kind, Tally};
use super::flags::duration;
use super::journal::Journal;
use super::output::table::{Cell, Column, Row};
use super::output::{Document, Rows};
use super::prompt;
use execute::Executor;
use prepare::Prepared;

/// Remove tags (REPOSITORY:TAG) or manifests (REPOSITORY@DIGEST)
#[derive(Debug, clap::Args)]
#[command(after_help = "\
REPOSITORY:TAG removes the tag alone; the image and its other tags stay. REPOSITORY@DIGEST removes the
manifest, and with it all of its tags. A digest that a kept tag needs is never deleted.

Space is freed by the registry's garbage collection, and a plain one keeps manifests without a tag: those
that lost theirs, the images of an index, what refers to an image. In the JSON summary, bytes_freed is what
a plain garbage collection then frees, bytes_freed_with_untagged what one frees that removes untagged
manifests too (-m). Content that other repositories share is counted, as is what only an untagged manifest
needs that no image named here leads to: an API does not show those.

Some registries, such as registry:2, cannot remove a tag alone. There, naming all tags of
a manifest deletes the manifest, unless an index or a referrer needs it; where a tag stays, nothing is
done (exit code 5). Before asking, and in a dry run, the registry is asked which it is by DELETE requests
for a tag and a digest that cannot exist.

--keep counts images: tags of one digest are one, and stay or go together. Of images of one age that with
the tag latest is the newest, then that with the highest version, then that with the greatest name.

What is about to go is first written to a journal: manifests (base64) and tags, which is what putting them
back takes while the layers are still there. It is $XDG_STATE_HOME/reg/journal.jsonl, by default
~/.local/state/reg/journal.jsonl (mode 0600), one JSON object a line:
  {\"time\",\"action\",\"host\",\"repository\",\"tag\",\"digest\",\"media_type\",\"manifest\"}    before the request
  {\"time\",\"outcome\",\"reason\",\"action\",\"host\",\"repository\",\"tag\",\"digest\"}       after it
The outcome is done, absent or failed; an entry without one was interrupted, and may have been done.")]
pub(crate) struct Args {
    /// What to delete; a repository alone goes with the options that select its tags
    #[arg(required = true, value_name = "REFERENCE")]
    references: Vec<String>,

    /// Delete the manifest behind a tag too; where another tag or an index needs it, the tag goes alone
    #[arg(long)]
    manifest: bool,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// What is not there is deleted enough
    #[arg(long)]
    ignore_missing: bool,

    /// With --dry-run, exit with 8 if there is something to do
    #[arg(long, requires = "dry_run")]
    detailed_exitcode: bool,

    /// Write the journal to this file instead
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    rules: Rules,
}

impl Args {
    /// What the options are where a plan says what goes.
    pub(super) fn of_plan(dry_run: bool, yes: bool, journal: Option<PathBuf>) -> Self {
        Self {
            references: vec![],
            manifest: false,
            dry_run,
            yes,
            ignore_missing: true,
            detailed_exitcode: false,
            journal,
            rules: Rules {
                all_tags: false,
                matching: vec![],
                filter: None,
                except: vec![],
                older_than: None,
                keep: None,
            },
        }
    }
}

/// Which tags of a repository are meant.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Tags of a repository")]
pub(crate) struct Rules {
    /// All tags
    #[arg(long)]
    all_tags: bool,

    /// Tags in which the regular expression matches anywhere; ^ and $ anchor it
    #[arg(long = "match", value_name = "REGEX")]
    matching: Vec<Regex>,

    /// Tags that match the pattern as a whole
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    filter: Option<GlobMatcher>,

    /// Never tags in which the regular expression matches anywhere
    #[arg(long, value_name = "REGEX")]
    except: Vec<Regex>,

    /// Images built at least this long ago, such as 30d; those of unknown age stay
    #[arg(long, value_name = "AGE", value_parser = duration)]
    older_than: Option<std::time::Duration>,

    /// Never the tags of the newest N images among those selected; alone, all other tags
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
}

impl Rules {
    /// Whether any of them says which tags are meant.
    fn select(&self) -> bool {
        let Self { all_tags, matching, filter, except: _, older_than, keep } = self;
        *all_tags || !matching.is_empty() || filter.is_some() || older_than.is_some() || keep.is_some()
    }
}

/// One object, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    reference: String,
    /// `untag` or `delete`.
    action: &'static str,
    /// `planned`, `untagged`, `deleted`, `absent`, `skipped` or `failed`.
    result: &'static str,
    reason: Option<String>,
}

impl Row for Item {
    const COLUMNS: &'static [Column] =
        &[Column::new("reference"), Column::new("action"), Column::new("result"), Column::new("reason")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" => Cell::text(&self.reference),
            "action" => Cell::text(self.action),
            "result" => Cell::text(self.result),
            _ => self.reason.as_deref().map_or(Cell::Unknown, Cell::text),
        }
    }

    fn name(&self) -> String {
        self.reference.clone()
    }
}

/// What is said of each object while a deletion runs.
pub(crate) struct Report {
    rows: Rows<Item>,
    tally: Tally,
}

impl Report {
    pub(super) fn new(rows: Rows<Item>) -> Self {
        Self { rows, tally: Tally::default() }
    }

    /// Writes the list, and says by the exit code what it came to.
    pub(super) fn finish(self, summary: serde_json::Value) -> Result<(), Failure> {
        self.rows.finish_with(Some(summary))?;
        self.tally.result()
    }

    fn push(
        &mut self,
        reference: &impl ToString,
        (action, result): (&'static str, &'static str),
        reason: Option<String>,
    ) -> Result<(), Failure> {
        let item = Item { reference: reference.to_string(), action, result, reason };
        match self.rows.push(item) {
            // Nobody reads the list any more, but the work is to be done all the same.
            Err(failure) if failure.kind() == Kind::PipeClosed => Ok(()),
            other => other,
        }
    }

    /// One object was done.
    pub(super) fn done(
        &mut self,
        reference: &impl ToString,
        outcome: (&'static str, &'static str),
        reason: Option<String>,
    ) -> Result<(), Failure> {
        self.tally.done += 1;
        self.push(reference, outcome, reason)
    }

    /// One object was not done.
    pub(super) fn failed(
        &mut self,
        reference: &impl ToString,
        outcome: (&'static str, &'static str),
        failure: &Failure,
    ) -> Result<(), Failure> {
        self.rows.error(&reference.to_string(), failure);
        self.tally.add_failure(failure.kind());
        self.push(reference, outcome, failure.cause())
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let targets = prepare::targets(context, args)?;
    let mut all: Vec<Prepared> = Vec::new();
    for target in targets {
        all.push(target.prepare(context, args).await);
    }
    carry_out(context, args, "reg.delete/v1", all).await
}

/// Shows what was prepared, asks, and does it.
pub(super) async fn carry_out(
    context: &Context,
    args: &Args,
    schema: &'static str,
    mut all: Vec<Prepared>,
) -> Result<(), Failure> {
    let (hosts, repositories): (Vec<_>, Vec<_>) =
        all.iter().map(|prepared| (prepared.place.host.to_string(), prepared.place.repository.to_string())).unzip();
    let only = |names: &[String]| names.first().filter(|first| names.iter().all(|name| name == *first)).cloned();
    let document = Document { schema, registry: only(&hosts), repository: only(&repositories) };
    let mut report = Report::new(context.output.rows(document));

    let count: usize = all.iter().map(|prepared| prepared.plan.steps.len()).sum();
    if count > 0 && (args.dry_run || !args.yes) {
        all.iter().for_each(|prepared| context.output.note(show::text(prepared).trim_end()));
    } else if count == 0 {
        // Rules that select nothing are told from rules that were not understood.
        let notes = all.iter().flat_map(|prepared| prepared.notes.iter().map(|note| (&prepared.place, note)));
        notes.for_each(|(place, note)| context.output.note(format!("{place}: {note}")));
    }
    let summary = summary(&all);
    // Whoever decides has read what will not be done.
    for prepared in &mut all {
        prepared.report_problems(args, &mut report)?;
    }
    if !args.dry_run && count > 0 {
        let question = if count == 1 { "Go on?".into() } else { format!("Delete these {count}?") };
        prompt::confirm(context, &question, count, args.yes)?;
    }
    let result = if args.dry_run {
        all.iter().try_for_each(|prepared| show::planned(prepared, &mut report))
    } else {
        execute(context, args, &mut all, &mut report).await
    };
    let finished = report.rows.finish_with(Some(summary));
    result?;
    finished?;
    report.tally.result()?;
    match args.detailed_exitcode && count > 0 {
        true => Err(Failure::silent(Kind::ConditionTrue)),
        false => Ok(()),
    }
}

async fn execute(context: &Context, args: &Args, all: &mut [Prepared], report: &mut Report) -> Result<(), Failure> {
    if all.iter().all(|prepared| prepared.plan.steps.is_empty()) {
        return Ok(());
    }
    let place = match &args.journal {
        Some(path) => path.clone(),
        None => Journal::place(&context.environment).ok_or_else(|| {
            Failure::message(
                Kind::Failed,
                "there is no directory for the journal: neither XDG_STATE_HOME nor HOME is set",
            )
            .with_hint("--journal FILE names one")
        })?,
    };
    let mut journal = Journal::open(&place)?;
    for prepared in all {
        Executor { context, journal: &mut journal, report }.run(prepared).await?;
    }
    Ok(())
}

fn summary(all: &[Prepared]) -> serde_json::Value {
    let steps = || all.iter().flat_map(|prepared| &prepared.plan.steps);
    let manifests = steps().filter(|step| matches!(step, plan::Step::Delete { .. })).count();
    let tags: usize = steps().map(|step| step.tags().len()).sum();
    let total = |part: fn(&plan::Bytes) -> u64| {
        // Sizes are what manifests say, and those may say anything.
        all.iter().try_fold(0_u64, |sum, prepared| Some(sum.saturating_add(part(prepared.plan.bytes.as_ref()?))))
    };
    json!({
        "tags": tags,
        "manifests": manifests,
        "bytes_freed": total(|bytes| bytes.freed),
        "bytes_freed_with_untagged": total(|bytes| bytes.freed_with_untagged),
    })
}
