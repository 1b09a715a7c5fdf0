//! How many wrong passwords are listened to.
//!
//! Counted twice: for a user from an address, and for an address whatever the user. A proxy in front is one address for
//! everybody behind it, so the second limit is wide; and who was verified lately is let in without a count.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

/// Failures are forgotten after this time.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Wrong passwords of one user from one address in a window. People mistype; a dictionary needs thousands.
const USER_FAILURES_MAX: u32 = 10;

/// Wrong passwords from one address in a window.
const ADDRESS_FAILURES_MAX: u32 = 300;

/// Counters kept. When more are needed those that were used least are forgotten.
const COUNTERS_MAX: usize = 8 << 10;

#[derive(Clone, Copy, Debug)]
struct Counter {
    since: Timestamp,
    count: u32,
}

/// The failures of the last minute.
#[derive(Debug)]
pub(super) struct Failures {
    users: Cache<(IpAddr, String), Counter>,
    addresses: Cache<IpAddr, Counter>,
}

impl Default for Failures {
    fn default() -> Self {
        Self { users: Cache::new(COUNTERS_MAX), addresses: Cache::new(COUNTERS_MAX) }
    }
}

impl Failures {
    /// How long nobody listens to this user from this address; `None` where they are listened to.
    pub(super) fn wait(&self, peer: IpAddr, user: &str, now: Timestamp) -> Option<Duration> {
        let user = self.users.get(&(peer, user.to_owned())).filter(|counter| counter.count >= USER_FAILURES_MAX);
        let address = self.addresses.get(&peer).filter(|counter| counter.count >= ADDRESS_FAILURES_MAX);
        let left =
            |counter: Counter| Duration::try_from(counter.since + WINDOW - now).ok().filter(|left| !left.is_zero());
        user.and_then(left).max(address.and_then(left))
    }

    /// Counts a wrong password.
    pub(super) fn add(&self, peer: IpAddr, user: &str, now: Timestamp) {
        let user = (peer, user.to_owned());
        let counted = |counter: Option<Counter>| match counter.filter(|counter| now < counter.since + WINDOW) {
            Some(counter) => Counter { count: counter.count.saturating_add(1), ..counter },
            None => Counter { since: now, count: 1 },
        };
        self.users.insert(user.clone(), counted(self.users.get(&user)));
        self.addresses.insert(peer, counted(self.addresses.get(&peer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_not_listened_to_for_a_while() {
        let failures = Failures::default();
        let (peer, other): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let start = Timestamp::UNIX_EPOCH;
        let at = |secs| start + SignedDuration::from_secs(secs);
        for second in 0..10 {
            assert_eq!(failures.wait(peer, "alice", at(second)), None);
            failures.add(peer, "alice", at(second));
        }
        assert_eq!(failures.wait(peer, "alice", at(10)), Some(Duration::from_secs(50)));
        assert_eq!(failures.wait(peer, "bob", at(10)), None, "another user");
        assert_eq!(failures.wait(other, "alice", at(10)), None, "another address");
        assert_eq!(failures.wait(peer, "alice", at(60)), None);
        failures.add(peer, "alice", at(60));
        assert_eq!(failures.wait(peer, "alice", at(61)), None, "counted anew");
    }

    #[test]
    fn an_address_is_not_listened_to_whoever_it_names() {
        let failures = Failures::default();
        let (peer, now): (IpAddr, _) = ([127, 0, 0, 1].into(), Timestamp::UNIX_EPOCH);
        for number in 0..300 {
            assert_eq!(failures.wait(peer, "new", now), None);
            failures.add(peer, &format!("user{number}"), now);
        }
        assert_eq!(failures.wait(peer, "new", now), Some(Duration::from_secs(60)));
        assert_eq!(failures.wait([127, 0, 0, 2].into(), "new", now), None);
    }
}
