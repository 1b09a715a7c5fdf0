//! Notifications: webhooks hear of what requests did (distribution's `notifications`).
//!
//! An event is in the queue of each endpoint that wants it before its request is answered, with the operating system: it
//! outlives the process, whatever ends it. Within a second it is on the disk, where it outlives a power failure. It is
//! delivered at least once, and for one endpoint in the order in which the events came about. What does not fit into a
//! queue any more is dropped, counted and said; nothing that was taken is.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::config::Notifications;
use super::deeds::Deed;
use super::handler::Call;
use super::outbound::Outbound;
use crate::sys;

mod endpoint;
mod event;
mod place;
mod queue;

use endpoint::Endpoint;
pub(crate) use endpoint::Tally;
use event::Source;
use place::Place;
use queue::Queue;

/// How long an event may be with the operating system alone.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How often somebody looks for what other servers have left.
const ADOPT_EVERY: Duration = Duration::from_secs(30);

/// Tells webhooks.
#[derive(Debug)]
pub(crate) struct Notifier {
    settings: Notifications,
    endpoints: Vec<Arc<Endpoint>>,
    source: Source,
    _place: Place,
}

impl Notifier {
    /// Opens the queues. `port` is where clients connect, if it is a place of the network.
    ///
    /// # Errors
    /// The directory of the queues cannot be made or written to.
    pub(crate) fn open(settings: Notifications, port: Option<u16>) -> io::Result<Self> {
        let place = Place::take(&settings.directory)?;
        let endpoints = endpoints(&settings, &place)?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let addr = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let source = Source { addr, instance: sys::uuid() };
        Ok(Self { settings, endpoints, source, _place: place })
    }

    /// Takes an event into the queues. Waits for no endpoint.
    pub(super) fn hear(&self, call: &Call, deed: &Deed<'_>) {
        let mut line = None;
        for endpoint in self.endpoints.iter().filter(|endpoint| endpoint.wants(deed)) {
            let line = line.get_or_insert_with(|| event::line(call, deed, &self.source, self.settings.with_references));
            endpoint.push(line);
        }
    }

    /// Delivers until the end of the process. Each endpoint has a task of its own.
    pub(crate) async fn run(self: Arc<Self>) {
        let outbound = Arc::new(Outbound::default());
        let mut tasks = tokio::task::JoinSet::new();
        for endpoint in &self.endpoints {
            let (endpoint, outbound) = (Arc::clone(endpoint), Arc::clone(&outbound));
            tasks.spawn(async move { deliver(&endpoint, &outbound, false).await });
        }
        let notifier = Arc::clone(&self);
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(SYNC_EVERY).await;
                let notifier = Arc::clone(&notifier);
                // It logs what goes wrong.
                let _ = tokio::task::spawn_blocking(move || notifier.sync()).await;
            }
        });
        loop {
            self.adopt(&outbound).await;
            tokio::time::sleep(ADOPT_EVERY).await;
        }
    }

    /// Delivers what servers have left that are not there any more.
    async fn adopt(&self, outbound: &Outbound) {
        let places = Place::abandoned(&self.settings.directory).unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot look for events of other servers");
            Vec::new()
        });
        let delivering = places.into_iter().map(|place| async move {
            match endpoints(&self.settings, &place) {
                Ok(endpoints) => {
                    let left = endpoints.iter().filter(|endpoint| !endpoint.is_empty());
                    futures_util::future::join_all(left.map(|endpoint| deliver(endpoint, outbound, true))).await;
                }
                Err(error) => tracing::warn!(%error, "cannot read the events of another server"),
            }
            drop(place);
        });
        futures_util::future::join_all(delivering).await;
    }

    /// Brings everything onto the disk that was taken. Waits for it.
    fn sync(&self) {
        self.endpoints.iter().for_each(|endpoint| endpoint.sync());
    }

    /// Leaves what is queued for the next start.
    pub(crate) fn close(&self) {
        self.sync();
        for Tally { name, events, pending, successes, failures, errors, dropped, .. } in self.tallies() {
            tracing::info!(endpoint = name, events, pending, successes, failures, errors, dropped, "notifications end");
        }
    }

    /// What has come of the events, by endpoint.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        self.endpoints.iter().map(|endpoint| endpoint.tally()).collect()
    }
}

fn endpoints(settings: &Notifications, place: &Place) -> io::Result<Vec<Arc<Endpoint>>> {
    let folders = place::folders(settings.endpoints.iter().map(|endpoint| endpoint.name.as_str()));
    let open = |(endpoint, folder): (&super::config::Endpoint, String)| {
        let queue = Queue::open(&place.of(&folder), settings.bytes_max)?;
        Ok(Arc::new(Endpoint::new(endpoint.clone(), queue)))
    };
    settings.endpoints.iter().zip(folders).map(open).collect()
}

/// A queue that cannot be read or written is tried again: a disk may come back.
async fn deliver(endpoint: &Endpoint, outbound: &Outbound, until_empty: bool) {
    while let Err(error) = endpoint.deliver(outbound, until_empty).await {
        tracing::error!(endpoint = endpoint.name(), %error, "cannot read the queue");
        tokio::time::sleep(SYNC_EVERY).await;
    }
}
