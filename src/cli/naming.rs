//! From what a user types to hosts and references, and what to say when a host that nobody typed cannot be reached.

use std::sync::PoisonError;

use super::context::Context;
use super::failure::Failure;
use crate::spec::{Host, Locator, Reference, Tag};

/// The registry of references that name none, when nobody says which: what `reg serve` listens on.
const DEFAULT_REGISTRY: &str = "localhost:5000";

/// What stands before a path, and before no tag.
const FILES: &[&str] = &["oci", "oci-archive", "docker-archive"];

/// Places of skopeo and podman that are none of ours, and what serves instead.
const FOREIGN: &[(&str, &str)] = &[
    ("dir", "oci:DIR[:TAG] is an image layout in a directory"),
    (
        "docker-daemon",
        "docker save -o FILE IMAGE writes what docker-archive:FILE reads, docker load -i FILE takes it back",
    ),
    (
        "containers-storage",
        "podman save --format oci-archive -o FILE IMAGE writes what oci-archive:FILE reads, podman load -i FILE takes it back",
    ),
    ("tarball", "docker import FILE IMAGE makes an image of files"),
    ("ostree", INSTEAD),
    ("sif", INSTEAD),
    ("atomic", INSTEAD),
];

const INSTEAD: &str = "an image is HOST/REPOSITORY[:TAG], oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE";

const BUILT_IN: &str = "the built-in default";

impl Context {
    /// The registry of references that name none, and who says so: flag, then environment, then configuration.
    fn find_default(&self) -> Result<(Host, &'static str), Failure> {
        let (text, origin) = if let Some(text) = &self.flags.registry {
            (text.as_str(), "--registry")
        } else if let Some(text) = self.environment.get("REG_REGISTRY") {
            (text, "REG_REGISTRY")
        } else if let Some(text) = &self.config()?.registry {
            (text.as_str(), "registry in the configuration file")
        } else {
            (DEFAULT_REGISTRY, BUILT_IN)
        };
        let host = parse_host(text).map_err(|failure| failure.context(format!("invalid value of {origin}")))?;
        Ok((host, origin))
    }

    /// The registry of references that name none, for somebody who will use it.
    pub(crate) fn default_host(&self) -> Result<Host, Failure> {
        let (host, origin) = self.find_default()?;
        let others = "--registry, REG_REGISTRY or registry in the configuration file";
        let hint = match origin {
            BUILT_IN => format!(
                "no registry was named, and {host} is {BUILT_IN}: reg serve starts one there, {others} name another"
            ),
            _ => format!("no registry was named in the command; {host} is from {origin}"),
        };
        self.note_host(&host, hint);
        Ok(host)
    }

    /// The host that an argument names, or the default one.
    pub(crate) fn host(&self, argument: Option<&str>) -> Result<Host, Failure> {
        match argument {
            Some(text) => parse_host(text),
            None => self.default_host(),
        }
    }

    /// Parses a reference as a user types it.
    pub(crate) fn reference(&self, text: &str) -> Result<Reference, Failure> {
        if let Some((scheme, _)) = text.split_once("://") {
            let more = if scheme == "http" { "; --plain-http speaks HTTP without TLS" } else { "" };
            return Err(Failure::usage(format!("invalid reference {text:?}"))
                .with_hint(format!("leave {scheme}:// away{more}")));
        }
        if let Some((scheme, instead)) = foreign(text) {
            return Err(Failure::usage(format!("{text:?}: {scheme}: is no place that reg knows"))
                .with_hint(instead)
                .with_hint(format!("a repository of that name is HOST/{scheme}")));
        }
        if let Some((scheme, _)) = text.split_once(':').filter(|(scheme, _)| FILES.contains(scheme)) {
            return Err(Failure::usage(format!("{text:?} is in files, and this is done in registries"))
                .with_hint(format!("a repository of that name is HOST/{scheme}")));
        }
        let named = Reference::host_part(text);
        let default = match named {
            Some(_) => self.find_default()?.0,
            None => self.default_host()?,
        };
        let reference = Reference::parse(text, &default)
            .map_err(|error| Failure::from(error).context(format!("invalid reference {text:?}")))?;
        if let Some(name) = named.filter(|name| !name.contains(['.', ':']) && *name != "localhost") {
            let hint =
                format!("{name} is taken for a host because of its upper-case letters; repository names have none");
            self.note_host(&reference.host, hint);
        }
        Ok(reference)
    }

    /// Parses a reference to something that is only read, where a missing tag is `latest`.
    pub(crate) fn reference_to_read(&self, text: &str) -> Result<(Reference, Locator), Failure> {
        let reference = self.reference(text)?;
        match reference.locator() {
            Some(locator) => Ok((reference, locator)),
            None => {
                let latest: Tag = "latest".parse()?;
                Ok((reference.at(latest.clone()), latest.into()))
            }
        }
    }

    /// Parses a reference to a repository as a whole.
    pub(crate) fn repository_reference(&self, text: &str) -> Result<Reference, Failure> {
        let reference = self.reference(text)?;
        match reference.locator() {
            None => Ok(reference),
            Some(_) => Err(Failure::usage(format!("{text:?} names one image; a repository is expected"))
                .with_hint(format!("{}/{}", reference.host.in_reference(), reference.repository))),
        }
    }

    fn note_host(&self, host: &Host, hint: String) {
        self.host_hints.lock().unwrap_or_else(PoisonError::into_inner).insert(host.clone(), hint);
    }

    /// How `host` came to be meant, where the user did not name it.
    pub(super) fn host_hint(&self, host: &Host) -> Option<String> {
        self.host_hints.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }
}

/// Whether `text` is a place of another program: [`Context::reference`] refuses it.
pub(super) fn is_foreign(text: &str) -> bool {
    text.contains("://") || foreign(text).is_some()
}

/// The place of another program that `text` begins with, and what serves instead. `dir:5000/app` is on a host.
fn foreign(text: &str) -> Option<(&'static str, &'static str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_port = rest.split_once('/').is_some_and(|(port, _)| port.parse::<u16>().is_ok());
    FOREIGN.iter().copied().find(|(name, _)| *name == scheme && !is_port)
}

/// Parses a host as a user types it.
fn parse_host(text: &str) -> Result<Host, Failure> {
    let bare = text.strip_suffix('/').unwrap_or(text);
    bare.parse::<Host>().map_err(|error| match text.split_once("://") {
        Some((scheme, rest)) => Failure::from(error)
            .with_hint(format!("leave {scheme}:// away: {}", rest.split('/').next().unwrap_or(rest))),
        None => error.into(),
    })
}
