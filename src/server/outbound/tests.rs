//! Questions to servers that answer with given bytes, or not at all.

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

/// A server that gives these answers, one a connection, and tells what it was asked.
async fn server(answers: Vec<String>) -> (Url, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook?a=b", listener.local_addr().expect("an address"));
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = Vec::new();
            let mut left = None;
            while left != Some(0) {
                request.push(stream.read_u8().await.expect("a request"));
                if let Some(left) = &mut left {
                    *left -= 1;
                } else if request.ends_with(b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&request).to_lowercase();
                    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                    left = Some(length.map_or(0_usize, |length| length.parse().expect("a number")));
                }
            }
            let _ = sender.send(String::from_utf8(request).expect("text"));
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
            stream.write_all(answer.as_bytes()).await.expect("sent");
        }
    });
    (url.parse().expect("a URL"), receiver)
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\n{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn question<'a>(url: &'a Url, method: Method, body: &'static str) -> Question<'a> {
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, HeaderValue::from_static("Bearer secret")),
        (HeaderName::from_static("x-hook"), HeaderValue::from_static("1")),
    ]);
    let body = Bytes::from_static(body.as_bytes());
    Question { method, url, headers, body, timeout: Duration::from_secs(60), follow: true, answer_max: 10 }
}

#[tokio::test]
async fn what_is_given_is_sent() {
    let (url, mut requests) = server(vec![answer(418, "", "tea")]).await;
    let said = Outbound::default().ask(question(&url, Method::POST, "{}")).await.expect("an answer");
    assert_eq!((said.status.as_u16(), &*said.body), (418, &b"tea"[..]));
    let request = requests.recv().await.expect("one");
    assert!(request.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    for header in ["authorization: bearer secret\r\n", "x-hook: 1\r\n", "user-agent: reg/"] {
        assert!(lower.contains(header), "{request}");
    }
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
}

#[tokio::test]
async fn an_answer_has_its_limits() {
    let (url, _requests) = server(vec![answer(200, "", "0123456789"), answer(200, "", "0123456789a")]).await;
    let outbound = Outbound::default();
    assert_eq!(outbound.ask(question(&url, Method::GET, "")).await.expect("ten").body.len(), 10);
    let error = outbound.ask(question(&url, Method::GET, "")).await.expect_err("eleven");
    assert!(matches!(error, Unsent::TooLong(10)), "{error}");

    let (url, _requests) = server(vec!["HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n".into()]).await;
    let head = outbound.ask(Question { answer_max: 0, ..question(&url, Method::GET, "") }).await.expect("its head");
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "nobody waits for what nobody wants");

    let (url, _requests) = server(vec![String::new()]).await;
    let timeout = Duration::from_millis(50);
    let error = outbound.ask(Question { timeout, ..question(&url, Method::GET, "") }).await.expect_err("never");
    assert_eq!(error.to_string(), "no answer within 50ms");
}

#[tokio::test]
async fn nobody_there_is_an_error_without_the_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://user:pass@{}/secret", listener.local_addr().expect("an address"));
    drop(listener);
    let url = url.parse().expect("a URL");
    let error = Outbound::default().ask(question(&url, Method::GET, "")).await.expect_err("nobody");
    assert_eq!(error.to_string(), "Connection refused (os error 111)");
}

#[tokio::test]
async fn a_redirect_takes_no_secret_along_and_makes_no_get_of_a_post() {
    let (elsewhere, mut there) = server(vec![answer(200, "", "there")]).await;
    let (url, mut here) = server(vec![
        answer(307, "Location: /next\r\n", ""),
        answer(308, &format!("Location: {elsewhere}\r\n"), ""),
        answer(302, "Location: /other\r\n", ""),
        answer(307, "Location: /other\r\n", ""),
    ])
    .await;
    let outbound = Outbound::default();
    let said = outbound.ask(question(&url, Method::POST, "{}")).await.expect("an answer");
    assert_eq!(&*said.body, b"there");
    here.recv().await.expect("the first");
    let second = here.recv().await.expect("the same origin");
    assert!(
        second.starts_with("POST /next ") && second.contains("Bearer secret") && second.ends_with("{}"),
        "{second}"
    );
    let third = there.recv().await.expect("another origin");
    assert!(third.starts_with("POST /hook?a=b ") && third.ends_with("{}"), "{third}");
    assert!(!third.contains("secret") && !third.contains("x-hook"), "{third}");

    let said = outbound.ask(question(&url, Method::POST, "{}")).await.expect("an answer");
    assert_eq!(said.status.as_u16(), 302, "nobody asked for a GET");
    let said = outbound.ask(Question { follow: false, ..question(&url, Method::GET, "") }).await.expect("an answer");
    assert_eq!(said.status.as_u16(), 307, "not asked to follow");
}

#[tokio::test]
async fn nobody_sends_us_to_this_machine() {
    let url = |text: &str| text.parse::<Url>().expect(text);
    let far = url("http://192.0.2.1/hook");
    for inside in [
        "http://127.0.0.1:5001/debug/health/down",
        "http://127.1:5001/",
        "http://2130706433/",
        "http://localhost:5001/",
        "http://a.localhost/",
        "http://0.0.0.0:5001/",
        "http://[::]/",
        "http://[::1]:5001/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://100.100.100.200/latest/meta-data/",
    ] {
        assert!(leads_inside(&far, &url(inside)).await, "{inside}");
        assert!(!leads_inside(&url("http://127.0.0.1/hook"), &url(inside)).await, "who is here may: {inside}");
        assert!(!leads_inside(&url(inside), &url(inside)).await, "it is the same: {inside}");
    }
    for outside in ["http://198.51.100.2/", "https://10.0.0.1/", "http://[2001:db8::1]/", "http://nowhere.invalid/"] {
        assert!(!leads_inside(&far, &url(outside)).await, "{outside}");
    }
}

#[test]
fn where_an_answer_sends_us() {
    let from: Url = "https://a/b".parse().expect("a URL");
    for (method, status, location, expected) in [
        (Method::GET, 301, "/c", Some("https://a/c")),
        (Method::HEAD, 303, "//d/e", Some("https://d/e")),
        (Method::POST, 308, "c", Some("https://a/c")),
        (Method::POST, 301, "/c", None),
        (Method::GET, 304, "/c", None),
        (Method::GET, 302, "http://a/c", None),
        (Method::GET, 302, "file:///etc/passwd", None),
    ] {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(location))]);
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(next(&method, status, &headers, &from).as_ref().map(Url::as_str), expected, "{method} {location}");
    }
}
