//! `reg digest`: what a tag points to, by one HEAD request where the registry names the digest in its answer.

use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::flags::Format;
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use super::place::{self, Place};
use crate::spec::{Digest, MediaType};

/// Show the digest of an image or index
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(help = format!("Image, {}; without a tag, latest", place::FILES_HELP))]
    reference: String,
}

#[derive(Debug, Serialize)]
struct Item {
    reference: String,
    digest: Digest,
    media_type: MediaType,
    /// Of the manifest itself, in bytes; what is behind it is not counted.
    size: u64,
    #[serde(skip)]
    name: String,
}

impl Row for Item {
    const COLUMNS: &'static [Column] =
        &[Column::new("reference"), Column::new("digest"), Column::new("media_type"), Column::new("size")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" => Cell::text(&self.reference),
            // Never shortened: it is what was asked for.
            "digest" => Cell::text(self.digest.to_string()),
            "media_type" => Cell::text(self.media_type.as_str()),
            _ => Cell::Size(self.size),
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let place = Place::parse(context, &args.reference)?;
    let cannot = |failure: Failure| {
        let failure = failure.context(format!("cannot find {}", args.reference));
        match place.reference() {
            Some(_) if place.locator().is_none() => failure.with_hint("no tag was given: latest was assumed"),
            _ => failure,
        }
    };
    let opened = place.open_source(context).await.map_err(cannot)?;
    let locator = match place.locator() {
        Some(locator) => locator,
        None => opened.default_image(&place).await.map_err(cannot)?.0,
    };
    let found = opened.source().resolve(&locator).await.map_err(|error| cannot(place.failed(error)))?;
    if context.output.format() == Format::Table {
        return context.output.text(&format!("{}\n", found.digest));
    }
    let reference = place.reference();
    let mut rows = context.output.rows(Document {
        schema: "reg.digest/v1",
        registry: reference.map(|reference| reference.host.to_string()),
        repository: reference.map(|reference| reference.repository.to_string()),
    });
    rows.push(Item {
        reference: place.at(locator).to_string(),
        digest: found.digest,
        media_type: found.media_type,
        size: found.size,
        name: place.at(found.digest.into()).to_string(),
    })?;
    rows.finish()
}
