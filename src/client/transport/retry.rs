//! When a request is sent again, and after which wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use tokio::time::Instant;

/// First and longest backoff. Doubled from attempt to attempt.
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Longest wait that is taken for one: a year. Whoever asks for more means never, and clocks end somewhere.
const RETRY_AFTER_SECS_MAX: u64 = 365 * 86_400;

/// A registry that is overloaded asks to come back in a moment. One that asks for more is out of order.
const MOMENT: Duration = Duration::from_secs(2);

/// Longest wait for a registry that is out of order: health checks are made about so often. Nobody knows whether it comes
/// back at all, so that it is waited for once, and people are told instead.
const OUTAGE_MAX: Duration = Duration::from_secs(10);

/// The end of the one wait for a registry that is out of order; there is none while it does well.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Whether a 503 is worth the wait that it asks for, from `now` on. Requests that are refused during the one wait
    /// share it; whatever is refused behind it has waited, or knows from others that it does not help.
    pub(super) fn is_worth_waiting(&self, asked: Option<Duration>, now: Instant) -> bool {
        match asked {
            None => true,
            Some(asked) if asked <= MOMENT => true,
            Some(asked) if asked > OUTAGE_MAX => false,
            Some(asked) => now < *self.end().get_or_insert(now + asked),
        }
    }

    /// The registry has taken something: reads alone go on in many an outage.
    pub(super) fn forget(&self) {
        *self.end() = None;
    }

    fn end(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an answer of this status may be better the next time. 520 to 524 are Cloudflare's for a sick origin.
pub(super) fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=524)
}

/// The wait before attempt `attempt + 1` (the first is 1): anything up to the exponential bound, so that many clients
/// do not come back together. `random` is any number.
pub(super) fn backoff(attempt: u32, random: u64) -> Duration {
    let bound = BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(BACKOFF_MAX);
    let millis = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % (millis + 1))
}

/// The wait that an answer asks for: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3).
pub(super) fn retry_after_secs(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(RETRY_AFTER_SECS_MAX).min(RETRY_AFTER_SECS_MAX));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let wait = at.duration_since(now);
    // Part of a second counts as one: coming back too early is refused again.
    let secs = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    Some(u64::try_from(secs).unwrap_or(0).min(RETRY_AFTER_SECS_MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn statuses() {
        for status in [408, 425, 429, 500, 502, 503, 504, 520, 524] {
            assert!(is_temporary(StatusCode::from_u16(status).expect("status")), "{status}");
        }
        for status in [200, 307, 400, 401, 403, 404, 405, 409, 413, 416, 501, 505, 525] {
            assert!(!is_temporary(StatusCode::from_u16(status).expect("status")), "{status}");
        }
    }

    #[test]
    fn an_outage_is_waited_for_once() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let (outage, start) = (Outage::default(), Instant::now());
        let asks = |asked, at: u64| outage.is_worth_waiting(asked, start + Duration::from_secs(at));
        assert!(!asks(secs(11), 0), "longer than anybody waits");
        assert!(asks(secs(10), 0) && asks(secs(10), 9), "two that are refused in the same wait");
        assert!(!asks(secs(10), 10) && !asks(secs(3), 60), "it did not help");
        assert!(asks(secs(2), 60) && asks(None, 60), "a moment is none");
        outage.forget();
        assert!(asks(secs(10), 61) && !asks(secs(10), 71), "another outage");
    }

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(backoff(1, 250), Duration::from_millis(250));
        assert_eq!(backoff(1, 251), Duration::ZERO);
        assert_eq!(backoff(4, 2000), Duration::from_secs(2));
        assert_eq!(backoff(40, 30_000), Duration::from_secs(30));
        assert!((0..10_000).all(|random| backoff(u32::MAX, random * 7919) <= Duration::from_secs(30)));
    }

    #[test]
    fn both_forms_of_retry_after() {
        let now: Timestamp = "2015-10-21T07:27:30.5Z".parse().expect("time");
        let secs = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_str(value).expect("value"));
            retry_after_secs(&headers, now)
        };
        assert_eq!(secs("120"), Some(120));
        assert_eq!(secs(" 0 "), Some(0));
        assert_eq!(secs("99999999999999999999999"), Some(31_536_000));
        assert_eq!(secs("21 Oct 9015 07:28:00 GMT"), Some(31_536_000));
        assert_eq!(secs("Wed, 21 Oct 2015 07:28:00 GMT"), Some(30));
        assert_eq!(secs("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        for bad in ["", "soon", "-3", "1.5"] {
            assert_eq!(secs(bad), None, "{bad}");
        }
        assert_eq!(retry_after_secs(&HeaderMap::new(), now), None);
    }
}
