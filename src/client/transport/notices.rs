//! What an answer's headers have to tell the user, whatever was asked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::super::rate_limit::RateLimit;
use super::{Event, Transport, redact};

impl Transport {
    /// `Warning: 299 - "text"` is for the user (distribution-spec, "Warnings").
    pub(super) fn collect_warnings(&self, headers: &HeaderMap) {
        for value in headers.get_all(header::WARNING).iter().filter_map(|value| value.to_str().ok()) {
            let Some(rest) = value.trim().strip_prefix("299 ") else { continue };
            let text = rest.split_once('"').map_or(rest, |(_, quoted)| quoted.trim_end_matches('"'));
            self.warn(format!("{}: {}", self.host, redact::first_line(text.replace(r#"\""#, "\"").as_bytes())));
        }
    }

    /// Says why nothing happens for a while.
    pub(super) fn tell_of_wait(&self, url: &Url, wait: Duration, status: Option<StatusCode>) {
        let own = self.base.get().is_some_and(|base| base.origin() == url.origin());
        let host = if own { self.host.as_str() } else { url.host_str().unwrap_or_default() };
        let why = match status {
            Some(StatusCode::SERVICE_UNAVAILABLE) => " is out of order (503) and",
            _ => "",
        };
        self.tell(&Event::Waiting(format!("{host}{why} asks to wait {} s", wait.as_secs())));
    }

    /// Says once that few requests are left.
    pub(super) fn watch_limit(&self, headers: &HeaderMap) {
        let Some(limit) = RateLimit::read(headers).filter(RateLimit::is_low) else { return };
        if !self.told_of_limit.swap(true, Ordering::Relaxed) {
            let window = limit.window_secs.map_or_else(String::new, |secs| format!(" in {secs} s"));
            let left = limit.remaining.unwrap_or_default();
            self.warn(format!("{}: {left} of {} requests{window} are left", self.host, limit.limit));
        }
    }
}
