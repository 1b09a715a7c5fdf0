//! The registry over HTTP/1.1 and HTTP/2: an accept loop of our own on hyper and h2, one task a connection.
//!
//! Knows sockets, headers and bodies; what a registry may do with them is decided in `registry`. Reads no environment and
//! writes to no terminal: configuration is data, log lines go to a [`Sink`].
//!
//! A request's way: `connection` → `handler` (the pipeline) → `api` (one noun a file) → `registry`; errors come back
//! through `error`, the one mapping to status and body. Large blobs leave through `sendfile`.
//!
//! Invariants:
//!
//! - nothing a client sends is answered 500, and every wait for a client has an end (`spec::limits`);
//! - a request that changes something is finished once it has begun, whether the client stays or not;
//! - a 5xx tells the client the id under which the log has the reason, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::{Semaphore, mpsc};

use crate::registry::Registry;
use crate::spec::limits::{
    BODY_IDLE_TIMEOUT_SECS, CONNECTIONS_MAX, DRAIN_SECS, HEADER_TIMEOUT_SECS, PACE_BYTES_MIN, PACE_WINDOW_SECS,
    WRITE_STALL_TIMEOUT_SECS,
};
use crate::sys::Clock;
use auth::Guard;
use config::Limits;
use connection::Shared;
use face::Face;
use handler::State;
use health::Health;
use logging::Verbosity;
use metrics::Metrics;
use pace::Patience;
use room::Room;
use tls::Tls;
use traces::Traces;

mod acme;
mod api;
pub(crate) mod auth;
pub(crate) mod config;
mod connection;
pub(crate) mod debug;
mod deeds;
mod door;
mod either;
mod error;
pub(crate) mod face;
mod forwarded;
mod handler;
pub(crate) mod health;
mod http2;
mod incoming;
mod listen;
mod log;
pub(crate) mod logging;
mod mapping;
pub(crate) mod metrics;
mod notify;
pub(crate) mod observed;
mod origin;
pub(crate) mod outbound;
mod pace;
mod peer;
mod process;
mod rates;
mod reading;
mod reload;
mod reply;
mod request;
mod room;
mod sendfile;
mod signals;
mod socket;
mod stream;
pub(crate) mod tls;
pub(crate) mod traces;
mod trusted;
mod unix;
mod watched;
mod wire;

pub(crate) use door::{Door, Endpoint, Listening};
pub(crate) use listen::{Address, AddressError, BindError};
pub(crate) use log::Sink;
pub(crate) use notify::Notifier;
pub(crate) use reload::Reloadable;
pub(crate) use signals::{Signal, hangups, listen as signals};
pub(crate) use trusted::Trusted;
pub(crate) use watched::Stamp;

/// How long the server waits for a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) header: Duration,
    pub(crate) body: Patience,
    pub(crate) write: Patience,
    /// For requests in progress after a signal.
    pub(crate) drain: Duration,
}

impl Timeouts {
    /// What `spec::limits` says.
    pub(crate) const STANDARD: Self = Self {
        header: Duration::from_secs(HEADER_TIMEOUT_SECS),
        body: patience(BODY_IDLE_TIMEOUT_SECS),
        write: patience(WRITE_STALL_TIMEOUT_SECS),
        drain: Duration::from_secs(DRAIN_SECS),
    };
}

const fn patience(pause_secs: u64) -> Patience {
    Patience {
        pause: Duration::from_secs(pause_secs),
        window: Duration::from_secs(PACE_WINDOW_SECS),
        bytes: PACE_BYTES_MIN,
    }
}

/// What a server is made of.
pub(crate) struct Setup {
    pub(crate) registry: Registry,
    pub(crate) guard: Guard,
    /// `None` for plain HTTP.
    pub(crate) tls: Option<Tls>,
    pub(crate) clock: Clock,
    pub(crate) timeouts: Timeouts,
    pub(crate) access_log: Option<Sink>,
    /// Without: nobody is told what requests did.
    pub(crate) notifier: Option<Arc<Notifier>>,
    pub(crate) limits: Limits,
    pub(crate) face: Face,
    /// Who may say for whom a request is.
    pub(crate) trusted: Trusted,
    pub(crate) health: Arc<Health>,
    /// Where requests are counted.
    pub(crate) metrics: Option<Arc<Metrics>>,
    /// Where they are traced.
    pub(crate) traces: Option<Arc<Traces>>,
    /// HTTP/2 without TLS, for clients that begin with it.
    pub(crate) h2c: bool,
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub(crate) struct Server {
    listening: Listening,
    state: Arc<State>,
    /// Places for connections.
    connections: Arc<Room>,
}

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Every request that had begun was answered, or had its time.
    Drained,
    /// A second signal did not let them.
    Cut(Signal),
}

/// Most connections that are told at one time that there is no room; more are dropped.
const REFUSALS_MAX: usize = 64;

impl Server {
    pub(crate) fn new(listening: Listening, setup: Setup) -> Self {
        let connections = Arc::new(Room::new(0));
        make_room(&connections, &setup.limits);
        Self { listening, state: Arc::new(State::new(setup)), connections }
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        self.state.scheme()
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.listening.endpoint()
    }

    /// What of it can change while it runs.
    pub(crate) fn reloadable(&self, verbosity: Verbosity) -> Reloadable {
        Reloadable { state: Arc::clone(&self.state), connections: Arc::clone(&self.connections), verbosity }
    }

    /// Answers requests until a signal, then lets those in progress end.
    pub(crate) async fn run(self, mut signals: mpsc::Receiver<Signal>) -> Stopped {
        let room = Arc::clone(&self.connections);
        let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
        let shared = Shared::new(Arc::clone(&self.state), Arc::clone(&room));
        let drain = GracefulShutdown::new();
        let certificates = self.state.tls.as_ref().and_then(|tls| tls.keep(self.state.clock.clone()));
        let first = loop {
            let accepted = tokio::select! {
                accepted = self.listening.accept() => accepted,
                Some(signal) = signals.recv() => break signal,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors or memory: nothing to do but to wait for connections to end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            match room.enter(peer) {
                Some(place) => {
                    tokio::spawn(connection::serve(stream, peer, place, shared.clone(), drain.watcher()));
                }
                None => {
                    if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                        tokio::spawn(async move {
                            connection::refuse(stream).await;
                            drop(permit);
                        });
                    }
                }
            }
        };
        drop(self.listening);
        if let Some(certificates) = certificates {
            certificates.abort();
        }
        tracing::info!(signal = ?first, "stopping");
        self.state.drain();
        let drained = async {
            drain.shutdown().await;
            // Requests that outlive their connection hold its place.
            room.emptied().await;
        };
        tokio::select! {
            ended = tokio::time::timeout(self.state.timeouts.drain, drained) => {
                if ended.is_err() {
                    tracing::warn!(after = ?self.state.timeouts.drain, "stopped with requests in progress");
                }
                Stopped::Drained
            }
            Some(signal) = signals.recv() => Stopped::Cut(signal),
        }
    }
}

/// As many places for connections as there may be.
fn make_room(connections: &Room, limits: &Limits) {
    let all = limits.connections.unwrap_or(CONNECTIONS_MAX).min(listen::raise_file_limit() / 3).max(1);
    connections.resize(all, limits.connections_per_address, limits.counts_loopback);
}

#[cfg(test)]
#[path = "http2_tests.rs"]
mod http2_tests;
#[cfg(test)]
mod tests;
