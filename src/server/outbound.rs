//! Requests that the server itself sends: to webhooks, to what its health depends on, to where keys are published.
//!
//! Knows no registry and repeats nothing that failed: whoever asks decides when to ask again. An answer has as many bytes
//! as the caller can use, and comes in time or not at all.
//!
//! Certificates are those that this machine trusts. Proxies are those of the environment, as in Go's programs, and never
//! for loopback. Nothing that a caller sends in headers goes to another origin than the one that was named, and nobody
//! elsewhere sends us to this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use reqwest::Client;
use thiserror::Error;
use url::{Host, Url};

mod habits;

pub(crate) use habits::{Habits, TrustError};

/// Redirects that are followed for one request, as in Go's programs.
const REDIRECTS_MAX: usize = 10;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum Unsent {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    #[error("more than {REDIRECTS_MAX} redirects")]
    Circle,
    #[error(transparent)]
    Tls(rustls::Error),
    #[error("{0}")]
    Failed(String),
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What came behind the body.
    pub(crate) trailers: HeaderMap,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// For all of it, redirects included.
    pub(crate) timeout: Duration,
    /// Whether to go where an answer sends us. A body goes along where the answer keeps the method (307 and 308); what
    /// would make a GET of something else is the answer.
    pub(crate) follow: bool,
    /// Most bytes of the answer that are of use. Where none are, nobody waits for them.
    pub(crate) answer_max: usize,
}

/// Sends requests. Connections are kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    habits: Habits,
    /// By whether it is encrypted and whether it is to loopback. Loading the certificates of a system takes longer than
    /// many a request, so each is made when it is needed.
    clients: [OnceLock<Client>; 4],
}

impl Outbound {
    pub(crate) fn with(habits: Habits) -> Self {
        Self { habits, ..Self::default() }
    }

    /// Whatever the server of `question.url` says, of whatever status.
    ///
    /// # Errors
    /// Nobody answered, or too late, or too much.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Answer, Unsent> {
        let timeout = question.timeout;
        tokio::time::timeout(timeout, self.follow(question)).await.map_err(|_| Unsent::Late(timeout))?
    }

    async fn follow(&self, question: Question<'_>) -> Result<Answer, Unsent> {
        let Question { mut method, url, mut headers, mut body, follow, answer_max, .. } = question;
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let request = self.client(&url)?.request(method.clone(), url.clone());
            let response = request.headers(headers.clone()).body(body.clone()).send().await.map_err(failed)?;
            let status = response.status();
            let next = next(&method, status, response.headers(), &url).filter(|_| follow);
            if let Some(next) = next
                && !leads_inside(&url, &next).await
            {
                if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                    (method, body) = (if method == Method::HEAD { method } else { Method::GET }, Bytes::new());
                }
                if next.origin() != url.origin() {
                    headers.clear();
                }
                url = next;
                continue;
            }
            let (head, mut parts) = http::Response::from(response).into_parts();
            let mut answer = Answer { status, headers: head.headers, body: Bytes::new(), trailers: HeaderMap::new() };
            if answer_max == 0 {
                return Ok(answer);
            }
            let mut body = BytesMut::new();
            while let Some(frame) = parts.frame().await {
                match frame.map_err(failed)?.into_data() {
                    Ok(part) if body.len() + part.len() > answer_max => return Err(Unsent::TooLong(answer_max)),
                    Ok(part) => body.extend_from_slice(&part),
                    Err(frame) => answer.trailers = frame.into_trailers().unwrap_or_default(),
                }
            }
            answer.body = body.freeze();
            return Ok(answer);
        }
        Err(Unsent::Circle)
    }

    fn client(&self, url: &Url) -> Result<Client, Unsent> {
        let (is_encrypted, is_local) = (url.scheme() == "https", is_loopback(url));
        let slot = &self.clients[usize::from(is_encrypted) * 2 + usize::from(is_local)];
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("reg/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        builder = if is_local { builder.no_proxy() } else { builder };
        builder = if self.habits.http2 { builder.http2_prior_knowledge() } else { builder };
        builder = match is_encrypted {
            true => builder.tls_backend_preconfigured(self.habits.tls().map_err(Unsent::Tls)?),
            false => builder.tls_certs_only([]),
        };
        let client = builder.build().map_err(failed)?;
        Ok(slot.get_or_init(|| client).clone())
    }
}

/// Whether somebody elsewhere sends us to this machine or to the network's own services: who listens here trusts who comes
/// from here. A name counts for its addresses, where it has any: through a proxy it may have none.
async fn leads_inside(from: &Url, to: &Url) -> bool {
    if is_loopback(from) || to.origin() == from.origin() {
        return false;
    }
    match to.host() {
        Some(Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, to.port_or_known_default().unwrap_or_default())).await;
            is_loopback(to) || found.is_ok_and(|mut found| found.any(|address| is_inside(address.ip())))
        }
        Some(Host::Ipv4(ip)) => is_inside(ip.into()),
        Some(Host::Ipv6(ip)) => is_inside(ip.into()),
        None => false,
    }
}

/// Where clouds tell a machine who it is, outside of the addresses of the link: of AWS over IPv6, and of Alibaba.
const METADATA: [IpAddr; 2] =
    [IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200))];

/// Loopback, the unspecified address, which is loopback too, every other address of this machine, and what is on the link
/// alone, such as the metadata of clouds.
fn is_inside(ip: IpAddr) -> bool {
    let is_of_link = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let ip = ip.to_canonical();
    // Nobody else can listen there. Nothing is sent.
    let is_ours = || std::net::UdpSocket::bind((ip, 0)).is_ok();
    ip.is_loopback() || ip.is_unspecified() || is_of_link(ip) || METADATA.contains(&ip) || is_ours()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

/// Where an answer sends a request with this method (RFC 9110 §15.4); `None` where it does not, or not the same request.
fn next(method: &Method, status: StatusCode, headers: &HeaderMap, from: &Url) -> Option<Url> {
    match status.as_u16() {
        307 | 308 => {}
        301..=303 if method.is_safe() => {}
        _ => return None,
    }
    let to = from.join(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    // Not from https to http, where everybody reads along.
    (to.scheme() == from.scheme() || to.scheme() == "https").then_some(to)
}

/// The innermost cause says most: the layers above it only say that something below failed. The URL is the caller's to
/// tell: it may hold a password.
fn failed(error: reqwest::Error) -> Unsent {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Unsent::Failed(cause.to_string())
}

#[cfg(test)]
mod tests;
