//! Bodies: what is too short, too long, or something else does not end well.

use super::*;
use crate::spec::{Algorithm, MediaType};

fn descriptor(bytes: &[u8], algorithm: Algorithm) -> Descriptor {
    Descriptor::new(MediaType::OCTET_STREAM, algorithm.digest(bytes), bytes.len() as u64)
}

fn chunks(chunks: &[&'static str]) -> Vec<Result<Bytes>> {
    chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect()
}

async fn read(mut stream: BoxStream<'static, Result<Bytes>>) -> (String, Option<Error>) {
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => text.push_str(std::str::from_utf8(&chunk).expect("text")),
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the end");
                return (text, Some(error));
            }
        }
    }
    (text, None)
}

#[tokio::test]
async fn good_bytes_pass_unchanged() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let expected = descriptor(b"hello world", algorithm);
        let body = || Body::new(&expected, stream::iter(chunks(&["hello", "", " world"])));
        assert!(matches!(read(body().verified()).await, (text, None) if text == "hello world"));
        assert!(matches!(read(body().unhashed()).await, (text, None) if text == "hello world"));
        assert_eq!(body().bytes(11).await.expect("good"), "hello world");
    }
    assert_eq!(Body::whole(&descriptor(b"", Algorithm::Sha256), Bytes::new()).bytes(0).await.expect("empty"), "");
}

#[tokio::test]
async fn wrong_bytes_end_in_corrupt() {
    let expected = descriptor(b"hello world", Algorithm::Sha256);
    let short = "ended after 5 of 11 bytes";
    let long = "goes on after its 11 bytes";
    for (sent, hashed, message) in [
        (&["hello"][..], false, short),
        (&["hello", " world", "!"], false, long),
        (&["hello world!"], false, long),
        (&[], false, "ended after 0 of 11 bytes"),
        (&["hello", " w0rld"], true, "have the digest sha256:"),
    ] {
        let body = || Body::new(&expected, stream::iter(chunks(sent)));
        let (_, error) = read(body().verified()).await;
        let error = error.expect(message);
        assert_eq!(error.kind, Kind::Corrupt);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(read(body().unhashed()).await.1.is_some(), !hashed, "{message}");
    }
}

#[tokio::test]
async fn a_source_that_breaks_is_passed_on() {
    let expected = descriptor(b"hello world", Algorithm::Sha256);
    let mut sent = chunks(&["hello"]);
    sent.push(Err(Error::new(Kind::Interrupted, "connection reset")));
    let (text, error) = read(Body::new(&expected, stream::iter(sent)).verified()).await;
    assert_eq!((text.as_str(), error.map(|e| e.kind)), ("hello", Some(Kind::Interrupted)));
}

#[tokio::test]
async fn memory_is_bounded_before_reading() {
    let expected = descriptor(b"hello world", Algorithm::Sha256);
    let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes>>> { unreachable!("not read") });
    let error = Body::new(&expected, unread).bytes(10).await.expect_err("too large");
    assert_eq!(error.kind, Kind::Corrupt);
}

#[tokio::test]
async fn inspect_sees_every_byte() {
    let expected = descriptor(b"hello world", Algorithm::Sha256);
    let (sender, receiver) = std::sync::mpsc::channel();
    let body = Body::new(&expected, stream::iter(chunks(&["hello", " world"])));
    body.inspect(move |length| sender.send(length).expect("read below")).bytes(20).await.expect("good");
    assert_eq!(receiver.iter().sum::<usize>(), 11);
}
