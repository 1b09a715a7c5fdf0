//! What the log says of logins that are refused: who, from where, and why.
//!
//! Whoever guesses decides how often that happens, so that there is a bound on the lines of a minute, for each client and
//! for all: the next line says how many were left out. Who only sends no credentials is no refused login; most clients
//! begin so.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::api_token::{PREFIX, Shown};
use crate::server::peer::Peer;

/// Lines are counted for this long.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Lines about one client in a window. On loopback, where proxies are, clients cannot be told apart.
const CLIENT_LINES_MAX: u32 = 20;

/// Lines about all of them.
const LINES_MAX: u32 = 120;

/// Clients and users that are remembered.
const COUNTERS_MAX: usize = 4 << 10;

/// Why somebody is not let in. For the log: the client does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault<'a> {
    Unreadable,
    UnknownUser,
    WrongPassword,
    /// Nothing was looked at.
    TooMany,
    /// There is none of this id and secret any more, or its owner is gone.
    ApiToken {
        id: &'a str,
    },
    /// The token is good, and the name beside it is not its owner's.
    OthersToken {
        id: &'a str,
        owner: &'a str,
    },
    RefreshToken,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("the credentials cannot be read"),
            Self::UnknownUser => f.write_str("unknown user"),
            Self::WrongPassword => f.write_str("wrong password"),
            Self::TooMany => f.write_str("too many passwords: not listened to for a while"),
            Self::ApiToken { id } => write!(f, "API token {id} is unknown, revoked or expired, or its owner is gone"),
            Self::OthersToken { id, owner } => write!(f, "API token {id} belongs to {owner}"),
            Self::RefreshToken => f.write_str("the refresh token does not count, or not any more"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    since: Timestamp,
    count: u32,
}

impl Counter {
    fn new(now: Timestamp) -> Self {
        Self { since: now, count: 0 }
    }

    /// Itself, or a new one when its window is over.
    fn at(self, now: Timestamp) -> Self {
        if now < self.since + WINDOW { self } else { Self::new(now) }
    }
}

/// How many lines there were lately.
pub(super) struct RefusedLogins {
    /// Of all clients, and lines left out since the last one.
    all: Mutex<(Counter, u64)>,
    clients: Cache<IpAddr, Counter>,
    /// Who was told of lately as not listened to.
    unheard: Cache<(Option<IpAddr>, String), Timestamp>,
}

impl Default for RefusedLogins {
    fn default() -> Self {
        let none = Counter::new(Timestamp::UNIX_EPOCH);
        Self { all: Mutex::new((none, 0)), clients: Cache::new(COUNTERS_MAX), unheard: Cache::new(COUNTERS_MAX) }
    }
}

impl RefusedLogins {
    /// Writes a line, unless there were enough.
    pub(super) fn tell(&self, user: Option<&str>, peer: Peer, fault: Fault<'_>, now: Timestamp) {
        let Some(left_out) = self.admit(user, peer, fault, now) else { return };
        // An API token at the place of the name is a mistake that many make, and the log is no place for it.
        let token = user.and_then(Shown::read).map(|token| format!("{PREFIX}{}…", token.id()));
        tracing::warn!(
            auth.user.name = token.as_deref().or(user),
            http.request.remoteaddr = %peer,
            reason = %fault,
            unlogged = (left_out > 0).then_some(left_out),
            "login refused"
        );
    }

    /// How many lines were left out before this one; `None` where this is another.
    fn admit(&self, user: Option<&str>, peer: Peer, fault: Fault<'_>, now: Timestamp) -> Option<u64> {
        let client = peer.client();
        if fault == Fault::TooMany {
            // Once a minute: whoever is not listened to often does not stop.
            let key = (client, user.unwrap_or_default().to_owned());
            if self.unheard.get(&key).is_some_and(|at| now < at + WINDOW) {
                return None;
            }
            self.unheard.insert(key, now);
        }
        let of_client = client.map(|client| (client, self.clients.get(&client).unwrap_or(Counter::new(now)).at(now)));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (counter, left_out) = &mut *all;
        *counter = counter.at(now);
        if counter.count >= LINES_MAX || of_client.is_some_and(|(_, counter)| counter.count >= CLIENT_LINES_MAX) {
            *left_out += 1;
            return None;
        }
        counter.count += 1;
        if let Some((client, counter)) = of_client {
            self.clients.insert(client, Counter { count: counter.count + 1, ..counter });
        }
        Some(std::mem::take(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000_000 + secs)
    }

    fn wrong(log: &RefusedLogins, peer: &str, secs: i64) -> Option<u64> {
        log.admit(Some("alice"), Peer::at(peer), Fault::WrongPassword, at(secs))
    }

    #[test]
    fn one_client_does_not_drown_the_others_and_what_is_left_out_is_counted() {
        let log = RefusedLogins::default();
        assert_eq!((0..100).filter(|_| wrong(&log, "192.0.2.1", 0).is_some()).count(), 20);
        assert_eq!(wrong(&log, "192.0.2.2", 1), Some(80), "another client is told of, and what was not");
        assert_eq!(wrong(&log, "192.0.2.1", 59), None);
        assert_eq!(wrong(&log, "192.0.2.1", 60), Some(1), "counted anew");
        assert_eq!(wrong(&log, "192.0.2.1", 60), Some(0));
    }

    #[test]
    fn all_clients_together_have_a_bound_also_where_they_cannot_be_told_apart() {
        let log = RefusedLogins::default();
        assert_eq!((0..1000).filter(|_| wrong(&log, "127.0.0.1", 0).is_some()).count(), 120);
        assert_eq!(wrong(&log, "192.0.2.1", 30), None);
        assert_eq!(wrong(&log, "192.0.2.1", 60), Some(881));
    }

    #[test]
    fn who_is_not_listened_to_is_told_of_once() {
        let log = RefusedLogins::default();
        let unheard = |user: &str, secs| log.admit(Some(user), Peer::at("127.0.0.1"), Fault::TooMany, at(secs));
        assert_eq!((unheard("alice", 0), unheard("alice", 59), unheard("bob", 59)), (Some(0), None, Some(0)));
        assert_eq!(unheard("alice", 60), Some(0));
    }
}
