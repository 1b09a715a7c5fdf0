//! HTTP/2 with clients that take their time, or do what no honest client does: with waits of milliseconds in place of
//! minutes.

use std::future::poll_fn;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::http2::PREFACE;
use super::tests::{FOR_EVER, PATIENT, Running, SOON, start};
use super::*;

type Client = SendRequest<Bytes>;

/// A client, and the task that moves its bytes.
async fn connect(running: &Running) -> (Client, JoinHandle<Result<(), h2::Error>>) {
    let (client, connection) = h2::client::handshake(running.connect().await).await.expect("a handshake");
    (client.ready().await.expect("settings"), tokio::spawn(connection))
}

fn begin(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut request = Request::builder().method(method).uri(format!("http://r{path}")).version(http::Version::HTTP_2);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send_request(request.body(()).expect("a request"), false).expect("sent")
}

async fn send(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response<RecvStream> {
    let (answer, mut stream) = begin(client, method, path, headers);
    let mut body = Bytes::copy_from_slice(body);
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await.expect("open").expect("open");
        stream.send_data(body.split_to(room.min(body.len())), false).expect("sent");
    }
    stream.send_data(Bytes::new(), true).expect("sent");
    answer.await.expect("an answer")
}

async fn read(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        all.extend_from_slice(&part);
    }
    Ok(all)
}

fn location(answer: &Response<RecvStream>) -> String {
    let location = answer.headers()["location"].to_str().expect("text");
    location.strip_prefix("http://r").expect("our name").to_owned()
}

async fn start_upload(client: &mut Client) -> String {
    location(&send(client, "POST", "/v2/a/blobs/uploads/", &[], b"").await)
}

async fn push(client: &mut Client, blob: &[u8]) -> String {
    let digest = crate::spec::Digest::sha256(blob);
    let pushed = send(client, "POST", &format!("/v2/a/blobs/uploads/?digest={digest}"), &[], blob).await;
    assert_eq!(pushed.status(), 201);
    format!("/v2/a/blobs/{digest}")
}

#[tokio::test]
async fn bytes_go_in_and_out_many_windows_long() {
    let running = start(PATIENT, 10).await;
    let (mut client, _task) = connect(&running).await;
    let blob: Vec<u8> = (0..9_000_000_u32).map(|n| (n / 7) as u8).collect();
    let at = push(&mut client, &blob).await;
    let mut answer = send(&mut client, "GET", &at, &[], b"").await;
    assert_eq!(answer.headers()["content-length"], "9000000");
    assert!(answer.headers()["date"].to_str().expect("text").ends_with(" GMT"));
    assert!(read(answer.body_mut()).await.expect("whole") == blob);
    let mut empty = send(&mut client, "HEAD", &at, &[], b"").await;
    assert_eq!((empty.status().as_u16(), read(empty.body_mut()).await.expect("whole").len()), (200, 0));
}

#[tokio::test]
async fn a_connection_without_a_request_ends() {
    let running = start(Timeouts { header: SOON, ..PATIENT }, 10).await;
    for begun in [&PREFACE[..10], PREFACE] {
        let mut stream = running.connect().await;
        stream.write_all(begun).await.expect("sent");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let (mut client, task) = connect(&running).await;
    assert_eq!(send(&mut client, "GET", "/v2/", &[], b"").await.status(), 200);
    assert!(task.await.expect("no panic").is_ok(), "it ends with a GOAWAY");
}

/// HEADERS without an end, and then nothing or CONTINUATION for ever (RFC 9113 §10.5).
#[tokio::test]
async fn headers_that_never_end_are_no_request() {
    let running = start(Timeouts { header: SOON, ..PATIENT }, 10).await;
    let open = [&PREFACE[..], b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat();
    let mut silent = running.connect().await;
    silent.write_all(&open).await.expect("sent");
    let _ = silent.read_to_end(&mut Vec::new()).await;

    let running = start(PATIENT, 10).await;
    let mut talker = running.connect().await;
    talker.write_all(&open).await.expect("sent");
    // A header of 1 KiB in each, never the last one.
    let more = [b"\0\x04\0\x09\0\0\0\0\x01".as_slice(), &[0x82; 1024]].concat();
    let mut sent = 0;
    while sent < 100_000 && talker.write_all(&more).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 100_000, "the server listens for ever");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_and_what_came_is_kept() {
    let running = start(Timeouts { body: Patience { pause: SOON, ..FOR_EVER }, ..PATIENT }, 10).await;
    let (mut client, _task) = connect(&running).await;
    let at = start_upload(&mut client).await;
    let (answer, mut stream) = begin(&mut client, "PATCH", &at, &[]);
    stream.send_data(Bytes::from_static(b"12345"), false).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), 408);
    let status = send(&mut client, "GET", &at, &[], b"").await;
    assert_eq!(status.headers()["range"], "0-4");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_others_go_on() {
    for patience in [Patience { pause: SOON, ..FOR_EVER }, Patience { window: SOON, bytes: 1 << 40, ..FOR_EVER }] {
        let running = start(Timeouts { write: patience, ..PATIENT }, 10).await;
        let (mut client, _task) = connect(&running).await;
        let at = push(&mut client, &[b'x'; 1 << 20]).await;
        let mut stalled = send(&mut client, "GET", &at, &[], b"").await;
        // Its window is full with the first bytes, and never opened again.
        let error = loop {
            match stalled.body_mut().data().await.expect("more to come") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.reason(), Some(Reason::CANCEL));
        assert_eq!(send(&mut client, "GET", "/v2/", &[], b"").await.status(), 200);
    }
}

#[tokio::test]
async fn a_stream_takes_a_place() {
    let running = start(PATIENT, 2).await;
    let (mut client, _task) = connect(&running).await;
    let at = format!("/v2/a/blobs/uploads/?digest={}", crate::spec::Digest::sha256(b"12"));
    let (_busy, mut stream) = begin(&mut client, "POST", &at, &[]);
    stream.send_data(Bytes::from_static(b"1"), false).expect("sent");
    let (refused, _stream) = begin(&mut client, "GET", "/v2/", &[]);
    assert_eq!(refused.await.expect_err("no place").reason(), Some(Reason::REFUSED_STREAM));
}

#[tokio::test]
async fn who_asks_before_sending_is_told() {
    let running = start(PATIENT, 10).await;
    let (mut client, _task) = connect(&running).await;
    let at = start_upload(&mut client).await;
    let asks = [("expect", "100-continue"), ("content-length", "5")];
    let (mut answer, mut stream) = begin(&mut client, "PATCH", &at, &asks);
    let go_on = poll_fn(|cx| answer.poll_informational(cx)).await.expect("told").expect("told");
    assert_eq!(go_on.status(), 100);
    stream.send_data(Bytes::from_static(b"12345"), true).expect("sent");
    assert_eq!(answer.await.expect("an answer").headers()["range"], "0-4");
    let (answer, _stream) = begin(&mut client, "PATCH", "/nowhere", &asks);
    assert_eq!(answer.await.expect("an answer").status(), 404, "and not where nobody wants it");
}

#[tokio::test]
async fn a_request_says_for_whom_it_is() {
    let running = start(PATIENT, 10).await;
    let (mut client, _task) = connect(&running).await;
    for (host, status) in [("r", 200), ("R", 200), ("other", 400), ("a/b", 400)] {
        assert_eq!(send(&mut client, "GET", "/v2/", &[("host", host)], b"").await.status(), status, "{host}");
    }
    let long = "x".repeat(70 << 10);
    assert_eq!(send(&mut client, "GET", "/v2/", &[("x-long", &long)], b"").await.status(), 431);
}

#[tokio::test]
async fn a_signal_lets_requests_end_and_takes_no_more() {
    let running = start(PATIENT, 10).await;
    let (mut busy, task) = connect(&running).await;
    let at = start_upload(&mut busy).await;
    let (answer, mut stream) = begin(&mut busy, "PATCH", &at, &[]);
    stream.send_data(Bytes::from_static(b"123"), false).expect("sent");
    // Answered after the one before has been read.
    assert_eq!(send(&mut busy, "GET", "/v2/", &[], b"").await.status(), 200);
    // Nobody moves the bytes of this one any more: it does not even say that it has heard.
    let (_deaf, connection) = h2::client::handshake(running.connect().await).await.expect("a handshake");
    running.signals.send(Signal::Terminate).await.expect("the server runs");
    stream.send_data(Bytes::from_static(b"45"), true).expect("sent");
    assert_eq!(answer.await.expect("an answer").headers()["range"], "0-4");
    assert!(task.await.expect("no panic").is_ok());
    assert_eq!(running.ended().await, Stopped::Drained);
    drop(connection);
}

/// Opened and reset at once, many times (CVE-2023-44487): the client is sent away, or bounded, and others are served.
#[tokio::test]
async fn rapid_resets_keep_nobody_out() {
    let running = start(PATIENT, 200).await;
    let (mut client, task) = connect(&running).await;
    for _ in 0..10_000 {
        let request = Request::get("http://r/v2/").body(()).expect("a request");
        let Ok((_, mut stream)) = client.send_request(request, false) else { break };
        stream.send_reset(Reason::CANCEL);
        client = match client.ready().await {
            Ok(ready) => ready,
            Err(_) => break,
        };
    }
    let (mut other, _task) = connect(&running).await;
    assert_eq!(send(&mut other, "GET", "/v2/", &[], b"").await.status(), 200);
    task.abort();
}
