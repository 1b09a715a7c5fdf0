//! What a command works with: the output, the clock, the environment, the settings, and the registries it talks to.

use std::sync::OnceLock;

use super::config::Config;
use super::environment::Environment;
use super::failure::Failure;
use super::flags::Flags;
use super::output::Output;
use crate::spec::{Host, Reference};
use crate::sys::Clock;

/// The registry of references that name none, when nobody says which: what `reg serve` listens on.
const DEFAULT_REGISTRY: &str = "localhost:5000";

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) clock: Clock,
    pub(crate) environment: Environment,
    pub(crate) flags: Flags,
    /// Read when first asked for: not every command needs it, and those must not fail with it.
    config: OnceLock<Config>,
}

impl Context {
    pub(crate) fn new(flags: Flags, environment: Environment) -> Self {
        let clock = Clock::System;
        let output = Output::new(&flags, &environment, &clock);
        Self { output, clock, environment, flags, config: OnceLock::new() }
    }

    pub(crate) fn config(&self) -> Result<&Config, Failure> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = Config::read(&self.environment)?;
        Ok(self.config.get_or_init(|| config))
    }

    /// The registry of references that name none: flag, then environment, then configuration.
    pub(crate) fn default_host(&self) -> Result<Host, Failure> {
        let (text, origin) = if let Some(text) = &self.flags.registry {
            (text.as_str(), "--registry")
        } else if let Some(text) = self.environment.get("REG_REGISTRY") {
            (text, "REG_REGISTRY")
        } else if let Some(text) = &self.config()?.registry {
            (text.as_str(), "registry in the configuration file")
        } else {
            (DEFAULT_REGISTRY, "the default")
        };
        parse_host(text).map_err(|failure| failure.context(format!("invalid value of {origin}")))
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
            return Err(Failure::usage(format!("invalid reference {text:?}"))
                .with_hint(format!("leave {scheme}:// away; --plain-http speaks HTTP without TLS")));
        }
        Reference::parse(text, &self.default_host()?)
            .map_err(|error| Failure::from(error).context(format!("invalid reference {text:?}")))
    }
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
