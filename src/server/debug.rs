//! The listener for operators (`http.debug`): health, variables, metrics.
//!
//! Asks nobody who they are, as in distribution: its address is what keeps strangers out. One request a connection, and
//! a limit on the time of each, so that nobody holds it up.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ORIGIN};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::health::Health;
use super::metrics::Metrics;
use super::notify::{Notifier, Tally};
use super::{Address, BindError, Timeouts, connection, listen, process};
use crate::registry::Lookups;

type Answer = Response<Full<Bytes>>;

/// Connections at one time; others wait to be accepted.
const CONNECTIONS_MAX: usize = 32;

/// From the first byte of a request to the last of its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What operators are told.
pub(crate) struct Subjects {
    pub(crate) health: Arc<Health>,
    /// What is counted, and the path under which it is told.
    pub(crate) metrics: Option<(Arc<Metrics>, String)>,
    pub(crate) lookups: Arc<Lookups>,
    pub(crate) notifier: Option<Arc<Notifier>>,
    /// The words of the command that started this process.
    pub(crate) arguments: Vec<String>,
}

impl Subjects {
    fn tallies(&self) -> Vec<Tally> {
        self.notifier.as_ref().map(|notifier| notifier.tallies()).unwrap_or_default()
    }
}

/// A listener that does not answer yet.
#[derive(Debug)]
pub(crate) struct Debugging {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Debugging {
    /// # Errors
    /// The address does not exist, is taken, or is not for this user.
    pub(crate) async fn on(address: &Address) -> Result<Self, BindError> {
        let listener = listen::bind(address).await?;
        let bound = listener.local_addr().map_err(|source| BindError::Io { address: address.to_string(), source })?;
        Ok(Self { listener, address: bound })
    }

    /// Answers until the task is aborted.
    pub(crate) async fn run(self, subjects: Subjects) -> Infallible {
        let subjects = Arc::new(subjects);
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut protocol = connection::protocol(&Timeouts::STANDARD);
        protocol.keep_alive(false);
        loop {
            let permit = Arc::clone(&room).acquire_owned().await;
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection for operators");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (subjects, protocol) = (Arc::clone(&subjects), protocol.clone());
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    std::future::ready(Ok::<_, Infallible>(answer(&subjects, &request)))
                });
                let served = protocol.serve_connection(TokioIo::new(stream), service);
                if let Ok(Err(error)) = tokio::time::timeout(REQUEST_TIMEOUT, served).await {
                    tracing::debug!(%peer, %error, "a connection for operators ended");
                }
                drop(permit);
            });
        }
    }
}

fn answer<B>(subjects: &Subjects, request: &Request<B>) -> Answer {
    let path = request.uri().path();
    if let Some((metrics, _)) = subjects.metrics.as_ref().filter(|(_, at)| at == path) {
        return measurements(metrics, &subjects.lookups, &subjects.tallies());
    }
    let allowed: &[Method] = match path {
        "/debug/health/down" | "/debug/health/up" => &[Method::POST],
        _ => &[Method::GET, Method::HEAD],
    };
    let mut answer = match path {
        "/debug/health" | "/debug/vars" | "/debug/health/down" | "/debug/health/up"
            if !allowed.contains(request.method()) =>
        {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "the method is not allowed here\n");
            answer.headers_mut().insert(ALLOW, super::error::allow(allowed));
            answer
        }
        // A page that an operator looks at must not switch the server off.
        "/debug/health/down" | "/debug/health/up" if request.headers().contains_key(ORIGIN) => {
            text(StatusCode::FORBIDDEN, "not for web pages\n")
        }
        "/debug/health/down" | "/debug/health/up" => {
            let is_down = path.ends_with("down");
            tracing::warn!(down = is_down, "an operator changes the health of this server");
            subjects.health.set_down(is_down);
            text(StatusCode::OK, "")
        }
        "/debug/health" => {
            let reasons = subjects.health.reasons();
            let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            json(status, &json!(reasons))
        }
        "/debug/vars" => json(StatusCode::OK, &variables(subjects)),
        _ if path.starts_with("/debug/pprof") => {
            text(StatusCode::NOT_IMPLEMENTED, "profiles of Go's runtime are not to be had of a program that has none\n")
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
    };
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

/// Prometheus' text format.
fn measurements(metrics: &Metrics, lookups: &Lookups, tallies: &[Tally]) -> Answer {
    match metrics.text(lookups, tallies) {
        Ok(text) => {
            let mut answer = Response::new(Full::from(text));
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            answer
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written; the log says why\n")
        }
    }
}

/// Go's `expvar`: of `memstats` what has a meaning without Go.
fn variables(subjects: &Subjects) -> serde_json::Value {
    let process = process::now();
    let endpoint = |tally: &Tally| {
        json!({
            "name": tally.name,
            "Metrics": {
                "Pending": tally.pending,
                "Events": tally.events,
                "Successes": tally.successes,
                "Failures": tally.failures,
                "Errors": tally.errors,
                "Statuses": tally.statuses,
            },
        })
    };
    let endpoints: Vec<_> = subjects.tallies().iter().map(endpoint).collect();
    json!({
        "cmdline": subjects.arguments,
        "memstats": { "Sys": process.virtual_bytes, "Alloc": process.resident_bytes },
        "registry": { "notifications": { "endpoints": endpoints } },
    })
}

fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::from(value.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}

fn text(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
