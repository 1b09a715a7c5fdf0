//! Progress: bars where somebody watches standard error, else at most a line for each finished object.

use std::fmt;
use std::io::Write as _;
use std::sync::OnceLock;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::spec::inert::one_line;

/// Everything that is under way.
pub(crate) struct Progress {
    watched: bool,
    silent: bool,
    /// Made when first needed: most commands show none.
    bars: OnceLock<MultiProgress>,
}

/// One thing that is under way.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    pub(crate) fn new(watched: bool, silent: bool) -> Self {
        Self { watched, silent, bars: OnceLock::new() }
    }

    /// Bytes on their way, such as one blob.
    pub(crate) fn bytes(&self, label: &str, total_bytes: Option<u64>) -> Bar {
        self.add(
            label,
            total_bytes,
            "{msg:40!} {bar:24} {binary_bytes:>10}/{binary_total_bytes:10} {binary_bytes_per_sec:>12}",
        )
    }

    /// Objects to be done, such as tags.
    pub(crate) fn objects(&self, label: &str, total: Option<u64>) -> Bar {
        self.add(label, total, "{msg:40!} {bar:24} {pos:>10}/{len:10}")
    }

    fn add(&self, label: &str, total: Option<u64>, template: &str) -> Bar {
        if self.silent || !self.watched {
            return Bar { bar: ProgressBar::hidden(), lines: !self.silent };
        }
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = self.bars.get_or_init(MultiProgress::new).add(bar);
        // The templates above are constants; a wrong one shows the crate's own style.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(one_line(label).into_owned());
        Bar { bar, lines: false }
    }

    /// Runs `write` while no bar is on the screen.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.bars.get() {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Takes all bars off the screen.
    pub(crate) fn clear(&self) {
        if let Some(bars) = self.bars.get() {
            // It fails when standard error is gone, and then so are the bars.
            let _ = bars.clear();
        }
    }
}

impl Bar {
    /// `by` more bytes or objects are done.
    pub(crate) fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    pub(crate) fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// The thing is done, and the bar goes. Where nobody watches, `line` says so.
    pub(crate) fn finish(self, line: impl fmt::Display) {
        self.bar.finish_and_clear();
        if self.lines {
            let _ = writeln!(std::io::stderr(), "{}", one_line(&line.to_string()));
        }
    }

    /// The bar goes without a word.
    pub(crate) fn remove(self) {
        self.bar.finish_and_clear();
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("watched", &self.watched).field("silent", &self.silent).finish_non_exhaustive()
    }
}
