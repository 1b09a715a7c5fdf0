//! Places for connections, and for bytes in memory: so many in all, and so many of them for one client.
//!
//! One client may take half of them, and who does not count as one (`peer`) all: a proxy in front makes all clients one,
//! and half is more than proxies open; what it must not do is to keep everybody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::peer::Peer;

/// All places of a server.
#[derive(Debug)]
pub(super) struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    taken: Mutex<Taken>,
    /// The last place was given back.
    emptied: Notify,
}

/// Which places are taken, and how many there are.
#[derive(Debug)]
struct Taken {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
    size: usize,
    /// Most for one client.
    share: usize,
    counts_loopback: bool,
}

/// One place or several, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Inner>,
    count: usize,
    client: Option<IpAddr>,
}

impl Room {
    pub(super) fn new(size: usize) -> Self {
        let by_client = HashMap::new();
        let taken = Taken { all: 0, by_client, size, share: size.div_ceil(2), counts_loopback: false };
        Self(Arc::new(Inner { taken: Mutex::new(taken), emptied: Notify::new() }))
    }

    /// Other numbers from now on: of places, of those that one client may have, half of them where nothing is said, and
    /// whether loopback is a client like others. Who is in stays.
    pub(super) fn resize(&self, size: usize, share: Option<usize>, counts_loopback: bool) {
        let mut taken = self.0.lock();
        (taken.size, taken.share) = (size, share.unwrap_or(size.div_ceil(2)));
        taken.counts_loopback = counts_loopback;
    }

    /// A place for `peer`; `None` where there is none, or none for this client.
    pub(super) fn enter(&self, peer: Peer) -> Option<Place> {
        self.enter_many(peer, 1)
    }

    /// So many places, or none.
    pub(super) fn enter_many(&self, peer: Peer, count: usize) -> Option<Place> {
        let mut taken = self.0.lock();
        if taken.all.saturating_add(count) > taken.size {
            return None;
        }
        let client = peer.client_with(taken.counts_loopback);
        if let Some(client) = client {
            let has = taken.by_client.get(&client).copied().unwrap_or_default() + count;
            if has > taken.share {
                return None;
            }
            taken.by_client.insert(client, has);
        }
        taken.all += count;
        Some(Place { room: Arc::clone(&self.0), count, client })
    }

    /// Waits until every place was given back.
    pub(super) async fn emptied(&self) {
        loop {
            // Before the look: what is given back behind it is heard.
            let emptied = self.0.emptied.notified();
            if self.0.lock().all == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.lock();
        taken.all = taken.all.saturating_sub(self.count);
        if let Some(client) = &self.client
            && let Some(has) = taken.by_client.get_mut(client)
        {
            *has = has.saturating_sub(self.count);
            if *has == 0 {
                taken.by_client.remove(client);
            }
        }
        if taken.all == 0 {
            self.room.emptied.notify_waiters();
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
        assert!(room.0.lock().by_client.is_empty(), "nobody is remembered who left");
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
        assert!(room.0.lock().by_client.is_empty());
    }

    #[test]
    fn a_room_can_grow_and_shrink_with_people_in_it() {
        let room = Room::new(4);
        let mut held: Vec<_> = (1..=4).filter_map(|n| room.enter(ip(&format!("192.0.2.{n}")))).collect();
        assert_eq!(held.len(), 4);
        room.resize(6, Some(1), false);
        assert!(room.enter(ip("192.0.2.1")).is_none(), "has its share");
        held.extend(room.enter(ip("192.0.2.5")));
        room.resize(3, None, true);
        for _ in 0..3 {
            assert!(room.enter(ip("192.0.2.9")).is_none(), "more are in than may be");
            held.pop();
        }
        held.extend(room.enter(ip("127.0.0.1")));
        assert_eq!(held.len(), 3);
        room.resize(9, Some(1), true);
        assert!(room.enter(ip("127.0.0.1")).is_none(), "loopback counts now");
        drop(held);
        assert!(room.0.lock().by_client.is_empty());
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
