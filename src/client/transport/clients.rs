//! The HTTP engines: one for http, one for https, each built when it is first needed.
//!
//! Loading the system's certificates takes longer than a whole request to a registry on this machine, so plain HTTP
//! never does.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, ClientBuilder};

use super::super::tls::Tls;
use super::super::{Error, Event, RemoteOptions, Result};
use crate::spec::Host;

/// A host that does not take a connection within this time is down, or behind a firewall that drops packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Load balancers in front of registries close idle connections after a minute; ours go first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

pub(super) struct Clients {
    plain: OnceLock<Client>,
    encrypted: OnceLock<Client>,
    tls: Tls,
    observer: Arc<dyn Fn(&Event) + Send + Sync>,
    user_agent: String,
    loopback: bool,
}

impl Clients {
    /// # Errors
    /// A named file with certificates that cannot be read or holds none.
    pub(super) fn new(host: &Host, options: &RemoteOptions) -> Result<Self> {
        Ok(Self {
            plain: OnceLock::new(),
            encrypted: OnceLock::new(),
            tls: Tls::read(&options.tls)?,
            observer: options.observer.clone(),
            user_agent: options.user_agent.clone(),
            loopback: host.is_loopback(),
        })
    }

    /// The engine for URLs of `scheme`.
    pub(super) fn for_scheme(&self, scheme: &str) -> Result<Client> {
        let (slot, is_encrypted) = if scheme == "https" { (&self.encrypted, true) } else { (&self.plain, false) };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let built = if is_encrypted { self.build_encrypted()? } else { self.builder().tls_certs_only([]).build() };
        let built = built.map_err(|error| Error::Options(format!("no HTTP client: {error}")))?;
        Ok(slot.get_or_init(|| built).clone())
    }

    fn builder(&self) -> ClientBuilder {
        let builder = Client::builder()
            .user_agent(&self.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true);
        // A proxy cannot reach this machine's loopback.
        if self.loopback { builder.no_proxy() } else { builder }
    }

    fn build_encrypted(&self) -> Result<reqwest::Result<Client>> {
        let warn = |text: String| (self.observer)(&Event::Warning(text));
        // Whole blobs arrive over one connection: the default window of 64 KiB would cost a round trip for each.
        let builder = self.builder().http2_adaptive_window(true);
        Ok(builder.tls_backend_preconfigured(self.tls.config(&warn)?).build())
    }
}
