//! For whom a proxy asks, as it says in `X-Forwarded-For` and `Forwarded` (RFC 7239). Reads headers and believes nobody: that
//! is for `trusted`.
//!
//! Read from the right, for each proxy writes what it knows behind what it was told: nothing that a client sends, however
//! malformed, reaches what a proxy wrote behind it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use http::header::FORWARDED;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Hops that are looked at. Real requests have two or three.
const HOPS_MAX: usize = 32;

/// Who sent a request to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    At(IpAddr),
    /// `unknown`, a name that a proxy made up, or something that is neither.
    Hidden,
}

/// The hops of a request, the nearest first. Where there is `X-Forwarded-For`, `Forwarded` is not read: proxies that write
/// one of them pass the other on as it came, and nearly all of them write the former.
pub(super) fn hops(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let is_older = headers.contains_key(X_FORWARDED_FOR);
    let values = if is_older { headers.get_all(X_FORWARDED_FOR) } else { headers.get_all(FORWARDED) };
    let elements =
        values.iter().rev().flat_map(move |value| Elements { left: Some(value.as_bytes()), knows_quotes: !is_older });
    let elements = elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()).take(HOPS_MAX);
    elements.map(move |element| {
        let text = std::str::from_utf8(element).ok();
        let ip = text.and_then(|text| if is_older { node(text) } else { parameter(text).and_then(node) });
        ip.map_or(Hop::Hidden, Hop::At)
    })
}

/// The elements of a list, from its end.
struct Elements<'a> {
    left: Option<&'a [u8]>,
    /// Whether a comma in quotes is none.
    knows_quotes: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let left = self.left?;
        let mut is_quoted = false;
        let comma = left.iter().rposition(|&byte| {
            is_quoted ^= byte == b'"' && self.knows_quotes;
            byte == b',' && !is_quoted
        });
        self.left = comma.map(|at| &left[..at]);
        Some(comma.map_or(left, |at| &left[at + 1..]))
    }
}

/// The value of the one `for` of an element. No address needs an escape.
fn parameter(element: &str) -> Option<&str> {
    if element.contains('\\') {
        return None;
    }
    let mut is_quoted = false;
    let pairs = element.split(|c| {
        is_quoted ^= c == '"';
        c == ';' && !is_quoted
    });
    let mut values = pairs.filter_map(|pair| {
        let (name, value) = pair.trim_ascii().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

/// An address with or without a port; IPv6 with a port is in brackets. One of IPv4 in the clothes of IPv6 is that of IPv4.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_canonical());
    }
    let (ip, port): (IpAddr, &str) = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, rest) = rest.split_once(']')?;
            (ip.parse::<Ipv6Addr>().ok()?.into(), if rest.is_empty() { "0" } else { rest.strip_prefix(':')? })
        }
        None => {
            let (ip, port) = text.split_once(':')?;
            (ip.parse::<Ipv4Addr>().ok()?.into(), port)
        }
    };
    is_port(port).then(|| ip.to_canonical())
}

/// A number, or a name that a proxy made up.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
