//! How many wrong passwords are listened to.
//!
//! Counted twice: for a user from a client, and for a client whatever the user; in advance, so that tries at the same time
//! count. A client is an address, or a network of IPv6 (`peer`). Who comes over loopback and is named by no proxy has
//! none: only the users are counted there, all who come like that as one. Who was let in from a client today gets more
//! tries, so that somebody who guesses beside them does not lock them out at once.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use crate::server::peer::Peer;

/// Failures are forgotten after this time.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Wrong passwords of one user from one client in a window. People mistype; a dictionary needs thousands.
const USER_FAILURES_MAX: u32 = 10;

/// The same of a user who was let in from this client lately.
const KNOWN_USER_FAILURES_MAX: u32 = 60;

/// Wrong passwords from one client in a window.
const CLIENT_FAILURES_MAX: u32 = 300;

/// How long somebody who was let in is known.
const KNOWN: SignedDuration = SignedDuration::from_hours(24);

/// Counters kept. When more are needed those that were used least are forgotten.
const COUNTERS_MAX: usize = 8 << 10;

#[derive(Clone, Copy, Debug)]
struct Counter {
    since: Timestamp,
    count: u32,
}

type ClientUser = (Option<IpAddr>, String);

/// The failures of the last minute.
#[derive(Debug)]
pub(super) struct Failures {
    users: Cache<ClientUser, Counter>,
    clients: Cache<IpAddr, Counter>,
    /// Who was let in, and when.
    known: Cache<ClientUser, Timestamp>,
}

impl Default for Failures {
    fn default() -> Self {
        Self { users: Cache::new(COUNTERS_MAX), clients: Cache::new(COUNTERS_MAX), known: Cache::new(COUNTERS_MAX) }
    }
}

impl Failures {
    /// How long nobody listens to this user from there.
    pub(super) fn wait(&self, peer: Peer, user: &str, now: Timestamp) -> Option<Duration> {
        let of_user = (peer.client(), user.to_owned());
        let is_known = self.known.get(&of_user).is_some_and(|at| now < at + KNOWN);
        let user_max = if is_known { KNOWN_USER_FAILURES_MAX } else { USER_FAILURES_MAX };
        let (user_count, client_count) = self.counters(&of_user, now);
        let left = |counter: Counter| Duration::try_from(counter.since + WINDOW - now).unwrap_or_default();
        let wait = user_count.filter(|counter| counter.count >= user_max).map(left);
        wait.max(client_count.filter(|counter| counter.count >= CLIENT_FAILURES_MAX).map(left))
    }

    /// Those of this window.
    fn counters(&self, of_user: &ClientUser, now: Timestamp) -> (Option<Counter>, Option<Counter>) {
        let is_now = |counter: &Counter| now < counter.since + WINDOW;
        let of_client = of_user.0.and_then(|client| self.clients.get(&client));
        (self.users.get(of_user).filter(is_now), of_client.filter(is_now))
    }

    /// Counts a try as a wrong one. The error is how long nobody listens to this user from there.
    pub(super) fn begin(&self, peer: Peer, user: &str, now: Timestamp) -> Result<(), Duration> {
        if let Some(wait) = self.wait(peer, user, now) {
            return Err(wait);
        }
        let (client, of_user) = (peer.client(), (peer.client(), user.to_owned()));
        let (user_count, client_count) = self.counters(&of_user, now);
        let one_more = |counter: Option<Counter>| {
            let counter = counter.unwrap_or(Counter { since: now, count: 0 });
            Counter { count: counter.count.saturating_add(1), ..counter }
        };
        self.users.insert(of_user, one_more(user_count));
        if let Some(client) = client {
            self.clients.insert(client, one_more(client_count));
        }
        Ok(())
    }

    /// The try was not wrong.
    pub(super) fn forgive(&self, peer: Peer, user: &str, now: Timestamp) {
        let (client, of_user) = (peer.client(), (peer.client(), user.to_owned()));
        let one_less = |counter: Counter| Counter { count: counter.count.saturating_sub(1), ..counter };
        if let Some(counter) = self.users.get(&of_user) {
            self.users.insert(of_user.clone(), one_less(counter));
        }
        if let Some((client, counter)) = client.and_then(|client| Some((client, self.clients.get(&client)?))) {
            self.clients.insert(client, one_less(counter));
        }
        self.known.insert(of_user, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Peer {
        Peer::at(text)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(secs)
    }

    /// How many tries are listened to.
    fn tries(failures: &Failures, peer: &str, user: &str, now: Timestamp) -> usize {
        (0..1000).take_while(|_| failures.begin(ip(peer), user, now).is_ok()).count()
    }

    #[test]
    fn a_user_is_not_listened_to_for_a_while() {
        let failures = Failures::default();
        assert_eq!(tries(&failures, "192.0.2.1", "alice", at(0)), 10);
        assert_eq!(failures.begin(ip("192.0.2.1"), "alice", at(10)), Err(Duration::from_secs(50)));
        assert_eq!(tries(&failures, "192.0.2.1", "bob", at(10)), 10, "another user");
        assert_eq!(tries(&failures, "192.0.2.2", "alice", at(10)), 10, "another client");
        assert_eq!(tries(&failures, "192.0.2.1", "alice", at(59)), 0);
        assert_eq!(tries(&failures, "192.0.2.1", "alice", at(60)), 10, "counted anew");
    }

    #[test]
    fn a_network_is_one_client() {
        let failures = Failures::default();
        let all = (0..40).map(|n| tries(&failures, &format!("2001:db8::{n:x}"), "alice", at(0)));
        assert_eq!(all.sum::<usize>(), 10);
        assert_eq!(tries(&failures, "::ffff:192.0.2.1", "alice", at(0)), 10);
        assert_eq!(tries(&failures, "192.0.2.1", "alice", at(0)), 0, "the same in another writing");
    }

    #[test]
    fn a_client_is_not_listened_to_whoever_it_names_but_a_proxy_is() {
        let guess = |peer: &str| {
            let failures = Failures::default();
            (0..1000).filter(|n| failures.begin(ip(peer), &format!("user{n}"), at(0)).is_ok()).count()
        };
        assert_eq!(guess("192.0.2.1"), 300);
        assert_eq!(guess("127.0.0.1"), 1000);
    }

    #[test]
    fn who_is_right_is_forgiven_and_known() {
        let failures = Failures::default();
        for _ in 0..1000 {
            failures.begin(ip("192.0.2.1"), "alice", at(0)).expect("listened to");
            failures.forgive(ip("192.0.2.1"), "alice", at(0));
        }
        assert_eq!(tries(&failures, "192.0.2.1", "alice", at(1)), 60);
        assert_eq!(tries(&failures, "192.0.2.2", "alice", at(1)), 10, "not known there");
        assert_eq!(tries(&failures, "192.0.2.1", "alice", at(24 * 3600 + 60)), 10, "not for ever");
    }
}
