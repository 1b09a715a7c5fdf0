//! Clients that take their time, and the end of the server: with waits of milliseconds in place of minutes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::auth::Door;
use super::config::Limits;
use super::face::Face;
use super::*;
use crate::registry::{Completeness, Options, UrlRules};
use crate::spec::limits::{CATALOG_PAGE_MAX, TAGS_PAGE_MAX};
use crate::store::Memory;

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);
pub(super) const SOON: Duration = Duration::from_millis(50);
pub(super) const FOR_EVER: Patience = Patience { pause: NEVER, window: NEVER, bytes: 0 };
pub(super) const PATIENT: Timeouts = Timeouts { header: NEVER, body: FOR_EVER, write: FOR_EVER, drain: NEVER };

pub(super) struct Running {
    address: std::net::SocketAddr,
    pub(super) signals: mpsc::Sender<Signal>,
    end: JoinHandle<Stopped>,
}

pub(super) async fn start(timeouts: Timeouts, connections_max: usize) -> Running {
    let options = Options {
        delete_enabled: true,
        read_only: false,
        completeness: Completeness::Whole,
        classes: Vec::new(),
        urls: UrlRules::default(),
        catalog_page_max: CATALOG_PAGE_MAX,
        tags_page_max: TAGS_PAGE_MAX,
        blob_bytes_max: None,
        quotas: Vec::new(),
    };
    let registry = Registry::new(Arc::new(Memory::new(Clock::System)), Clock::System, options);
    let address: Address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::new(
        Listening::on(&address.into()).await.expect("a free port"),
        Setup {
            registry,
            guard: Guard::new(Door::Open, None),
            tls: None,
            clock: Clock::System,
            timeouts,
            access_log: None,
            notifier: None,
            limits: Limits::default(),
            face: Face::default(),
            trusted: Trusted::default(),
            health: Arc::new(Health::new()),
            metrics: None,
            traces: None,
            h2c: true,
        },
    );
    server.connections.resize(connections_max, None, false);
    let (signals, receiver) = mpsc::channel(2);
    let Endpoint::Tcp(address) = *server.endpoint() else { panic!("it is on the network") };
    Running { address, signals, end: tokio::spawn(server.run(receiver)) }
}

impl Running {
    /// How the server ends. A wait that should have an end of its own fails the test, and does not hold it up.
    pub(super) async fn ended(self) -> Stopped {
        tokio::time::timeout(Duration::from_secs(120), self.end).await.expect("an end").expect("no panic")
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    /// Sends something and reads until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.expect("sent");
        read_all(&mut stream).await
    }
}

/// Everything until the server closes, cleanly or not.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads an answer's head.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    String::from_utf8_lossy(&head).into_owned()
}

const START: &[u8] = b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

async fn start_upload(running: &Running) -> String {
    let mut stream = running.connect().await;
    stream.write_all(START).await.expect("sent");
    let head = read_head(&mut stream).await;
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).expect("a location");
    location.to_owned()
}

#[tokio::test]
async fn a_connection_without_a_request_ends() {
    let running = start(Timeouts { header: SOON, ..PATIENT }, 10).await;
    assert_eq!(running.exchange(b"").await, "");
    assert!(!running.exchange(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ").await.contains("200 OK"));
    let kept = running.exchange(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(kept.starts_with("HTTP/1.1 200 OK") && kept.ends_with("{}"), "{kept}");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_and_what_came_is_kept() {
    let running = start(Timeouts { body: Patience { pause: SOON, ..FOR_EVER }, ..PATIENT }, 10).await;
    let at = start_upload(&running).await;
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
    let answer = running.exchange(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let mut stream = running.connect().await;
    stream.write_all(format!("GET {at} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("sent");
    let status = read_head(&mut stream).await;
    assert!(status.contains("range: 0-4\r\n"), "{status}");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_408_and_what_came_is_kept() {
    let running = start(Timeouts { body: Patience { window: SOON, bytes: 6, ..FOR_EVER }, ..PATIENT }, 10).await;
    let at = start_upload(&running).await;
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
    let answer = running.exchange(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let mut stream = running.connect().await;
    stream.write_all(format!("GET {at} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("sent");
    assert!(read_head(&mut stream).await.contains("range: 0-4\r\n"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_left() {
    left(Patience { pause: SOON, ..FOR_EVER }).await;
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_left() {
    left(Patience { window: SOON, bytes: 1 << 40, ..FOR_EVER }).await;
}

async fn left(patience: Patience) {
    let running = start(Timeouts { write: patience, ..PATIENT }, 10).await;
    // More than the buffers of both sockets take.
    let blob = vec![b'x'; 64 << 20];
    let digest = crate::spec::Digest::sha256(&blob);
    let mut stream = running.connect().await;
    let head = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        blob.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&blob).await.expect("sent");
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 201"));
    stream.write_all(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("sent");
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    running.signals.send(Signal::Terminate).await.expect("the server runs");
    // Draining waits for the answer in progress for ever, and this client never reads it: only the stall ends it.
    assert_eq!(running.ended().await, Stopped::Drained);
}

#[tokio::test]
async fn above_the_limit_of_connections_it_is_503() {
    let running = start(PATIENT, 1).await;
    let mut first = running.connect().await;
    first.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    assert!(read_head(&mut first).await.starts_with("HTTP/1.1 200"));
    let refused = running.exchange(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("Retry-After: 5\r\n"), "{refused}");
}

#[tokio::test]
async fn a_signal_lets_requests_end_and_takes_no_more() {
    let running = start(PATIENT, 10).await;
    let at = start_upload(&running).await;
    let mut idle = running.connect().await;
    idle.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    read_head(&mut idle).await;
    let mut busy = running.connect().await;
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    busy.write_all(head.as_bytes()).await.expect("sent");
    assert!(read_head(&mut busy).await.starts_with("HTTP/1.1 100"));
    running.signals.send(Signal::Terminate).await.expect("the server runs");
    assert!(read_all(&mut idle).await.ends_with("{}"), "an idle connection is closed");
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens");
    busy.write_all(b"12345").await.expect("sent");
    let answer = read_all(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 202") && answer.contains("range: 0-4"), "{answer}");
    assert_eq!(running.ended().await, Stopped::Drained);
}

/// Connections are served in the order of their arrival: when a later one has its answer, what came before was read.
#[tokio::test]
async fn a_request_that_has_only_begun_does_not_hold_up_the_end() {
    let running = start(PATIENT, 10).await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("sent");
    let later = running.exchange(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(later.starts_with("HTTP/1.1 200"), "{later}");
    running.signals.send(Signal::Terminate).await.expect("the server runs");
    assert_eq!(running.ended().await, Stopped::Drained);
    assert_eq!(read_all(&mut slow).await, "");
}

/// The last word of a client, in one go with its request: the answer comes whole, and then the end.
#[tokio::test]
async fn who_sends_no_more_is_still_answered() {
    let running = start(PATIENT, 10).await;
    let blob = vec![b'x'; 8 << 20];
    let digest = crate::spec::Digest::sha256(&blob);
    let head = format!(
        "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        blob.len()
    );
    let mut stream = running.connect().await;
    for part in [head.as_bytes(), &blob] {
        stream.write_all(part).await.expect("sent");
    }
    stream.shutdown().await.expect("a socket");
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 201"));
    let mut stream = running.connect().await;
    stream.write_all(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("a socket");
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.len() > blob.len(), "{} bytes", answer.len());
}

#[tokio::test]
async fn who_sends_no_more_and_asked_nothing_is_left() {
    let running = start(PATIENT, 10).await;
    for asked in ["", "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Cut: "] {
        let mut stream = running.connect().await;
        stream.write_all(asked.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("a socket");
        assert_eq!(read_all(&mut stream).await, "");
    }
    // The whole server is empty again.
    running.signals.send(Signal::Terminate).await.expect("the server runs");
    assert_eq!(running.ended().await, Stopped::Drained);
}

#[tokio::test]
async fn draining_has_an_end() {
    let running = start(Timeouts { drain: SOON, ..PATIENT }, 10).await;
    let at = start_upload(&running).await;
    let mut busy = running.connect().await;
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    busy.write_all(head.as_bytes()).await.expect("sent");
    read_head(&mut busy).await;
    running.signals.send(Signal::Interrupt).await.expect("the server runs");
    assert_eq!(running.ended().await, Stopped::Drained);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let running = start(PATIENT, 10).await;
    let at = start_upload(&running).await;
    let mut busy = running.connect().await;
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    busy.write_all(head.as_bytes()).await.expect("sent");
    read_head(&mut busy).await;
    running.signals.send(Signal::Terminate).await.expect("the server runs");
    running.signals.send(Signal::Interrupt).await.expect("the server runs");
    assert_eq!(running.ended().await, Stopped::Cut(Signal::Interrupt));
}
