//! Whom a request is from: the other end of its connection, or, where that is a proxy to believe, whom the proxy names
//! (`forwarded`).
//!
//! A proxy to believe is a program of this machine, over loopback or a socket of the file system, or in
//! `http.trustedproxies`. What anybody else says of clients is not looked at.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use http::HeaderMap;

use super::forwarded::{Hop, hops};
use super::peer::Peer;

/// The addresses of proxies beyond this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trusted(pub(crate) Vec<Network>);

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    /// Of the bits of an address of IPv6, in which one of IPv4 has the last 32.
    mask: u128,
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

impl Network {
    fn contains(&self, ip: IpAddr) -> bool {
        self.first.is_ipv4() == ip.is_ipv4() && bits(ip) & self.mask == bits(self.first)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be an address or a network, such as 10.0.0.1 or 10.0.0.0/8".to_owned();
        let (ip, length) = text.split_once('/').map_or((text, None), |(ip, length)| (ip, Some(length)));
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let all = if ip.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => all,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => return Err(wrong()),
            Some(digits) => digits.parse().ok().filter(|&length| length <= all).ok_or_else(wrong)?,
        };
        // IPv4 in the clothes of IPv6 is IPv4, as it is in connections.
        let is_mapped = all == 128 && length >= 96 && ip.to_canonical().is_ipv4();
        let (first, length) = if is_mapped { (ip.to_canonical(), length - 96) } else { (ip, length) };
        let width = if first.is_ipv4() { 32 } else { 128 };
        let mask = u128::MAX.checked_shl(width - length).unwrap_or_default();
        if bits(first) & !mask != 0 {
            return Err("must be the first address of its network, as in 10.0.0.0/8".into());
        }
        Ok(Self { first, mask })
    }
}

impl Trusted {
    fn has(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_loopback() || self.0.iter().any(|network| network.contains(ip))
    }

    /// Whom a request is from. Who is named by a proxy that is not believed is not asked; where a proxy that is names
    /// nobody, it is itself whom the next one speaks for.
    fn client(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        let is_proxy = match peer {
            Peer::Network(address) => self.has(address.ip()),
            Peer::Local | Peer::Forwarded(_) => true,
        };
        let mut client = peer;
        if is_proxy {
            for hop in hops(headers) {
                let Hop::At(ip) = hop else { break };
                client = Peer::Forwarded(ip);
                if !self.has(ip) {
                    break;
                }
            }
        }
        client
    }
}

/// The proxies that are believed at the time.
#[derive(Debug)]
pub(super) struct Proxies(RwLock<Arc<Trusted>>);

impl Proxies {
    pub(super) fn new(trusted: Trusted) -> Self {
        Self(RwLock::new(Arc::new(trusted)))
    }

    pub(super) fn replace(&self, trusted: Trusted) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trusted);
    }

    /// Whom a request is from.
    pub(super) fn client(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        let trusted = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        trusted.client(peer, headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(networks: &[&str]) -> Trusted {
        Trusted(networks.iter().map(|text| text.parse().expect("a network")).collect())
    }

    fn client(networks: &[&str], peer: Peer, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("a value"));
        trusted(networks).client(peer, &headers).to_string()
    }

    #[test]
    fn networks() {
        for (text, inside, outside) in [
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1/128", "2001:db8::1", "2001:db8::2"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
            ("10.0.0.0/08", "10.1.2.3", "::a01:203"),
        ] {
            let trusted = trusted(&[text]);
            assert!(trusted.has(inside.parse().expect("an address")), "{inside} is in {text}");
            assert!(!trusted.has(outside.parse().expect("an address")), "{outside} is not in {text}");
        }
        for text in
            ["", "x", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "/8", "::1/x"]
        {
            let error = text.parse::<Network>().expect_err(text);
            assert_eq!(error, "must be an address or a network, such as 10.0.0.1 or 10.0.0.0/8", "{text}");
        }
        for text in ["10.0.0.1/8", "2001:db8::1/64", "::ffff:10.0.0.1/104"] {
            let error = text.parse::<Network>().expect_err(text);
            assert_eq!(error, "must be the first address of its network, as in 10.0.0.0/8", "{text}");
        }
    }

    #[test]
    fn this_machine_is_believed_and_strangers_are_not() {
        for peer in [Peer::Local, Peer::at("127.0.0.1"), Peer::at("::1"), Peer::at("::ffff:127.0.0.9")] {
            assert_eq!(client(&[], peer, "192.0.2.1"), "192.0.2.1", "{peer}");
            assert_eq!(client(&[], peer, "198.51.100.1, 192.0.2.1"), "192.0.2.1", "a client wrote the first");
            assert_eq!(client(&[], peer, "192.0.2.1, 127.0.0.1, ::1"), "192.0.2.1", "through several of this machine");
            for nobody in ["", "unknown", "_x", "192.0.2.1, unknown", "192.0.2.1, garbage"] {
                assert_eq!(client(&[], peer, nobody), peer.to_string(), "{nobody}");
            }
        }
        for peer in ["192.0.2.9", "10.0.0.1", "2001:db8::9"] {
            let peer = Peer::at(peer);
            assert_eq!(client(&[], peer, "198.51.100.1"), peer.to_string());
            assert_eq!(client(&["10.0.0.2"], peer, "198.51.100.1"), peer.to_string());
        }
    }

    #[test]
    fn the_first_stranger_from_the_right_is_the_client() {
        let networks = ["10.0.0.0/8", "2001:db8::/32"];
        for (peer, forwarded, expected) in [
            ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
            ("10.0.0.1", "198.51.100.1, 192.0.2.1, 10.9.9.9, 2001:db8::7", "192.0.2.1"),
            ("::ffff:10.0.0.1", "192.0.2.1, ::ffff:10.0.0.3", "192.0.2.1"),
            ("2001:db8::1", "[2001:db9::1]:80, [2001:db8::2]:80", "2001:db9::1"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.9", "198.51.100.1", "192.0.2.9:40000"),
        ] {
            assert_eq!(client(&networks, Peer::at(peer), forwarded), expected, "{peer}: {forwarded}");
        }
    }

    #[test]
    fn who_is_believed_can_change() {
        let proxies = Proxies::new(Trusted::default());
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", "for=192.0.2.1".parse().expect("a value"));
        let client = || proxies.client(Peer::at("10.0.0.1"), &headers).to_string();
        assert_eq!(client(), "10.0.0.1:40000");
        proxies.replace(trusted(&["10.0.0.1"]));
        assert_eq!(client(), "192.0.2.1");
    }
}
