//! A configuration that changes while the server runs: it is read again on SIGHUP, and when its file changes.
//!
//! What the server takes over is decided by `server::config`. A configuration that cannot be used changes nothing.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;

use super::systemd::{self, Socket};
use super::{Place, sources};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::server::config::{Config, Document, Faults, Live, Warning};
use crate::server::logging::Level;
use crate::server::{Reloadable, Stamp};

/// How often the file is looked at. A change counts when the file has been the same for two looks: who writes it may not
/// be done.
const PERIOD: Duration = Duration::from_secs(1);

/// Where the configuration of a server comes from.
pub(in crate::cli) struct Origin<'a> {
    pub(super) context: &'a Context,
    pub(super) flags: Place<'a>,
    /// What the service manager has opened for us, until it is served.
    pub(super) socket: Option<Socket>,
    pub(super) path: Option<PathBuf>,
    /// How the file looked when it was read.
    pub(super) stamp: Stamp,
    /// What the server was started with.
    pub(super) document: Document,
}

impl Origin<'_> {
    /// Lets a server follow its configuration.
    pub(super) async fn follow(self, mut live: Live, server: Reloadable, mut hangups: Signal) -> Infallible {
        let mut looks = tokio::time::interval(PERIOD);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut read, mut before) = (self.stamp, self.stamp);
        loop {
            tokio::select! {
                Some(()) = hangups.recv() => {
                    tracing::info!("reading the configuration again");
                    systemd::reloading();
                    server.reread_files();
                    read = self.look();
                    self.reload(&mut live, &server);
                    systemd::reloaded();
                }
                _ = looks.tick() => {
                    let now = self.look();
                    if now != read && now == before {
                        read = now;
                        self.reload(&mut live, &server);
                    }
                    before = now;
                }
            }
        }
    }

    /// What a configuration means, with the flags for more words.
    pub(super) fn resolve(&self, document: &Document) -> Result<Config, Faults> {
        let mut config = document.resolve()?;
        let verbose = self.context.flags.verbose;
        if self.path.is_none() && verbose > 0 {
            config.log.level = Level::Info;
            config.log.access_log = true;
        }
        if verbose > 1 {
            config.log.level = Level::Debug;
        }
        Ok(config)
    }

    fn look(&self) -> Stamp {
        self.path.as_deref().map(Stamp::of).unwrap_or_default()
    }

    fn reload(&self, live: &mut Live, server: &Reloadable) {
        let document = sources::look(self.context, &self.flags, self.path.as_deref());
        let failed = |faults: Faults| Failure::each(faults).collect::<Vec<_>>();
        let read = document.map_err(|failure| vec![failure]);
        let read = read.and_then(|document| Ok((self.resolve(&document).map_err(failed)?, document)));
        let (config, document) = match read {
            Ok(read) => read,
            Err(failures) => {
                let error = failures.iter().map(Failure::line).collect::<Vec<_>>().join("; ");
                let hint = failures.iter().flat_map(Failure::hints).cloned().collect::<Vec<_>>().join("; ");
                let hint = (!hint.is_empty()).then_some(hint);
                tracing::error!(error, hint, "the configuration cannot be used; what it said before stays in force");
                return;
            }
        };
        for warning in document.warnings().iter().filter(|warning| !self.is_known(warning)) {
            tracing::warn!("{warning}");
        }
        let waiting = self.document.waiting(&document);
        if !waiting.is_empty() {
            let have = if waiting.len() == 1 { "has" } else { "have" };
            tracing::warn!("{} {have} changed; restart to apply", waiting.join(", "));
        }
        let new = config.live();
        if new != *live {
            server.apply(&new);
            *live = new;
            tracing::info!("the configuration has changed");
        }
    }

    /// Whether it was said at the start.
    fn is_known(&self, warning: &Warning) -> bool {
        self.document.warnings().iter().any(|known| known.path == warning.path && known.what == warning.what)
    }
}
