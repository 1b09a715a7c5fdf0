//! A configuration that changes while the server runs: it is read again on SIGHUP, and when its file changes.
//!
//! What the server takes over is decided by `server::config`. A configuration that cannot be used changes nothing. Whatever
//! waits for the file system does so on a thread of its own: one that does not answer holds up no request and no signal.

use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::task::JoinError;
use tokio::time::MissedTickBehavior;

use super::systemd::{self, Socket};
use super::{Place, sources};
use crate::cli::environment::Environment;
use crate::cli::failure::Failure;
use crate::server::config::{Config, Document, Faults, Live};
use crate::server::logging::Level;
use crate::server::{Reloadable, Stamp};

/// How often the file is looked at. A change counts when the file has been the same for two looks: who writes it may not
/// be done.
const PERIOD: Duration = Duration::from_secs(1);

/// How long the file system may take before that is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// Faults and warnings that a log hears of at once. Who wants all of them asks `reg config check`.
const SAID_MAX: usize = 10;

/// Where the configuration of a server comes from.
pub(in crate::cli) struct Origin {
    pub(super) environment: Environment,
    /// How many words more flags ask for.
    pub(super) verbose: u8,
    pub(super) flags: Place,
    /// What the service manager has opened for us, until it is served.
    pub(super) socket: Option<Socket>,
    pub(super) path: Option<PathBuf>,
    /// How the file looked when it was read.
    pub(super) stamp: Stamp,
    /// What the server was started with.
    pub(super) document: Document,
}

/// What a configuration says that was read again.
struct Fresh {
    live: Live,
    /// What was not said at the start.
    warnings: Vec<String>,
    /// Keys of what waits for a restart.
    waiting: Vec<String>,
}

impl Origin {
    /// Lets a server follow its configuration.
    pub(super) async fn follow(self, mut live: Live, server: Reloadable, mut hangups: Signal) -> Infallible {
        let mut looks = tokio::time::interval(PERIOD);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut read, mut before) = (self.stamp, self.stamp);
        let origin = Arc::new(self);
        loop {
            tokio::select! {
                Some(()) = hangups.recv() => {
                    tracing::info!("reading the configuration again");
                    systemd::reloading();
                    let (again, files) = (Arc::clone(&origin), server.clone());
                    let (stamp, fresh) = aside(move || {
                        files.reread_files();
                        (again.look(), again.read_again())
                    })
                    .await;
                    read = stamp;
                    take_over(fresh, &mut live, &server);
                    systemd::reloaded();
                }
                _ = looks.tick() => {
                    let again = Arc::clone(&origin);
                    let (now, fresh) = aside(move || {
                        let now = again.look();
                        (now, (now != read && now == before).then(|| again.read_again()))
                    })
                    .await;
                    if let Some(fresh) = fresh {
                        read = now;
                        take_over(fresh, &mut live, &server);
                    }
                    before = now;
                }
            }
        }
    }

    /// What a configuration means, with the flags for more words.
    pub(super) fn resolve(&self, document: &Document) -> Result<Config, Faults> {
        let mut config = document.resolve()?;
        if self.path.is_none() && self.verbose > 0 {
            config.log.level = Level::Info;
            config.log.access_log = true;
        }
        if self.verbose > 1 {
            config.log.level = Level::Debug;
        }
        Ok(config)
    }

    fn look(&self) -> Stamp {
        self.path.as_deref().map(Stamp::of).unwrap_or_default()
    }

    fn read_again(&self) -> Result<Fresh, Vec<Failure>> {
        let document = sources::look(&self.environment, &self.flags, self.path.as_deref());
        let document = document.map_err(|failure| vec![failure])?;
        let config = self.resolve(&document);
        let config = config.map_err(|faults| Failure::each(faults.first(SAID_MAX)).collect::<Vec<_>>())?;
        let known: HashSet<_> = self.document.warnings().iter().map(|known| (&known.path, &known.what)).collect();
        let new = document.warnings().iter().filter(|warning| !known.contains(&(&warning.path, &warning.what)));
        Ok(Fresh {
            live: config.live(),
            warnings: new.map(ToString::to_string).collect(),
            waiting: self.document.waiting(&document),
        })
    }
}

/// Does what waits for the file system, while everything else goes on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let mut work = tokio::task::spawn_blocking(work);
    let done = match tokio::time::timeout(PATIENCE, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            tracing::error!(
                "the file system of the configuration does not answer; what was read before stays in force"
            );
            work.await
        }
    };
    match done.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Only where the runtime ends, and this with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

fn take_over(fresh: Result<Fresh, Vec<Failure>>, live: &mut Live, server: &Reloadable) {
    let fresh = match fresh {
        Ok(fresh) => fresh,
        Err(failures) => {
            let (error, hint) = words(&failures);
            tracing::error!(error, hint, "the configuration cannot be used; what it said before stays in force");
            return;
        }
    };
    for warning in fresh.warnings.iter().take(SAID_MAX) {
        tracing::warn!("{warning}");
    }
    if let Some(more @ 1..) = fresh.warnings.len().checked_sub(SAID_MAX) {
        tracing::warn!("and {more} more: reg config check says all");
    }
    let waiting = &fresh.waiting;
    if !waiting.is_empty() {
        let have = if waiting.len() == 1 { "has" } else { "have" };
        tracing::warn!("{} {have} changed; restart to apply", waiting.join(", "));
    }
    if fresh.live != *live {
        server.apply(&fresh.live);
        *live = fresh.live;
        tracing::info!("the configuration has changed");
    }
}

/// What is wrong, and what may help, for one line of a log.
fn words(failures: &[Failure]) -> (String, Option<String>) {
    let hints: BTreeSet<&str> = failures.iter().flat_map(Failure::hints).map(String::as_str).collect();
    let hint = hints.into_iter().collect::<Vec<_>>().join("; ");
    let error = failures.iter().map(Failure::line).collect::<Vec<_>>().join("; ");
    (error, (!hint.is_empty()).then_some(hint))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Were it done on the spot, nobody would send what it waits for.
    #[tokio::test]
    async fn what_waits_for_the_file_system_holds_up_nothing() {
        let (sender, receiver) = mpsc::channel();
        let work = aside(move || receiver.recv_timeout(2 * PATIENCE));
        let (got, ()) = tokio::join!(work, async { sender.send("an answer").expect("somebody waits") });
        assert_eq!(got, Ok("an answer"));
    }
}
