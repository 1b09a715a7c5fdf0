//! What a command works with: the output, the clock, the environment, the settings, and the registries it talks to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::config::{Config, HostConfig};
use super::environment::Environment;
use super::failure::Failure;
use super::flags::Flags;
use super::output::Output;
use crate::client::credentials;
use crate::client::{Event, Keychain, Remote, RemoteOptions, RemoteRepository, TlsFiles};
use crate::spec::{Host, Reference};
use crate::sys::Clock;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) clock: Clock,
    pub(crate) environment: Environment,
    pub(crate) flags: Flags,
    /// Read when first asked for: not every command needs it, and those must not fail with it.
    config: OnceLock<Config>,
    /// One for each host: connections, tokens and limits are shared by everything a command does.
    remotes: Mutex<BTreeMap<Host, Remote>>,
    /// How hosts came to be named, where that was not plain in the user's words.
    pub(super) host_hints: Mutex<BTreeMap<Host, String>>,
    keychain: OnceLock<Arc<Keychain>>,
    stopping: AtomicBool,
}

impl Context {
    pub(crate) fn new(flags: Flags, environment: Environment) -> Self {
        let clock = Clock::System;
        let output = Output::new(&flags, &environment, &clock);
        Self {
            output,
            clock,
            environment,
            flags,
            config: OnceLock::new(),
            remotes: Mutex::default(),
            host_hints: Mutex::default(),
            keychain: OnceLock::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Asks the command to stop at the next point where that leaves nothing half done.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the command was asked to stop: it begins nothing new then, and says what it has done.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn config(&self) -> Result<&Config, Failure> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = Config::read(&self.environment)?;
        Ok(self.config.get_or_init(|| config))
    }

    /// The registry at `host`. Nothing is sent yet.
    pub(crate) fn remote(&self, host: &Host) -> Result<Remote, Failure> {
        let mut remotes = self.remotes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(remote) = remotes.get(host) {
            return Ok(remote.clone());
        }
        let remote = Remote::open(host.clone(), self.remote_options(host)?)?;
        remotes.insert(host.clone(), remote.clone());
        Ok(remote)
    }

    /// The repository that a reference names.
    pub(crate) fn repository(&self, reference: &Reference) -> Result<RemoteRepository, Failure> {
        Ok(self.remote(&reference.host)?.repository(&reference.repository))
    }

    /// How `host` is talked to, by flags and configuration.
    pub(crate) fn remote_options(&self, host: &Host) -> Result<RemoteOptions, Failure> {
        let configured = self.config()?.host.get(host.as_str()).cloned().unwrap_or_default();
        let mut options = RemoteOptions {
            plain_http: self.flags.plain_http || configured.plain_http,
            tls: self.tls_files(host, configured)?,
            keychain: self.keychain(),
            host_hint: self.host_hint(host),
            clock: self.clock.clone(),
            observer: self.observer(),
            ..RemoteOptions::default()
        };
        if let Some(wait) = self.flags.max_wait {
            options.max_wait_secs = wait.as_secs();
        }
        Ok(options)
    }

    /// The certificates of `host`: those that were named, and those where docker and podman look for them.
    fn tls_files(&self, host: &Host, configured: HostConfig) -> Result<TlsFiles, Failure> {
        let flags = &self.flags;
        let (certificate, key) = match &flags.cert_file {
            Some(certificate) => (Some(certificate.clone()), flags.key_file.clone()),
            None => (configured.cert_file, flags.key_file.clone().or(configured.key_file)),
        };
        let identity = match (certificate, key) {
            // Both may stand in one file.
            (Some(certificate), None) => Some((certificate.clone(), certificate)),
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, Some(key)) => {
                let message = format!("the key {} is of no use without its certificate", key.display());
                return Err(Failure::usage(message).with_hint("--cert-file FILE, or cert_file in the configuration"));
            }
            (None, None) => None,
        };
        let config_home = self.environment.config_home();
        let own = [
            config_home.as_ref().map(|home| home.join("containers")),
            self.docker_dir(),
            config_home.map(|home| home.join("docker")),
        ];
        let system = ["/etc/containers", "/etc/docker"].map(|folder| Some(folder.into()));
        let folders = own.into_iter().chain(system).flatten();
        Ok(TlsFiles {
            insecure: flags.insecure || configured.insecure,
            authorities: flags.ca_file.iter().cloned().chain(configured.ca_file).collect(),
            identity,
            folders: folders.map(|folder| folder.join("certs.d").join(host.as_str())).collect(),
        })
    }

    /// `DOCKER_CONFIG`, else `~/.docker`.
    fn docker_dir(&self) -> Option<PathBuf> {
        let named = self.environment.get("DOCKER_CONFIG").map(PathBuf::from);
        named.or_else(|| Some(self.environment.home()?.join(".docker")))
    }

    /// Where credentials come from.
    pub(crate) fn keychain(&self) -> Arc<Keychain> {
        self.keychain.get_or_init(|| Arc::new(Keychain::new(self.credential_environment()))).clone()
    }

    /// What the environment says about credentials.
    pub(crate) fn credential_environment(&self) -> credentials::Environment {
        let environment = &self.environment;
        credentials::Environment {
            explicit: None,
            auth_file: environment
                .get("REG_AUTH_FILE")
                .or_else(|| environment.get("REGISTRY_AUTH_FILE"))
                .map(Into::into),
            docker_auth_config: environment.get("DOCKER_AUTH_CONFIG").map(Into::into),
            runtime_dir: environment.get("XDG_RUNTIME_DIR").map(Into::into),
            config_home: environment.config_home(),
            docker_dir: self.docker_dir(),
            reg_dir: environment.config_home().map(|home| home.join("reg")),
        }
    }

    /// Tells the user what a remote does: warnings once, requests with `-v`, headers with `-vv`.
    fn observer(&self) -> Arc<dyn Fn(&Event) + Send + Sync> {
        let (output, verbose) = (self.output.clone(), self.flags.verbose);
        Arc::new(move |event| {
            let headers = |headers: &http::HeaderMap, sign: char| {
                for (name, value) in headers.iter().filter(|_| verbose > 1) {
                    output.note(format!("{sign}   {name}: {}", String::from_utf8_lossy(value.as_bytes())));
                }
            };
            match event {
                Event::Warning(text) => output.warn(text),
                Event::Waiting(text) => output.note(text),
                _ if verbose == 0 => {}
                Event::Request { method, url, headers: sent } => {
                    output.note(format!("> {method} {url}"));
                    headers(sent, '>');
                }
                Event::Answer { method, url, status, millis, headers: received } => {
                    output.note(format!("< {status} {method} {url} ({millis} ms)"));
                    headers(received, '<');
                }
                Event::Retry { method, url, reason, wait_millis } => {
                    output.note(format!("* {method} {url} again in {wait_millis} ms: {reason}"));
                }
            }
        })
    }
}
