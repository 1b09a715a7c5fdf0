//! `limits` and `quotas`, which distribution does not have: how much of everything a client or a repository may take.

use std::time::Duration;

use http::Method;

use super::faults::Faults;
use super::section::{ConfigError, Section};
use super::values::{duration, number};
use crate::registry::Quota;

/// Between two counts where no quota says anything.
const QUOTA_INTERVAL: Duration = Duration::from_hours(1);

/// How much clients may ask for. What is `None` has its standard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) requests: Vec<RateRule>,
    /// At one time.
    pub(crate) connections: Option<usize>,
    /// At one time, of one address.
    pub(crate) connections_per_address: Option<usize>,
    /// Whether loopback is an address like others.
    pub(crate) counts_loopback: bool,
}

/// So many requests in so much time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RateRule {
    pub(crate) per: Per,
    /// Which are counted, together; none for all.
    pub(crate) methods: Vec<Method>,
    /// Between two requests of somebody who never stops.
    pub(crate) interval: Duration,
    /// Requests at once, after a pause.
    pub(crate) burst: u32,
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    Address,
    User,
}

impl Per {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
        }
    }
}

pub(super) fn read(root: &Section<'_>, faults: &mut Faults) -> Option<Limits> {
    let limits = faults.take(root.section("limits"))?;
    let requests = faults.take(limits.sections("requests"));
    let requests = requests.map(|rules| faults.take_all(rules.iter().map(rule)));
    let connections = faults.take(limits.section("connections"));
    let most = |faults: &mut Faults, name: &str| faults.take(connections.as_ref()?.parsed(name, some));
    let (connections, connections_per_address) = (most(faults, "total"), most(faults, "peraddress"));
    let counts_loopback = faults.take(limits.boolean("loopback"));
    Some(Limits {
        requests: requests?,
        connections: connections?,
        connections_per_address: connections_per_address?,
        counts_loopback: counts_loopback?.unwrap_or_default(),
    })
}

/// `limits.blobs.maxbytes`
pub(super) fn blob_bytes_max(root: &Section<'_>) -> Result<Option<u64>, ConfigError> {
    root.section("limits")?.section("blobs")?.parsed("maxbytes", some)
}

/// `quotas.rules`, and how often what is there is counted.
pub(super) fn quotas(root: &Section<'_>, faults: &mut Faults) -> Option<(Vec<Quota>, Duration)> {
    let section = faults.take(root.section("quotas"))?;
    let positive = |text: &str| {
        duration(text).and_then(|time| match time {
            time if time < Duration::from_millis(1) => Err("must be a millisecond or more, such as 1h".to_owned()),
            time => Ok(time),
        })
    };
    let interval = faults.take(section.parsed("interval", positive));
    let quota = |section: &Section<'_>| {
        let prefix = section.some("prefix")?.unwrap_or_default().trim_end_matches('/').to_owned();
        let bytes_max = section.parsed("maxbytes", some)?.ok_or_else(|| section.missing("maxbytes"))?;
        Ok(Quota { prefix, bytes_max })
    };
    let rules = faults.take(section.sections("rules"))?;
    let quotas = faults.take_all(rules.iter().map(quota));
    Some((quotas, interval?.unwrap_or(QUOTA_INTERVAL)))
}

fn rule(section: &Section<'_>) -> Result<RateRule, ConfigError> {
    let per = section.parsed("per", |text| match text {
        "address" => Ok(Per::Address),
        "user" => Ok(Per::User),
        _ => Err("must be address or user".into()),
    })?;
    let (count, interval) = section.parsed("rate", rate)?.ok_or_else(|| section.missing("rate"))?;
    Ok(RateRule {
        per: per.ok_or_else(|| section.missing("per"))?,
        methods: section.list("methods", method)?,
        interval,
        burst: section.parsed("burst", some)?.unwrap_or(count),
    })
}

/// `100/s`: the number, and the time between two.
fn rate(text: &str) -> Result<(u32, Duration), String> {
    let wrong = || "must be a rate such as 10/s, 600/m or 5000/h".to_owned();
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let count = some::<u32>(count.trim()).map_err(|_| wrong())?;
    let period = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok((count, Duration::from_secs(period) / count))
}

fn method(text: &str) -> Result<Method, String> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let is = |method: &Method| method.as_str().eq_ignore_ascii_case(text);
    known.into_iter().find(is).ok_or_else(|| "must be GET, HEAD, POST, PUT, PATCH or DELETE".into())
}

fn some<T: TryFrom<i64>>(text: &str) -> Result<T, String> {
    let wrong = || "must be a whole number above 0".to_owned();
    number(text).ok().filter(|number| *number > 0).and_then(|number| T::try_from(number).ok()).ok_or_else(wrong)
}
