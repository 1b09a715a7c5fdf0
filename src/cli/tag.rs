//! `reg tag`: more names for an image. A manifest is put under each; nothing is deleted and no blob moves.

use serde::Serialize;

use super::context::Context;
use super::failure::{Explain as _, Failure, Tally};
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use crate::spec::{Digest, Tag};

/// Give an image more tags
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Image to tag; without a tag, latest
    source: String,

    /// Tags to point to it, in the same repository
    #[arg(required = true, value_name = "NEW_TAG", value_parser = new_tag)]
    tags: Vec<Tag>,
}

fn new_tag(text: &str) -> Result<Tag, String> {
    text.parse::<Tag>().map_err(|error| match text.rsplit_once(':') {
        Some((_, tag)) if tag.parse::<Tag>().is_ok() => {
            format!("{error}. Only the tag is named here: {tag}; `reg copy` copies to another repository")
        }
        _ => error.to_string(),
    })
}

#[derive(Debug, Serialize)]
struct Item {
    reference: String,
    digest: Digest,
    action: &'static str,
    result: &'static str,
    reason: Option<String>,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[
        Column::new("reference"),
        Column::new("digest"),
        Column::wide("action"),
        Column::new("result"),
        Column::wide("reason"),
    ];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "reference" => Cell::text(&self.reference),
            "digest" => Cell::Digest(self.digest),
            "action" => Cell::text(self.action),
            "result" => Cell::text(self.result),
            _ => self.reason.as_deref().map_or(Cell::Unknown, Cell::text),
        }
    }

    fn name(&self) -> String {
        self.reference.clone()
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let (source, locator) = context.reference_to_read(&args.source)?;
    let host = &source.host;
    let repository = context.repository(&source)?;
    let (digest, manifest) =
        repository.get_manifest(&locator).await.explain(host, || format!("cannot read {}", args.source))?;
    let mut rows = context.output.rows(Document {
        schema: "reg.tag/v1",
        registry: Some(host.to_string()),
        repository: Some(source.repository.to_string()),
    });
    let mut tally = Tally::default();
    for tag in &args.tags {
        let reference = source.at(tag.clone()).to_string();
        let put = repository.put_manifest(&manifest, &digest, Some(tag)).await;
        let (result, reason) = match put.explain(host, || format!("cannot tag {reference}")) {
            Ok(_) => ("tagged", None),
            Err(failure) => {
                rows.error(&reference, &failure);
                tally.add_failure(failure.kind());
                ("failed", Some(failure.line()))
            }
        };
        tally.done += usize::from(reason.is_none());
        rows.push(Item { reference, digest, action: "tag", result, reason })?;
    }
    rows.finish()?;
    tally.result()
}
