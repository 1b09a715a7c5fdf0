//! `reg copy`: images from one place to another, digests preserved; only what is missing is sent.

mod watch;

use futures_util::{StreamExt as _, stream};
use globset::GlobMatcher;
use serde::Serialize;

use super::catalog::glob;
use super::context::Context;
use super::failure::{Failure, Kind, Tally};
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use super::place::{Opened, OpenedTarget, Place};
use crate::content::copy::Copier;
use crate::content::error::CopyError;
use crate::content::options::{Copied, Item, Mode, Options, Referrers};
use crate::spec::{Digest, Locator, Platform, Tag};
use watch::Watch;

/// Copy images between registries, image layouts and archives
///
/// SRC and DST are references, image layouts (oci:DIR), such layouts in a tar file (oci-archive:FILE), or what docker
/// save writes and docker load reads (docker-archive:FILE), each with :TAG where there are several. An index is copied
/// with all its platforms, and digests stay what they are. What the target has is not sent again, blobs of another
/// repository of the same registry are mounted, and a copy that was interrupted goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A docker-archive holds no manifest. The one that is made of it is Docker's schema 2 with the layers as they
are stored, mostly uncompressed: the same digest each time, but not that of the registry which the image
was pulled from. What docker 25 and later save is an oci-archive too, with
digests of its own. An archive is written anew as a whole: a file of that name is replaced when
all is there. One that is written as docker-archive can be read as oci-archive.")]
pub(crate) struct Args {
    /// What to copy
    #[arg(value_name = "SRC")]
    source: String,

    /// Where to; without a tag it gets that of the source
    #[arg(value_name = "DST")]
    target: String,

    /// Only this platform of an index, repeated for several: the image itself for one, a new index (with a new digest) for
    /// several. An index of which all platforms are asked for keeps its digest
    #[arg(long = "platform", value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    platforms: Vec<Platform>,

    /// Copy what refers to the image too: signatures, attestations, and what refers to them
    #[arg(long)]
    referrers: bool,

    /// Copy every tag of the repository or layout SRC
    #[arg(long)]
    all_tags: bool,

    /// Copy every tag that matches the pattern
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    filter: Option<GlobMatcher>,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Exit with 8 if something was, or would be, copied
    #[arg(long)]
    detailed_exitcode: bool,

    /// Blobs and manifests on their way at the same time
    #[arg(short, long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    Copied,
    /// All of it was there.
    Present,
    WouldCopy,
}

#[derive(Debug, Serialize)]
struct Line {
    source: String,
    reference: String,
    digest: Digest,
    result: Done,
    /// Blobs and manifests sent.
    copied: u64,
    /// Blobs taken over within the registry.
    mounted: u64,
    /// Blobs and manifests that were there.
    skipped: u64,
    /// Size of what was sent.
    bytes: u64,
}

impl Row for Line {
    const COLUMNS: &'static [Column] = &[
        Column::wide("source"),
        Column::new("reference"),
        Column::new("digest"),
        Column::new("result"),
        Column::new("copied"),
        Column::new("mounted"),
        Column::new("skipped"),
        Column::new("bytes"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "source" => Cell::text(self.source.as_str()),
            "reference" => Cell::text(self.reference.as_str()),
            "digest" => Cell::Digest(self.digest),
            "result" => Cell::text(match self.result {
                Done::Copied => "copied",
                Done::Present => "present",
                Done::WouldCopy => "would-copy",
            }),
            "copied" => Cell::Count(self.copied),
            "mounted" => Cell::Count(self.mounted),
            "skipped" => Cell::Count(self.skipped),
            _ => Cell::Size(self.bytes),
        }
    }

    fn name(&self) -> String {
        self.reference.clone()
    }
}

fn platform(text: &str) -> Result<Platform, String> {
    if text.contains(',') {
        let each: Vec<String> = text.split(',').map(|one| format!("--platform {}", one.trim())).collect();
        return Err(format!("one platform each: {}", each.join(" ")));
    }
    text.parse().map_err(|error: crate::spec::descriptor::PlatformError| error.to_string())
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let (source, target) = (Place::parse(context, &args.source)?, Place::parse(context, &args.target)?);
    let many = args.all_tags || args.filter.is_some();
    check(args, many, &source, &target)?;
    let what = || format!("cannot copy {source} to {target}");
    let opened = source.open_source(context).await.map_err(|failure| source.failed(failure).context(what()))?;
    let opened_target = target.open_target(context).await.map_err(|failure| target.failed(failure).context(what()))?;
    let items = items(args, many, &source, &target, &opened).await.map_err(|f| source.failed(f).context(what()))?;
    if items.is_empty() {
        context.output.note(format!("no tag of {source} matches"));
    }
    let options = Options {
        relation: source.relation_to(&target),
        mode: if args.dry_run { Mode::DryRun } else { Mode::Apply },
        referrers: if args.referrers { Referrers::Take } else { Referrers::Leave },
        platforms: args.platforms.clone(),
        // One after the other goes into an archive; the rest would hold connections open and wait.
        concurrency: if target.is_archive() { 1 } else { args.jobs.into() },
        images: items.len(),
    };
    let watch = Watch::new(context.output.progress(), &target.to_string());
    let copier = Copier::new(opened.source(), opened_target.target(), options, watch.listener());
    let run = Run { context, args, source: &source, target: &target, opened: &opened_target };
    let result = run.all(&copier, &items).await;
    watch.finish();
    result
}

/// What the grammar cannot say.
fn check(args: &Args, many: bool, source: &Place, target: &Place) -> Result<(), Failure> {
    if let Some(Locator::Digest(digest)) = target.locator() {
        return Err(Failure::usage(format!("the target {target} names a digest; what is copied brings its own"))
            .with_hint(format!("leave @{digest} away")));
    }
    if many && (source.locator().is_some() || target.locator().is_some()) {
        return Err(Failure::usage(format!(
            "all tags are copied from a place to a place; {source} or {target} names one"
        ))
        .with_hint("leave the tags away"));
    }
    if let (Place::DockerArchive { file, name: None, .. }, true) = (target, many) {
        return Err(Failure::usage(format!("{target} names no repository, and docker knows no tag without one"))
            .with_hint(format!("docker-archive:{}:NAME", file.display())));
    }
    if source == target && !many && args.platforms.is_empty() {
        return Err(Failure::usage(format!("{source} and {target} are the same")));
    }
    Ok(())
}

/// The images to copy.
async fn items(args: &Args, many: bool, source: &Place, target: &Place, opened: &Opened) -> Result<Vec<Item>, Failure> {
    if many {
        let tags = opened.source().tags().await?;
        let matches = |tag: &Tag| args.filter.as_ref().is_none_or(|glob| glob.is_match(tag.as_str()));
        let item = |tag: Tag| Item { from: tag.clone().into(), to: Some(tag) };
        return Ok(tags.into_iter().filter(matches).map(item).collect());
    }
    let (from, name) = match source.locator() {
        Some(from) => (from, source.tag().cloned()),
        None => opened.default_image(source).await?,
    };
    Ok(vec![Item { from, to: target.tag().cloned().or(name) }])
}

struct Run<'a> {
    context: &'a Context,
    args: &'a Args,
    source: &'a Place,
    target: &'a Place,
    opened: &'a OpenedTarget,
}

impl Run<'_> {
    async fn all(&self, copier: &Copier<'_>, items: &[Item]) -> Result<(), Failure> {
        let output = &self.context.output;
        let mut rows = output.rows::<Line>(Document {
            schema: "reg.copy/v1",
            registry: self.target.host().map(ToString::to_string),
            repository: self.target.reference().map(|reference| reference.repository.to_string()),
        });
        let mut tally = Tally::default();
        let mut changed = false;
        let mut copies = stream::iter(items)
            .map(|item| async move { (item, copier.copy(item).await) })
            .buffer_unordered(if self.target.is_archive() { 1 } else { self.args.jobs.into() });
        while let Some((item, result)) = copies.next().await {
            let source = self.source.at(item.from.clone());
            match result {
                Ok(copied) => {
                    let line = self.line(item, &source, &copied);
                    changed |= line.result != Done::Present;
                    tally.done += 1;
                    if items.len() > 1 && line.result == Done::Copied {
                        output.progress().objects(&line.reference, None).finish(format!("copied {}", line.reference));
                    }
                    rows.push(line)?;
                }
                Err(error) => {
                    let failure = self.failure(item, &source, error);
                    tally.add_failure(failure.kind());
                    rows.error(&source.to_string(), &failure);
                }
            }
        }
        if tally.done > 0 && !self.args.dry_run {
            let finished = self.opened.finish().await;
            finished.map_err(|failure| failure.context(format!("cannot write {}", self.target)))?;
        }
        rows.finish()?;
        tally.result()?;
        if changed && self.args.detailed_exitcode {
            return Err(Failure::silent(Kind::ConditionTrue));
        }
        Ok(())
    }

    fn line(&self, item: &Item, source: &Place, copied: &Copied) -> Line {
        let name = item.to.clone().map_or(Locator::Digest(copied.digest), Locator::Tag);
        let reference = self.target.at(name).to_string();
        if self.args.platforms.len() > 1 && copied.digest != copied.source_digest {
            let digests = format!("{} instead of {}", copied.digest, copied.source_digest);
            self.context
                .output
                .note(format!("the index of {reference} has only these platforms, and the digest {digests}"));
        }
        let report = copied.report;
        let result = match report.copied + report.mounted {
            0 => Done::Present,
            _ if self.args.dry_run => Done::WouldCopy,
            _ => Done::Copied,
        };
        Line {
            source: source.to_string(),
            reference,
            digest: copied.digest,
            result,
            copied: report.copied,
            mounted: report.mounted,
            skipped: report.skipped,
            bytes: report.bytes,
        }
    }

    fn failure(&self, item: &Item, source: &Place, error: CopyError) -> Failure {
        let target = item.to.clone().map_or_else(|| self.target.clone(), |tag| self.target.at(tag.into()));
        let side = if error.is_of_target() { &target } else { source };
        side.failed(error).context(format!("cannot copy {source} to {target}"))
    }
}
