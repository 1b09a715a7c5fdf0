//! Input that no honest client sends: each a 4xx, never a 5xx, and the server goes on.

use crate::support::image::{descriptor, image};
use crate::support::{Env, digest};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ZEROS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A manifest with this config descriptor and these layers.
fn manifest(config: &str, layers: &str) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":{layers}}}"#)
}

fn hostile_manifests() -> Vec<String> {
    let config = descriptor("application/vnd.oci.image.config.v1+json", &image(1).blobs[0]);
    let layer = |size: &str, digest: &str| {
        format!(r#"[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":{size},"digest":"{digest}"}}]"#)
    };
    let mut all: Vec<String> = [
        "",
        " ",
        "null",
        "true",
        "0",
        "\"\"",
        "[]",
        "{}",
        "{",
        "}",
        "nul",
        "\u{0}",
        "{\"schemaVersion\":2",
        "{\"schemaVersion\":1}",
        "{\"schemaVersion\":3}",
        "{\"schemaVersion\":\"2\"}",
        "{\"schemaVersion\":2.5}",
        "{\"schemaVersion\":2,\"mediaType\":5}",
        "{\"schemaVersion\":2,\"config\":null,\"layers\":null}",
        "{\"schemaVersion\":2,\"config\":[],\"layers\":{}}",
        "{\"schemaVersion\":2,\"manifests\":5}",
        "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[null]}",
        "{\"schemaVersion\":1,\"name\":\"a\",\"tag\":\"b\",\"fsLayers\":[],\"history\":[]}",
        "{\"schemaVersion\":2,\"schemaVersion\":2}",
        "{\"schemaVersion\":1e400}",
    ]
    .map(str::to_owned)
    .into();
    for (size, digest) in [
        ("-1", ZEROS),
        ("1.5", ZEROS),
        ("\"1\"", ZEROS),
        ("18446744073709551616", ZEROS),
        ("9223372036854775808", ZEROS),
        ("1e3", ZEROS),
        ("null", ZEROS),
        ("1", ""),
        ("1", "sha256:"),
        ("1", "sha256:0"),
        ("1", "md5:00"),
        ("1", "::"),
        ("1", "sha256:../../../etc/passwd"),
        ("1", "../../etc/passwd"),
        ("1", "sha256:0000000000000000000000000000000000000000000000000000000000000000\\u0000"),
    ] {
        all.push(manifest(&config, &layer(size, digest)));
        all.push(manifest(layer(size, digest).trim_matches(['[', ']']), "[]"));
    }
    let deep = 100_000;
    all.push(format!("{}{}", "[".repeat(deep), "]".repeat(deep)));
    all.push(format!("{{\"schemaVersion\":2,\"annotations\":{}1{}}}", "{\"a\":".repeat(deep), "}".repeat(deep)));
    all.push(manifest(
        &config,
        &format!("[{}]", vec![layer("1", ZEROS).trim_matches(['[', ']']).to_owned(); 20_000].join(",")),
    ));
    all.push(manifest(&config, "[]").replace("\"schemaVersion\":2", "\"schemaVersion\":2,\"subject\":5"));
    all.push(
        manifest(&config, "[]").replace("\"schemaVersion\":2", "\"schemaVersion\":2,\"subject\":{\"digest\":\"x\"}"),
    );
    all.push(manifest(&config, "[]").replace("\"schemaVersion\":2", "\"schemaVersion\":2,\"annotations\":[1]"));
    all
}

#[test]
fn a_hostile_manifest_is_a_client_error() {
    let env = Env::new();
    let mut http = env.http();
    http.push_blob("a", &image(1).blobs[0]);
    let mut faults = Vec::new();
    for (at, body) in hostile_manifests().iter().enumerate() {
        for content_type in [MANIFEST, "", "text/html", "application/vnd.docker.distribution.manifest.v1+prettyjws"] {
            let answer = http.put("/v2/a/manifests/x", content_type, body.as_bytes());
            if !(400..500).contains(&answer.status) {
                let head: String = body.chars().take(100).collect();
                faults.push(format!("{at} {content_type:?} {head}: {}", answer.status));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert_eq!(http.get("/v2/a/manifests/x").status, 404, "nothing was stored");
}

#[test]
fn a_hostile_target_is_a_client_error() {
    let env = Env::new();
    let mut http = env.http();
    let long = "a".repeat(5000);
    let tags = "&tag=x".repeat(1000);
    let at = http.start_upload("a");
    for (method, target) in [
        ("GET", "/v2/../../etc/passwd/tags/list"),
        ("GET", "/v2/a/../b/tags/list"),
        ("GET", "/v2/a/%2e%2e/tags/list"),
        ("GET", "/v2/a%2f%2e%2e%2f%2e%2e/manifests/x"),
        ("GET", "/v2/a/manifests/%2e%2e"),
        ("GET", "/v2/a/manifests/x%00"),
        ("GET", "/v2/a/manifests/"),
        ("GET", "/v2//manifests/x"),
        ("GET", "/v2/_catalog/manifests/x"),
        ("GET", "/v2/a/blobs/"),
        ("GET", "/v2/a/blobs/sha256:"),
        ("GET", "/v2/a/blobs/sha256:../../x"),
        ("GET", &format!("/v2/a/blobs/{}", ZEROS.to_uppercase())),
        ("GET", &format!("/v2/{long}/tags/list")),
        ("GET", &format!("/v2/a/manifests/{long}")),
        ("GET", &format!("/v2/a/blobs/{ZEROS}{long}")),
        ("GET", &format!("/v2/a/blobs/uploads/{long}")),
        ("GET", "/v2/a/blobs/uploads/../../x"),
        ("GET", "/v2/a/tags/list?n=-1"),
        ("GET", "/v2/a/tags/list?n=99999999999999999999999"),
        ("GET", "/v2/_catalog?n=-1"),
        ("GET", "/v2/_catalog?n=1001"),
        ("GET", "/v2/a/referrers/x"),
        ("PUT", "/v2/a/manifests/sha256:x"),
        ("PUT", &format!("/v2/a/manifests/{ZEROS}?x{tags}")),
        ("POST", "/v2/a/blobs/uploads/?digest=x"),
        ("POST", "/v2/a/blobs/uploads/?mount=x"),
        ("POST", "/v2/A/blobs/uploads/"),
        ("PUT", &format!("{at}?digest=x")),
        ("PUT", &format!("{at}?digest=md5:d41d8cd98f00b204e9800998ecf8427e")),
        ("DELETE", "/v2/a/blobs/uploads/x"),
        ("DELETE", &format!("/v2/a/blobs/{ZEROS}")),
        ("DELETE", &format!("/v2/a/manifests/{ZEROS}")),
        ("BREW", "/v2/"),
        ("TRACE", "/v2/a/tags/list"),
        ("CONNECT", "/v2/"),
    ] {
        let mut http = env.http();
        let answer = http.send(method, target, &[], b"");
        let shown: String = target.chars().take(80).collect();
        assert!((400..500).contains(&answer.status), "{method} {shown}: {answer}");
    }
    assert_eq!(http.get("/v2/").status, 200);
}

#[test]
fn hostile_headers_are_a_client_error() {
    let env = Env::new();
    let blob = env.http().push_blob("a", b"0123456789");
    let at = env.http().start_upload("a");
    for (method, target, name, value, statuses) in [
        ("GET", format!("/v2/a/blobs/{blob}"), "Range", "bytes=5-2", 416..417),
        ("GET", format!("/v2/a/blobs/{blob}"), "Range", "bytes=-0", 416..417),
        ("GET", format!("/v2/a/blobs/{blob}"), "Range", "bytes=99999999999999999999-", 416..417),
        ("GET", format!("/v2/a/blobs/{blob}"), "Range", "bytes=0-1,2-3,4-5", 200..201),
        ("GET", format!("/v2/a/blobs/{blob}"), "Range", "\u{fe}", 200..201),
        ("GET", format!("/v2/a/blobs/{blob}"), "If-None-Match", "\u{fe}", 200..201),
        ("GET", "/v2/".into(), "Host", "a b\"<>", 400..401),
        ("GET", "/v2/".into(), "Accept", "\u{fe};;;,,,q=", 200..201),
        ("PATCH", at.clone(), "Content-Range", "5-2", 400..417),
        ("PATCH", at.clone(), "Content-Range", "x", 400..417),
        ("PATCH", at.clone(), "Content-Range", "0-18446744073709551615", 400..417),
        ("PATCH", at.clone(), "Content-Range", "-1--1", 400..417),
        ("PUT", "/v2/a/manifests/x".into(), "Content-Type", "\u{fe}\u{fe}", 400..417),
        ("POST", "/v2/a/blobs/uploads/".into(), "X-Forwarded-Host", "a\"><b", 202..203),
        ("POST", "/v2/a/blobs/uploads/".into(), "Forwarded", "host=;;;proto==", 202..203),
    ] {
        let answer = env.http().send(method, &target, &[(name, value)], b"");
        assert!(statuses.contains(&answer.status), "{method} {target} {name}: {value}: {answer}");
    }
}

#[test]
fn what_is_no_http_is_400_and_the_end_of_the_connection() {
    let mut env = Env::new();
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nA: b\nC\0: d\r\n\r\n",
        b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxx",
        b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut http = env.http();
        http.send_raw(bytes).expect("sent");
        http.finish_sending();
        if let Ok(answer) = http.read("GET") {
            assert!((400..500).contains(&answer.status), "{}: {answer}", String::from_utf8_lossy(bytes));
        }
        assert!(http.is_closed(), "{}", String::from_utf8_lossy(bytes));
    }
    assert!(env.server_mut().is_alive());
    assert_eq!(env.http().get("/v2/").status, 200);
}

#[test]
fn a_broken_chunked_upload_keeps_what_arrived() {
    let env = Env::new();
    let at = env.http().start_upload("a");
    let mut http = env.http();
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    http.send_raw(format!("{head}5\r\nhello\r\nzz\r\n").as_bytes()).expect("sent");
    if let Ok(answer) = http.read("PATCH") {
        assert!((400..500).contains(&answer.status), "{answer}");
    }
    let status = env.http().get(&at);
    assert_eq!((status.status, status.header("range")), (204, Some("0-4")));
    let rest = env.http().send("PUT", &format!("{at}?digest={}", digest(b"hello world")), &[], b" world");
    assert_eq!(rest.status, 201, "{rest}");
}
