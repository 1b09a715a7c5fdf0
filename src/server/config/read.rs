//! What a complete tree means: sections as values.

use std::time::Duration;

use http::HeaderMap;

use super::section::{ConfigError, Section};
use super::tree::Node;
use super::values::duration;
use super::{Config, Log, access, auth, health, limits, notifications, storage, tls, tokens, validation};
use crate::registry::{Options, PurgePolicy};
use crate::server::face::{self, Face};
use crate::server::logging::{Formatter, Level};
use crate::server::{AddressError, Door};
use crate::spec::limits::DRAIN_SECS;

/// Reads a tree in which every default is filled in.
///
/// # Errors
/// The first value that cannot be meant, and what has no default and is not there.
pub(super) fn read(document: &Node) -> Result<Config, ConfigError> {
    let root = Section::root(document);
    let http = root.section("http")?;
    let storage = root.section("storage")?;
    let maintenance = storage.section("maintenance")?;
    let read_door = http.parsed("net", net)?.unwrap_or(address);
    let door = http
        .parsed("addr", read_door)?
        .ok_or_else(|| http.missing("addr").with_hint("write where to listen: http: {addr: \":5000\"}"))?;
    let drain = http.parsed("draintimeout", duration)?.filter(|drain| !drain.is_zero());
    let (completeness, urls) = validation::read(&root)?;
    let place = storage::read(&root)?;
    let (quotas, quota_interval) = limits::quotas(&root)?;
    let notifications = notifications::read(&root, &place)?;
    let auth = auth::read(&root)?;
    Ok(Config {
        door,
        face: face(&http)?,
        storage: place,
        h2c: http.section("h2c")?.boolean("enabled")?.unwrap_or_default(),
        options: Options {
            delete_enabled: storage.section("delete")?.boolean("enabled")?.unwrap_or_default(),
            // A cache of another registry takes no pushes, and this one must not begin to.
            read_only: maintenance.section("readonly")?.boolean("enabled")?.unwrap_or_default()
                || root.section("proxy")?.some("remoteurl")?.is_some(),
            completeness,
            urls,
            classes: root.section("policy")?.section("repository")?.list("classes", |text| Ok(text.to_owned()))?,
            catalog_page_max: validation::catalog_page_max(&root)?,
            tags_page_max: validation::tags_page_max(&root)?,
            blob_bytes_max: limits::blob_bytes_max(&root)?,
            quotas,
        },
        log: log(&root)?,
        access: access::read(&root, auth.as_ref())?,
        tokens: tokens::read(&root, auth.as_ref())?,
        auth,
        tls: tls::read(&http)?,
        notifications,
        limits: limits::read(&root)?,
        quota_interval,
        health: health::checks(&root)?,
        debug: health::debug(&http)?,
        purge: purge(&maintenance)?,
        drain: drain.unwrap_or(Duration::from_secs(DRAIN_SECS)),
    })
}

/// `storage.maintenance.uploadpurging`
fn purge(maintenance: &Section<'_>) -> Result<Option<PurgePolicy>, ConfigError> {
    let section = maintenance.section("uploadpurging")?;
    let positive = |text: &str| match duration(text)? {
        Duration::ZERO => Err("must be more than nothing".to_owned()),
        interval => Ok(interval),
    };
    let age = section.parsed("age", duration)?.ok_or_else(|| section.missing("age"))?;
    let interval = section.parsed("interval", positive)?.ok_or_else(|| section.missing("interval"))?;
    let policy = PurgePolicy { age, interval, dry_run: section.boolean("dryrun")?.unwrap_or_default() };
    Ok(section.boolean("enabled")?.unwrap_or_default().then_some(policy))
}

/// How the API looks from outside.
fn face(http: &Section<'_>) -> Result<Face, ConfigError> {
    Ok(Face {
        prefix: http.parsed("prefix", face::parse_prefix)?.unwrap_or_default(),
        base: http.parsed("host", face::parse_base)?.flatten(),
        relative: http.boolean("relativeurls")?.unwrap_or_default(),
        headers: headers(http)?,
    })
}

/// The `headers` of a section.
pub(super) fn headers(section: &Section<'_>) -> Result<HeaderMap, ConfigError> {
    let headers = section.section("headers")?;
    let mut map = HeaderMap::new();
    for (name, node) in headers.members() {
        let parsed = face::parse_header_name(name).map_err(|message| headers.error(name, node.at.clone(), message))?;
        for value in headers.list(name, face::parse_header_value)? {
            map.append(parsed.clone(), value);
        }
    }
    Ok(map)
}

/// Reads `http.addr`.
type Reader = fn(&str) -> Result<Door, String>;

/// `http.net`: how `http.addr` is to be read.
fn net(text: &str) -> Result<Reader, String> {
    match text {
        "" | "tcp" => Ok(address),
        "unix" => Ok(Door::unix),
        _ => Err("must be tcp or unix".into()),
    }
}

/// The `log` section, and `loglevel`, its older name for one key.
fn log(root: &Section<'_>) -> Result<Log, ConfigError> {
    let log = root.section("log")?;
    let old = root.parsed("loglevel", level)?;
    let new = log.parsed("level", level)?;
    Ok(Log {
        level: if log.is_default("level") { old.or(new) } else { new }.unwrap_or(Level::Info),
        formatter: log.parsed("formatter", formatter)?.unwrap_or(Formatter::Text),
        fields: log.section("fields")?.texts(),
        names_code: log.boolean("reportcaller")?.unwrap_or_default(),
        access_log: !log.section("accesslog")?.boolean("disabled")?.unwrap_or_default(),
    })
}

fn address(text: &str) -> Result<Door, String> {
    text.parse().map(Door::Tcp).map_err(|error: AddressError| error.to_string())
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

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
