//! Brings spans to a collector, through the one place that sends requests, and tells of it when they do not arrive.
//!
//! Knows bytes and no span. A collector that is away is said once, and once more when it is back.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;
use url::Url;

use super::grpc;
use super::settings::{Otlp, Protocol};
use crate::server::outbound::{Habits, Outbound, Question, TrustError};
use crate::spec::without_secrets;

/// Largest answer that is read, in bytes: it says at most what was not taken.
const ANSWER_BYTES_MAX: usize = 64 << 10;

pub(super) struct Sender {
    outbound: std::sync::Arc<Outbound>,
    url: Url,
    /// What the log may have of it.
    shown: String,
    is_grpc: bool,
    /// Longest wait for an answer: the library ends no request that it has begun.
    timeout: Duration,
    /// Spans are sent by a thread of the library, requests by tasks.
    runtime: Handle,
    fails: AtomicBool,
}

impl Sender {
    /// # Errors
    /// A file with certificates cannot be used.
    pub(super) fn new(otlp: &Otlp, timeout: Duration, runtime: Handle) -> Result<Self, TrustError> {
        let is_grpc = otlp.protocol == Protocol::Grpc;
        let identity = otlp.identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        let habits = Habits::new(is_grpc, otlp.authorities.as_deref(), identity)?;
        let outbound = std::sync::Arc::new(Outbound::with(habits));
        Ok(Self {
            outbound,
            url: otlp.endpoint.clone(),
            shown: without_secrets(otlp.endpoint.as_str()),
            is_grpc,
            timeout,
            runtime,
            fails: AtomicBool::new(false),
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let (head, mut body) = request.into_parts();
        let mut headers = head.headers;
        if self.is_grpc {
            body = grpc::enclose(&mut headers, &body);
        }
        let (outbound, url, timeout) = (std::sync::Arc::clone(&self.outbound), self.url.clone(), self.timeout);
        let asked = self.runtime.spawn(async move {
            let method = head.method;
            let answer_max = ANSWER_BYTES_MAX;
            outbound.ask(Question { method, url: &url, headers, body, timeout, follow: false, answer_max }).await
        });
        let mut answer = asked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let mut why = None;
        if self.is_grpc {
            match grpc::disclose(&answer) {
                Ok(message) => answer.body = message,
                Err((status, words)) => (answer.status, why) = (status, Some(words)),
            }
        }
        if !answer.status.is_success() {
            self.tell(Some(&why.unwrap_or_else(|| answer.status.to_string())));
        } else {
            self.tell(None);
        }
        let mut response = Response::new(answer.body);
        (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
        Ok(response)
    }

    /// Says what is new about how it goes.
    fn tell(&self, failure: Option<&str>) {
        let failed_before = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !failed_before => {
                tracing::warn!(url = self.shown, error = why, "traces are not delivered")
            }
            None if failed_before => tracing::info!(url = self.shown, "traces are delivered again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.send(request).await.map_err(|why| {
            self.tell(Some(&why));
            why.into()
        })
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({})", self.shown)
    }
}
