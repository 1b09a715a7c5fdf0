//! Places for connections, and for bytes in memory: so many in all, and so many of them for one client.
//!
//! One client may take half of them, and who does not count as one (`peer`) all: a proxy in front makes all clients one,
//! and half is more than proxies open; what it must not do is to keep everybody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::Peer;

/// All places of a server.
#[derive(Debug)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    size: usize,
    /// Most for one client.
    share: usize,
    counts_loopback: bool,
    taken: Arc<Taken>,
}

/// One place or several, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    permit: OwnedSemaphorePermit,
    of: Option<(IpAddr, Arc<Taken>)>,
}

/// Places by client.
#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<IpAddr, usize>>);

impl Room {
    pub(super) fn new(size: usize) -> Self {
        let places = Arc::new(Semaphore::new(size));
        Self { places, size, share: size.div_ceil(2), counts_loopback: false, taken: Arc::default() }
    }

    /// The same with another share for one client, loopback being one like others or not.
    pub(super) fn with_share(self, share: Option<usize>, counts_loopback: bool) -> Self {
        Self { share: share.unwrap_or(self.share), counts_loopback, ..self }
    }

    /// A place for `peer`; `None` where there is none, or none for this client.
    pub(super) fn enter(&self, peer: Peer) -> Option<Place> {
        self.enter_many(peer, 1)
    }

    /// So many places, or none.
    pub(super) fn enter_many(&self, peer: Peer, places: u32) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_many_owned(places).ok()?;
        let Some(client) = peer.client_with(self.counts_loopback) else { return Some(Place { permit, of: None }) };
        let mut taken = self.taken.lock();
        let count = taken.get(&client).copied().unwrap_or_default() + places as usize;
        if count > self.share {
            return None;
        }
        taken.insert(client, count);
        Some(Place { permit, of: Some((client, Arc::clone(&self.taken))) })
    }

    /// Waits until every place was given back.
    pub(super) async fn emptied(&self) {
        let all = u32::try_from(self.size).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.places.acquire_many(all).await;
    }
}

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((client, taken)) = self.of.take() else { return };
        let mut taken = taken.lock();
        if let Some(count) = taken.get_mut(&client) {
            *count = count.saturating_sub(self.permit.num_permits());
            if *count == 0 {
                taken.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Peer {
        Peer::at(text)
    }

    #[test]
    fn one_client_gets_half_and_all_get_all() {
        let room = Room::new(10);
        let first: Vec<_> = (0..10).filter_map(|_| room.enter(ip("192.0.2.1"))).collect();
        assert_eq!(first.len(), 5);
        assert!(room.enter(ip("::ffff:192.0.2.1")).is_none(), "the same in another writing");
        let second: Vec<_> = (0..10).filter_map(|n| room.enter(ip(&format!("2001:db8::{n}")))).collect();
        assert_eq!(second.len(), 5, "one network");
        assert!(room.enter(ip("127.0.0.1")).is_none(), "all are taken");
        drop(second);
        assert!(room.enter(ip("192.0.2.1")).is_none());
        drop(first);
        assert!(room.enter(ip("192.0.2.1")).is_some());
        assert!(room.taken.lock().is_empty(), "nobody is remembered who left");
    }

    #[test]
    fn several_places_are_had_at_once_or_not_at_all() {
        let room = Room::new(10);
        let first = room.enter_many(ip("192.0.2.1"), 4).expect("room");
        assert!(room.enter_many(ip("192.0.2.1"), 2).is_none(), "six are more than half");
        let second = room.enter_many(ip("192.0.2.2"), 5).expect("room");
        assert!(room.enter_many(ip("127.0.0.1"), 2).is_none(), "one is left");
        drop((first, second));
        assert!(room.enter_many(ip("127.0.0.1"), 10).is_some());
        assert!(room.taken.lock().is_empty());
    }

    #[test]
    fn what_is_local_gets_all() {
        for peer in [ip("127.0.0.1"), ip("::1"), Peer::Local] {
            let room = Room::new(10);
            let places: Vec<_> = (0..20).filter_map(|_| room.enter(peer)).collect();
            assert_eq!(places.len(), 10, "{peer}");
        }
    }

    #[tokio::test]
    async fn it_is_empty_when_the_last_has_left() {
        let room = Room::new(3);
        let place = room.enter(ip("192.0.2.1"));
        let mut emptied = std::pin::pin!(room.emptied());
        assert!(futures_util::poll!(&mut emptied).is_pending());
        drop(place);
        emptied.await;
    }
}
