//! Floods of HTTP/2 frames, written by hand: each ends its connection or makes it wait, others are served, and the server
//! does not grow.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::image::noise;
use crate::support::{Env, Server};

/// What a client of HTTP/2 begins with, and its settings: none (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

// Types of frames (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

// Errors (RFC 9113 §7).
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

/// `GET /v2/` of host `r`, in HPACK without a table (RFC 7541 §C).
const GET: &[u8] = b"\x82\x86\x04\x04/v2/\x41\x01r";

/// The method by its place in the table of HPACK.
const POST: u8 = 0x83;

/// Waits for the bytes of a blob, of which there are none.
const UPLOAD: &str =
    "/v2/a/blobs/uploads/?digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn request(method: u8, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("a short one");
    assert!(length < 127, "in one byte");
    [&[method, 0x86, 0x04, length][..], path.as_bytes(), b"\x41\x01r"].concat()
}

/// Streams of one connection at a time (`spec::limits::HTTP2_STREAMS_MAX`).
const STREAMS_MAX: usize = 128;

/// How much larger the server may get: buffers of one connection and of all its streams, many times over, and far less than
/// what floods it.
const GROWTH_KIB_MAX: u64 = 48 << 10;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short one").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A frame that came.
struct Came {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Came {
    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }
}

/// A server that speaks HTTP/2 without TLS.
struct Flooded {
    server: Server,
    _env: Env,
    kib: u64,
}

impl Flooded {
    fn start() -> Self {
        let env = Env::without_server();
        let text = "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\n\
                    log: {accesslog: {disabled: true}}\nhttp: {addr: '127.0.0.1:0', h2c: {enabled: true}}\n";
        std::fs::write(env.path("c.yml"), env.expand(text)).expect("written");
        let (server, log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
        // Nobody reads the rest of it, and somebody has to.
        std::thread::spawn(move || std::io::copy(&mut { log }, &mut std::io::sink()));
        assert_eq!(server.client().get("/v2/").status, 200);
        let mut flooded = Self { server, _env: env, kib: 0 };
        flooded.kib = flooded.peak_kib();
        flooded
    }

    /// The most memory that the server ever had.
    fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.server.host).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        stream.write_all(PREFACE).expect("sent");
        stream
    }

    /// Others are served, and the server has not grown.
    #[track_caller]
    fn stands(&mut self, flood: &str) {
        assert!(self.server.is_alive(), "{flood}");
        assert_eq!(self.server.client().get("/v2/").status, 200, "{flood}: others are served");
        let mut other = self.connect();
        other.write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 1, GET)).expect("sent");
        let answered = listen(&other).into_iter().any(|came| came.kind == HEADERS && came.stream == 1);
        assert!(answered, "{flood}: others of HTTP/2 are served");
        let grown = self.peak_kib().saturating_sub(self.kib);
        assert!(grown < GROWTH_KIB_MAX, "{flood}: the server has grown by {grown} KiB");
    }
}

/// Frames until the server closes; DATA and answers to pings and settings are left out.
fn listen(stream: &TcpStream) -> Receiver<Came> {
    let (sender, receiver) = channel();
    let mut stream = BufReader::new(stream.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        let mut head = [0; 9];
        while stream.read_exact(&mut head).is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).is_err() {
                return;
            }
            let number = u32::from_be_bytes(head[5..9].try_into().expect("four bytes"));
            let is_answer = matches!(head[3], PING | SETTINGS) && head[4] == 1;
            if !is_answer && head[3] != DATA && sender.send(Came { kind: head[3], stream: number, payload }).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Sends a flood to somebody who listens, until the end of either, and answers why the server has said goodbye.
fn pour(stream: &mut TcpStream, parts: impl Iterator<Item = Vec<u8>>) -> Option<u32> {
    let came = listen(stream);
    for part in parts {
        if stream.write_all(&part).is_err() {
            break;
        }
    }
    let _closed_already = stream.shutdown(Shutdown::Write);
    // A server that closes with bytes unread may reset the connection, and its last words are lost: those are `None`.
    came.into_iter().filter(|came| came.kind == GOAWAY).map(|came| came.number(4)).filter(|&reason| reason != 0).last()
}

/// Sends a flood and reads nothing, until the server takes no more of it. Answers whether it came to that.
fn press(stream: &mut TcpStream, part: &[u8], parts: usize) -> bool {
    // Nothing is said about how long anything takes: what the server takes in the end, it takes.
    stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a socket");
    (0..parts).any(|_| stream.write_all(part).is_err())
}

/// 1,024 times the same.
fn many(frame: &[u8]) -> Vec<u8> {
    frame.repeat(1024)
}

#[test]
fn who_asks_for_answers_and_reads_none_is_read_no_more() {
    let mut flooded = Flooded::start();
    for (flood, part) in [
        ("pings (CVE-2019-9512)", frame(PING, 0, 0, b"12345678")),
        ("settings (CVE-2019-9515)", frame(SETTINGS, 0, 0, b"")),
        ("settings of windows", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
    ] {
        let part = many(&part);
        let mut stream = flooded.connect();
        assert!(press(&mut stream, &part, (256 << 20) / part.len()), "{flood}: all was taken");
        flooded.stands(flood);
    }
}

#[test]
fn who_reads_the_answers_costs_their_time_alone() {
    let mut flooded = Flooded::start();
    for (flood, part) in [
        ("pings", frame(PING, 0, 0, b"12345678")),
        ("answers to pings that nobody sent", frame(PING, 1, 0, b"12345678")),
        ("settings", frame(SETTINGS, 0, 0, b"")),
        ("priorities (CVE-2019-9513)", frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 16])),
        ("frames of no known type", frame(0xbb, 0, 0, b"")),
        ("windows of a stream that is over", frame(PRIORITY, 0, 1, &[0, 0, 0, 5, 255])),
    ] {
        let part = many(&part);
        let reason = pour(&mut flooded.connect(), (0..200).map(|_| part.clone()));
        assert_eq!(reason, None, "{flood}");
        flooded.stands(flood);
    }
}

/// A stream opened, with something behind it.
fn streams(behind: impl Fn(u32) -> Vec<u8>, flags: u8) -> impl Iterator<Item = Vec<u8>> {
    let open = move |stream: u32| [frame(HEADERS, flags, stream, GET), behind(stream)].concat();
    (0..400).map(move |part: u32| (0..64).flat_map(|at| open((part * 64 + at) * 2 + 1)).collect())
}

#[test]
fn streams_that_are_given_up_at_once_end_the_connection() {
    let mut flooded = Flooded::start();
    let reset = |stream| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    let reason = pour(&mut flooded.connect(), streams(reset, END_HEADERS | END_STREAM));
    assert_eq!(reason, Some(ENHANCE_YOUR_CALM), "rapid reset (CVE-2023-44487)");
    flooded.stands("rapid reset");

    // Faults of each stream, so that the server gives it up itself.
    for (flood, behind) in [
        ("windows of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("windows beyond all bounds", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        ("streams that depend on themselves", frame(PRIORITY, 0, 0, &[0, 0, 0, 0, 1])),
    ] {
        let behind = |stream: u32| {
            let mut frame = behind.clone();
            frame[5..9].copy_from_slice(&stream.to_be_bytes());
            if frame[3] == PRIORITY {
                frame[9..13].copy_from_slice(&stream.to_be_bytes());
            }
            frame
        };
        let reason = pour(&mut flooded.connect(), streams(behind, END_HEADERS | END_STREAM));
        let expected = [Some(ENHANCE_YOUR_CALM), Some(PROTOCOL_ERROR), Some(FLOW_CONTROL_ERROR)];
        assert!(expected.contains(&reason), "{flood} (CVE-2025-8671): {reason:?}");
        flooded.stands(flood);
    }
}

#[test]
fn frames_of_nothing_end_the_connection() {
    let mut flooded = Flooded::start();
    let open = frame(HEADERS, END_HEADERS, 1, &request(POST, UPLOAD));
    let empty = many(&frame(DATA, 0, 1, b""));
    let reason = pour(&mut flooded.connect(), std::iter::once(open).chain((0..400).map(|_| empty.clone())));
    assert_eq!(reason, Some(ENHANCE_YOUR_CALM), "CVE-2019-9518");
    flooded.stands("frames of no bytes");
}

#[test]
fn headers_that_never_end_end_the_connection() {
    let mut flooded = Flooded::start();
    // A field of a kilobyte that no table keeps, and fields of one byte.
    let field = [&b"\0\x01x\x7f\x81\x07"[..], &[b'y'; 1024]].concat();
    for (flood, part) in [
        ("of nothing", frame(CONTINUATION, 0, 1, b"")),
        ("of single fields", frame(CONTINUATION, 0, 1, b"\x82")),
        ("of large fields", frame(CONTINUATION, 0, 1, &field)),
        ("of full frames", frame(CONTINUATION, 0, 1, &field.repeat(15))),
        ("in the midst of one field", frame(CONTINUATION, 0, 1, &[b'z'; 1024])),
    ] {
        let open: &[u8] = if flood.starts_with("in the midst") { b"\0\x01x\x7f\x80\x80\x80\x01" } else { b"\x82" };
        let open = frame(HEADERS, 0, 1, open);
        let reason = pour(&mut flooded.connect(), std::iter::once(open).chain((0..20_000).map(|_| part.clone())));
        let expected = [Some(ENHANCE_YOUR_CALM), Some(COMPRESSION_ERROR), Some(PROTOCOL_ERROR)];
        assert!(expected.contains(&reason), "continuations {flood} (CVE-2024-27316): {reason:?}");
        flooded.stands(flood);
    }
}

#[test]
fn a_table_of_headers_is_no_bomb() {
    let mut flooded = Flooded::start();
    // One field of 4,000 bytes into the table, which is then named again and again, for a byte each (CVE-2016-6581).
    let keep = [&b"\x40\x01x\x7f\xa1\x1e"[..], &[b'y'; 4000]].concat();
    let bomb = [GET, &keep, &[0xbe; 12_000]].concat();
    let bombs = (0..200_u32).map(|at| frame(HEADERS, END_HEADERS | END_STREAM, at * 2 + 1, &bomb));
    let reason = pour(&mut flooded.connect(), bombs);
    assert_eq!(reason, Some(ENHANCE_YOUR_CALM), "a hundred megabytes in a frame");
    flooded.stands("a bomb in the table");

    // Smaller ones are said to be too large, each.
    let small = [GET, &keep, &[0xbe; 20]].concat();
    let mut stream = flooded.connect();
    let came = listen(&stream);
    for at in 0..100_u32 {
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, at * 2 + 1, &small)).expect("sent");
    }
    // 200 has a place in the table of HPACK (RFC 7541, appendix A); 431 has none.
    let answers: Vec<_> = came.iter().filter(|came| came.kind == HEADERS).take(100).collect();
    assert!(answers.len() == 100 && answers.iter().all(|came| came.payload[0] != 0x88), "{}", answers.len());
    flooded.stands("many small bombs");

    for (fault, block) in [
        ("a table of all memory", &b"\x3f\xe1\xff\xff\xff\x0f\x82"[..]),
        ("a field that is not in the table", b"\xfe"),
        ("an integer without an end", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let reason = pour(&mut flooded.connect(), std::iter::once(frame(HEADERS, END_HEADERS, 1, block)));
        assert!([Some(COMPRESSION_ERROR), Some(PROTOCOL_ERROR)].contains(&reason), "{fault}: {reason:?}");
        flooded.stands(fault);
    }
}

#[test]
fn a_window_that_is_never_opened_holds_no_more_than_a_piece_of_an_answer() {
    for window in [0_u32, 1, 65_535, 0x7fff_ffff] {
        let mut flooded = Flooded::start();
        let blob = flooded.server.client().push_blob("a", &noise(1, 8 << 20));
        // Each answer may hold one piece of a file (`spec::limits::FILE_PIECE_BYTES`).
        flooded.kib = flooded.peak_kib() + STREAMS_MAX as u64 * 256;
        let get = request(0x82, &format!("/v2/a/blobs/{blob}"));
        let mut stream = flooded.connect();
        let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
        stream.write_all(&frame(SETTINGS, 0, 0, &settings)).expect("sent");
        let came = listen(&stream);
        for at in 0..u32::try_from(STREAMS_MAX).expect("few") {
            stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, at * 2 + 1, &get)).expect("sent");
        }
        // All of them are being answered, a gigabyte in all.
        let answered = came.iter().filter(|came| came.kind == HEADERS).take(STREAMS_MAX).count();
        assert_eq!(answered, STREAMS_MAX, "windows of {window}");
        flooded.stands("windows that are not opened");
    }
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let mut flooded = Flooded::start();
    let mut stream = flooded.connect();
    let came = listen(&stream);
    let settings = came.iter().find(|came| came.kind == SETTINGS).expect("settings");
    let limit = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 3]).expect("a limit of streams");
    assert_eq!(limit[2..], [0, 0, 0, 128]);
    // Each waits for a body that does not come.
    let post = request(POST, UPLOAD);
    for at in 0..1000_u32 {
        stream.write_all(&frame(HEADERS, END_HEADERS, at * 2 + 1, &post)).expect("sent");
    }
    let beyond = 1000 - STREAMS_MAX;
    let refused: Vec<_> = came.iter().filter(|came| came.kind == RST_STREAM).take(beyond).collect();
    assert!(refused.iter().all(|came| came.number(0) == REFUSED_STREAM), "the client may send them again");
    assert_eq!(refused.iter().map(|came| came.stream).min(), Some(2 * 128 + 1));
    flooded.stands("streams that wait");
    // Those within the limit are there still.
    stream.write_all(&frame(DATA, END_STREAM, 1, b"")).expect("sent");
    assert!(came.iter().any(|came| came.kind == HEADERS && came.stream == 1), "answered");
}

#[test]
fn windows_have_a_largest_size() {
    let mut flooded = Flooded::start();
    let more = frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]);
    let reason = pour(&mut flooded.connect(), std::iter::once([more.clone(), more].concat()));
    assert_eq!(reason, Some(FLOW_CONTROL_ERROR));
    flooded.stands("windows of a connection");
    for (fault, frame) in [
        ("a frame larger than allowed", [&[0xff, 0xff, 0xff, DATA, 0][..], &1_u32.to_be_bytes()].concat()),
        ("a ping of another size", frame(PING, 0, 0, b"1234567")),
        ("a ping of a stream", frame(PING, 0, 1, b"12345678")),
        ("settings of another size", frame(SETTINGS, 0, 0, b"12345")),
        ("data of no stream", frame(DATA, 0, 0, b"x")),
        ("a stream of the server's", frame(HEADERS, END_HEADERS | END_STREAM, 2, GET)),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, GET)),
    ] {
        let reason = pour(&mut flooded.connect(), std::iter::once(frame));
        assert!(reason.is_some(), "{fault}");
        flooded.stands(fault);
    }
}
