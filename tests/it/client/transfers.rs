//! Bytes on their way: downloads that break, uploads in the form that a registry takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::image::{OCI_MANIFEST, descriptor, noise};
use crate::support::scripted::{Reply, Request, Scripted, reply};
use crate::support::{Env, digest};

const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux"}"#;

/// A layer that is too large for one request with everything in it.
fn layer() -> Vec<u8> {
    noise(7, 100_000)
}

fn manifest() -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{},"layers":[{}]}}"#,
        descriptor("application/vnd.oci.image.config.v1+json", CONFIG),
        descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer()),
    )
}

/// A registry with the image `a:v1` whose layer comes as `layer_reply` says: the count of requests for it, and the request.
fn source(layer_reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Scripted {
    let (config, layer) = (digest(CONFIG), digest(&layer()));
    let asked = AtomicUsize::new(0);
    let media_type = format!("Content-Type: {OCI_MANIFEST}");
    Scripted::serve(move |request| match request.line.split_once(' ') {
        Some(("GET" | "HEAD", path)) if path.starts_with("/v2/a/manifests/") => reply(200, &[&media_type], manifest()),
        Some(("GET", path)) if path.ends_with(&config) => reply(200, &[], CONFIG),
        Some(("GET", path)) if path.ends_with(&layer) || path.starts_with("/signed") => {
            layer_reply(asked.fetch_add(1, Ordering::SeqCst), request)
        }
        _ => reply(404, &[], ""),
    })
}

/// The ranges with which the layer was asked for.
fn ranges(registry: &Scripted) -> Vec<Option<String>> {
    let layer = digest(&layer());
    let requests = registry.requests().into_iter();
    let asked = requests.filter(|request| request.line.ends_with(&layer) && request.line.starts_with("GET"));
    asked.map(|request| request.header("range").map(Into::into)).collect()
}

/// What `reg copy` into a layout says, and the layer that it wrote.
fn pull(registry: &Scripted) -> (Option<i32>, String, Option<Vec<u8>>) {
    let env = Env::without_server();
    let output = registry.reg(&env, "copy $HOST/a:v1 oci:$TMP/out:v1");
    let path = env.path("out/blobs/sha256").join(&digest(&layer())["sha256:".len()..]);
    (output.exit, output.to_string(), std::fs::read(path).ok())
}

/// The part of the layer that a `Range` asks for, as a 206.
fn part(request: &Request) -> Reply {
    let layer = layer();
    let start: usize = request
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .expect("a range");
    let range = format!("Content-Range: bytes {start}-{}/{}", layer.len() - 1, layer.len());
    reply(206, &[&range], &layer[start..])
}

#[test]
fn a_download_goes_on_where_it_broke() {
    let registry = source(|count, request| match count {
        0 => reply(200, &[], layer()).cut_after(40_000),
        1 => part(request).cut_after(20_000),
        _ => part(request),
    });
    let (exit, said, bytes) = pull(&registry);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(bytes, Some(layer()));
    assert_eq!(ranges(&registry), [None, Some("bytes=40000-".into()), Some("bytes=60000-".into())]);
}

#[test]
fn a_registry_without_ranges_begins_anew() {
    let registry = source(|count, _| match count {
        0 => reply(200, &[], layer()).cut_after(40_000),
        _ => reply(200, &[], layer()),
    });
    let (exit, said, bytes) = pull(&registry);
    assert_eq!((exit, bytes), (Some(0), Some(layer())), "{said}");
}

#[test]
fn the_registry_is_asked_for_the_rest_and_not_the_signed_url() {
    let registry = source(|count, request| match (count, request.line.as_str()) {
        (0 | 2, _) => reply(307, &[&format!("Location: /signed{count}")], ""),
        (1, "GET /signed0") => reply(200, &[], layer()).cut_after(10),
        (3, "GET /signed2") => part(request),
        _ => reply(403, &[], "expired"),
    });
    let (exit, said, bytes) = pull(&registry);
    assert_eq!((exit, bytes), (Some(0), Some(layer())), "{said}");
}

#[test]
fn wrong_bytes_are_refused() {
    let registry = source(|_, _| reply(200, &[], noise(8, 100_000)));
    let (exit, said, bytes) = pull(&registry);
    assert_eq!((exit, bytes), (Some(1), None), "{said}");
    assert!(said.contains("have the digest"), "{said}");

    let registry = source(|_, _| reply(200, &[], &layer()[..99_999]));
    let (exit, said, bytes) = pull(&registry);
    assert_eq!((exit, bytes), (Some(1), None), "{said}");
}

/// A layout with the image.
fn layout() -> Env {
    let env = Env::without_server();
    let registry = source(|_, _| reply(200, &[], layer()));
    assert_eq!(registry.reg(&env, "copy $HOST/a:v1 oci:$TMP/image:v1").exit, Some(0));
    env
}

/// Method and path of every request that writes, digests by name.
fn writes(registry: &Scripted) -> Vec<String> {
    let named = |line: &str| {
        let escaped = |bytes: &[u8]| digest(bytes).replace(':', "%3A");
        let line = line.replace(&escaped(CONFIG), "CONFIG").replace(&escaped(&layer()), "LAYER");
        line.replace(&digest(manifest().as_bytes()), "MANIFEST")
    };
    let mut lines: Vec<String> = registry.requests().iter().map(|request| named(&request.line)).collect();
    lines.retain(|line| !line.starts_with("GET") && !line.starts_with("HEAD"));
    lines.sort();
    lines
}

#[test]
fn an_upload_is_two_requests_where_the_registry_knows_no_better() {
    let env = layout();
    let registry = Scripted::serve(|request| match request.line.split(' ').next() {
        Some("POST") => reply(202, &["Location: http://inner:5000/v2/b/blobs/uploads/1?_state=x"], ""),
        Some("PUT") => reply(201, &[], ""),
        _ => reply(404, &[], ""),
    });
    let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/b:v1");
    assert_eq!(output.exit, Some(0), "{output}");
    let puts: Vec<String> = writes(&registry).into_iter().filter(|line| line.starts_with("PUT")).collect();
    assert_eq!(
        puts,
        [
            "PUT /v2/b/blobs/uploads/1?_state=x&digest=CONFIG",
            "PUT /v2/b/blobs/uploads/1?_state=x&digest=LAYER",
            "PUT /v2/b/manifests/v1",
        ]
    );
    let sent = registry.requests().into_iter().find(|request| request.body.len() == layer().len()).expect("the layer");
    assert_eq!(sent.body, layer());
    assert_eq!(sent.header("content-type"), Some("application/octet-stream"));
    let put = registry.requests().into_iter().find(|request| request.line.ends_with("manifests/v1")).expect("a PUT");
    assert!(put.body == manifest().as_bytes() || put.line.starts_with("HEAD"), "byte for byte");
}

#[test]
fn a_body_that_is_too_large_is_sent_in_pieces() {
    let env = layout();
    let largest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&largest);
    let registry = Scripted::serve(move |request| match request.line.split(' ').next() {
        Some("POST") => reply(202, &["Location: /v2/b/blobs/uploads/1"], ""),
        Some("PUT") if request.body.len() == layer().len() => reply(413, &[], "<title>413 Too Large</title>"),
        Some("PATCH") => {
            seen.fetch_max(request.body.len(), Ordering::SeqCst);
            reply(202, &["Location: /v2/b/blobs/uploads/2"], "")
        }
        Some("PUT") => reply(201, &[], ""),
        _ => reply(404, &[], ""),
    });
    let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/b:v1");
    assert_eq!(output.exit, Some(0), "{output}");
    assert_eq!(largest.load(Ordering::SeqCst), layer().len());
    assert!(writes(&registry).contains(&"PUT /v2/b/blobs/uploads/2?digest=LAYER".into()), "{:?}", writes(&registry));
}

#[test]
fn what_is_there_is_not_sent() {
    let env = layout();
    let registry = Scripted::serve(|request| match request.line.split(' ').next() {
        Some("POST") if request.line.contains("mount=") => reply(201, &["Location: /v2/b/blobs/x"], ""),
        Some("PUT") => reply(201, &[], ""),
        Some("HEAD") if request.line.contains("/blobs/") => reply(200, &["Content-Length: 1"], ""),
        _ => reply(404, &[], ""),
    });
    let output = registry.reg(&env, "copy oci:$TMP/image:v1 $HOST/b:v1");
    assert_eq!(output.exit, Some(0), "{output}");
    assert!(registry.requests().iter().all(|request| request.body.len() < 1000));
}
