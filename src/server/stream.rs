//! Bytes of a connection, encrypted or not.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::server::TlsStream;

use super::acme::ALPN_PROOF;
use super::either::Either;
use super::http2::PREFACE;
use super::tls::{ALPN_HTTP2, Tls};
use super::wire::Wire;

/// As it came, or encrypted.
pub(super) type Stream = Either<Wire, Box<TlsStream<Wire>>>;

/// What Go's server tells those who forgot the s of https, in the same words.
const NO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";

/// The version of HTTP that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Http1,
    Http2,
}

/// A connection of which the protocol is known.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) stream: Stream,
    pub(super) speech: Speech,
    /// What was read to learn it.
    pub(super) ahead: Bytes,
}

impl Begun {
    /// Begins TLS where there is any, and learns the protocol: from the handshake, or where `h2c` allows another one from
    /// the first bytes. `Ok(None)` for a client that does not want TLS, and has been
    /// told, or wants nothing else.
    pub(super) async fn of(mut wire: Wire, tls: Option<&Tls>, h2c: bool) -> io::Result<Option<Self>> {
        let Some(tls) = tls else {
            let ahead = if h2c { read_preface(&mut wire).await? } else { Bytes::new() };
            let speech = if ahead == PREFACE[..] { Speech::Http2 } else { Speech::Http1 };
            return Ok(Some(Self { stream: Stream::Left(wire), speech, ahead }));
        };
        let mut first = [0];
        // A handshake begins with the number of its record type, 22 (RFC 8446 §5.1).
        if wire.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            wire.write_all(NO_TLS).await?;
            wire.shutdown().await?;
            return Ok(None);
        }
        let mut stream = tls.acceptor().accept(wire).await?;
        let speech = match stream.get_ref().1.alpn_protocol() {
            Some(ALPN_HTTP2) => Speech::Http2,
            // The handshake was all that it was for.
            Some(ALPN_PROOF) => {
                stream.shutdown().await?;
                return Ok(None);
            }
            _ => Speech::Http1,
        };
        Ok(Some(Self { stream: Stream::Right(Box::new(stream)), speech, ahead: Bytes::new() }))
    }
}

/// Reads as long as it may become the preface of HTTP/2.
async fn read_preface(wire: &mut Wire) -> io::Result<Bytes> {
    let (mut seen, mut len) = ([0; PREFACE.len()], 0);
    while len < PREFACE.len() && seen[..len] == PREFACE[..len] {
        match wire.read(&mut seen[len..]).await? {
            0 => break,
            read => len += read,
        }
    }
    Ok(Bytes::copy_from_slice(&seen[..len]))
}

impl Stream {
    /// The socket, where its bytes are those of HTTP.
    pub(super) fn plain(&self) -> Option<&Wire> {
        match self {
            Self::Left(stream) => Some(stream),
            Self::Right(_) => None,
        }
    }
}
