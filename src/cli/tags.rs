//! `reg tags`: the tags of a repository. Names are one request; other columns cost requests for each tag, so only what
//! is shown or sorted by is asked for, and only of tags that pass the filters.

mod select;

use futures_util::stream::{self, StreamExt as _};
use globset::GlobMatcher;
use jiff::Timestamp;
use regex::Regex;
use serde::Serialize;

use super::catalog::glob;
use super::context::Context;
use super::enrich::{Enricher, Facts, Wanted};
use super::failure::{Explain as _, Failure, Tally};
use super::flags::Format;
use super::output::table::{Cell, Column, Row};
use super::output::{Document, Rows};
use crate::client::RemoteRepository;
use crate::spec::{Digest, MediaType, Platform, Reference, Tag};
use select::{Names, Range, compare};

/// Tags that are looked at at the same time.
const CONCURRENCY: usize = 8;

/// List the tags of a repository
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A version is 1, 1.2 or 1.2.3, with or without a v before it, and 1.2.3-rc1 before 1.2.3. SIZE counts the config and
the layers of an image as they are stored, each once, of an index those of all its images; manifests are not in it.")]
pub(crate) struct Args {
    /// Repository
    repository: String,

    /// Only tags that match the pattern
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    filter: Option<GlobMatcher>,

    /// Only tags in which the regular expression matches anywhere; ^ and $ anchor it
    #[arg(long = "match", value_name = "REGEX")]
    matching: Option<Regex>,

    /// Only tags that are versions in the range, such as '>=1.2, <2'; others are left out
    #[arg(long, value_name = "RANGE")]
    semver: Option<Range>,

    /// Order; without, as the registry lists them. By semver, what is no version comes first, by name
    #[arg(long, value_enum, value_name = "KEY")]
    sort: Option<Sort>,

    /// The other way round
    #[arg(long)]
    reverse: bool,

    /// Show the first this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Columns to show: tag, digest, media_type, size, created, platforms
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', value_parser = column)]
    columns: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sort {
    Name,
    Semver,
    Created,
    Size,
}

fn column(key: &str) -> Result<String, String> {
    if Item::COLUMNS.iter().any(|column| column.key == key) {
        return Ok(key.into());
    }
    let known: Vec<_> = Item::COLUMNS.iter().map(|column| column.key).collect();
    Err(format!("there is no such column; there are {}", known.join(", ")))
}

#[derive(Debug, Serialize)]
struct Item {
    tag: Tag,
    digest: Option<Digest>,
    media_type: Option<MediaType>,
    /// Distinct compressed blobs, in bytes.
    size: Option<u64>,
    created: Option<Timestamp>,
    platforms: Option<Vec<String>>,
    #[serde(skip)]
    name: String,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[
        Column::new("tag"),
        Column::wide("digest"),
        Column::wide("media_type"),
        Column::wide("size"),
        Column::wide("created"),
        Column::wide("platforms"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "tag" => Cell::text(self.tag.as_str()),
            "digest" => Cell::digest(self.digest),
            "media_type" => self.media_type.as_ref().map_or(Cell::Unknown, |t| Cell::text(t.as_str())),
            "size" => Cell::size(self.size),
            "created" => Cell::time(self.created),
            _ => self.platforms.as_ref().filter(|p| !p.is_empty()).map_or(Cell::Unknown, |p| Cell::text(p.join(" "))),
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Item {
    fn new(reference: &Reference, tag: Tag, facts: Facts) -> Self {
        let name = reference.at(tag.clone()).to_string();
        let text = |platforms: Vec<Platform>| platforms.iter().map(ToString::to_string).collect();
        Self {
            tag,
            digest: facts.digest,
            media_type: facts.media_type,
            size: facts.size,
            created: facts.created,
            platforms: facts.platforms.map(text),
            name,
        }
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let reference = context.repository_reference(&args.repository)?;
    let repository = context.repository(&reference)?;
    let rows = context
        .output
        .rows::<Item>(Document {
            schema: "reg.tags/v1",
            registry: Some(reference.host.to_string()),
            repository: Some(reference.repository.to_string()),
        })
        .with_columns(args.columns.clone());
    let listing =
        Listing { args, reference: &reference, repository, shown: shown(args, context.output.format()), rows };
    match args.sort {
        None if !args.reverse => listing.stream().await,
        _ => listing.sorted().await,
    }
}

/// What the format shows of each tag.
fn shown(args: &Args, format: Format) -> Wanted {
    let asked = |key: &str| match (args.columns.is_empty(), format) {
        (_, Format::Name) | (true, Format::Table) => false,
        (true, _) => true,
        (false, _) => args.columns.iter().any(|column| column == key),
    };
    Wanted {
        digest: asked("digest") || asked("media_type"),
        size: asked("size"),
        created: asked("created"),
        platforms: asked("platforms"),
    }
}

/// A listing under way.
struct Listing<'a> {
    args: &'a Args,
    reference: &'a Reference,
    repository: RemoteRepository,
    shown: Wanted,
    rows: Rows<Item>,
}

impl Listing<'_> {
    /// In the order of the registry: what has arrived goes out.
    async fn stream(mut self) -> Result<(), Failure> {
        let enricher = Enricher::new(self.repository.clone());
        let names = Names::new(self.args.filter.as_ref(), self.args.matching.as_ref(), self.args.semver.as_ref());
        let mut left = self.args.limit.unwrap_or(usize::MAX);
        let mut tally = Tally::default();
        // A page is asked for only where it is certain to be enough; otherwise the registry knows best.
        let page_size = self.args.limit.filter(|_| names.all());
        let mut pages = self.repository.tag_pages(page_size);
        while left > 0 {
            let Some(page) = pages.next().await else { break };
            let page = page.explain(&self.reference.host, || self.cannot_list())?;
            let tags: Vec<Tag> = page.into_iter().filter(|tag| names.accept(tag)).take(left).collect();
            left -= tags.len();
            let shown = self.shown;
            self.enrich(&enricher, tags, shown, &mut tally, None).await?;
        }
        self.rows.finish()?;
        tally.result()
    }

    /// In an order that only the whole list has.
    async fn sorted(mut self) -> Result<(), Failure> {
        let enricher = Enricher::new(self.repository.clone());
        let names = Names::new(self.args.filter.as_ref(), self.args.matching.as_ref(), self.args.semver.as_ref());
        let mut pages = self.repository.tag_pages(None);
        let mut tags = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.explain(&self.reference.host, || self.cannot_list())?;
            tags.extend(page.into_iter().filter(|tag| names.accept(tag)));
        }
        let limit = self.args.limit.unwrap_or(usize::MAX);
        let mut tally = Tally::default();
        let key = match self.args.sort {
            Some(key @ (Sort::Created | Sort::Size)) => key,
            by_name => {
                match by_name {
                    Some(Sort::Semver) => tags.sort_by(compare),
                    Some(_) => tags.sort(),
                    None => {}
                }
                if self.args.reverse {
                    tags.reverse();
                }
                tags.truncate(limit);
                let shown = self.shown;
                self.enrich(&enricher, tags, shown, &mut tally, None).await?;
                self.rows.finish()?;
                return tally.result();
            }
        };
        let wanted = Wanted {
            created: self.shown.created || key == Sort::Created,
            size: self.shown.size || key == Sort::Size,
            ..self.shown
        };
        let mut items = Vec::new();
        self.enrich(&enricher, tags, wanted, &mut tally, Some(&mut items)).await?;
        match key {
            Sort::Created => items.sort_by_key(|item| item.created),
            _ => items.sort_by_key(|item| item.size),
        }
        if self.args.reverse {
            items.reverse();
        }
        items.truncate(limit);
        self.rows.extend(items)?;
        self.rows.finish()?;
        tally.result()
    }

    /// Finds out what is wanted of `tags`, several at a time, their order kept; into `kept`, or out at once.
    async fn enrich(
        &mut self,
        enricher: &Enricher,
        tags: Vec<Tag>,
        wanted: Wanted,
        tally: &mut Tally,
        mut kept: Option<&mut Vec<Item>>,
    ) -> Result<(), Failure> {
        let reference = self.reference;
        if wanted == Wanted::default() {
            tally.done += tags.len();
            return self.rows.extend(tags.into_iter().map(|tag| Item::new(reference, tag, Facts::default())));
        }
        let mut found = stream::iter(tags)
            .map(async |tag| {
                let facts = enricher.facts(&tag, wanted).await;
                (tag, facts)
            })
            .buffered(CONCURRENCY);
        while let Some((tag, facts)) = found.next().await {
            let name = reference.at(tag.clone()).to_string();
            match facts.explain(&reference.host, || format!("cannot read {name}")) {
                Ok(facts) => {
                    tally.done += 1;
                    let item = Item::new(reference, tag, facts);
                    match &mut kept {
                        Some(kept) => kept.push(item),
                        None => self.rows.push(item)?,
                    }
                }
                Err(failure) => {
                    self.rows.error(&name, &failure);
                    tally.add_failure(failure.kind());
                }
            }
        }
        Ok(())
    }

    fn cannot_list(&self) -> String {
        format!("cannot list the tags of {}", self.args.repository)
    }
}
