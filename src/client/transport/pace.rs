//! How fast a registry is asked: requests under way at once, and the pause that one answer imposes on all.
//!
//! Starts at what the options allow, halves when the registry says "too many", and grows back one by one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Good answers after which one more request at once is tried again.
const GOOD_ANSWERS_TO_GROW: u32 = 20;

/// A wait up to here is not worth a word.
const WAIT_TOLD_MIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Pace {
    permits: Semaphore,
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits to take out of circulation as they come back.
    debt: usize,
    good: u32,
    resume_at: Option<Instant>,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let state = State { limit: most, debt: 0, good: 0, resume_at: None };
        Self { permits: Semaphore::new(most), state: Mutex::new(state), most }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, and for the end of a pause.
    pub(super) async fn turn(&self) -> Turn<'_> {
        // The semaphore is never closed; without it there would be no limit, which harms nobody.
        let permit = self.permits.acquire().await.ok();
        let resume_at = self.state().resume_at;
        if let Some(at) = resume_at {
            tokio::time::sleep_until(at).await;
        }
        Turn { pace: self, permit }
    }

    /// Nobody asks again before `wait` has passed. Whether that is news: much longer than all had to wait anyway.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let now = Instant::now();
        let until = now + wait;
        let mut state = self.state();
        let already = state.resume_at.unwrap_or(now).max(now);
        state.resume_at = Some(already.max(until));
        until > already + WAIT_TOLD_MIN
    }

    /// "Too many requests": half as many at once from now on.
    pub(super) fn slow_down(&self) {
        let mut state = self.state();
        let less = (state.limit / 2).max(1);
        state.debt += state.limit - less;
        state.limit = less;
        state.good = 0;
    }

    /// A good answer.
    pub(super) fn went_well(&self) {
        let mut state = self.state();
        if state.limit == self.most {
            return;
        }
        state.good += 1;
        if state.good == GOOD_ANSWERS_TO_GROW {
            state.good = 0;
            state.limit += 1;
            if state.debt > 0 {
                state.debt -= 1;
            } else {
                self.permits.add_permits(1);
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn halves_and_grows_back() {
        let pace = Pace::new(4);
        let turns = [pace.turn().await, pace.turn().await, pace.turn().await, pace.turn().await];
        assert_eq!(pace.permits.available_permits(), 0);
        pace.slow_down();
        drop(turns);
        assert_eq!(pace.permits.available_permits(), 2);
        (0..GOOD_ANSWERS_TO_GROW * 9).for_each(|_| pace.went_well());
        assert_eq!(pace.permits.available_permits(), 4);
        (0..9).for_each(|_| pace.slow_down());
        for _ in 0..4 {
            drop(pace.turn().await);
        }
        assert_eq!(pace.permits.available_permits(), 1);
    }
}
