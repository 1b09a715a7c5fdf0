//! The configuration file: `$REG_CONFIG`, else `reg/config.toml` below the configuration directory.
//!
//! ```toml
//! registry = "registry.example.com"       # of references that name none
//!
//! [host."registry.example.com:8443"]
//! plain_http = false
//! insecure = false                        # do not verify certificates
//! ca_file = "/etc/reg/ca.pem"
//! cert_file = "/etc/reg/client.pem"       # shown to the registry
//! key_file = "/etc/reg/client.key"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;

use super::environment::Environment;
use super::failure::{Failure, Kind};
use crate::spec::nearest::nearest;

const KEYS: &[&str] = &["registry", "host"];
const HOST_KEYS: &[&str] = &["plain_http", "insecure", "ca_file", "cert_file", "key_file"];

/// What the file says. Without a file, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Config {
    pub(crate) registry: Option<String>,
    #[serde(default)]
    pub(crate) host: BTreeMap<String, HostConfig>,
}

/// What the file says about one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct HostConfig {
    #[serde(default)]
    pub(crate) plain_http: bool,
    #[serde(default)]
    pub(crate) insecure: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
}

impl Config {
    /// Where the file is; and whether somebody said that it is there.
    fn place(environment: &Environment) -> Option<(PathBuf, bool)> {
        match environment.get("REG_CONFIG") {
            Some(path) => Some((path.into(), true)),
            None => Some((environment.config_home()?.join("reg/config.toml"), false)),
        }
    }

    /// Reads the file. It need not exist, unless `REG_CONFIG` names it.
    pub(crate) fn read(environment: &Environment) -> Result<Self, Failure> {
        let Some((path, named)) = Self::place(environment) else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => return Ok(Self::default()),
            Err(error) => {
                let error = anyhow!(error).context(format!("cannot read {}", path.display()));
                return Err(Failure::new(Kind::Usage, error));
            }
        };
        Self::parse(&text, &path)
            .with_context(|| format!("invalid configuration in {}", path.display()))
            .map_err(|error| Failure::new(Kind::Usage, error))
    }

    fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let table: toml::Table = toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))?;
        check_keys(table.keys(), KEYS, "")?;
        if let Some(hosts) = table.get("host").and_then(toml::Value::as_table) {
            for (host, keys) in hosts {
                let keys = keys.as_table().ok_or_else(|| anyhow!("host.{host:?} is no table"))?;
                check_keys(keys.keys(), HOST_KEYS, &format!("host.{host:?}."))?;
            }
        }
        let mut config: Self = table.try_into().map_err(|error| anyhow!("{}", error.to_string().trim_end()))?;
        // Files are named relative to the file that names them, whatever directory the program runs in.
        let directory = path.parent().unwrap_or(Path::new(""));
        for host in config.host.values_mut() {
            for file in [&mut host.ca_file, &mut host.cert_file, &mut host.key_file].into_iter().flatten() {
                *file = directory.join(&*file);
            }
        }
        Ok(config)
    }
}

fn check_keys<'a>(keys: impl Iterator<Item = &'a String>, known: &[&str], prefix: &str) -> anyhow::Result<()> {
    for key in keys {
        if !known.contains(&key.as_str()) {
            return Err(match nearest(key, known.iter().copied()) {
                Some(near) => anyhow!("unknown key {prefix}{key}; did you mean {near}?"),
                None => anyhow!("unknown key {prefix}{key}; known are {}", known.join(", ")),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/reg.toml")).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn reads_what_it_documents() {
        let config = parse("registry = 'r:1'\n[host.'r:1']\nplain_http = true\nca_file = 'ca.pem'\n").expect("valid");
        assert_eq!(config.registry.as_deref(), Some("r:1"));
        assert!(config.host["r:1"].plain_http);
        assert_eq!(config.host["r:1"].ca_file, Some("/etc/ca.pem".into()));
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn unknown_keys_are_errors_with_the_nearest_key() {
        assert_eq!(parse("regsitry = 'x'"), Err("unknown key regsitry; did you mean registry?".into()));
        assert_eq!(
            parse("[host.'r:1']\nplain-http = true"),
            Err("unknown key host.\"r:1\".plain-http; did you mean plain_http?".into())
        );
        assert_eq!(parse("zzz = 1"), Err("unknown key zzz; known are registry, host".into()));
        assert!(parse("registry = 1").is_err());
        assert!(parse("registry = ").is_err());
        assert!(parse("[host]\nx = 1").is_err());
    }
}
