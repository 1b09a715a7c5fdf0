//! The service manager: the socket that it has opened for us (sd_listen_fds(3)), and what it is told of our state
//! (sd_notify(3)). Without one nothing happens.

use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::sync::mpsc;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::server::{Endpoint, Listening, Signal};

/// The socket that is listened on already, as a configuration would name it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) endpoint: Endpoint,
    listener: Listener,
}

#[derive(Debug)]
enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// The one socket that this process was started with, if it was started so. Several are refused, as in distribution: all
/// of a server's clients come by one door, whose kind and address decide what is warned of and where clients are sent. To be called while there is one thread.
pub(super) fn socket(context: &Context) -> Result<Option<Socket>, Failure> {
    let failed = |what: String| {
        Failure::message(Kind::Usage, format!("LISTEN_FDS: {what}")).with_hint(
            "one ListenStream= in the socket unit names where the registry listens; a port alone is IPv4 and IPv6",
        )
    };
    let number = |name: &str| context.environment.get(name).and_then(|text| text.parse::<u32>().ok());
    // Variables that were meant for who started us are inherited too.
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        None | Some(0) => return Ok(None),
        Some(1) => {}
        Some(count) => return Err(failed(format!("{count} sockets were handed over, where one is expected"))),
    }
    let mut handed = ListenFd::from_env();
    let listener = match handed.take_unix_listener(0) {
        Ok(Some(listener)) => Listener::Unix(listener),
        _ => match handed.take_tcp_listener(0) {
            Ok(Some(listener)) => Listener::Tcp(listener),
            Ok(None) => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        },
    };
    let endpoint = listener.prepare().map_err(|error| failed(error.to_string()))?;
    Ok(Some(Socket { endpoint, listener }))
}

impl Listener {
    fn prepare(&self) -> std::io::Result<Endpoint> {
        let (endpoint, is_listening) = match self {
            Self::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                (Endpoint::Tcp(listener.local_addr()?), rustix::net::sockopt::socket_acceptconn(listener)?)
            }
            Self::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                let path = address.as_pathname().ok_or_else(|| std::io::Error::other("the socket has no path"))?;
                (Endpoint::Unix(path.into()), rustix::net::sockopt::socket_acceptconn(listener)?)
            }
        };
        if is_listening { Ok(endpoint) } else { Err(std::io::Error::other("nobody listens on the socket")) }
    }
}

impl Socket {
    /// The socket for the server. Its file belongs to the service manager.
    pub(super) fn listening(self) -> Result<Listening, Failure> {
        let listening = match self.listener {
            Listener::Tcp(listener) => Listening::handed_over_tcp(listener),
            Listener::Unix(listener) => Listening::handed_over_unix(listener, self.endpoint),
        };
        listening.map_err(|error| Failure::new(Kind::Failed, error).context("cannot start the registry"))
    }
}

/// Says that requests are answered from now on, and that the program is alive for as long as it is.
pub(super) fn ready(endpoint: &Endpoint) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {endpoint}"))]);
    if let Some(patience) = sd_notify::watchdog_enabled() {
        // A part of the runtime that hangs keeps this from running in time: that is what is watched for.
        tokio::spawn(async move {
            let mut turns = tokio::time::interval((patience / 2).max(Duration::from_millis(1)));
            loop {
                turns.tick().await;
                tell(&[NotifyState::Watchdog]);
            }
        });
    }
}

/// Says that the configuration is being read again (`Type=notify-reload`).
pub(super) fn reloading() {
    // The manager tells by the time whether it is its own signal that we speak of.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "there is no time to tell"),
    }
}

/// Says that it has been read.
pub(super) fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// Hands the signals on, and says with the first that the end has begun.
pub(super) fn tell_of_the_end(mut signals: mpsc::Receiver<Signal>) -> mpsc::Receiver<Signal> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        while let Some(signal) = signals.recv().await {
            tell(&[NotifyState::Stopping]);
            if sender.send(signal).await.is_err() {
                return;
            }
        }
    });
    receiver
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
