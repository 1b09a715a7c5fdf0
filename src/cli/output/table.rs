//! Tables, and the CSV of the same columns.

use std::borrow::Cow;

use comfy_table::{Attribute, Cell as Field, ContentArrangement, Table, presets};
use humansize::{BINARY, format_size};
use jiff::Timestamp;
use serde::Serialize;

use super::Style;
use crate::spec::Digest;
use crate::spec::inert::one_line;

/// One object of a list: an item of the JSON document, a line of the table.
pub(crate) trait Row: Serialize {
    /// Every column there is, in order; keys are those of the JSON item.
    const COLUMNS: &'static [Column];

    /// The value in the column of that key.
    fn cell(&self, key: &str) -> Cell<'_>;

    /// The full reference, fit to be an argument of another `reg`.
    fn name(&self) -> String;
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) key: &'static str,
    pub(crate) shown: Shown,
}

/// Where a column appears unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Always,
    Wide,
}

impl Column {
    pub(crate) const fn new(key: &'static str) -> Self {
        Self { key, shown: Shown::Always }
    }

    pub(crate) const fn wide(key: &'static str) -> Self {
        Self { key, shown: Shown::Wide }
    }
}

/// A value, to be shown as the reader can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Text(Cow<'a, str>),
    /// Bytes.
    Size(u64),
    Count(u64),
    Time(Timestamp),
    Digest(Digest),
    /// Not known, or not there.
    Unknown,
}

impl<'a> Cell<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn size(size: Option<u64>) -> Self {
        size.map_or(Self::Unknown, Self::Size)
    }

    pub(crate) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Unknown, Self::Time)
    }

    pub(crate) fn digest(digest: Option<Digest>) -> Self {
        digest.map_or(Self::Unknown, Self::Digest)
    }

    fn show(&self, style: Style) -> String {
        match (self, style) {
            (Self::Text(text), _) => one_line(text).into_owned(),
            (Self::Size(size), Style::Csv) => size.to_string(),
            (Self::Size(size), _) => size_text(*size),
            (Self::Count(count), _) => count.to_string(),
            (Self::Time(time), _) => time_text(*time, style),
            (Self::Digest(digest), Style::Terminal { .. }) => digest.short(),
            (Self::Digest(digest), _) => digest.to_string(),
            (Self::Unknown, Style::Csv) => String::new(),
            (Self::Unknown, _) => "-".into(),
        }
    }
}

/// `1.4 GiB`.
pub(crate) fn size_text(size_bytes: u64) -> String {
    format_size(size_bytes, BINARY)
}

/// `3 days ago` on a terminal, RFC 3339 in a pipe.
pub(crate) fn time_text(time: Timestamp, style: Style) -> String {
    let Style::Terminal { now } = style else { return time.to_string() };
    let seconds = now.as_second() - time.as_second();
    let (ahead, seconds) = (seconds < 0, seconds.unsigned_abs());
    let units = [
        (31_536_000, "year"),
        (2_592_000, "month"),
        (604_800, "week"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ];
    let (count, unit) = units
        .into_iter()
        .find(|(length, _)| seconds >= *length)
        .map_or((seconds, "second"), |(length, unit)| (seconds / length, unit));
    let plural = if count == 1 { "" } else { "s" };
    if ahead { format!("in {count} {unit}{plural}") } else { format!("{count} {unit}{plural} ago") }
}

/// The columns to show: those of the keys in `chosen`, else the usual ones.
pub(crate) fn columns<R: Row>(chosen: &[String], wide: bool) -> Vec<Column> {
    if chosen.is_empty() {
        return R::COLUMNS.iter().filter(|column| wide || column.shown == Shown::Always).copied().collect();
    }
    chosen.iter().filter_map(|key| R::COLUMNS.iter().find(|column| column.key == key)).copied().collect()
}

/// Narrowest terminal that cells are wrapped for. In a narrower one (or one that does not know its width) whole lines
/// that the terminal wraps are easier to read than columns of single letters.
const WRAP_COLUMNS_MIN: u16 = 60;

/// Renders a table. On a terminal cells wrap to its width; in a pipe a line is as long as it is.
pub(crate) fn render<R: Row>(items: &[R], columns: &[Column], style: Style, colored: bool) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let watched = matches!(style, Style::Terminal { .. });
    let wraps = watched && table.width().is_some_and(|width| width >= WRAP_COLUMNS_MIN);
    table.set_content_arrangement(if wraps { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    if colored {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let heading = |column: &Column| {
        let heading = Field::new(column.key.replace('_', " ").to_uppercase());
        if colored { heading.add_attribute(Attribute::Bold) } else { heading }
    };
    table.set_header(columns.iter().map(heading).collect::<Vec<_>>());
    for item in items {
        table.add_row(columns.iter().map(|column| item.cell(column.key).show(style)).collect::<Vec<_>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// The first line of a CSV file (RFC 4180, with `\n`).
pub(crate) fn csv_header<R: Row>(chosen: &[String]) -> String {
    csv(columns::<R>(chosen, true).into_iter().map(|column| column.key.to_owned()))
}

pub(crate) fn csv_line<R: Row>(item: &R, chosen: &[String]) -> String {
    csv(columns::<R>(chosen, true).into_iter().map(|column| item.cell(column.key).show(Style::Csv)))
}

fn csv(fields: impl Iterator<Item = String>) -> String {
    let quote = |field: String| {
        if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
    };
    let mut line = fields.map(quote).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Thing(&'static str, Option<u64>);

    impl Row for Thing {
        const COLUMNS: &'static [Column] = &[Column::new("tag"), Column::wide("size")];

        fn cell(&self, key: &str) -> Cell<'_> {
            match key {
                "tag" => Cell::text(self.0),
                _ => Cell::size(self.1),
            }
        }

        fn name(&self) -> String {
            self.0.into()
        }
    }

    #[test]
    fn tables_align_and_are_never_cut() {
        let long = "x".repeat(300).leak();
        let text = render(&[Thing("v1", Some(2048)), Thing(long, None)], Thing::COLUMNS, Style::Pipe, false);
        assert_eq!(text, format!("TAG{}SIZE\nv1{}2 KiB\n{long}  -\n", " ".repeat(299), " ".repeat(300)));
        assert_eq!(render::<Thing>(&[], Thing::COLUMNS, Style::Pipe, false), "");
    }

    #[test]
    fn csv_quotes() {
        assert_eq!(csv_header::<Thing>(&[]), "tag,size\n");
        assert_eq!(csv_line(&Thing("a,\"b\"", Some(5)), &[]), "\"a,\"\"b\"\"\",5\n");
        assert_eq!(csv_line(&Thing("\u{1b}[2J\u{9b}\r\n\"", None), &[]), "\"\\u{1b}[2J\\u{9b}\\r\\n\"\"\",\n");
        assert_eq!(csv_line(&Thing("a", None), &["size".into(), "tag".into()]), ",a\n");
    }

    #[test]
    fn times() {
        let at = |text: &str| text.parse::<Timestamp>().expect("valid");
        let style = Style::Terminal { now: at("2026-01-02T00:00:00Z") };
        assert_eq!(time_text(at("2026-01-01T00:00:00Z"), style), "1 day ago");
        assert_eq!(time_text(at("2026-01-01T23:59:58Z"), style), "2 seconds ago");
        assert_eq!(time_text(at("2026-01-02T02:00:00Z"), style), "in 2 hours");
        assert_eq!(time_text(at("2026-01-02T02:00:00Z"), Style::Pipe), "2026-01-02T02:00:00Z");
    }
}
