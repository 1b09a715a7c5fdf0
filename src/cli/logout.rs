//! `reg logout`: forgets credentials wherever `reg` would find them, and says where they were.

use serde::Serialize;

use super::context::Context;
use super::failure::{Explain as _, Failure};
use super::flags::Format;
use super::output::Document;
use super::output::table::{Cell, Column, Row};
use crate::client::credentials::Saved;

/// Forget the credentials of a registry
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Registry to log out of; the default one if none is named
    registry: Option<String>,
}

#[derive(Debug, Serialize)]
struct Item {
    registry: String,
    /// Where the credentials were.
    place: String,
}

impl Row for Item {
    const COLUMNS: &'static [Column] = &[Column::new("registry"), Column::new("place")];

    fn cell(&self, key: &str) -> Cell<'_> {
        Cell::text(if key == "registry" { &self.registry } else { &self.place })
    }

    fn name(&self) -> String {
        self.registry.clone()
    }
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let host = context.host(args.registry.as_deref())?;
    let removed = context.keychain().erase(&host).await;
    let removed = removed.explain(&host, || format!("cannot forget all credentials of {host}"))?;
    let places = removed.iter().map(|saved| match saved {
        Saved::File(path) => path.display().to_string(),
        Saved::Helper(program) => program.clone(),
        Saved::Keyring => "the system's keyring".into(),
    });
    if context.environment.get("DOCKER_AUTH_CONFIG").is_some() {
        context.output.warn("DOCKER_AUTH_CONFIG is set; what it says is still in force");
    }
    if matches!(context.output.format(), Format::Table | Format::Wide) {
        if removed.is_empty() {
            context.output.note(format!("there are no credentials of {host}"));
        }
        for place in places {
            context.output.note(format!("removed the credentials of {host} from {place}"));
        }
        return Ok(());
    }
    let document = Document { schema: "reg.logout/v1", registry: Some(host.to_string()), repository: None };
    let mut rows = context.output.rows(document);
    rows.extend(places.map(|place| Item { registry: host.to_string(), place }))?;
    rows.finish()
}
