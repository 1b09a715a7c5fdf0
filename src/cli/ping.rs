//! `reg ping`: whether a registry answers, what it asks for, what it can do.

use std::time::Duration;

use serde::Serialize;

use super::context::Context;
use super::failure::{Explain as _, Failure, Kind};
use super::flags::{self, Format};
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use crate::client::ping::{Demand, Pong};
use crate::client::rate_limit::RateLimit;
use crate::content;
use crate::spec::Host;

/// Show whether a registry can be reached, and what it can do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Whether manifests and tags can be deleted is found out by two DELETE requests, for a digest and a tag that
cannot exist; nothing is changed. A registry that lets nobody in without credentials has answered: that is
exit code 0 for whoever came without, but 4 with --quiet.")]
pub(crate) struct Args {
    /// Registry to ask; the default one if none is named
    registry: Option<String>,

    /// Keep asking for so long until the registry answers: for scripts that have just started it
    #[arg(long, value_name = "TIME", value_parser = flags::duration)]
    wait: Option<Duration>,
}

/// Between two questions of `--wait`. A registry starts in some milliseconds.
const WAIT_STEP: Duration = Duration::from_millis(20);

#[derive(Debug, Serialize)]
struct Item {
    registry: String,
    url: String,
    api_version: Option<String>,
    server: Option<String>,
    /// `none`, `basic`, `bearer` or `unknown`.
    auth: &'static str,
    realm: Option<String>,
    service: Option<String>,
    user: Option<String>,
    admitted: bool,
    catalog: Option<bool>,
    referrers: Option<bool>,
    delete: Option<bool>,
    tag_delete: Option<bool>,
    rate_limit: Option<Limit>,
}

#[derive(Debug, Serialize)]
struct Limit {
    limit: u64,
    remaining: Option<u64>,
    window_seconds: Option<u64>,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[
        Column::new("registry"),
        Column::new("url"),
        Column::new("api_version"),
        Column::new("server"),
        Column::new("auth"),
        Column::new("realm"),
        Column::new("service"),
        Column::new("user"),
        Column::new("admitted"),
        Column::new("catalog"),
        Column::new("referrers"),
        Column::new("delete"),
        Column::new("tag_delete"),
        Column::new("rate_limit"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        let text = |text: &Option<String>| text.clone().map_or(Cell::Unknown, Cell::text);
        let yes = |fact: Option<bool>| fact.map_or(Cell::Unknown, |fact| Cell::text(if fact { "yes" } else { "no" }));
        match key {
            "registry" => Cell::text(&self.registry),
            "url" => Cell::text(&self.url),
            "api_version" => text(&self.api_version),
            "server" => text(&self.server),
            "auth" => Cell::text(self.auth),
            "realm" => text(&self.realm),
            "service" => text(&self.service),
            "user" => text(&self.user),
            "admitted" => yes(Some(self.admitted)),
            "catalog" => yes(self.catalog),
            "referrers" => yes(self.referrers),
            "delete" => yes(self.delete),
            "tag_delete" => yes(self.tag_delete),
            _ => self.rate_limit.as_ref().map_or(Cell::Unknown, |limit| Cell::text(limit.words())),
        }
    }

    fn name(&self) -> String {
        self.registry.clone()
    }
}

impl Limit {
    fn words(&self) -> String {
        let left = self.remaining.map_or_else(String::new, |remaining| format!("{remaining} of "));
        let window = self.window_seconds.map_or_else(String::new, |secs| format!(" in {secs} s"));
        format!("{left}{}{window}", self.limit)
    }
}

impl Item {
    fn new(registry: String, pong: Pong) -> Self {
        let (auth, realm, service) = match pong.auth {
            Demand::Nothing => ("none", None, None),
            Demand::Basic => ("basic", None, None),
            Demand::Bearer { realm, service } => ("bearer", Some(realm), service),
            Demand::Unknown => ("unknown", None, None),
        };
        let limit =
            |RateLimit { limit, remaining, window_secs: window_seconds }| Limit { limit, remaining, window_seconds };
        Self {
            registry,
            url: pong.url,
            api_version: pong.api_version,
            server: pong.server,
            auth,
            realm,
            service,
            user: pong.user,
            admitted: pong.admitted,
            catalog: pong.features.catalog,
            referrers: pong.features.referrers,
            delete: pong.features.delete,
            tag_delete: pong.features.tag_delete,
            rate_limit: pong.rate_limit.map(limit),
        }
    }

    /// One fact a line: there is only one registry.
    fn lines(&self) -> String {
        Self::COLUMNS.iter().filter_map(|column| self.line(column.key)).collect()
    }

    fn line(&self, key: &str) -> Option<String> {
        let value = match self.cell(key) {
            Cell::Text(text) => text.into_owned(),
            // A question that has no answer here, such as the realm of a registry that wants none.
            Cell::Unknown if !["catalog", "referrers", "delete", "tag_delete"].contains(&key) => return None,
            _ => "unknown".into(),
        };
        Some(format!("{:<13}{value}\n", key.replace('_', " ")))
    }
}

/// Asks until there is an answer or the time is over. Only a registry that cannot be reached is asked again.
async fn first_answer(context: &Context, host: &Host, wait: Duration) -> Result<Pong, Failure> {
    let patient = async {
        loop {
            match context.remote(host)?.ping().await {
                Err(error) if matches!(error.kind(), content::Kind::Failed | content::Kind::Interrupted) => {
                    tokio::time::sleep(WAIT_STEP).await;
                }
                answer => return Ok(answer?),
            }
        }
    };
    match tokio::time::timeout(wait, patient).await {
        Ok(answer) => answer,
        Err(_) => Ok(context.remote(host)?.ping().await?),
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let host = context.host(args.registry.as_deref())?;
    let asked = first_answer(context, &host, args.wait.unwrap_or_default()).await;
    let pong = asked.explain(&host, || format!("cannot reach {host}"))?;
    // Nobody has failed who came without credentials, unless the exit code is all that is asked for.
    let refused = !pong.admitted && (pong.user.is_some() || context.output.is_quiet());
    let item = Item::new(host.to_string(), pong);
    if matches!(context.output.format(), Format::Table | Format::Wide) {
        context.output.text(&item.lines())?;
    } else {
        let document = Document { schema: "reg.ping/v1", registry: Some(host.to_string()), repository: None };
        let mut rows = context.output.rows(document);
        rows.push(item)?;
        rows.finish()?;
    }
    if refused { Err(Failure::silent(Kind::Denied)) } else { Ok(()) }
}
