//! The only writer of standard output and standard error.
//!
//! Standard output carries data and nothing else; progress, plans, warnings, errors and hints go to standard error. What
//! comes from a registry passes [`printable`] on its way to a person: no text of a stranger moves anybody's cursor.

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::environment::Environment;
use super::failure::{Failure, Kind};
use super::flags::{Color, Flags, Format};
use crate::spec::inert::{escaped, is_obeyed, one_line};
use crate::sys::Clock;
use progress::Progress;
use table::Row;

/// Where a command writes. Clones write to the same place.
#[derive(Clone)]
pub(crate) struct Output(Arc<State>);

struct State {
    format: Format,
    quiet: bool,
    colored_stdout: bool,
    colored_stderr: bool,
    /// Somebody watches standard output.
    terminal: bool,
    /// Somebody watches standard error and can be asked.
    can_ask: bool,
    progress: Progress,
    clock: Clock,
    stdout: Mutex<BufWriter<Stdout>>,
    warnings: Mutex<Vec<String>>,
}

impl Output {
    pub(crate) fn new(flags: &Flags, environment: &Environment, clock: &Clock) -> Self {
        let terminal = io::stdout().is_terminal();
        let terminal_stderr = io::stderr().is_terminal();
        let dumb = environment.get("TERM") == Some("dumb");
        let colored = |terminal: bool| match flags.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !dumb && environment.get("NO_COLOR").is_none(),
        };
        let silent = flags.quiet || flags.no_progress;
        Self(Arc::new(State {
            format: flags.output.unwrap_or_default(),
            quiet: flags.quiet,
            colored_stdout: colored(terminal),
            colored_stderr: colored(terminal_stderr),
            terminal,
            can_ask: terminal_stderr && io::stdin().is_terminal(),
            progress: Progress::new(terminal_stderr && !dumb, silent),
            clock: clock.clone(),
            stdout: Mutex::new(BufWriter::new(io::stdout())),
            warnings: Mutex::default(),
        }))
    }

    pub(crate) fn format(&self) -> Format {
        self.0.format
    }

    /// Whether a person can be asked: standard input and standard error are a terminal.
    pub(crate) fn can_ask(&self) -> bool {
        self.0.can_ask
    }

    /// Whether the exit code is the answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.quiet
    }

    /// Bars for bytes and counts of objects.
    pub(crate) fn progress(&self) -> &Progress {
        &self.0.progress
    }

    /// How values are shown in tables and texts.
    pub(crate) fn style(&self) -> Style {
        if self.0.terminal { Style::Terminal { now: self.0.clock.now() } } else { Style::Pipe }
    }

    /// Starts a list of objects in the chosen format.
    pub(crate) fn rows<R: Row>(&self, document: Document) -> Rows<R> {
        Rows {
            output: self.clone(),
            document,
            columns: Vec::new(),
            items: Vec::new(),
            errors: Vec::new(),
            begun: false,
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// [`Kind::PipeClosed`] when the reader is gone; a listing ends with it, quietly.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<(), Failure> {
        if self.0.quiet {
            return Ok(());
        }
        self.0.progress.suspend(|| self.stdout().write_all(bytes)).map_err(broken)
    }

    /// Writes a text for people; control characters in it are shown, not obeyed.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.data(printable(text).as_bytes())
    }

    /// Writes out what is buffered.
    pub(crate) fn flush(&self) -> Result<(), Failure> {
        self.stdout().flush().map_err(broken)
    }

    /// Says something on standard error, unless the user wants quiet.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.0.quiet {
            self.say(&printable(&text.to_string()));
        }
    }

    /// Where a server's access log goes: standard output, line by line.
    pub(crate) fn access_log_lines(&self) -> Arc<dyn Fn(&str) + Send + Sync> {
        let output = self.clone();
        Arc::new(move |line| {
            let mut stdout = output.stdout();
            // A log that nobody reads any more must not end the server.
            let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
        })
    }

    /// Where a server's log goes: standard error, line by line.
    pub(crate) fn log_lines(&self) -> Arc<dyn Fn(&str) + Send + Sync> {
        Arc::new(|line| {
            let _ = io::stderr().lock().write_all(line.as_bytes());
        })
    }

    /// Remembers a warning, to be said once, at the end.
    pub(crate) fn warn(&self, text: impl fmt::Display) {
        let text = text.to_string();
        let mut warnings = lock(&self.0.warnings);
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// Says why something failed: the error, its causes, what might help.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.kind() == Kind::PipeClosed {
            return;
        }
        let mut chain = failure.chain();
        let Some(error) = chain.next() else { return };
        let mut text = format!("{} {}", self.paint("31", "error:"), printable(&error));
        for cause in chain {
            text.push_str(&format!("\n  {} {}", self.paint("31", "caused by:"), printable(&cause)));
        }
        for hint in failure.hints() {
            text.push_str(&format!("\n{} {}", self.paint("36", "hint:"), printable(hint)));
        }
        self.say(&text);
    }

    /// Ends the output: progress goes, collected warnings come.
    pub(crate) fn finish(&self) {
        self.0.progress.clear();
        for warning in std::mem::take(&mut *lock(&self.0.warnings)) {
            if !self.0.quiet {
                self.say(&format!("{} {}", self.paint("33", "warning:"), printable(&warning)));
            }
        }
    }

    fn say(&self, text: &str) {
        // Nobody can be told that standard error does not work.
        let _ = self.0.progress.suspend(|| writeln!(io::stderr(), "{text}"));
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.0.colored_stderr { format!("\x1b[1;{color}m{text}\x1b[0m") } else { text.into() }
    }

    fn stdout(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        lock(&self.0.stdout)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("format", &self.0.format).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::silent(Kind::PipeClosed);
    }
    Failure::from(error).context("cannot write to standard output")
}

/// How values are shown: for the eye, or for a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Short digests, times relative to `now`.
    Terminal { now: Timestamp },
    /// Nothing is shortened.
    Pipe,
    /// Numbers are numbers.
    Csv,
}

/// What a list of objects is about; the head of its JSON document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Name and version: `reg.tags/v1`. Within a version, members are only added.
    pub(crate) schema: &'static str,
    pub(crate) registry: Option<String>,
    pub(crate) repository: Option<String>,
}

/// A list of objects on its way out: item by item where the format allows, else at the end.
#[must_use = "a list is written by `finish`"]
pub(crate) struct Rows<R> {
    output: Output,
    document: Document,
    /// Keys of the columns asked for; empty for the usual ones.
    columns: Vec<String>,
    items: Vec<R>,
    errors: Vec<Value>,
    begun: bool,
}

impl<R: Row> Rows<R> {
    /// Shows these columns, in this order.
    pub(crate) fn with_columns(mut self, columns: Vec<String>) -> Self {
        self.columns = columns;
        self
    }

    /// Adds an item.
    pub(crate) fn push(&mut self, item: R) -> Result<(), Failure> {
        self.extend([item])
    }

    /// Adds items that arrived together.
    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = R>) -> Result<(), Failure> {
        let format = self.output.format();
        if matches!(format, Format::Table | Format::Wide | Format::Json) {
            self.items.extend(items);
            return Ok(());
        }
        let mut text = String::new();
        if format == Format::Csv && !std::mem::replace(&mut self.begun, true) {
            text.push_str(&table::csv_header::<R>(&self.columns));
        }
        for item in items {
            match format {
                Format::Jsonl => text.push_str(&json::line(&item)?),
                Format::Csv => text.push_str(&table::csv_line(&item, &self.columns)),
                _ => text.push_str(&format!("{}\n", one_line(&item.name()))),
            }
        }
        self.output.data(text.as_bytes())?;
        self.output.flush()
    }

    /// Notes that one of several objects failed: said now, and listed in the document.
    pub(crate) fn error(&mut self, reference: &str, failure: &Failure) {
        self.errors.push(json::error(reference, failure));
        self.output.failure(failure);
    }

    /// Writes what has not been written yet.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.finish_with(None)
    }

    /// Writes what has not been written yet, and a summary into the JSON document.
    pub(crate) fn finish_with(mut self, summary: Option<Value>) -> Result<(), Failure> {
        let format = self.output.format();
        match format {
            Format::Table | Format::Wide => {
                let colored = self.output.0.colored_stdout;
                let columns = table::columns::<R>(&self.columns, format == Format::Wide);
                let text = table::render(&self.items, &columns, self.output.style(), colored);
                self.output.data(text.as_bytes())?;
            }
            Format::Json => {
                let text = json::document(&self.document, &self.items, &self.errors, summary)?;
                self.output.data(text.as_bytes())?;
            }
            // An empty list still has its header.
            Format::Csv => self.extend([])?,
            Format::Jsonl | Format::Name => {}
        }
        self.output.flush()
    }
}

/// A text of foreign origin without what a terminal would obey: control characters are shown escaped. Line ends and tabs
/// stay: they are those of a text that is made of lines.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

/// Prints what the grammar of the command line has to say: help and version to standard output, mistakes to the other.
pub(crate) fn grammar(answer: &clap::Error) {
    // A closed pipe behind `reg --help | head -1` is no failure.
    let _ = answer.print();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_obey_nobody() {
        assert_eq!(printable("a\tb\nc"), "a\tb\nc");
        assert_eq!(printable("\u{1b}[2Jgone\r"), "\\u{1b}[2Jgone\\r");
        assert_eq!(printable("\u{202e}gpj"), "\\u{202e}gpj");
        for c in
            "\u{61c}\u{200b}\u{200e}\u{2028}\u{2029}\u{202a}\u{2066}\u{2069}\u{feff}\u{85}\u{9b}\u{7f}\u{7}".chars()
        {
            assert_eq!(printable(&format!("a{c}b")), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
        assert!(matches!(printable("ünïcode"), Cow::Borrowed(_)));
    }
}
