//! `reg digest`: what a tag points to, by one HEAD request where the registry names the digest in its answer.

use serde::Serialize;

use super::context::Context;
use super::failure::{Explain as _, Failure};
use super::flags::Format;
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use crate::spec::{Digest, MediaType};

/// Show the digest of an image or index
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Image; without a tag, latest
    reference: String,
}

#[derive(Debug, Serialize)]
struct Item {
    reference: String,
    digest: Digest,
    media_type: MediaType,
    /// Of the manifest itself, in bytes.
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
    let (reference, locator) = context.reference_to_read(&args.reference)?;
    let repository = context.repository(&reference)?;
    let head = repository.head_manifest(&locator).await;
    let found = head.explain(&reference.host, || format!("cannot find {}", args.reference))?;
    if context.output.format() == Format::Table {
        return context.output.text(&format!("{}\n", found.digest));
    }
    let mut rows = context.output.rows(Document {
        schema: "reg.digest/v1",
        registry: Some(reference.host.to_string()),
        repository: Some(reference.repository.to_string()),
    });
    rows.push(Item {
        reference: reference.to_string(),
        digest: found.digest,
        media_type: found.media_type,
        size: found.size,
        name: reference.at(found.digest).to_string(),
    })?;
    rows.finish()
}
