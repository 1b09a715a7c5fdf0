//! How long a client may take: no pause may be too long, and over a longer time a little has to arrive.
//!
//! The second rule is for those who keep the first with one byte a minute. Only the time spent waiting for the client
//! counts: a slow disk of ours is not its fault.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// What is expected of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Longest wait for the next bytes.
    pub(crate) pause: Duration,
    /// In so much time of waiting…
    pub(crate) window: Duration,
    /// …at least so many bytes.
    pub(crate) bytes: u64,
}

/// Watches one direction of a connection. Its timer is armed by a wait and looks back when it fires: a busy client touches
/// it once in a while, not with every packet.
#[derive(Debug)]
pub(super) struct Pace {
    timer: Option<Pin<Box<Sleep>>>,
    account: Account,
}

/// The bookkeeping of [`Pace`], apart from its timer.
#[derive(Debug)]
struct Account {
    patience: Patience,
    waiting: Option<Waiting>,
    /// Time waited in this window, without the wait that goes on.
    waited: Duration,
    /// Bytes that moved in this window.
    bytes: u64,
}

/// A wait that goes on.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// From when on it counts for the window.
    since: Instant,
    /// When the pause is too long.
    until: Instant,
}

impl Pace {
    pub(super) fn new(patience: Patience) -> Self {
        let account = Account { patience, waiting: None, waited: Duration::ZERO, bytes: 0 };
        Self { timer: None, account }
    }

    /// So many bytes moved.
    pub(super) fn moved(&mut self, bytes: usize) {
        // Mostly there was no wait, and nobody has to look at a clock.
        if self.account.waiting.is_some() {
            self.account.stop_waiting(Instant::now());
        }
        self.account.bytes = self.account.bytes.saturating_add(bytes as u64);
    }

    /// Nothing moves. Ready when the client is too slow.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = self.account.wait(Instant::now);
        let first = self.account.next_look(waiting);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(first)));
        loop {
            ready!(timer.as_mut().poll(cx));
            match self.account.look(Instant::now()) {
                Some(again) => timer.as_mut().reset(again),
                None => return Poll::Ready(()),
            }
        }
    }
}

impl Account {
    fn wait(&mut self, now: impl FnOnce() -> Instant) -> Waiting {
        let pause = self.patience.pause;
        *self.waiting.get_or_insert_with(|| {
            let since = now();
            Waiting { since, until: since + pause }
        })
    }

    fn stop_waiting(&mut self, now: Instant) {
        if let Some(waiting) = self.waiting.take() {
            self.waited += now.saturating_duration_since(waiting.since);
        }
    }

    /// When to look again; `None` where the client is too slow.
    fn look(&mut self, now: Instant) -> Option<Instant> {
        let mut waiting = self.wait(|| now);
        if now >= waiting.until {
            return None;
        }
        let window = self.patience.window;
        if self.waited + now.saturating_duration_since(waiting.since) >= window {
            if self.bytes < self.patience.bytes {
                return None;
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
            waiting.since = now;
            self.waiting = Some(waiting);
        }
        Some(self.next_look(waiting))
    }

    fn next_look(&self, waiting: Waiting) -> Instant {
        waiting.until.min(waiting.since + self.patience.window.saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { pause: Duration::from_secs(60), window: Duration::from_secs(300), bytes: 1000 };

    /// A client that sends `bytes` after every pause, as it is seen: how long it lasts, up to an hour.
    fn lasts(pause: u64, bytes: u64) -> u64 {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut account = Account { patience: PATIENCE, waiting: None, waited: Duration::ZERO, bytes: 0 };
        let first = account.wait(|| at(0));
        let (mut now, mut arrives, mut looks) = (0, pause, account.next_look(first));
        while now < 3600 {
            now += 1;
            if now == arrives {
                account.stop_waiting(at(now));
                account.bytes += bytes;
                account.wait(|| at(now));
                arrives += pause;
            }
            if at(now) >= looks {
                match account.look(at(now)) {
                    Some(again) => looks = again,
                    None => return now,
                }
            }
        }
        now
    }

    #[test]
    fn a_pause_that_is_too_long_ends_it() {
        assert_eq!(lasts(61, 1_000_000), 60);
        assert_eq!(lasts(4000, 0), 60);
    }

    #[test]
    fn a_client_that_sends_next_to_nothing_is_seen_through() {
        assert_eq!(lasts(29, 1), 300);
        assert_eq!(lasts(59, 1), 300);
    }

    #[test]
    fn a_slow_client_with_something_to_send_is_waited_for() {
        assert_eq!(lasts(50, 250), 3600);
        assert_eq!(lasts(1, 4), 3600);
    }

    #[test]
    fn time_in_which_we_were_slow_does_not_count() {
        let start = Instant::now();
        let mut account = Account { patience: PATIENCE, waiting: None, waited: Duration::ZERO, bytes: 0 };
        for hour in 0..10 {
            let now = start + Duration::from_secs(hour * 3600);
            account.wait(|| now);
            account.stop_waiting(now + Duration::from_secs(20));
            assert!(account.look(now + Duration::from_secs(20)).is_some(), "after {hour} hours");
            account.stop_waiting(now + Duration::from_secs(20));
        }
    }
}
