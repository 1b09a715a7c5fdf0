//! Read-only while the server runs, without a change of the configuration: SIGUSR1 begins it and SIGUSR2 ends it, for
//! whoever may send signals to the process. What the configuration makes read-only stays so.

use std::convert::Infallible;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::registry::{ReadOnlyBy, Registry};

/// The two signals, from now on.
pub(super) struct Switch {
    begin: Signal,
    end: Signal,
}

impl Switch {
    /// # Errors
    /// The system takes no handler.
    pub(super) fn listen() -> std::io::Result<Self> {
        let (begin, end) = (signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?);
        Ok(Self { begin, end })
    }

    /// Does what the signals say.
    pub(super) async fn follow(mut self, registry: Registry) -> Infallible {
        loop {
            let read_only = tokio::select! {
                _ = self.begin.recv() => true,
                _ = self.end.recv() => false,
            };
            registry.set_read_only(ReadOnlyBy::Operator, read_only);
            if registry.is_read_only() {
                tracing::warn!(by_signal = read_only, "the registry is read-only");
            } else {
                tracing::warn!("the registry takes changes");
            }
        }
    }
}
