//! Every key of distribution's configuration, 2.8 and 3.x together, and what it does here.
//!
//! distribution ignores keys it does not know; so do we, with a word about it.

use std::fmt;

use super::yaml::{Node, Position, Value};
use crate::spec::nearest::nearest;

/// What a key does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// What it does there, or there is nothing to do.
    Works,
    /// Read over until it works.
    Later,
}

use Effect::{Later, Works};

/// Paths below the document: `*` is any one key, `[]` any element of a list, `**` whatever follows.
const KNOWN: &[(Effect, &str)] = &[
    (Works, "version"),
    (Works, "loglevel"),
    (Works, "log: level formatter fields.* accesslog.disabled"),
    (Later, "log: reportcaller hooks.**"),
    (Works, "storage: inmemory.** filesystem.rootdirectory filesystem.maxthreads"),
    (
        Works,
        "storage.s3: accesskey secretkey sessiontoken region bucket regionendpoint forcepathstyle encrypt keyid secure skipverify v4auth chunksize multipartcopychunksize multipartcopymaxconcurrency multipartcopythresholdsize rootdirectory storageclass useragent",
    ),
    (Later, "storage.s3: objectacl usedualstack accelerate usefipsendpoint loglevel redirectendpoint"),
    (Works, "storage.s3aws.*"),
    (Works, "storage.azure.**"),
    (Works, "storage.gcs.**"),
    (Works, "storage.oss.**"),
    (Works, "storage.swift.**"),
    (Works, "storage: delete.enabled maintenance.readonly.enabled"),
    // Nothing is asked of another program, so there is nothing to cache in one, and no lock to divide.
    (Works, "storage: cache.blobdescriptor cache.layerinfo cache.blobdescriptorsize tag.concurrencylimit"),
    (Later, "storage: redirect.disable"),
    (Later, "storage.maintenance.uploadpurging: enabled age interval dryrun"),
    (Works, "auth.none.**"),
    (Later, "auth.silly: realm service"),
    (Later, "auth.htpasswd: realm path"),
    (Later, "auth.token: realm service issuer rootcertbundle autoredirect autoredirectpath jwks signingalgorithms.**"),
    (Later, "middleware: registry.** repository.** storage.**"),
    // The secret signs the state of an upload, which is here in the store.
    (Works, "http: addr secret draintimeout"),
    (Later, "http: net prefix host relativeurls headers.** http2.disabled h2c.enabled"),
    (Later, "http.tls: certificate key clientcas.** clientauth minimumtls ciphersuites.**"),
    (Later, "http.tls.letsencrypt: cachefile email hosts.** directoryurl"),
    (Later, "http.debug: addr prometheus.enabled prometheus.path"),
    (Later, "notifications.events.includereferences"),
    (
        Later,
        "notifications.endpoints.[]: name disabled url headers.** timeout threshold backoff ignoredmediatypes.** ignore.mediatypes.** ignore.actions.**",
    ),
    (
        Later,
        "redis: addr password db dialtimeout readtimeout writetimeout pool.maxidle pool.maxactive pool.idletimeout",
    ),
    (
        Later,
        "redis: addrs.** clientname protocol username sentinelusername sentinelpassword maxretries minretrybackoff maxretrybackoff contexttimeoutenabled poolfifo poolsize pooltimeout minidleconns maxidleconns maxactiveconns connmaxidletime connmaxlifetime maxredirects readonly routebylatency routerandomly mastername disableidentity identitysuffix unstableresp3",
    ),
    (Later, "redis.tls: certificate key rootcas.**"),
    (Later, "health.storagedriver: enabled interval threshold"),
    (Later, "health.file.[]: file interval threshold"),
    (Later, "health.http.[]: uri headers.** statuscode timeout interval threshold"),
    (Later, "health.tcp.[]: addr timeout interval threshold"),
    (Later, "proxy: remoteurl username password ttl cachewritetimeout exec.command exec.lifetime"),
    (Works, "validation: enabled disabled manifests.indexes.platforms"),
    (Later, "validation.manifests: urls.allow.** urls.deny.** indexes.platformlist.**"),
    (Later, "catalog.maxentries"),
    (Later, "tags.maxtags"),
    (Later, "policy.repository.classes.**"),
    (Later, "compatibility.schema1: signingkeyfile enabled"),
    (Later, "reporting.bugsnag: apikey releasestage endpoint"),
    (Later, "reporting.newrelic: licensekey name verbose"),
];

/// Something in the file that does not do what its writer expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    pub(crate) at: Position,
    /// `http.headers`
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    NotEffectiveYet,
    Unknown { nearest: Option<String> },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::NotEffectiveYet => write!(f, "{} is not effective yet", self.path),
            What::Unknown { nearest: None } => write!(f, "{} is not known and ignored", self.path),
            What::Unknown { nearest: Some(other) } => {
                write!(f, "{} is not known and ignored; did you mean {other}?", self.path)
            }
        }
    }
}

/// Everything in the document that is worth a word.
pub(super) fn check(document: &Node) -> Vec<Warning> {
    let table: Vec<(Effect, Vec<&str>)> = KNOWN
        .iter()
        .flat_map(|(effect, row)| {
            let (base, leaves) = row.split_once(": ").unwrap_or(("", row));
            leaves.split(' ').map(move |leaf| {
                let whole = base.split('.').chain(leaf.split('.')).filter(|part| !part.is_empty());
                (*effect, whole.collect())
            })
        })
        .collect();
    let mut warnings = Vec::new();
    let rows: Vec<(Effect, &[&str])> = table.iter().map(|(effect, path)| (*effect, path.as_slice())).collect();
    walk(document, "", &rows, &mut warnings);
    warnings
}

/// `rows` are what may follow below `node`.
fn walk(node: &Node, path: &str, rows: &[(Effect, &[&str])], warnings: &mut Vec<Warning>) {
    match &node.value {
        Value::Null | Value::Scalar(_) => {}
        Value::List(items) => {
            let below = descend(rows, "[]");
            for item in items {
                walk(item, path, &below, warnings);
            }
        }
        Value::Map(members) => {
            for (key, child) in members {
                let path = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
                let below = descend(rows, &key.name);
                let what = if below.is_empty() {
                    let siblings = rows.iter().filter_map(|(_, row)| row.first().copied());
                    What::Unknown { nearest: nearest(&key.name, siblings).map(Into::into) }
                } else if child.value != Value::Null && below.iter().all(|(effect, _)| *effect == Later) {
                    What::NotEffectiveYet
                } else {
                    walk(child, &path, &below, warnings);
                    continue;
                };
                warnings.push(Warning { at: key.at, path, what });
            }
        }
    }
}

fn descend<'a>(rows: &[(Effect, &'a [&'a str])], name: &str) -> Vec<(Effect, &'a [&'a str])> {
    rows.iter()
        .filter_map(|(effect, row)| match row {
            ["**"] => Some((*effect, *row)),
            [first, rest @ ..] if *first == "*" || *first == name => Some((*effect, rest)),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    fn words(text: &str) -> Vec<String> {
        check(&parse(text).expect("a tree")).iter().map(|warning| format!("{}: {warning}", warning.at)).collect()
    }

    #[test]
    fn what_works_is_not_mentioned() {
        let image = "version: 0.1\nlog:\n  fields:\n    service: registry\nstorage:\n  cache:\n    blobdescriptor: inmemory\n  filesystem:\n    rootdirectory: /var/lib/registry\nhttp:\n  addr: :5000\n";
        assert_eq!(words(image), <Vec<String>>::new());
    }

    #[test]
    fn what_does_not_is() {
        assert_eq!(
            words(
                "http:\n  addr: :5000\n  headers:\n    X-Content-Type-Options: [nosniff]\n  adr: x\nstorge: {}\nhealth:\n  storagedriver:\n    enabled: true\nzzz: 1\nnotifications:\n"
            ),
            [
                "3:3: http.headers is not effective yet",
                "5:3: http.adr is not known and ignored; did you mean addr?",
                "6:1: storge is not known and ignored; did you mean storage?",
                "7:1: health is not effective yet",
                "10:1: zzz is not known and ignored",
            ]
        );
    }
}
