//! A publisher of keys that follows a script, on a socket of this machine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers connections with these texts, one each; how many it has answered.
async fn publish(answers: &[String]) -> (Remote, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, mut answers) = (Arc::clone(&asked), VecDeque::from(answers.to_vec()));
    tokio::spawn(async move {
        while let Some(answer) = answers.pop_front() {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.expect("a request"));
            }
            assert!(request.starts_with(b"GET /keys HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&request));
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(answer.as_bytes()).await.expect("sent");
        }
    });
    (Remote::new(url.parse().expect("a URL")), asked)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(secs).expect("a time")
}

#[tokio::test]
async fn keys_are_asked_for_when_that_is_due() {
    let keys = ["one", "two", "three"].map(|body| answer("200 OK", body));
    let (remote, asked) = publish(&keys).await;
    assert_eq!(remote.fetched(), None);
    for (now, is_unknown, expected, body) in [
        (0, false, true, "one"),
        (59, true, false, "one"),
        (60, false, false, "one"),
        (60, true, true, "two"),
        (119, true, false, "two"),
        (659, false, false, "two"),
        (660, false, true, "three"),
    ] {
        assert_eq!(remote.refresh(is_unknown, at(now)).await.expect("an answer"), expected, "{now} {is_unknown}");
        assert_eq!(remote.fetched().as_deref(), Some(body.as_bytes()), "{now}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn who_answers_with_something_else_changes_nothing() {
    let elsewhere =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let long = "x".repeat(ANSWER_BYTES_MAX + 1);
    let answers = [
        answer("200 OK", "keys"),
        answer("500 No", "other"),
        elsewhere.to_owned(),
        answer("200 OK", &long),
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut".to_owned(),
        answer("200 OK", "more"),
    ];
    let (remote, asked) = publish(&answers).await;
    assert!(remote.refresh(false, at(0)).await.expect("an answer"));
    for (step, said) in [(1, "500"), (2, "302"), (3, "1048576"), (4, "")] {
        // What failed is tried again sooner.
        let now = at(540 + 60 * step);
        let error = Chain(&remote.refresh(false, now).await.expect_err("no keys")).to_string();
        assert!(error.contains(said) && error.contains("http://127.0.0.1:"), "{error}");
        assert!(!remote.try_refresh(true, now).await, "not at once");
        assert_eq!(remote.fetched().as_deref(), Some(&b"keys"[..]));
    }
    assert!(remote.try_refresh(false, at(840)).await);
    assert_eq!(remote.fetched().as_deref(), Some(&b"more"[..]));
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    assert!(!remote.try_refresh(true, at(2000)).await, "nobody is there any more");
}
