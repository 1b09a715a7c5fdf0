//! What a complete tree means: sections as values.

use std::time::Duration;

use http::HeaderMap;

use super::faults::Faults;
use super::section::{ConfigError, Section};
use super::tree::Node;
use super::values::duration;
use super::{Config, Log, access, auth, health, limits, notifications, storage, tls, tokens, validation};
use crate::registry::{Options, PurgePolicy};
use crate::server::face::{self, Face};
use crate::server::logging::{Formatter, Level};
use crate::server::{AddressError, Door, Trusted};
use crate::spec::limits::DRAIN_SECS;

/// Reads a tree in which every default is filled in, each section whatever is wrong with the others; values that cannot be
/// meant, and what has no default and is not there, are faults. `None` only where there is one.
pub(super) fn read(document: &Node, faults: &mut Faults) -> Option<Config> {
    let root = Section::root(document);
    let http = faults.take(root.section("http"));
    let maintenance = faults.take(root.section("storage").and_then(|storage| storage.section("maintenance")));
    let door = http.as_ref().and_then(|http| faults.take(door(http)));
    let face = http.as_ref().and_then(|http| faults.take(face(http)));
    let trusted = http.as_ref().and_then(|http| faults.take(http.list("trustedproxies", str::parse)));
    let tls = http.as_ref().and_then(|http| faults.take(tls::read(http)));
    let drain = http.as_ref().and_then(|http| faults.take(http.parsed("draintimeout", duration)));
    let h2c = http.as_ref().and_then(|http| faults.take(switch(http, "h2c")));
    let debug = http.as_ref().and_then(|http| faults.take(health::debug(http)));
    let purge = maintenance.as_ref().and_then(|maintenance| faults.take(purge(maintenance)));
    let is_read_only = maintenance.as_ref().and_then(|maintenance| faults.take(switch(maintenance, "readonly")));
    let storage = faults.take(storage::read(&root));
    let notifications = notifications::read(&root, storage.as_ref(), faults);
    let log = faults.take(log(&root));
    // A misspelt `auth` is at fault by itself; what needs one is not, then.
    let auth = faults.take(auth::read(&root));
    let known = auth.as_ref().filter(|_| !faults.misspell_a_section()).map(Option::as_ref);
    let access = access::read(&root, known, faults);
    let tokens = faults.take(tokens::read(&root, known));
    let proxy = faults.take(root.section("proxy").and_then(|proxy| proxy.some("remoteurl")));
    let limits = limits::read(&root, faults);
    let (quotas, quota_interval) = limits::quotas(&root, faults).unzip();
    let health = health::checks(&root, faults);
    let options = options(&root, faults);
    let is_read_only = is_read_only? || proxy.as_ref()?.is_some();
    Some(Config {
        door: door?,
        face: face?,
        trusted: Trusted(trusted?),
        storage: storage?,
        h2c: h2c?,
        // A cache of another registry takes no pushes, and this one must not begin to.
        options: Options { read_only: is_read_only, quotas: quotas?, ..options? },
        log: log?,
        access: access?,
        tokens: tokens?,
        auth: auth?,
        tls: tls?,
        notifications: notifications?,
        limits: limits?,
        quota_interval: quota_interval?,
        health: health?,
        debug: debug?,
        purge: purge?,
        drain: drain?.filter(|drain| !drain.is_zero()).unwrap_or(Duration::from_secs(DRAIN_SECS)),
        proxy: proxy?,
    })
}

/// `http.net` and `http.addr`
fn door(http: &Section<'_>) -> Result<Door, ConfigError> {
    let read = http.parsed("net", net)?.unwrap_or(address);
    let door = http.parsed("addr", read)?;
    door.ok_or_else(|| http.missing("addr").with_hint("write where to listen: http: {addr: \":5000\"}"))
}

/// What the registry takes and gives; that it is read-only, and quotas, are for others to say.
fn options(root: &Section<'_>, faults: &mut Faults) -> Option<Options> {
    let delete_enabled = faults.take(root.section("storage").and_then(|storage| switch(&storage, "delete")));
    let validation = faults.take(validation::read(root));
    let classes = faults.take(classes(root));
    let catalog_page_max = faults.take(validation::catalog_page_max(root));
    let tags_page_max = faults.take(validation::tags_page_max(root));
    let blob_bytes_max = faults.take(limits::blob_bytes_max(root));
    let (completeness, urls) = validation?;
    Some(Options {
        delete_enabled: delete_enabled?,
        read_only: false,
        completeness,
        urls,
        classes: classes?,
        catalog_page_max: catalog_page_max?,
        tags_page_max: tags_page_max?,
        blob_bytes_max: blob_bytes_max?,
        quotas: Vec::new(),
    })
}

/// Whether a section says `enabled`.
fn switch(parent: &Section<'_>, name: &str) -> Result<bool, ConfigError> {
    Ok(parent.section(name)?.boolean("enabled")?.unwrap_or_default())
}

/// `policy.repository.classes`
fn classes(root: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    root.section("policy")?.section("repository")?.list("classes", |text| Ok(text.to_owned()))
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
