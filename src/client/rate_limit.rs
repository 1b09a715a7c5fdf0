//! How many requests a registry still takes: `ratelimit-limit: 100;w=21600` and its sibling (Docker Hub, and others that
//! follow draft-ietf-httpapi-ratelimit-headers).

use http::HeaderMap;

/// A registry's count of our requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) limit: u64,
    pub(crate) remaining: Option<u64>,
    pub(crate) window_secs: Option<u64>,
}

impl RateLimit {
    /// What the headers of an answer say; `None` where they say nothing.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let read = |name: &str| {
            let mut parts = headers.get(name)?.to_str().ok()?.split(';');
            let count: u64 = parts.next()?.trim().parse().ok()?;
            let window: Option<u64> = parts.find_map(|part| part.trim().strip_prefix("w=")?.parse().ok());
            Some((count, window))
        };
        let (limit, window_secs) = read("ratelimit-limit")?;
        Some(Self { limit, remaining: read("ratelimit-remaining").map(|(count, _)| count), window_secs })
    }

    /// Less than a tenth is left.
    pub(super) fn is_low(&self) -> bool {
        self.remaining.is_some_and(|remaining| remaining < self.limit.div_ceil(10))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(limit: &str, remaining: &str) -> Option<RateLimit> {
        let mut headers = HeaderMap::new();
        for (name, value) in [("ratelimit-limit", limit), ("ratelimit-remaining", remaining)] {
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        RateLimit::read(&headers)
    }

    #[test]
    fn reads_both_headers() {
        let full = RateLimit { limit: 100, remaining: Some(97), window_secs: Some(21600) };
        assert_eq!(read("100;w=21600", "97;w=21600"), Some(full));
        assert_eq!(read("100", "x"), Some(RateLimit { limit: 100, remaining: None, window_secs: None }));
        assert_eq!(read("many", "1"), None);
    }

    #[test]
    fn low_is_below_a_tenth() {
        let low = |limit, remaining| read(limit, remaining).is_some_and(|limit| limit.is_low());
        assert!(low("100", "9") && low("5", "0"));
        assert!(!low("100", "10") && !low("5", "1") && !low("0", "0") && !low("100", "x"));
    }
}
