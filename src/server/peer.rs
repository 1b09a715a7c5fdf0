//! Who is at the other end of a connection, or behind a proxy there, and whom limits take it for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end of a connection, or whom a proxy there speaks for (`trusted`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Network(SocketAddr),
    /// By the word of a proxy.
    Forwarded(IpAddr),
    /// A program of this machine, over a socket of the file system. It has no address.
    Local,
}

impl Peer {
    fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Network(address) => Some(address.ip().to_canonical()),
            Self::Forwarded(ip) => Some(ip.to_canonical()),
            Self::Local => None,
        }
    }

    /// What counts as one client; `None` where nobody counts. Loopback and sockets of the file system are where proxies
    /// are, which make all clients one unless they say who asks. In IPv6 a client is a /64, for its addresses there are
    /// without number.
    pub(super) fn client(self) -> Option<IpAddr> {
        match self.ip()? {
            IpAddr::V4(ip) => (!ip.is_loopback()).then_some(ip.into()),
            IpAddr::V6(ip) if ip.is_loopback() => None,
            IpAddr::V6(ip) => Some(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
        }
    }

    /// As [`Self::client`], loopback being one like others where that is wanted.
    pub(super) fn client_with(self, counts_loopback: bool) -> Option<IpAddr> {
        self.client().or_else(|| self.ip().filter(|_| counts_loopback))
    }

    /// The address without its port, as the access log has it.
    pub(super) fn host(self) -> impl fmt::Display {
        match self {
            Self::Network(address) => address.ip().to_string(),
            Self::Forwarded(_) | Self::Local => self.to_string(),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Forwarded(ip) => ip.fmt(f),
            // Go's name for a socket without one; registry:2 logs it.
            Self::Local => f.write_str("@"),
        }
    }
}

#[cfg(test)]
impl Peer {
    /// A peer with this address.
    pub(super) fn at(ip: &str) -> Self {
        Self::Network(SocketAddr::new(ip.parse().expect("an address"), 40000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_counts_as_whom() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        for (peer, client) in [
            ("192.0.2.1", ip("192.0.2.1")),
            ("::ffff:192.0.2.1", ip("192.0.2.1")),
            ("2001:db8::1:2:3:4", ip("2001:db8::")),
            ("127.9.9.9", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
        ] {
            assert_eq!(Peer::at(peer).client(), client, "{peer}");
        }
        assert_eq!(Peer::Local.client(), None);
        let forwarded = |text: &str| Peer::Forwarded(text.parse().expect("an address"));
        assert_eq!(forwarded("2001:db8::1:2:3:4").client(), ip("2001:db8::"));
        assert_eq!(forwarded("127.0.0.1").client(), None);
        assert_eq!(forwarded("127.0.0.1").client_with(true), ip("127.0.0.1"));
        assert_eq!(Peer::Local.client_with(true), None);
    }

    #[test]
    fn names() {
        assert_eq!(Peer::at("2001:db8::1").to_string(), "[2001:db8::1]:40000");
        assert_eq!(Peer::at("2001:db8::1").host().to_string(), "2001:db8::1");
        let forwarded = Peer::Forwarded("2001:db8::1".parse().expect("an address"));
        assert_eq!((forwarded.to_string(), forwarded.host().to_string()), ("2001:db8::1".into(), "2001:db8::1".into()));
        assert_eq!((Peer::Local.to_string(), Peer::Local.host().to_string()), ("@".into(), "@".into()));
    }
}
