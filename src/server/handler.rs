//! The pipeline that every request takes, top to bottom on one screen.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, EXPECT, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, StatusCode};
use opentelemetry::context::FutureExt as _;
use tokio::sync::watch;

use super::auth::access::Needed;
use super::auth::{Guard, Rights, TOKEN_PATH, User};
use super::connection::Connection;
use super::error::{self, Error};
use super::face::Face;
use super::health::Health;
use super::log::{Record, Sink};
use super::metrics::{Measurement, Metrics};
use super::notify::Notifier;
use super::peer::Peer;
use super::rates::Rates;
use super::reply::{self, DOCKER_API_VERSION, Reply};
use super::request::{RequestBody, RequestId, RequestIds};
use super::room::Room;
use super::tls::Tls;
use super::traces::{Trace, Traces};
use super::trusted::Proxies;
use super::{Setup, Timeouts, api, origin};
use crate::registry::Registry;
use crate::spec::Route;
use crate::spec::limits::{HEADER_BYTES_MAX, MANIFESTS_KIB_MAX, TARGET_BYTES_MAX};
use crate::spec::route::RouteError;
use crate::sys::Clock;

/// What all requests share.
pub(super) struct State {
    pub(super) registry: Registry,
    pub(super) guard: Guard,
    pub(super) tls: Option<Tls>,
    /// KiB of manifests on their way in.
    pub(super) manifests: Room,
    pub(super) clock: Clock,
    pub(super) ids: RequestIds,
    pub(super) access_log: Option<Sink>,
    pub(super) notifier: Option<Arc<Notifier>>,
    pub(super) rates: Rates,
    pub(super) timeouts: Timeouts,
    pub(super) face: Face,
    pub(super) proxies: Proxies,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) traces: Option<Arc<Traces>>,
    /// Whether HTTP/2 is spoken without TLS too.
    pub(super) h2c: bool,
    /// Set once: no connection begins another request.
    draining: watch::Sender<bool>,
}

impl State {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { registry, guard, tls, clock, timeouts, access_log, notifier, limits, face, trusted, .. } = setup;
        let Setup { h2c, health, metrics, traces, .. } = setup;
        let (ids, draining) = (RequestIds::new(), watch::Sender::new(false));
        let manifests = Room::new(MANIFESTS_KIB_MAX);
        let rates = Rates::new(&limits.requests, limits.counts_loopback);
        Self {
            registry,
            guard,
            tls,
            manifests,
            clock,
            ids,
            access_log,
            notifier,
            rates,
            timeouts,
            face,
            proxies: Proxies::new(trusted),
            h2c,
            health,
            metrics,
            traces,
            draining,
        }
    }

    /// From now on a connection between two requests is at its end.
    pub(super) fn drain(&self) {
        self.draining.send_replace(true);
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Waits for the end of the server to begin.
    pub(super) async fn drained(&self) {
        // The sender lives as long as `self`.
        let _ = self.draining.subscribe().wait_for(|&draining| draining).await;
    }

    /// What the server itself speaks; a proxy in front may speak another.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// One request while it is answered.
pub(super) struct Call {
    pub(super) state: Arc<State>,
    pub(super) connection: Arc<Connection>,
    /// Whom it is from: the other end of the connection, or whom a proxy there names.
    pub(super) client: Peer,
    pub(super) head: Parts,
    pub(super) body: RequestBody,
    pub(super) id: RequestId,
    /// Who sends it, where that is asked.
    pub(super) user: Option<User>,
    pub(super) rights: Rights,
    /// Where requests are counted, and this one is for the API.
    measurement: Option<Measurement>,
    trace: Option<Trace>,
}

/// Answers a request.
pub(super) async fn handle(state: Arc<State>, connection: Arc<Connection>, head: Parts, body: RequestBody) -> Reply {
    let id = state.ids.next();
    let client = state.proxies.client(connection.peer, &head.headers);
    let trace = begin_trace(&state, client, &head, id);
    let record = begin_record(&state, client, &head, id, trace.as_ref());
    let method = head.method.clone();
    let rights = Rights::default();
    let call = Call { state, connection, client, head, body, id, user: None, rights, measurement: None, trace };
    let mut reply = if method.is_safe() {
        finish(call).await
    } else {
        // What a client has begun is ended even if it hangs up: a cut upload keeps what arrived.
        match tokio::spawn(finish(call)).await {
            Ok(reply) => reply,
            Err(panic) => {
                tracing::error!(http.request.id = %id, error = %panic, "request failed");
                reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
    if let Some(record) = record {
        record.attach(&mut reply);
    }
    reply
}

/// The answer, from within its trace.
async fn finish(call: Call) -> Reply {
    match call.trace.as_ref().map(Trace::context) {
        Some(context) => Box::pin(dressed(call)).with_context(context).await,
        None => dressed(call).await,
    }
}

/// The answer, with what stands on every one, and the body read or refused.
async fn dressed(mut call: Call) -> Reply {
    let mut is_lost = false;
    let mut reply = match answer(&mut call).await {
        Ok(reply) => reply,
        Err(error) => {
            // Who is in doubt about whom a request is for may be so about where it ends.
            is_lost = matches!(error, Error::Host);
            error.into_reply(&call.head.method, call.id)
        }
    };
    if let Some(mut trace) = call.trace.take() {
        trace.is_answered(reply.status(), call.user.as_ref());
        reply.body_mut().trace(trace);
    }
    if let Some(user) = call.user.take() {
        reply.extensions_mut().insert(user);
    }
    reply::set_static(&mut reply, DOCKER_API_VERSION.clone(), "registry/2.0");
    reply::set_static(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    call.state.face.dress(reply.headers_mut());
    if let Some(mut measurement) = call.measurement.take() {
        measurement.status = reply.status();
        reply.body_mut().measure(measurement);
    }
    if call.body.dismiss() || is_lost {
        reply::set_static(&mut reply, CONNECTION, "close");
    }
    reply
}

async fn answer(call: &mut Call) -> Result<Reply, Error> {
    check_lengths(&call.head)?;
    check_protocol(&call.head)?;
    let (method, uri) = (&call.head.method, &call.head.uri);
    if matches!(uri.path(), "/" | "*") && (method.is_safe()) {
        // Load balancers ask for it.
        call.state.health.admit(true, true)?;
        let mut reply = reply::empty(StatusCode::OK);
        reply::set_static(&mut reply, CACHE_CONTROL, "no-cache");
        return Ok(reply);
    }
    if *method != Method::OPTIONS {
        call.state.rates.of_address(method, call.client, Instant::now())?;
    }
    let state = Arc::clone(&call.state);
    if let Some(service) = state.guard.service()
        && call.state.face.inner(uri.path()) == Some(TOKEN_PATH)
    {
        return api::token::answer(call, service).await;
    }
    let path = call.state.face.inner(uri.path()).ok_or(RouteError::NoSuch);
    let mut route = path.and_then(|path| Route::parse(path, uri.query()));
    let metrics = call.state.metrics.as_ref();
    call.measurement = metrics.zip(route.as_ref().ok()).map(|(metrics, route)| metrics.begin(route.into(), &call.head));
    if let (Some(trace), Ok(route)) = (&call.trace, &route) {
        trace.is_for(method, route);
    }
    call.state.health.admit(matches!(route, Ok(Route::Base)), method.is_safe())?;
    if *method != Method::OPTIONS {
        // Browsers ask what is allowed before they ask for a password (Fetch, "CORS-preflight fetch"). What is no route can
        // do nothing, so that it needs nothing; but only who is let in may hear that it is none.
        let needed = route.as_ref().map(|route| Needed::of(method, route)).unwrap_or_default();
        let pass = call.state.guard.admit(&call.head, call.client, &needed).await?;
        (call.user, call.rights) = (pass.user, pass.rights);
        if let Some(user) = &call.user {
            call.state.rates.of_user(method, user, Instant::now())?;
        }
        if let (Ok(Route::Uploads { start, .. }), true) = (&mut route, pass.hides_source) {
            start.from = None;
        }
    }
    let route = route?;
    if !route.methods().contains(method) {
        if method != Method::OPTIONS {
            return Err(Error::Method(route.methods()));
        }
        let mut reply = reply::empty(StatusCode::OK);
        reply.headers_mut().insert(ALLOW, error::allow(route.methods()));
        return Ok(reply);
    }
    api::answer(route, call).await
}

fn check_lengths(head: &Parts) -> Result<(), Error> {
    let target = head.uri.path_and_query().map_or(0, |text| text.as_str().len());
    if target > TARGET_BYTES_MAX {
        return Err(Error::TargetTooLong);
    }
    let headers: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > HEADER_BYTES_MAX { Err(Error::HeadersTooLarge) } else { Ok(()) }
}

/// What HTTP asks of every request.
fn check_protocol(head: &Parts) -> Result<(), Error> {
    if !origin::is_host_named(head) {
        return Err(Error::Host);
    }
    let expectations = head.headers.get_all(EXPECT).iter();
    if expectations.into_iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Error::Expectation);
    }
    Ok(())
}

/// A record of the request, where anybody will read it.
fn begin_record(state: &State, client: Peer, head: &Parts, id: RequestId, trace: Option<&Trace>) -> Option<Record> {
    (state.access_log.is_some() || tracing::enabled!(tracing::Level::INFO)).then(|| {
        let record = Record::new(state.access_log.clone(), id, client, head, state.clock.now());
        record.in_trace(trace.and_then(Trace::id))
    })
}

/// The trace of the request, where there are any. What load balancers ask every second would hide all others.
fn begin_trace(state: &State, client: Peer, head: &Parts, id: RequestId) -> Option<Trace> {
    let traces = state.traces.as_ref().filter(|_| head.uri.path() != "/")?;
    Some(traces.begin(head, client, id, state.scheme()))
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("registry", &self.registry).finish_non_exhaustive()
    }
}
