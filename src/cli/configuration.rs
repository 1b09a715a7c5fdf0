//! `reg config`: what a configuration of the server says, and whether it would start with it.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

mod explain;
mod overview;

use super::context::Context;
use super::failure::{Failure, Kind};
use super::flags::Format;
use super::output::json as document_json;
use super::serve::rehearsal;
use super::serve::{self, config_path};
use crate::server::config::{Document, Setting};

/// Check or show the configuration of `reg serve`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say whether a server would start, and what of the configuration has no effect
    ///
    /// Reads the files that the server would read (certificates, keys, passwords) and looks whether the directory of the
    /// data is there or could be made; nothing is made. Not tried: whether the address is free, and whether the bucket
    /// answers.
    Check(FileArgs),
    /// Write the configuration that holds: file, REGISTRY_* variables and defaults, and where each value is from
    Show(FileArgs),
    /// Say whether a user may do something in a repository, and which of access.rules decides it
    ///
    /// Exits with 0 for yes and 9 for no. The rules are read as the server reads them; nothing is asked of a server.
    Explain(explain::Args),
}

#[derive(Debug, clap::Args)]
struct FileArgs {
    /// Configuration file of registry:2 or registry:3; without, $REGISTRY_CONFIGURATION_PATH, else what `reg serve` does alone
    #[arg(value_name = "CONFIG.yml")]
    config: Option<PathBuf>,
}

/// A value that holds.
#[derive(Debug, Serialize)]
struct Item {
    path: String,
    value: serde_json::Value,
    /// `FILE:LINE:COLUMN`, a variable, or `default`.
    origin: String,
    effective: bool,
}

impl From<Setting> for Item {
    fn from(setting: Setting) -> Self {
        let (path, origin) = (setting.name(), setting.origin.to_string());
        Self { path, value: setting.value, origin, effective: setting.effective }
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Check(args) => check(context, args),
        Command::Show(args) => show(context, args),
        Command::Explain(args) => explain::run(context, args),
    }
}

fn show(context: &Context, args: &FileArgs) -> Result<(), Failure> {
    let path = config_path(context, args.config.as_deref());
    let document = serve::read_config(context, path.as_deref())?;
    match context.output.format() {
        Format::Json => {
            let file = path.map(|path| path.display().to_string());
            let head = json!({ "schema": "reg.config/v1", "file": file, "items": items(&document), "errors": [] });
            context.output.data(document_json::value(&head)?.as_bytes())
        }
        _ => context.output.text(&document.yaml()),
    }
}

fn items(document: &Document) -> Vec<Item> {
    document.settings().into_iter().map(Item::from).collect()
}

/// Reads, resolves and opens what is local. A failure is that of `reg serve`; as JSON it stands in the document, too.
fn check(context: &Context, args: &FileArgs) -> Result<(), Failure> {
    let path = config_path(context, args.config.as_deref());
    let file = path.as_ref().map(|path| path.display().to_string());
    let read = serve::look_at_config(context, path.as_deref());
    let (document, config) = match read {
        Ok(document) => {
            let config = document.resolve().map_err(|faults| Failure::each(faults).collect());
            (Some(document), config)
        }
        Err(failure) => (None, Err(vec![failure])),
    };
    let (config, rehearsal) = match config {
        Ok(config) => {
            let rehearsal = rehearsal::of(context, &config);
            (Some(config), rehearsal)
        }
        Err(failures) => (None, failures.into_iter().collect()),
    };
    let failures = &rehearsal.failures;
    rehearsal.notes.iter().for_each(|note| context.output.note(note));
    let result = if failures.is_empty() { Ok(()) } else { Err(Failure::silent(Kind::Usage)) };
    if context.output.format() != Format::Json {
        failures.iter().for_each(|failure| context.output.failure(failure));
        result?;
        let name = file.as_deref().unwrap_or("the configuration without a file");
        let overview = config.map(|config| overview::of(&config, rehearsal.root.as_ref())).unwrap_or_default();
        return context.output.text(&format!("{name} is valid\n{overview}"));
    }
    let error = |failure| document_json::error(file.as_deref().unwrap_or("-"), failure);
    let errors: Vec<_> = failures.iter().map(error).collect();
    let warnings: Vec<_> = document
        .iter()
        .flat_map(Document::warnings)
        .map(
            |warning| json!({ "origin": warning.at.to_string(), "path": warning.path, "message": warning.to_string() }),
        )
        .collect();
    let head = json!({
        "schema": "reg.config-check/v1",
        "file": file,
        "valid": failures.is_empty(),
        "warnings": warnings,
        "items": document.as_ref().map(items).unwrap_or_default(),
        "errors": errors,
    });
    context.output.data(document_json::value(&head)?.as_bytes())?;
    result
}
