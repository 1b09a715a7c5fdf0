//! Whether a port of this machine speaks TLS: asked with one hello, before anything of ours is sent.
//!
//! A registry on loopback is plain HTTP more often than not, and https is tried first. A whole handshake would need the
//! system's certificates (milliseconds to load); the first byte of the answer to a hello is enough to know.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a port answered to a TLS hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Tls,
    /// Anything else: HTTP, a closed connection, silence.
    Other,
    /// Nobody listens.
    Nothing,
}

/// A server of this machine answers within this time; one that waits for more is no TLS server.
const PATIENCE: Duration = Duration::from_secs(2);

/// Record types of TLS (RFC 8446 §5.1): handshake, and the alert of a server that wants another hello.
const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;

/// Says hello to `address` (`HOST:PORT`).
pub(super) async fn speech_of(address: &str) -> Speech {
    let asked = tokio::time::timeout(PATIENCE, async {
        let Ok(mut stream) = TcpStream::connect(address).await else { return Speech::Nothing };
        let mut first = [0];
        let heard = async {
            stream.write_all(&hello()).await?;
            stream.read_exact(&mut first).await
        };
        match heard.await {
            Ok(_) if matches!(first, [HANDSHAKE | ALERT]) => Speech::Tls,
            Ok(_) | Err(_) => Speech::Other,
        }
    });
    asked.await.unwrap_or(Speech::Other)
}

/// A `ClientHello` of TLS 1.2 and 1.3 that every server answers, if only with an alert.
fn hello() -> Vec<u8> {
    // Where TLS wants randomness an HTTP server finds the end of a request, and does not wait for more of it.
    let random = *b"\r\n\r\nreg asks whether this is TLS";
    let suites: &[u8] = &[0x13, 0x01, 0x13, 0x02, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30];
    #[rustfmt::skip]
    let extensions: &[u8] = &[
        0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17,             // groups: x25519, P-256
        0x00, 0x0b, 0x00, 0x02, 0x01, 0x00,                                     // points: uncompressed
        0x00, 0x0d, 0x00, 0x0a, 0x00, 0x08, 0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x08, 0x07, // signatures
        0x00, 0x2b, 0x00, 0x05, 0x04, 0x03, 0x04, 0x03, 0x03,                   // versions: 1.3, 1.2
        0x00, 0x33, 0x00, 0x02, 0x00, 0x00,                                     // no key share yet
    ];
    let mut body = vec![0x03, 0x03];
    body.extend(random);
    body.push(0); // no session
    put(&mut body, suites);
    body.extend([1, 0]); // no compression
    put(&mut body, extensions);

    let mut message = vec![0x01, 0x00];
    put(&mut message, &body);
    let mut record = vec![HANDSHAKE, 0x03, 0x01];
    put(&mut record, &message);
    record
}

/// `bytes` behind their length in two bytes. Everything here is far shorter than that can count.
fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend((bytes.len() as u16).to_be_bytes());
    into.extend(bytes);
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is heard of a server that reads a hello and answers `answer`.
    async fn heard(answer: &'static [u8]) -> Speech {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.expect("a hello");
            assert_eq!(hello[..3], [0x16, 3, 1]);
            let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
            stream.read_exact(&mut rest).await.expect("the whole hello");
            stream.write_all(answer).await.expect("an answer");
        });
        let speech = speech_of(&address).await;
        server.await.expect("the server's expectations hold");
        speech
    }

    #[tokio::test]
    async fn tells_tls_from_the_rest() {
        assert_eq!(heard(b"\x16\x03\x03\x00\x02").await, Speech::Tls);
        assert_eq!(heard(b"\x15\x03\x01\x00\x02\x02\x28").await, Speech::Tls);
        assert_eq!(heard(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, Speech::Other);
        assert_eq!(heard(b"").await, Speech::Other);
    }

    #[tokio::test]
    async fn nobody_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        assert_eq!(speech_of(&address).await, Speech::Nothing);
    }
}
