//! Blobs: headers, parts, conditions; small ones and ones that leave through `sendfile`.

use expect_test::expect;

use crate::support::Env;
use crate::support::image::{digest_sha512, noise};

#[test]
fn a_blob_says_what_it_is() {
    let env = Env::new();
    let mut http = env.http();
    let digest = http.push_blob("a", b"hello\n");
    let answer = http.get(&format!("/v2/a/blobs/{digest}"));
    expect![[r#"
        200
        accept-ranges: bytes
        cache-control: max-age=31536000
        content-length: 6
        content-type: application/octet-stream
        docker-content-digest: sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
        docker-distribution-api-version: registry/2.0
        etag: "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
        x-content-type-options: nosniff

        hello
    "#]]
    .assert_eq(&answer.to_string());
    let head = http.head(&format!("/v2/a/blobs/{digest}"));
    let (mut of_get, mut of_head) = (answer.headers, head.headers);
    of_get.sort();
    of_head.sort();
    of_get.retain(|(name, _)| name != "date");
    of_head.retain(|(name, _)| name != "date");
    assert_eq!(of_head, of_get, "HEAD says what GET says");
}

#[test]
fn parts_of_a_blob() {
    let env = Env::new();
    let mut http = env.http();
    for size in [10_usize, 100_000, 3_000_000] {
        let bytes = noise(size as u64, size);
        let target = format!("/v2/a/blobs/{}", http.push_blob("a", &bytes));
        let (half, last) = (size / 2, size - 1);
        for (range, part) in [
            ("bytes=0-0".to_owned(), 0..1),
            (format!("bytes={half}-"), half..size),
            (format!("bytes=1-{half}"), 1..half + 1),
            ("bytes=-3".to_owned(), size - 3..size),
            (format!("bytes=0-{}", size * 2), 0..size),
            (format!("bytes={last}-{last}"), last..size),
        ] {
            let answer = http.send("GET", &target, &[("Range", &range)], b"");
            assert_eq!(answer.status, 206, "{range} of {size}");
            let content_range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
            assert!(answer.body == bytes[part], "{range} of {size}");
        }
        for range in [format!("bytes={size}-"), "bytes=500-0".into(), "bytes=-0".into()] {
            let answer = http.send("GET", &target, &[("Range", &range)], b"");
            assert_eq!((answer.status, answer.code().as_str()), (416, "RANGE_INVALID"), "{range} of {size}");
            assert_eq!(answer.header("content-range"), Some(format!("bytes */{size}").as_str()));
        }
        for range in ["bytes=0-1,3-4", "lines=0-1", "bytes=x", "bytes"] {
            let answer = http.send("GET", &target, &[("Range", range)], b"");
            assert!(answer.status == 200 && answer.body == bytes, "{range} of {size}");
        }
    }
}

#[test]
fn an_empty_blob_has_no_parts() {
    let env = Env::new();
    let mut http = env.http();
    let target = format!("/v2/a/blobs/{}", http.push_blob("a", b""));
    let whole = http.get(&target);
    assert_eq!((whole.status, whole.header("content-length")), (200, Some("0")));
    assert_eq!(http.send("GET", &target, &[("Range", "bytes=0-")], b"").status, 416);
}

#[test]
fn conditions() {
    let env = Env::new();
    let mut http = env.http();
    let digest = http.push_blob("a", b"hello");
    let target = format!("/v2/a/blobs/{digest}");
    let (quoted, other) = (format!("\"{digest}\""), "\"sha256:0\"");
    for (value, status) in [
        (quoted.as_str(), 304),
        (&format!("W/{quoted}"), 304),
        (&format!("{other}, {quoted}"), 304),
        (&digest, 304),
        ("*", 304),
        (other, 200),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = http.send(method, &target, &[("If-None-Match", value)], b"");
            assert_eq!(answer.status, status, "{method} {value}");
            assert_eq!(answer.header("etag"), Some(quoted.as_str()));
        }
    }
    let missing = format!("/v2/b/blobs/{digest}");
    assert_eq!(http.send("GET", &missing, &[("If-None-Match", "*")], b"").status, 404);
    for (value, status) in [(quoted.as_str(), 206), (other, 200)] {
        let answer = http.send("GET", &target, &[("Range", "bytes=0-1"), ("If-Range", value)], b"");
        assert_eq!(answer.status, status, "If-Range: {value}");
    }
}

#[test]
fn a_large_blob_arrives_whole_and_the_connection_goes_on() {
    let env = Env::new();
    let mut http = env.http();
    let bytes = noise(5, 20 << 20);
    let digest = http.push_blob("a", &bytes);
    for _ in 0..3 {
        let answer = http.get(&format!("/v2/a/blobs/{digest}"));
        assert!(answer.status == 200 && answer.body == bytes);
        assert_eq!(http.get("/v2/").status, 200);
    }
}

#[test]
fn a_blob_goes_by_its_sha512_too() {
    let env = Env::new();
    let mut http = env.http();
    let bytes = noise(6, 5000);
    let digest = digest_sha512(&bytes);
    let target = format!("/v2/a/blobs/uploads/?digest={digest}");
    assert_eq!(http.send("POST", &target, &[], &bytes).status, 201);
    let answer = http.get(&format!("/v2/a/blobs/{digest}"));
    assert_eq!(answer.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(answer.header("etag"), Some(format!("\"{digest}\"").as_str()));
    assert!(answer.body == bytes);
}
