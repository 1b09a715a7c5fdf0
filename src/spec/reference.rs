//! References as users type them: `[HOST[:PORT]/]REPOSITORY[:TAG|@DIGEST]`.
//!
//! Knows Docker Hub's `library/`, and nothing about which host is contacted for a name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::digest::Digest;
use super::name::{Locator, NameError, Repository, Tag};

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ReferenceError {
    #[error("invalid host {0:?}: expected HOST or HOST:PORT")]
    Host(String),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("a repository name is missing")]
    Empty,
}

/// The address part of a reference: `localhost:5000`, `[::1]:5000`, `docker.io`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Host(String);

impl Host {
    /// Docker Hub, whatever it is called.
    pub(crate) const DOCKER_HUB: &'static str = "docker.io";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_docker_hub(&self) -> bool {
        self.0 == Self::DOCKER_HUB
    }

    /// The host without its port and brackets.
    pub(crate) fn name(&self) -> &str {
        if let Some(rest) = self.0.strip_prefix('[') {
            return rest.split(']').next().unwrap_or(rest);
        }
        self.0.split(':').next().unwrap_or(&self.0)
    }

    /// The machine itself: the only place where plain HTTP needs no asking for.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.name();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The host as the first component of a reference: in upper case where nothing else tells it from a repository. Names
    /// of hosts have no case.
    pub(crate) fn in_reference(&self) -> Cow<'_, str> {
        if Self::is_meant_by(&self.0) { Cow::Borrowed(&self.0) } else { Cow::Owned(self.0.to_ascii_uppercase()) }
    }

    /// Whether the first component of a reference is a host (CLI.md: a `.`, a `:`, an upper-case letter, an IPv6
    /// literal, or `localhost`).
    fn is_meant_by(component: &str) -> bool {
        component == "localhost"
            || component.starts_with('[')
            || component.contains(['.', ':'])
            || component.bytes().any(|b| b.is_ascii_uppercase())
    }
}

impl FromStr for Host {
    type Err = ReferenceError;

    /// Takes `HOST[:PORT]`. Aliases of Docker Hub become `docker.io`.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let invalid = || ReferenceError::Host(text.chars().take(160).collect());
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']').ok_or_else(invalid)?;
                address.parse::<std::net::Ipv6Addr>().map_err(|_| invalid())?;
                (address, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(invalid)?) })
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if !text.starts_with('[') && (name.len() > 253 || !name.split('.').all(label)) {
            return Err(invalid());
        }
        if let Some(port) = port
            && (port.is_empty()
                || !port.bytes().all(|b| b.is_ascii_digit())
                || !port.parse::<u16>().is_ok_and(|p| p > 0))
        {
            return Err(invalid());
        }
        Ok(match text.to_ascii_lowercase().as_str() {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => {
                Self(Self::DOCKER_HUB.into())
            }
            lower => Self(lower.into()),
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A repository somewhere, with a tag, a digest, both or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) host: Host,
    pub(crate) repository: Repository,
    pub(crate) tag: Option<Tag>,
    pub(crate) digest: Option<Digest>,
}

impl Reference {
    /// Parses `text`; a reference without a host is one on `default`.
    pub(crate) fn parse(text: &str, default: &Host) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(NameError::Digest)?)),
            None => (text, None),
        };
        let (host, path) = match Self::host_part(rest) {
            Some(first) => (first.parse()?, &rest[first.len() + 1..]),
            None => (default.clone(), rest),
        };
        let (name, tag) = match path.rsplit_once(':') {
            Some((name, tag)) => (name, Some(tag.parse()?)),
            None => (path, None),
        };
        if name.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let repository = if host.is_docker_hub() && !name.contains('/') {
            format!("library/{name}").parse()?
        } else {
            name.parse()?
        };
        Ok(Self { host, repository, tag, digest })
    }

    /// The host that `text` names, as it is written there; `None` where the default is meant.
    pub(crate) fn host_part(text: &str) -> Option<&str> {
        text.split_once('/').map(|(first, _)| first).filter(|first| Host::is_meant_by(first))
    }

    /// What names the manifest: the digest where there is one (it wins over a tag), else the tag.
    pub(crate) fn locator(&self) -> Option<Locator> {
        self.digest.map(Locator::Digest).or_else(|| self.tag.clone().map(Locator::Tag))
    }

    /// The same repository with another locator.
    pub(crate) fn at(&self, locator: impl Into<Locator>) -> Self {
        let (tag, digest) = match locator.into() {
            Locator::Tag(tag) => (Some(tag), None),
            Locator::Digest(digest) => (None, Some(digest)),
        };
        Self { host: self.host.clone(), repository: self.repository.clone(), tag, digest }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host.in_reference(), self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
