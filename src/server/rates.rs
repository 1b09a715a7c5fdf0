//! How often somebody may ask: rates by user or address and method (`limits.requests`).
//!
//! Each rule is a bucket per client that runs out at a steady rate and holds `burst` requests (the generic cell rate
//! algorithm: one time per client says how full it is). Counts in this process alone: two servers behind one name let
//! through twice as much. Loopback is counted only where the configuration says so: a proxy in front makes all clients one
//! unless it says who asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::Method;
use thiserror::Error;

use super::auth::{User, seconds};
use super::config::{Per, RateRule};
use super::peer::Peer;

/// Clients that a rule remembers before it looks for those that it may forget.
const REMEMBERED_MIN: usize = if cfg!(test) { 8 } else { 1 << 10 };

/// Most clients that a rule remembers; all others are counted as one. One takes some 60 bytes.
const REMEMBERED_MAX: usize = if cfg!(test) { 32 } else { 1 << 20 };

/// How often a rule looks for clients to forget when it remembers as many as it may: each look is at all of them.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A client has used up what a rule gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too many requests of this {who}: wait {} s", seconds(*wait))]
pub(super) struct Exceeded {
    who: &'static str,
    pub(super) wait: Duration,
}

/// The rules at the time.
#[derive(Debug)]
pub(super) struct Rates(RwLock<Arc<InForce>>);

#[derive(Debug)]
struct InForce {
    rules: Vec<Arc<Rule>>,
    counts_loopback: bool,
}

#[derive(Debug)]
struct Rule {
    settings: RateRule,
    buckets: Mutex<Buckets>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    Address(IpAddr),
    User(String),
    /// Those for whom there is no place any more.
    Others,
}

#[derive(Debug, Default)]
struct Buckets {
    /// When a bucket will be empty. One that is not here is.
    empty_at: HashMap<Client, Instant>,
    /// With how many to look for empty ones.
    look_at: usize,
    looked: Option<Instant>,
}

impl Rates {
    pub(super) fn new(rules: &[RateRule], counts_loopback: bool) -> Self {
        let rules = rules.iter().map(Rule::new).collect();
        Self(RwLock::new(Arc::new(InForce { rules, counts_loopback })))
    }

    /// Puts other rules in their place. One that stands there as before goes on counting where it was.
    pub(super) fn replace(&self, rules: &[RateRule], counts_loopback: bool) {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = slot.rules.clone();
        let rule = |settings: &RateRule| match left.iter().position(|rule| rule.settings == *settings) {
            Some(at) => left.remove(at),
            None => Rule::new(settings),
        };
        *slot = Arc::new(InForce { rules: rules.iter().map(rule).collect(), counts_loopback });
    }

    fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request before anybody knows who sends it.
    ///
    /// # Errors
    /// It is one too many for its address.
    pub(super) fn of_address(&self, method: &Method, peer: Peer, now: Instant) -> Result<(), Exceeded> {
        let rates = self.in_force();
        let Some(client) = peer.client_with(rates.counts_loopback) else { return Ok(()) };
        rates.count(Per::Address, method, || Client::Address(client), now)
    }

    /// Counts a request of somebody who is known.
    ///
    /// # Errors
    /// It is one too many for its user.
    pub(super) fn of_user(&self, method: &Method, user: &User, now: Instant) -> Result<(), Exceeded> {
        self.in_force().count(Per::User, method, || Client::User(user.0.clone()), now)
    }
}

impl InForce {
    fn count(&self, per: Per, method: &Method, client: impl Fn() -> Client, now: Instant) -> Result<(), Exceeded> {
        for rule in &self.rules {
            let RateRule { methods, .. } = &rule.settings;
            if rule.settings.per == per && (methods.is_empty() || methods.contains(method)) {
                rule.take(client(), now)?;
            }
        }
        Ok(())
    }
}

impl Rule {
    fn new(settings: &RateRule) -> Arc<Self> {
        Arc::new(Self { settings: settings.clone(), buckets: Mutex::default() })
    }

    fn take(&self, client: Client, now: Instant) -> Result<(), Exceeded> {
        let RateRule { interval, burst, per, .. } = self.settings;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let client = buckets.make_room(client, now);
        let empty_at = buckets.empty_at.get(&client).map_or(now, |&at| at.max(now));
        let full = interval.saturating_mul(burst.saturating_sub(1));
        let ahead = empty_at.saturating_duration_since(now);
        if ahead > full {
            return Err(Exceeded { who: per.name(), wait: ahead.saturating_sub(full) });
        }
        buckets.empty_at.insert(client, empty_at + interval);
        Ok(())
    }
}

impl Buckets {
    /// The client to count: itself, as long as there is a place for it.
    fn make_room(&mut self, client: Client, now: Instant) -> Client {
        if self.empty_at.contains_key(&client) {
            return client;
        }
        let is_old = self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_EVERY);
        let is_full = self.empty_at.len() >= REMEMBERED_MAX;
        if self.empty_at.len() >= self.look_at.max(REMEMBERED_MIN) || (is_full && is_old) {
            self.empty_at.retain(|_, empty_at| *empty_at > now);
            self.look_at = self.empty_at.len() * 2;
            self.looked = Some(now);
        }
        if self.empty_at.len() < REMEMBERED_MAX { client } else { Client::Others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(per: Per, methods: &[Method], interval: u64, burst: u32) -> RateRule {
        RateRule { per, methods: methods.to_vec(), interval: Duration::from_millis(interval), burst }
    }

    fn ip(text: &str) -> Peer {
        Peer::at(text)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let rates = Rates::new(&[rule(Per::Address, &[], 100, 3)], false);
        let (start, peer) = (Instant::now(), ip("192.0.2.1"));
        let at = |millis| rates.of_address(&Method::GET, peer, start + Duration::from_millis(millis));
        for _ in 0..3 {
            assert_eq!(at(0), Ok(()));
        }
        let wait = Duration::from_millis(100);
        assert_eq!(at(0), Err(Exceeded { who: "address", wait }), "and is not counted");
        assert_eq!(at(40), Err(Exceeded { who: "address", wait: Duration::from_millis(60) }));
        assert_eq!((at(100), at(150).is_err(), at(200)), (Ok(()), true, Ok(())));
        for _ in 0..3 {
            assert_eq!(at(9000), Ok(()), "after a pause there is a burst again");
        }
        assert!(at(9000).is_err());
        assert_eq!(rates.of_address(&Method::GET, ip("192.0.2.2"), start), Ok(()), "each by itself");
    }

    #[test]
    fn rules_are_for_methods_and_for_whom_they_say() {
        let rules = [rule(Per::Address, &[Method::PUT, Method::POST], 1000, 1), rule(Per::User, &[], 1000, 2)];
        let rates = Rates::new(&rules, false);
        let (now, peer) = (Instant::now(), ip("2001:db8::1"));
        assert_eq!(rates.of_address(&Method::PUT, peer, now), Ok(()));
        assert!(rates.of_address(&Method::POST, ip("2001:db8::2"), now).is_err(), "one budget, one network");
        assert_eq!(rates.of_address(&Method::GET, peer, now), Ok(()));
        let (ann, bob) = (User("ann".into()), User("bob".into()));
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(rates.of_user(&method, &ann, now), Ok(()));
        }
        assert_eq!(rates.of_user(&Method::GET, &ann, now).map_err(|error| error.who), Err("user"));
        assert_eq!(rates.of_user(&Method::GET, &bob, now), Ok(()));
    }

    #[test]
    fn loopback_is_counted_where_that_is_said() {
        for (counts, expected) in [(false, true), (true, false)] {
            let rates = Rates::new(&[rule(Per::Address, &[], 1000, 1)], counts);
            let now = Instant::now();
            assert_eq!(rates.of_address(&Method::GET, ip("127.0.0.1"), now), Ok(()));
            assert_eq!(rates.of_address(&Method::GET, ip("::ffff:127.0.0.1"), now).is_ok(), expected);
        }
        let none = Rates::new(&[], true);
        assert_eq!(none.of_address(&Method::GET, ip("127.0.0.1"), Instant::now()), Ok(()));
    }

    #[test]
    fn a_rule_that_stays_goes_on_counting() {
        let (hourly, other) = (rule(Per::Address, &[], 3_600_000, 1), rule(Per::Address, &[Method::PUT], 3_600_000, 1));
        let rates = Rates::new(&[hourly.clone(), hourly.clone()], false);
        let (now, peer) = (Instant::now(), ip("192.0.2.1"));
        let asks = |method: Method, peer| rates.of_address(&method, peer, now).is_ok();
        assert_eq!((asks(Method::GET, peer), asks(Method::GET, peer)), (true, false));
        rates.replace(&[other.clone(), hourly.clone()], false);
        assert!(!asks(Method::GET, peer), "counted before");
        assert!(asks(Method::GET, ip("127.0.0.1")));
        assert_eq!((asks(Method::PUT, ip("192.0.2.2")), asks(Method::PUT, ip("192.0.2.2"))), (true, false));
        rates.replace(&[rule(Per::Address, &[], 3_600_000, 2)], true);
        assert_eq!((asks(Method::GET, peer), asks(Method::GET, peer), asks(Method::GET, peer)), (true, true, false));
        assert_eq!([(); 3].map(|()| asks(Method::GET, ip("127.0.0.1"))), [true, true, false], "loopback counts now");
        rates.replace(&[], true);
        assert!(asks(Method::GET, peer));
        rates.replace(&[hourly], false);
        assert!(asks(Method::GET, peer), "what was gone begins anew");
    }

    #[test]
    fn not_everybody_is_remembered() {
        let rates = Rates::new(&[rule(Per::Address, &[], 1000, 1)], false);
        let start = Instant::now();
        let known = |rates: &Rates| rates.in_force().rules[0].buckets.lock().expect("lock").empty_at.len();
        for n in 0..100_u64 {
            let peer = ip(&format!("192.0.2.{n}"));
            let now = start + Duration::from_secs(n * 2);
            assert_eq!(rates.of_address(&Method::GET, peer, now), Ok(()));
            assert!(known(&rates) <= REMEMBERED_MIN, "those before have waited long enough");
        }
        let refused = (0..100).filter(|n| {
            let peer = ip(&format!("198.51.100.{n}"));
            rates.of_address(&Method::GET, peer, start + Duration::from_secs(1000)).is_err()
        });
        assert!(refused.count() > 50, "all the others are one");
        assert!(known(&rates) <= REMEMBERED_MAX + 1);
    }
}
