//! Where the server listens on the network: the address as configuration spells it, and the socket.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};

/// `host:port` as distribution takes it: `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`, `:5000` for every interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Empty for every interface.
    host: Cow<'static, str>,
    port: u16,
}

impl Address {
    /// Where a registry for one person listens.
    pub(crate) const LOCAL: Self = Self { host: Cow::Borrowed("127.0.0.1"), port: 5000 };
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string().into(), port: address.port() }
    }
}

/// A text that is no address. It is not repeated: whoever shows it knows what of it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("must be HOST:PORT or :PORT")]
pub(crate) struct AddressError;

/// Why the server cannot listen.
#[derive(Debug, Error)]
pub(crate) enum BindError {
    #[error("{address} is in use by another program")]
    InUse { address: String },
    #[error("{address} is not for this user to listen on")]
    Denied { address: String },
    #[error("{address} is not an address of this machine")]
    NotHere { address: String },
    #[error("cannot listen on {address}")]
    Io { address: String, source: io::Error },
}

impl BindError {
    /// What an error of the system means at a place.
    pub(super) fn of(place: &impl fmt::Display, source: io::Error) -> Self {
        let address = place.to_string();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::PermissionDenied => Self::Denied { address },
            io::ErrorKind::AddrNotAvailable => Self::NotHere { address },
            _ => Self::Io { address, source },
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let port = port.parse().map_err(|_| AddressError)?;
        let bare = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').filter(|ip| ip.parse::<Ipv6Addr>().is_ok()).ok_or(AddressError)?,
            None if host.contains([':', '/', ' ']) => return Err(AddressError),
            None => host,
        };
        Ok(Self { host: bare.to_owned().into(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;

pub(super) async fn bind(address: &Address) -> Result<TcpListener, BindError> {
    let fail = |source| BindError::of(address, source);
    if address.host.is_empty() {
        // One socket for both families; where the machine has no IPv6, the other alone.
        let port = address.port;
        return match listen((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                listen((Ipv4Addr::UNSPECIFIED, port).into()).map_err(fail)
            }
            result => result.map_err(fail),
        };
    }
    let found: Vec<SocketAddr> =
        tokio::net::lookup_host((address.host.as_ref(), address.port)).await.map_err(fail)?.collect();
    // `localhost` has two addresses; like Go, take the IPv4 one first.
    let mut ordered = found.clone();
    ordered.sort_by_key(SocketAddr::is_ipv6);
    let mut last = None;
    for candidate in ordered {
        match listen(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(fail(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of the process before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Raises the soft limit of open files to the hard one, as Go's runtime does, and answers what it is now.
pub(super) fn raise_file_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Refused or not: what counts is what stands afterwards.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["127.0.0.1:5000", ":5000", "localhost:0", "[::1]:5000", "registry.example:80"] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        for text in [
            "",
            "5000",
            "localhost",
            "localhost:",
            "localhost:65536",
            "::1:5000",
            "[::1:5000",
            "[x]:1",
            "a b:1",
            "http://a:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
