//! `reg catalog`: the repositories of a registry.

use futures_util::StreamExt as _;
use globset::GlobMatcher;
use serde::Serialize;

use super::context::Context;
use super::failure::{Explain as _, Failure};
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use crate::spec::limits::CATALOG_PAGE_MAX;
use crate::spec::{Host, Repository};

/// List the repositories of a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Registry to list; the default one if none is named
    registry: Option<String>,

    /// Only repositories whose name matches; `*` matches `/` too
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    filter: Option<GlobMatcher>,

    /// Stop after this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Parses a pattern in which `*` matches everything.
pub(crate) fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    globset::Glob::new(pattern).map(|glob| glob.compile_matcher()).map_err(|error| error.to_string())
}

#[derive(Debug, Serialize)]
struct Item {
    repository: Repository,
    #[serde(skip)]
    host: Host,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[Column::new("repository")];

    fn cell(&self, _key: &str) -> Cell<'_> {
        Cell::text(self.repository.as_str())
    }

    fn name(&self) -> String {
        format!("{}/{}", self.host.in_reference(), self.repository)
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let host = context.host(args.registry.as_deref()).map_err(|failure| match &args.registry {
        Some(name) if name.contains('/') && !name.contains("://") => {
            failure.with_hint(format!("the tags of a repository: reg tags {name}"))
        }
        _ => failure,
    })?;
    let mut rows = context.output.rows::<Item>(Document {
        schema: "reg.catalog/v1",
        registry: Some(host.to_string()),
        repository: None,
    });
    let mut left = args.limit.unwrap_or(usize::MAX);
    // The largest page that everybody takes: a registry that walks its storage does so once for each page.
    let page_size = if args.filter.is_none() { left.min(CATALOG_PAGE_MAX) } else { CATALOG_PAGE_MAX };
    let mut pages = context.remote(&host)?.catalog(Some(page_size));
    while left > 0 {
        let Some(page) = pages.next().await else { break };
        let page = page.explain(&host, || format!("cannot list the repositories of {host}"))?;
        let matching = page
            .into_iter()
            .filter(|repository| args.filter.as_ref().is_none_or(|glob| glob.is_match(repository.as_str())))
            .take(left)
            .map(|repository| Item { repository, host: host.clone() });
        let matching: Vec<_> = matching.collect();
        left -= matching.len();
        rows.extend(matching)?;
    }
    rows.finish()
}
