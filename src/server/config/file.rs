//! distribution's configuration file: what was written, with everything optional that may be left out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::section::{ConfigError, Section};
use super::storage;
use super::yaml::{self, Node, Position, Value};
use super::{Config, Log, Storage, Warning, known};
use crate::registry::{Completeness, Options};
use crate::server::Address;
use crate::server::logging::{Formatter, Level};
use crate::spec::limits::DRAIN_SECS;

/// What was written.
#[derive(Debug, Default)]
pub(super) struct FileConfig {
    address: Option<Address>,
    drain: Option<Duration>,
    storage: Option<Storage>,
    delete_enabled: Option<bool>,
    read_only: Option<bool>,
    completeness: Option<Completeness>,
    level: Option<Level>,
    formatter: Option<Formatter>,
    fields: BTreeMap<String, String>,
    access_log_disabled: Option<bool>,
}

impl FileConfig {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<Warning>), ConfigError> {
        let document = yaml::parse(text)?;
        let root = Section::root(&document);
        version(&root)?;
        refuse_what_would_be_open(&root)?;
        let warnings = known::check(&document);
        let http = root.section("http")?;
        let log = root.section("log")?;
        let storage = root.section_or_name("storage")?;
        let level = log.parsed("level", level)?.or(root.parsed("loglevel", level)?);
        let file = Self {
            address: http.parsed("addr", address)?,
            drain: http.parsed("draintimeout", duration)?.filter(|drain| !drain.is_zero()),
            delete_enabled: storage.section("delete")?.boolean("enabled")?,
            read_only: storage.section("maintenance")?.section("readonly")?.boolean("enabled")?,
            storage: storage::read(&root)?,
            completeness: completeness(&root)?,
            level,
            formatter: log.parsed("formatter", formatter)?,
            fields: log.section("fields")?.texts()?,
            access_log_disabled: log.section("accesslog")?.boolean("disabled")?,
        };
        Ok((file, warnings))
    }

    /// Fills in what registry:2 does where nothing is written. `address` and `root` come from the command line and win.
    ///
    /// # Errors
    /// What has no default is not there.
    pub(super) fn resolve(self, address: Option<Address>, root: Option<PathBuf>) -> Result<Config, ConfigError> {
        let address = address.or(self.address).ok_or_else(|| {
            ConfigError::missing("http.addr").with_hint("write where to listen: http: {addr: \":5000\"}")
        })?;
        let storage = match (self.storage, root) {
            (None | Some(Storage::Filesystem { .. }), Some(root)) => Storage::Filesystem { root },
            (Some(storage), None) => storage,
            (Some(_), Some(_)) => {
                return Err(ConfigError::at(
                    Position::START,
                    "--root",
                    "the file names a storage that is no directory",
                ));
            }
            (None, None) => {
                return Err(ConfigError::missing("storage")
                    .with_hint("write where the data is: storage: {filesystem: {rootdirectory: /var/lib/registry}}"));
            }
        };
        Ok(Config {
            address,
            storage,
            options: Options {
                delete_enabled: self.delete_enabled.unwrap_or(false),
                read_only: self.read_only.unwrap_or(false),
                completeness: self.completeness.unwrap_or_default(),
            },
            log: Log {
                level: self.level.unwrap_or(Level::Info),
                formatter: self.formatter.unwrap_or(Formatter::Text),
                fields: self.fields,
                access_log: !self.access_log_disabled.unwrap_or(false),
            },
            drain: self.drain.unwrap_or(Duration::from_secs(DRAIN_SECS)),
        })
    }
}

fn version(root: &Section<'_>) -> Result<(), ConfigError> {
    match root.text("version")? {
        None => Err(ConfigError::missing("version").with_hint("begin the file with: version: 0.1")),
        Some((_, "0.1")) => Ok(()),
        Some((at, other)) => Err(ConfigError::at(at, "version", format!("only 0.1 is known, not {other:?}"))),
    }
}

/// What keeps strangers out in registry:2 and is not there yet. To serve without it would be to open a closed registry.
const GUARDS: &[&str] = &["auth.silly", "auth.htpasswd", "auth.token", "http.tls", "proxy.remoteurl"];

fn refuse_what_would_be_open(root: &Section<'_>) -> Result<(), ConfigError> {
    for path in GUARDS {
        let found: Option<&Node> = path.split('.').try_fold(root.node()?, |node, name| node.get(name));
        let Some(node) = found.filter(|node| node.value != Value::Map(Vec::new())) else { continue };
        return Err(ConfigError::at(node.at, path, "not supported yet, and without it the registry would stand open")
            .with_hint("put a proxy that does this in front, and remove the section"));
    }
    Ok(())
}

/// `validation` (distribution 3): which children a manifest must have.
fn completeness(root: &Section<'_>) -> Result<Option<Completeness>, ConfigError> {
    let validation = root.section("validation")?;
    if validation.boolean("disabled")? == Some(true) {
        return Ok(Some(Completeness::Sparse));
    }
    let indexes = validation.section("manifests")?.section("indexes")?;
    indexes.parsed("platforms", |text| match text {
        "all" => Ok(Completeness::Whole),
        // A list of platforms is not told apart yet; refusing a push that registry:3 takes would be worse.
        "none" | "list" => Ok(Completeness::SparseIndexes),
        _ => Err("must be all, list or none".into()),
    })
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error| format!("{error}"))
}

fn level(text: &str) -> Result<Level, String> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Ok(Level::Error),
        "warn" | "warning" => Ok(Level::Warn),
        "info" => Ok(Level::Info),
        "debug" => Ok(Level::Debug),
        _ => Err("must be error, warn, info or debug".into()),
    }
}

fn formatter(text: &str) -> Result<Formatter, String> {
    match text {
        "text" => Ok(Formatter::Text),
        "json" => Ok(Formatter::Json),
        "logstash" => Ok(Formatter::Logstash),
        _ => Err("must be text, json or logstash".into()),
    }
}

/// A duration as Go writes it: `1h2m3.5s`, `100ms`; a bare number counts nanoseconds.
fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    let wrong = || "must be a duration such as 30s or 1h30m".to_owned();
    if let Ok(nanoseconds) = text.parse() {
        return Ok(Duration::from_nanos(nanoseconds));
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = UNITS.iter().find(|(name, _)| rest[digits..].starts_with(name)).ok_or_else(wrong)?;
        seconds += number * unit.1;
        rest = &rest[digits + unit.0.len()..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
