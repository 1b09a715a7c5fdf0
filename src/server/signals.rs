//! Signals as values.

use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::mpsc;

/// A signal that ends the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

/// Takes the signals over from the system: from now on they arrive here and end nothing by themselves.
///
/// # Errors
/// The system refuses; nothing is known that would make it.
pub(crate) fn listen() -> std::io::Result<mpsc::Receiver<Signal>> {
    let (sender, receiver) = mpsc::channel(2);
    for (kind, meaning) in [(SignalKind::interrupt(), Signal::Interrupt), (SignalKind::terminate(), Signal::Terminate)]
    {
        let mut arrivals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move { while arrivals.recv().await.is_some() && sender.send(meaning).await.is_ok() {} });
    }
    Ok(receiver)
}

/// SIGHUP, which asks for the configuration to be read again, and from now on ends nothing.
///
/// # Errors
/// As [`listen`].
pub(crate) fn hangups() -> std::io::Result<unix::Signal> {
    signal(SignalKind::hangup())
}
