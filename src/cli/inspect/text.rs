//! An inspected image in words and tables.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::view::{Blob, Child, Item, Referrer};
use crate::cli::output::Style;
use crate::cli::output::table::{self, Cell, Column, Row, size_text, time_text};
use crate::spec::inert::one_line;

/// Commands of a history are shown up to this many characters on a terminal.
const COMMAND_CHARS_MAX: usize = 100;

pub(crate) fn render(item: &Item, style: Style) -> String {
    let mut text = String::new();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(text, "{name:<13}  {}", one_line(&value));
        }
    };
    fact("Reference", Some(item.reference.clone()));
    fact("Digest", Some(item.digest.to_string()));
    fact("Media type", Some(item.media_type.to_string()));
    fact("Artifact type", item.artifact_type.as_ref().map(ToString::to_string));
    fact("Platforms", Some(item.platforms.join(", ")));
    fact("Created", item.created.map(|created| time_text(created, style)));
    fact("Size", item.size.map(size_text));
    fact("Subject", item.subject.as_ref().map(|subject| subject.digest.to_string()));
    fact("Config", item.config.as_ref().map(|config| format!("{} ({})", config.digest, size_text(config.size))));
    settings(&item.image, &mut fact);
    section(&mut text, "Layers", &item.layers, style);
    section(&mut text, "Images", &item.manifests, style);
    section(&mut text, "History", &history(&item.history, style), style);
    if !item.annotations.is_empty() {
        let _ = writeln!(text, "\nAnnotations");
        for (key, value) in &item.annotations {
            let _ = writeln!(text, "  {}: {}", one_line(key), one_line(value));
        }
    }
    section(&mut text, "Referrers", item.referrers.as_deref().unwrap_or_default(), style);
    text
}

/// What a container of the image would start with (image-spec, "Image Configuration", `config`).
fn settings(image: &Value, fact: &mut impl FnMut(&str, Option<String>)) {
    let setting = |key: &str| image.get("config").and_then(|config| config.get(key));
    let words = |key: &str| {
        let words: Vec<&str> = setting(key)?.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(words.join(" "))
    };
    let keys = |key: &str| {
        let keys: Vec<String> = setting(key)?.as_object()?.keys().cloned().collect();
        Some(keys.join(" "))
    };
    let plain = |key: &str| Some(setting(key)?.as_str()?.to_owned());
    fact("Entrypoint", words("Entrypoint"));
    fact("Command", words("Cmd"));
    fact("User", plain("User"));
    fact("Directory", plain("WorkingDir"));
    fact("Environment", words("Env"));
    fact("Ports", keys("ExposedPorts"));
    fact("Volumes", keys("Volumes"));
    for (label, value) in setting("Labels").and_then(Value::as_object).into_iter().flatten() {
        fact("Label", value.as_str().map(|value| format!("{label}={value}")));
    }
}

fn section<R: Row>(text: &mut String, title: &str, rows: &[R], style: Style) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    let columns = table::columns::<R>(&[], true);
    for line in table::render(rows, &columns, style, false).lines() {
        let _ = writeln!(text, "  {line}");
    }
}

impl Row for Blob {
    const COLUMNS: &'static [Column] = &[Column::new("digest"), Column::new("size"), Column::new("media_type")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "digest" => Cell::Digest(self.digest),
            "size" => Cell::Size(self.size),
            _ => Cell::text(self.media_type.as_str()),
        }
    }

    fn name(&self) -> String {
        self.digest.to_string()
    }
}

impl Row for Child {
    const COLUMNS: &'static [Column] =
        &[Column::new("platform"), Column::new("digest"), Column::new("size"), Column::new("media_type")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "platform" => self.platform.as_deref().map_or(Cell::Unknown, Cell::text),
            "digest" => Cell::Digest(self.digest),
            "size" => Cell::size(self.size),
            _ => Cell::text(self.media_type.as_str()),
        }
    }

    fn name(&self) -> String {
        self.digest.to_string()
    }
}

impl Row for Referrer {
    const COLUMNS: &'static [Column] = &[Column::new("digest"), Column::new("artifact_type")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "digest" => Cell::Digest(self.digest),
            _ => self.artifact_type.as_ref().map_or(Cell::Unknown, |t| Cell::text(t.as_str())),
        }
    }

    fn name(&self) -> String {
        self.digest.to_string()
    }
}

/// A step of how the image was built.
#[derive(Serialize)]
struct Step {
    created: Option<String>,
    command: String,
}

impl Row for Step {
    const COLUMNS: &'static [Column] = &[Column::new("created"), Column::new("command")];

    fn cell(&self, key: &str) -> Cell<'_> {
        match key {
            "created" => self.created.as_deref().map_or(Cell::Unknown, Cell::text),
            _ => Cell::text(&self.command),
        }
    }

    fn name(&self) -> String {
        self.command.clone()
    }
}

fn history(history: &Value, style: Style) -> Vec<Step> {
    let step = |step: &Value| {
        let field = |key: &str| step.get(key).and_then(Value::as_str);
        let command = field("created_by").or_else(|| field("comment")).unwrap_or_default();
        let limit = if style == Style::Pipe { usize::MAX } else { COMMAND_CHARS_MAX };
        let created = field("created").and_then(|text| text.parse().ok()).map(|time| time_text(time, style));
        // What was written in several lines is read in one.
        let command = command.chars().take(limit).map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c });
        Step { created, command: command.collect() }
    };
    history.as_array().into_iter().flatten().map(step).collect()
}
