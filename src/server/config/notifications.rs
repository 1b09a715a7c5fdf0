//! `notifications`: who is told what requests did, and where events wait until they were heard.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use url::Url;

use super::Storage;
use super::faults::Faults;
use super::read::headers;
use super::section::{ConfigError, Section};
use super::values::{duration, number};

/// Where queues are when the storage has no directory of its own.
const ELSEWHERE: &str = "/var/lib/registry";

/// The folder of the queues. distribution looks at `docker` alone.
const FOLDER: &str = "_notifications";

/// Who is told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notifications {
    /// Whether an event says what a manifest refers to.
    pub(crate) with_references: bool,
    pub(crate) endpoints: Vec<Endpoint>,
    /// Of the queues.
    pub(crate) directory: PathBuf,
    /// Most bytes in the queue of one endpoint.
    pub(crate) bytes_max: u64,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// For one attempt.
    pub(crate) timeout: Duration,
    /// Failures in a row after which there is a pause before each attempt.
    pub(crate) threshold: u64,
    /// The pause.
    pub(crate) backoff: Duration,
    pub(crate) ignored_media_types: Vec<String>,
    pub(crate) ignored_actions: Vec<String>,
    pub(crate) version: Version,
}

/// What an envelope calls itself. The keys are the same: 2.8 says `v1` and 3.x says `v2`. The default is what a receiver
/// that was made for registry:2 knows; those that were made since know it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    #[default]
    V1,
    V2,
}

impl Version {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::V1 => "application/vnd.docker.distribution.events.v1+json",
            Self::V2 => "application/vnd.docker.distribution.events.v2+json",
        }
    }
}

/// `None` in it where nobody is told.
pub(super) fn read(
    root: &Section<'_>,
    storage: Option<&Storage>,
    faults: &mut Faults,
) -> Option<Option<Notifications>> {
    let section = faults.take(root.section("notifications"))?;
    let sections = faults.take(section.sections("endpoints"))?;
    let read = |section: &Section<'_>| match section.boolean("disabled")?.unwrap_or_default() {
        true => Ok(None),
        false => endpoint(section).map(Some),
    };
    let endpoints: Vec<_> = faults.take_all(sections.iter().map(read)).into_iter().flatten().collect();
    if endpoints.is_empty() {
        return Some(None);
    }
    let queue = faults.take(section.section("queue"))?;
    let named = faults.take(queue.some("directory"))?.map(PathBuf::from);
    let bytes_max = queue.parsed("maxbytes", positive).and_then(|max| max.ok_or_else(|| queue.missing("maxbytes")));
    let bytes_max = faults.take(bytes_max);
    let events = section.section("events").and_then(|events| events.boolean("includereferences"));
    let with_references = faults.take(events);
    let directory = named.or_else(|| match storage? {
        Storage::Filesystem { root } => Some(root.join(FOLDER)),
        Storage::Memory | Storage::S3(_) => Some(PathBuf::from(ELSEWHERE).join(FOLDER)),
    });
    Some(Some(Notifications {
        with_references: with_references?.unwrap_or_default(),
        endpoints,
        directory: directory?,
        bytes_max: bytes_max?,
    }))
}

fn endpoint(section: &Section<'_>) -> Result<Endpoint, ConfigError> {
    let url = section.parsed("url", url)?.ok_or_else(|| section.missing("url"))?;
    let name = section.some("name")?.unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned());
    let ignore = section.section("ignore")?;
    let text = |text: &str| Ok(text.to_owned());
    let mut ignored_media_types = section.list("ignoredmediatypes", text)?;
    ignored_media_types.extend(ignore.list("mediatypes", text)?);
    // Nothing means the default, as in distribution.
    let time = |name: &str| Ok::<_, ConfigError>(section.parsed(name, duration)?.filter(|time| !time.is_zero()));
    Ok(Endpoint {
        name,
        url,
        headers: headers(section)?,
        timeout: time("timeout")?.unwrap_or(Duration::from_secs(1)),
        threshold: section.parsed("threshold", count)?.filter(|count| *count > 0).unwrap_or(10),
        backoff: time("backoff")?.unwrap_or(Duration::from_secs(1)),
        ignored_media_types,
        ignored_actions: ignore.list("actions", text)?,
        version: section.parsed("version", version)?.unwrap_or_default(),
    })
}

fn url(text: &str) -> Result<Url, String> {
    let wrong = || "must be a URL of http or https".to_owned();
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(wrong)
}

fn count(text: &str) -> Result<u64, String> {
    Ok(u64::try_from(number(text)?).unwrap_or_default())
}

fn positive(text: &str) -> Result<u64, String> {
    match count(text)? {
        0 => Err("must be more than nothing".into()),
        count => Ok(count),
    }
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "v1" => Ok(Version::V1),
        "v2" => Ok(Version::V2),
        _ => Err("must be v1 or v2".into()),
    }
}
