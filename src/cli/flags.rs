//! Flags that every command takes.

use std::path::PathBuf;

/// Flags that every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Flags {
    /// Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]
    // Not the id `registry`: commands that take a registry as an argument have that, and ids of a command line are unique.
    #[arg(id = "default-registry", short = 'r', long = "registry", global = true, value_name = "HOST[:PORT]")]
    pub(crate) registry: Option<String>,

    /// Format of what is written to standard output [default: table]
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,

    /// Write nothing but errors; the exit code is the answer
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Show requests (-v) and their headers (-vv), secrets removed
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Colour the output
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// Speak HTTP without TLS (loopback addresses need no asking)
    #[arg(long, global = true)]
    pub(crate) plain_http: bool,

    /// Do not verify TLS certificates
    #[arg(long, global = true)]
    pub(crate) insecure: bool,

    /// Certificates (PEM) to trust besides the system's: of authorities, or a server's own
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Client certificate (PEM) to show to the registry
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) cert_file: Option<PathBuf>,

    /// Key (PEM) of the client certificate, if it is not in the same file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Show no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,

    /// Longest wait that a registry's rate limit may ask for [default: 2m]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub(crate) max_wait: Option<std::time::Duration>,
}

/// Format of what is written to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people
    #[default]
    Table,
    /// The table with every column
    Wide,
    /// One document, with a schema
    Json,
    /// One item a line, as it arrives
    Jsonl,
    /// One full reference a line
    Name,
    /// Comma-separated values with a header
    Csv,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

/// Reads `90s`, `5m`, `1h30m`, `7d` or ISO 8601.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is no length of time, such as 90s, 5m, 12h or 30d");
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    // A day is 24 hours here: what is measured is age, not a calendar.
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let length = span.to_duration(days).map_err(|_| wrong())?;
    length.try_into().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("90s").map(|d| d.as_secs()), Ok(90));
        assert_eq!(duration("1h30m").map(|d| d.as_secs()), Ok(5400));
        assert_eq!(duration("30d").map(|d| d.as_secs()), Ok(30 * 86_400));
        assert_eq!(duration("2w").map(|d| d.as_secs()), Ok(14 * 86_400));
        for bad in ["", "5", "-5m", "soon", "1 month"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
