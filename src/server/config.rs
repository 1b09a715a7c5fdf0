//! Configuration: [`FileConfig`](file::FileConfig) is what was written, [`Config`] what is meant, with nothing left open.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

mod file;
mod known;
mod section;
mod storage;
mod yaml;

pub(crate) use known::Warning;
pub(crate) use section::ConfigError;
use yaml::Position;

use super::Address;
use super::logging::{Formatter, Level};
use crate::registry::{Completeness, Options};
use crate::spec::limits::DRAIN_SECS;
use crate::store::S3Config;

/// What a server does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) address: Address,
    pub(crate) storage: Storage,
    pub(crate) options: Options,
    pub(crate) log: Log,
    /// For requests in progress after a signal.
    pub(crate) drain: Duration,
}

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Filesystem { root: PathBuf },
    Memory,
    S3(Box<S3Config>),
}

/// What is written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) formatter: Formatter,
    /// Stand on every line.
    pub(crate) fields: BTreeMap<String, String>,
    /// Apache's combined format, on standard output.
    pub(crate) access_log: bool,
}

impl Config {
    /// Reads distribution's configuration file. `address` and `root` win over what it says.
    ///
    /// # Errors
    /// The first fault of the text, with its place.
    pub(crate) fn parse(
        text: &str,
        address: Option<Address>,
        root: Option<PathBuf>,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let (file, warnings) = file::FileConfig::parse(text)?;
        Ok((file.resolve(address, root)?, warnings))
    }

    /// A registry for one person: loopback only, deletes allowed, quiet.
    pub(crate) fn local(root: PathBuf) -> Self {
        Self {
            address: Address::LOCAL,
            storage: Storage::Filesystem { root },
            options: Options { delete_enabled: true, read_only: false, completeness: Completeness::Whole },
            log: Log { level: Level::Warn, formatter: Formatter::Text, fields: BTreeMap::new(), access_log: false },
            drain: Duration::from_secs(DRAIN_SECS),
        }
    }
}
