//! The `health` section: what a server looks at to know whether it is well, and `http.debug`, where it tells.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use url::Url;

use super::faults::Faults;
use super::read;
use super::section::{ConfigError, Section};
use super::values::{duration, number};
use crate::server::Address;

/// Something that is looked at again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) kind: CheckKind,
    pub(crate) interval: Duration,
    /// How often in a row it fails until that counts; 0 and 1 are the first time.
    pub(crate) threshold: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckKind {
    /// The store takes a value, gives it back and removes it.
    Storage,
    /// Fails while the file is there: operators make it to take a server out of service.
    File(PathBuf),
    /// Fails unless a HEAD is answered with `status`.
    Http { url: Url, headers: HeaderMap, status: u16, timeout: Duration },
    /// Fails unless somebody listens.
    Tcp { address: String, timeout: Duration },
}

/// A listener for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Debug {
    pub(crate) address: Address,
    /// Where metrics are, if they are.
    pub(crate) metrics: Option<String>,
}

/// Where nothing is said, or 0, as in distribution.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a check waits for somebody else where nothing is said; distribution waits for ever.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn checks(root: &Section<'_>, faults: &mut Faults) -> Option<Vec<Check>> {
    let health = faults.take(root.section("health"))?;
    let mut checks = faults.take(storage(&health)).into_iter().flatten().collect::<Vec<_>>();
    for (name, read) in [("file", file as Reader), ("http", http as Reader), ("tcp", tcp as Reader)] {
        let sections = faults.take(health.sections(name)).into_iter().flatten();
        checks.extend(faults.take_all(sections.map(|section| read(&section))));
    }
    Some(checks)
}

/// Reads one of several checks.
type Reader = fn(&Section<'_>) -> Result<Check, ConfigError>;

fn storage(health: &Section<'_>) -> Result<Option<Check>, ConfigError> {
    let storage = health.section("storagedriver")?;
    let is_enabled = storage.boolean("enabled")?.unwrap_or_default();
    is_enabled.then(|| check(&storage, CheckKind::Storage)).transpose()
}

fn file(section: &Section<'_>) -> Result<Check, ConfigError> {
    let path = section.some("file")?.ok_or_else(|| section.missing("file"))?;
    check(section, CheckKind::File(path.into()))
}

fn http(section: &Section<'_>) -> Result<Check, ConfigError> {
    let url = section.parsed("uri", uri)?.ok_or_else(|| section.missing("uri"))?;
    let headers = read::headers(section)?;
    let status = section.parsed("statuscode", status)?.flatten().unwrap_or(200);
    let timeout = wait(section, "timeout", TIMEOUT)?;
    check(section, CheckKind::Http { url, headers, status, timeout })
}

fn tcp(section: &Section<'_>) -> Result<Check, ConfigError> {
    let address = section.parsed("addr", address)?.ok_or_else(|| section.missing("addr"))?;
    let timeout = wait(section, "timeout", TIMEOUT)?;
    check(section, CheckKind::Tcp { address, timeout })
}

fn check(section: &Section<'_>, kind: CheckKind) -> Result<Check, ConfigError> {
    let threshold = section.parsed("threshold", threshold)?.unwrap_or_default();
    Ok(Check { kind, interval: wait(section, "interval", INTERVAL)?, threshold })
}

fn wait(section: &Section<'_>, name: &str, default: Duration) -> Result<Duration, ConfigError> {
    Ok(section.parsed(name, duration)?.filter(|wait| !wait.is_zero()).unwrap_or(default))
}

fn threshold(text: &str) -> Result<u32, String> {
    u32::try_from(number(text)?).map_err(|_| "must not be negative".to_owned())
}

fn uri(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "must be an http or https URL".to_owned())
}

/// 0 is distribution's word for nothing.
fn status(text: &str) -> Result<Option<u16>, String> {
    match number(text)? {
        0 => Ok(None),
        status @ 100..=999 => Ok(u16::try_from(status).ok()),
        _ => Err("must be a status of HTTP".to_owned()),
    }
}

fn address(text: &str) -> Result<String, String> {
    match text.parse::<Address>() {
        Ok(address) if !text.starts_with(':') => Ok(address.to_string()),
        Ok(address) => Ok(format!("localhost{address}")),
        Err(error) => Err(error.to_string()),
    }
}

/// `http.debug`; nothing is there without an address, as in distribution.
pub(super) fn debug(http: &Section<'_>) -> Result<Option<Debug>, ConfigError> {
    let section = http.section("debug")?;
    let address = section.parsed("addr", |text| {
        if text.is_empty() { Ok(None) } else { text.parse::<Address>().map(Some).map_err(|error| format!("{error}")) }
    })?;
    let Some(address) = address.flatten() else { return Ok(None) };
    let prometheus = section.section("prometheus")?;
    let is_measured = prometheus.boolean("enabled")?.unwrap_or_default();
    let path = prometheus.parsed("path", metrics_path)?.unwrap_or_else(|| "/metrics".to_owned());
    Ok(Some(Debug { address, metrics: is_measured.then_some(path) }))
}

fn metrics_path(text: &str) -> Result<String, String> {
    let is_path = text.is_empty() || text.starts_with('/') && !text.contains(['?', '#', ' ']);
    if !is_path {
        return Err("must be a path such as /metrics".to_owned());
    }
    Ok(if text.is_empty() { "/metrics".to_owned() } else { text.to_owned() })
}
