//! Configuration: a [`Document`] is what was said, by file, variables and flags; a [`Config`] what is meant, with nothing
//! left open.
//!
//! `yaml` reads a file as a tree, `overlay` lays variables over it, `check` compares it with the keys in `keys`,
//! `defaults` adds what nobody said, `read` makes values of it. `changes` says what of another one waits for a restart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

mod access;
mod auth;
mod changes;
mod check;
mod defaults;
mod document;
mod faults;
mod health;
mod keys;
mod limits;
mod manual;
mod notifications;
mod overlay;
mod read;
mod schema;
mod section;
mod show;
mod storage;
mod tls;
mod tokens;
mod tree;
mod validation;
mod values;
mod words;
mod yaml;

pub(crate) use auth::{Auth, Token};
pub(crate) use document::{Document, Sources};
pub(crate) use faults::Faults;
pub(crate) use health::{Check, CheckKind, Debug};
pub(crate) use limits::{Limits, Per, RateRule};
pub(crate) use manual::{Chapter, Entry, chapters};
pub(crate) use notifications::{Endpoint, Notifications};
pub(crate) use section::ConfigError;
pub(crate) use show::Setting;
pub(crate) use tls::{Certificates, Clients, Demand, LetsEncrypt, Tls, TlsVersion};
pub(crate) use tokens::OwnTokens;
pub(crate) use words::Since;

use super::auth::rules::Rules;
use super::face::Face;
use super::logging::{Formatter, Level};
use super::{Door, Trusted};
use crate::registry::{Options, PurgePolicy};
use crate::store::S3Config;

/// What a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) door: Door,
    pub(crate) face: Face,
    pub(crate) trusted: Trusted,
    /// HTTP/2 without TLS.
    pub(crate) h2c: bool,
    pub(crate) storage: Storage,
    pub(crate) options: Options,
    pub(crate) log: Log,
    /// Without: everybody may do everything.
    pub(crate) auth: Option<Auth>,
    /// With: what no rule allows is refused.
    pub(crate) access: Option<Rules>,
    /// What users are given beside their passwords.
    pub(crate) tokens: OwnTokens,
    /// Without: plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// Without: nobody is told what requests did.
    pub(crate) notifications: Option<Notifications>,
    pub(crate) limits: Limits,
    /// Between two counts of what quotas are for.
    pub(crate) quota_interval: Duration,
    /// What the server looks at to know whether it is well.
    pub(crate) health: Vec<Check>,
    /// A listener for operators.
    pub(crate) debug: Option<Debug>,
    /// Of upload sessions that nobody finishes.
    pub(crate) purge: Option<PurgePolicy>,
    /// For requests in progress after a signal.
    pub(crate) drain: Duration,
    /// `proxy.remoteurl`, from which nothing is fetched: it makes the registry read-only.
    pub(crate) proxy: Option<String>,
}

/// What of a configuration a running server takes over when it changes. Its keys are marked in `keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) level: Level,
    pub(crate) read_only: bool,
    pub(crate) access: Option<Rules>,
    pub(crate) trusted: Trusted,
    pub(crate) limits: Limits,
    pub(crate) blob_bytes_max: Option<u64>,
}

impl Config {
    /// The part that can change while the server runs.
    pub(crate) fn live(&self) -> Live {
        Live {
            level: self.log.level,
            read_only: self.options.read_only,
            access: self.access.clone(),
            trusted: self.trusted.clone(),
            limits: self.limits.clone(),
            blob_bytes_max: self.options.blob_bytes_max,
        }
    }
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Filesystem { root: PathBuf },
    Memory,
    S3(Box<S3Config>),
}

impl Storage {
    /// distribution's word for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Filesystem { .. } => "filesystem",
            Self::Memory => "inmemory",
            Self::S3(_) => "s3aws",
        }
    }
}

/// What is written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) formatter: Formatter,
    /// Stand on every line.
    pub(crate) fields: BTreeMap<String, String>,
    /// Every line says which code wrote it.
    pub(crate) names_code: bool,
    /// Apache's combined format, on standard output.
    pub(crate) access_log: bool,
}
