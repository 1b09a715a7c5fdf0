//! The HTTP engines: one for http, one for https, each built when it is first needed.
//!
//! Loading the system's certificates takes longer than a whole request to a registry on this machine, so plain HTTP
//! never does.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder};

use super::super::{Error, RemoteOptions, Result};
use crate::spec::Host;

/// A host that does not take a connection within this time is down, or behind a firewall that drops packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Load balancers in front of registries close idle connections after a minute; ours go first.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

#[derive(Debug)]
pub(super) struct Clients {
    plain: OnceLock<Client>,
    tls: OnceLock<Client>,
    insecure: bool,
    roots: Vec<Certificate>,
    user_agent: String,
    loopback: bool,
}

impl Clients {
    /// # Errors
    /// A CA file that cannot be read or holds no certificate.
    pub(super) fn new(host: &Host, options: &RemoteOptions) -> Result<Self> {
        let mut roots = Vec::new();
        for path in &options.ca_files {
            let unusable = |reason: String| Error::Options(format!("CA file {}: {reason}", path.display()));
            let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
            let found =
                Certificate::from_pem_bundle(&pem).map_err(|_| unusable("no certificate in PEM form".into()))?;
            if found.is_empty() {
                return Err(unusable("no certificate in PEM form".into()));
            }
            roots.extend(found);
        }
        Ok(Self {
            plain: OnceLock::new(),
            tls: OnceLock::new(),
            insecure: options.insecure,
            roots,
            user_agent: options.user_agent.clone(),
            loopback: host.is_loopback(),
        })
    }

    /// The engine for URLs of `scheme`.
    pub(super) fn for_scheme(&self, scheme: &str) -> Result<Client> {
        let (slot, build): (_, fn(&Self) -> reqwest::Result<Client>) =
            if scheme == "https" { (&self.tls, Self::build_tls) } else { (&self.plain, Self::build_plain) };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let built = build(self).map_err(|error| Error::Options(format!("no HTTP client: {error}")))?;
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

    fn build_plain(&self) -> reqwest::Result<Client> {
        self.builder().tls_certs_only([]).build()
    }

    fn build_tls(&self) -> reqwest::Result<Client> {
        // Whole blobs arrive over one connection: the default window of 64 KiB would cost a round trip for each.
        let builder = || self.builder().http2_adaptive_window(true);
        if self.insecure {
            return builder().tls_danger_accept_invalid_certs(true).build();
        }
        let with_system = builder().tls_certs_merge(self.roots.iter().cloned()).build();
        // An image without a CA store (scratch, distroless) must not keep anybody from public registries.
        with_system.or_else(|_| {
            let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let bundled = bundled.filter_map(|root| Certificate::from_der(root).ok());
            builder().tls_certs_only(self.roots.iter().cloned().chain(bundled)).build()
        })
    }
}
