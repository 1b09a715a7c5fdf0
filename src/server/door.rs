//! Where clients come in: an address of the network or a socket of the file system, as configured, and once it is open.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use super::listen::{self, Address, BindError};
use super::peer::Peer;
use super::unix::{self, SocketFile};
use super::wire::Wire;

/// `http.net` and `http.addr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Tcp(Address),
    Unix(PathBuf),
}

/// Where a door that is open can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// With its real port.
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A door that is open: clients can connect from now on, and are answered once a server runs on it.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: Listener,
    endpoint: Endpoint,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Where it is ours.
        _file: Option<SocketFile>,
    },
}

/// Longest path of a socket, in bytes: what the kernel's address has room for, with a zero behind it.
const PATH_BYTES_MAX: usize = 107;

impl Door {
    /// Reads the path of a socket.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn unix(path: &str) -> Result<Self, String> {
        if path.len() > PATH_BYTES_MAX {
            return Err(format!("must be a path of at most {PATH_BYTES_MAX} bytes"));
        }
        // Go means a socket without a file by the first.
        if path.starts_with('@') || path.ends_with('/') || path.contains('\0') {
            return Err("must be the path of a socket such as /run/registry.sock".into());
        }
        Ok(Self::Unix(path.into()))
    }
}

impl Endpoint {
    /// `None` where it is no place of the network.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }
}

impl From<Address> for Door {
    fn from(address: Address) -> Self {
        Self::Tcp(address)
    }
}

impl Listening {
    /// # Errors
    /// The address does not exist, is taken, or is not for this user.
    pub(crate) async fn on(door: &Door) -> Result<Self, BindError> {
        match door {
            Door::Tcp(address) => {
                let failed = |source| BindError::Io { address: address.to_string(), source };
                Self::tcp(listen::bind(address).await?).map_err(failed)
            }
            Door::Unix(path) => {
                let (listener, file) = unix::bind(path).map_err(|error| BindError::of(door, error))?;
                Ok(Self {
                    endpoint: Endpoint::Unix(path.clone()),
                    listener: Listener::Unix { listener, _file: Some(file) },
                })
            }
        }
    }

    /// A socket that somebody else has opened and set to not block.
    ///
    /// # Errors
    /// The runtime cannot watch it.
    pub(crate) fn handed_over_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        Self::tcp(TcpListener::from_std(listener)?)
    }

    /// The same for a socket of the file system; its file stays.
    ///
    /// # Errors
    /// As [`Listening::handed_over_tcp`].
    pub(crate) fn handed_over_unix(listener: std::os::unix::net::UnixListener, endpoint: Endpoint) -> io::Result<Self> {
        Ok(Self { listener: Listener::Unix { listener: UnixListener::from_std(listener)?, _file: None }, endpoint })
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        Ok(Self { endpoint: Endpoint::Tcp(listener.local_addr()?), listener: Listener::Tcp(listener) })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Wire, Peer)> {
        match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                Ok((Wire::Left(stream), Peer::Network(peer)))
            }
            Listener::Unix { listener, .. } => Ok((Wire::Right(listener.accept().await?.0), Peer::Local)),
        }
    }
}

impl Endpoint {
    /// As it would be configured.
    pub(crate) fn door(&self) -> Door {
        match self {
            Self::Tcp(address) => Door::Tcp((*address).into()),
            Self::Unix(path) => Door::Unix(path.clone()),
        }
    }

    /// Whether other machines can reach it.
    pub(crate) fn is_public(&self) -> bool {
        matches!(self, Self::Tcp(address) if !address.ip().is_loopback())
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => socket(path, f),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => socket(path, f),
        }
    }
}

fn socket(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "unix:{}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let longest = format!("/{}", "x".repeat(106));
        for path in ["/run/registry.sock", "s", "./s", &longest] {
            assert_eq!(Door::unix(path), Ok(Door::Unix(path.into())), "{path}");
        }
        for path in ["@abstract", "/run/", &format!("{longest}x")] {
            assert!(Door::unix(path).is_err(), "{path}");
        }
        assert_eq!(Door::Unix("/s".into()).to_string(), "unix:/s");
    }

    #[test]
    fn who_can_reach_it() {
        let tcp = |text: &str| Endpoint::Tcp(text.parse().expect("an address"));
        assert!(tcp("0.0.0.0:5000").is_public() && tcp("[2001:db8::1]:5000").is_public());
        assert!(!tcp("127.0.0.1:5000").is_public() && !tcp("[::1]:5000").is_public());
        assert!(!Endpoint::Unix("/s".into()).is_public());
    }
}
