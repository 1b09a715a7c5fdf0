//! HTTP/2 through the real program: where it is spoken, and where the configuration says that it is not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Env, Server};

/// What a client of HTTP/2 begins with, and its settings: none (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// GET /v2/ for host `r` as the one request of a connection, in HPACK without a table (RFC 7541 §C).
const REQUEST: &[u8] = b"\0\0\x0b\x01\x05\0\0\0\x01\x82\x86\x04\x04/v2/\x41\x01r";

/// The first bytes that the server answers with, if there are so many.
fn answer(http: &str, sent: &[u8], len: u64) -> Vec<u8> {
    let env = Env::without_server();
    let text = format!("version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\nhttp: {{{http}}}\n");
    std::fs::write(env.path("c.yml"), env.expand(&text)).expect("written");
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let mut stream = TcpStream::connect(&server.host).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    stream.write_all(sent).expect("sent");
    let mut bytes = Vec::new();
    // Who is not understood may be cut off.
    let _ = stream.take(len).read_to_end(&mut bytes);
    bytes
}

#[test]
fn who_begins_with_it_without_tls_is_answered_where_that_is_enabled() {
    let settings = answer("addr: '127.0.0.1:0', h2c: {enabled: true}", &[PREFACE, REQUEST].concat(), 9);
    assert_eq!((settings[3], &settings[5..]), (4, &[0, 0, 0, 0][..]), "a frame of settings: {settings:?}");
    let http1 = answer("addr: '127.0.0.1:0', h2c: {enabled: true}", b"PUT /v2/ HTTP/1.1\r\nHost: r\r\n\r\n", 12);
    assert_eq!(http1, b"HTTP/1.1 405", "and others as before");
    let nobody = answer("addr: '127.0.0.1:0'", &[PREFACE, REQUEST].concat(), 10);
    assert!(nobody.is_empty() || nobody.starts_with(b"HTTP/1."), "unless somebody asks for it, it is not there");
}
