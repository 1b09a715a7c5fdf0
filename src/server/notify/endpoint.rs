//! One webhook: its queue, its counters, and the task that delivers, in order, one event after the other.
//!
//! An event counts as heard by an answer of 2xx or 3xx, as in distribution. Until then it is sent again and again, and what
//! comes behind it waits: at once for the first `threshold` times, then after `backoff` each. Nobody else waits with it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};

use super::event;
use super::queue::{Queue, Refused};
use crate::server::config::Endpoint as Settings;
use crate::server::deeds::Deed;
use crate::server::outbound::{Answer, Outbound, Question, Unsent};

/// A webhook.
#[derive(Debug)]
pub(super) struct Endpoint {
    settings: Settings,
    queue: Queue,
    counters: Counters,
    /// Events are being dropped: said once.
    is_full: AtomicBool,
}

/// What has come of the events for an endpoint, by distribution's names for it.
#[derive(Debug, Default)]
struct Counters {
    events: AtomicU64,
    successes: AtomicU64,
    failures: AtomicU64,
    errors: AtomicU64,
    dropped: AtomicU64,
    statuses: Mutex<BTreeMap<u16, u64>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) name: String,
    /// Taken into the queue since the start.
    pub(crate) events: u64,
    /// In the queue.
    pub(crate) pending: u64,
    /// Answered with 2xx or 3xx.
    pub(crate) successes: u64,
    /// Attempts that were answered with another status.
    pub(crate) failures: u64,
    /// Attempts without an answer.
    pub(crate) errors: u64,
    /// Not taken into the queue.
    pub(crate) dropped: u64,
    /// Attempts by the status of their answer.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Endpoint {
    pub(super) fn new(settings: Settings, queue: Queue) -> Self {
        Self { settings, queue, counters: Counters::default(), is_full: AtomicBool::new(false) }
    }

    /// Whether it is to hear of such deeds.
    pub(super) fn wants(&self, deed: &Deed<'_>) -> bool {
        let ignores = |types: &[String], name: Option<&str>| name.is_some_and(|name| types.iter().any(|t| t == name));
        !ignores(&self.settings.ignored_media_types, event::media_type(deed))
            && !ignores(&self.settings.ignored_actions, Some(deed.action.name()))
    }

    /// Takes an event into the queue. What cannot be taken is dropped, and said.
    pub(super) fn push(&self, line: &[u8]) {
        let pushed = self.queue.push(line);
        let name = &self.settings.name;
        match pushed {
            Ok(()) => {
                self.counters.events.fetch_add(1, Ordering::Relaxed);
                if self.is_full.load(Ordering::Relaxed) && self.is_full.swap(false, Ordering::Relaxed) {
                    let dropped = self.counters.dropped.load(Ordering::Relaxed);
                    tracing::warn!(endpoint = name, dropped, "events are queued again");
                }
            }
            Err(error) => {
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                if !self.is_full.swap(true, Ordering::Relaxed) {
                    let what = if matches!(error, Refused::Full(_)) { "the queue is full" } else { "no queue" };
                    tracing::error!(endpoint = name, %error, "{what}: events are dropped until there is room");
                }
            }
        }
    }

    /// Delivers what is queued: until the queue is empty, or for ever.
    pub(super) async fn deliver(&self, outbound: &Outbound, until_empty: bool) -> io::Result<()> {
        loop {
            match self.queue.front()? {
                Some(line) => {
                    if serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok() {
                        self.send(outbound, &line).await;
                    } else {
                        // What a power failure left of it.
                        tracing::warn!(endpoint = self.settings.name, "an event in the queue is damaged, and skipped");
                    }
                    self.queue.done(&line)?;
                }
                None if until_empty => return Ok(()),
                None => self.queue.pushed().await,
            }
        }
    }

    /// Sends an event until it is heard.
    async fn send(&self, outbound: &Outbound, line: &[u8]) {
        let Settings { name, url, headers, timeout, threshold, backoff, .. } = &self.settings;
        let mut headers = headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.settings.version.media_type()));
        let body = Bytes::from(event::envelope(line));
        for attempt in 1_u64.. {
            let question = Question {
                method: Method::POST,
                url,
                headers: headers.clone(),
                body: body.clone(),
                timeout: *timeout,
                follow: true,
                answer_max: 0,
            };
            let answer = outbound.ask(question).await;
            if self.is_heard(&answer) {
                if attempt > 1 {
                    tracing::info!(endpoint = name, attempt, "the endpoint answers again");
                }
                return;
            }
            let reason = match &answer {
                Ok(answer) => answer.status.to_string(),
                Err(error) => error.to_string(),
            };
            if attempt == 1 {
                tracing::warn!(endpoint = name, reason, "an event was not delivered, and is sent again");
            }
            if attempt >= *threshold {
                if attempt == *threshold {
                    tracing::warn!(endpoint = name, reason, ?backoff, "backing off");
                }
                tokio::time::sleep(*backoff).await;
            }
        }
    }

    fn is_heard(&self, answer: &Result<Answer, Unsent>) -> bool {
        let counters = &self.counters;
        let Ok(Answer { status, .. }) = answer else {
            counters.errors.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        *counters.statuses.lock().unwrap_or_else(PoisonError::into_inner).entry(status.as_u16()).or_default() += 1;
        let is_heard = status.is_success() || status.is_redirection();
        if is_heard { &counters.successes } else { &counters.failures }.fetch_add(1, Ordering::Relaxed);
        if status.is_redirection() {
            tracing::warn!(endpoint = self.settings.name, %status, "the endpoint sends events elsewhere: name that place");
        }
        is_heard
    }

    /// See [`Queue::sync`].
    pub(super) fn sync(&self) {
        if let Err(error) = self.queue.sync() {
            tracing::error!(endpoint = self.settings.name, %error, "events are not on the disk yet");
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.pending() == 0
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    pub(super) fn tally(&self) -> Tally {
        let Counters { events, successes, failures, errors, dropped, statuses } = &self.counters;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            name: self.settings.name.clone(),
            events: of(events),
            pending: self.queue.pending(),
            successes: of(successes),
            failures: of(failures),
            errors: of(errors),
            dropped: of(dropped),
            statuses: statuses.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
