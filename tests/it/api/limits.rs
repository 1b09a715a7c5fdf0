//! Requests that are too large, and bodies that nobody wants, over raw sockets.

use crate::support::Env;

#[test]
fn a_target_that_is_too_long_is_414() {
    let env = Env::new();
    for length in [17 << 10, 100 << 10] {
        let answer = env.http().get(&format!("/v2/a/manifests/x?{}", "y".repeat(length)));
        assert_eq!(answer.status, 414, "{length}: {answer}");
    }
    assert_eq!(env.http().get(&format!("/v2/?{}", "y".repeat(15 << 10))).status, 200);
}

#[test]
fn headers_that_are_too_many_or_too_large_are_431() {
    let env = Env::new();
    let many: Vec<String> = (0..200).map(|n| format!("X-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "y")).collect();
    assert_eq!(env.http().send("GET", "/v2/", &many, b"").status, 431);
    for length in [65 << 10, 1 << 20] {
        let long = "y".repeat(length);
        assert_eq!(env.http().send("GET", "/v2/", &[("X-Long", &long)], b"").status, 431, "{length}");
    }
    let token = "y".repeat(32 << 10);
    assert_eq!(env.http().send("GET", "/v2/", &[("Authorization", &token)], b"").status, 200);
}

#[test]
fn a_manifest_that_says_it_is_too_large_is_refused_unread() {
    let env = Env::new();
    let mut http = env.http();
    let head = "PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
    http.send_raw(head.as_bytes()).expect("sent");
    let answer = http.read("PUT").expect("an answer before the body");
    assert_eq!((answer.status, answer.code().as_str()), (413, "MANIFEST_INVALID"));
}

#[test]
fn a_manifest_that_goes_on_and_on_is_refused_on_the_way() {
    let env = Env::new();
    let mut http = env.http();
    http.send_raw(b"PUT /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").expect("sent");
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    for _ in 0..5 {
        http.send_raw(chunk.as_bytes()).expect("sent");
    }
    let answer = http.read("PUT").expect("an answer before the end of the body");
    assert_eq!(answer.status, 413);
}

#[test]
fn after_an_unwanted_body_the_connection_is_good_for_more() {
    let env = Env::new();
    let mut http = env.http();
    let body = vec![b'x'; 1 << 20];
    let answer = http.send("PATCH", "/v2/a/blobs/uploads/00000000-0000-4000-8000-000000000000", &[], &body);
    assert_eq!(answer.status, 404, "{answer}");
    assert_eq!(http.get("/v2/").status, 200);
}

#[test]
fn who_asks_before_sending_is_told_not_to_and_the_connection_ends() {
    let env = Env::new();
    let mut http = env.http();
    let head = "PUT /v2/a/manifests/-x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n";
    http.send_raw(head.as_bytes()).expect("sent");
    let answer = http.read_one("PUT").expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")), "{answer}");
    assert!(http.is_closed());
}

#[test]
fn who_asks_before_sending_is_told_to_go_on() {
    let env = Env::new();
    let mut http = env.http();
    let at = http.start_upload("a");
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    http.send_raw(head.as_bytes()).expect("sent");
    assert_eq!(http.read_one("PATCH").expect("an interim answer").status, 100);
    http.send_raw(b"12345").expect("sent");
    assert_eq!(http.read("PATCH").expect("an answer").header("range"), Some("0-4"));
}

#[test]
fn a_request_says_for_whom_it_is() {
    let env = Env::new();
    for (head, status) in [
        ("GET /v2/ HTTP/1.1\r\n", 400),
        ("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 0\r\n", 400),
        ("GET http://a/v2/ HTTP/1.1\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /v2/ HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a, b\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a/b\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a@b\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: a:b\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost: \u{e9}\r\n", 400),
        ("GET /v2/ HTTP/1.1\r\nHost:\r\n", 200),
        ("GET /v2/ HTTP/1.1\r\nHost: a_b:5000\r\n", 200),
        ("GET /v2/ HTTP/1.1\r\nHost: [::1]:5000\r\n", 200),
        ("GET http://a/v2/ HTTP/1.1\r\nHost: a\r\n", 200),
    ] {
        let mut http = env.http();
        http.send_raw(format!("{head}\r\n").as_bytes()).expect("sent");
        let answer = http.read("GET").expect("an answer");
        assert_eq!(answer.status, status, "{head}: {answer}");
        assert!(status == 200 || answer.header("connection") == Some("close") && http.is_closed(), "{head}: {answer}");
    }
}

#[test]
fn an_expectation_that_nobody_knows_is_417() {
    let env = Env::new();
    for value in ["200-foo", "100-continue, 200-foo", ""] {
        let mut http = env.http();
        let answer = http.send("PUT", "/v2/a/manifests/v1", &[("Expect", value), ("Content-Length", "5")], b"");
        assert_eq!((answer.status, answer.header("connection")), (417, Some("close")), "{value}: {answer}");
        assert!(http.is_closed());
    }
}

#[test]
fn who_sends_no_more_is_still_answered() {
    let env = Env::new();
    let blob = crate::support::image::noise(3, 4 << 20);
    let digest = env.http().push_blob("a", &blob);
    let mut http = env.http();
    http.send_raw(format!("GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
    http.finish_sending();
    let answer = http.read("GET").expect("an answer");
    assert!(answer.status == 200 && answer.body == blob, "{} bytes", answer.body.len());
    assert!(http.is_closed());
}

#[test]
fn clients_of_another_age_are_served() {
    let env = Env::new();
    for request in ["GET /v2/ HTTP/1.0\r\n\r\n", "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"] {
        let mut http = env.http();
        http.send_raw(request.as_bytes()).expect("sent");
        let answer = http.read("GET").expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{request}");
        assert!(http.is_closed());
    }
    let mut http = env.http();
    http.send_raw(b"POST /v2/a/blobs/uploads/ HTTP/1.0\r\nContent-Length: 0\r\n\r\n").expect("sent");
    let answer = http.read("POST").expect("an answer");
    assert!(answer.header("location").is_some_and(|at| at.starts_with("/v2/a/blobs/uploads/")), "{answer}");
}

#[test]
fn requests_in_one_packet_are_answered_in_order() {
    let env = Env::new();
    let mut http = env.http();
    http.send_raw(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/x/tags/list HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    let statuses: Vec<u16> = (0..3).map(|_| http.read("GET").expect("an answer").status).collect();
    assert_eq!(statuses, [200, 404, 200]);
}
