//! The same requests to registry 2.8.2, registry 3 and us, each with a webhook: the same events, but for a written list.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::api::Api;
use crate::support::image::{Content, sha256};
use crate::support::process::PATIENCE;
use crate::support::programs::{available, require};
use crate::support::registry::{Kind, Server, filesystem, subject};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Content type and event, as they come.
fn webhook() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                loop {
                    let (mut length, mut kind) = (0, String::new());
                    loop {
                        let mut line = String::new();
                        if stream.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        let line = line.trim_end();
                        match line.to_lowercase().split_once(": ") {
                            Some(("content-length", value)) => length = value.parse().expect("a length"),
                            Some(("content-type", value)) => kind = value.to_owned(),
                            _ if line.is_empty() => break,
                            _ => {}
                        }
                    }
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).expect("a body");
                    let envelope: Value = serde_json::from_slice(&body).expect("JSON");
                    for event in envelope["events"].as_array().expect("events") {
                        let _ = sender.send((kind.clone(), event.clone()));
                    }
                    let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            });
        }
    });
    (url, receiver)
}

/// One request, its name, and how many events each registry sends for it.
struct Asked {
    name: &'static str,
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    events: usize,
}

fn ask(name: &'static str, method: &'static str, target: String, events: usize) -> Asked {
    Asked { name, method, target, headers: vec![("Accept", MANIFEST.into())], body: Vec::new(), events }
}

fn conversation(version_2: bool) -> Vec<Asked> {
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(b"{}"), "size": 2});
    let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha256(b"layer"), "size": 5,
        "annotations": {"k": "v"}});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).to_string();
    let (named, blob) = (sha256(manifest.as_bytes()), sha256(b"layer"));
    let put = |name, tag: &str| Asked {
        headers: vec![("Content-Type", MANIFEST.into())],
        body: manifest.clone().into_bytes(),
        ..ask(name, "PUT", format!("/v2/a/manifests/{tag}"), 1)
    };
    let with = |asked: Asked, name, value: &str| {
        let headers = [asked.headers, vec![(name, value.to_owned())]].concat();
        Asked { headers, ..asked }
    };
    let blob_at = format!("/v2/a/blobs/{blob}");
    let mut all = vec![
        put("put v1", "v1"),
        put("put v2", "v2"),
        ask("get by tag", "GET", "/v2/a/manifests/v1".into(), 1),
        ask("head by tag", "HEAD", "/v2/a/manifests/v1".into(), 1),
        ask("get by digest", "GET", format!("/v2/a/manifests/{named}"), 1),
        with(ask("get unmodified", "GET", "/v2/a/manifests/v1".into(), 0), "If-None-Match", &format!("\"{named}\"")),
        ask("get nothing", "GET", "/v2/a/manifests/none".into(), 0),
        ask("get blob", "GET", blob_at.clone(), 1),
        ask("head blob", "HEAD", blob_at.clone(), 1),
        with(ask("get part", "GET", blob_at.clone(), 1), "Range", "bytes=1-2"),
        with(
            with(ask("get as somebody", "GET", blob_at, 1), "Authorization", "Basic YW5uOnB3"),
            "X-Forwarded-For",
            "192.0.2.7",
        ),
        ask("mount", "POST", format!("/v2/b/blobs/uploads/?mount={blob}&from=a"), 1),
        ask("delete blob", "DELETE", format!("/v2/b/blobs/{blob}"), 1),
    ];
    if !version_2 {
        // registry 2 deletes no tags.
        all.push(ask("delete tag", "DELETE", "/v2/a/manifests/v2".into(), 1));
    }
    let tags = if version_2 { 2 } else { 1 };
    all.push(ask("delete manifest", "DELETE", format!("/v2/a/manifests/{named}"), 1 + tags));
    all
}

/// Each event as lines that can be compared, by the name of its request.
fn heard(kind: Kind, version_2: bool) -> Option<Vec<(String, Vec<String>)>> {
    let (url, events) = webhook();
    let directory = TempDir::new().expect("a directory");
    let version = if version_2 { "v1" } else { "v2" };
    let storage = filesystem(&directory.path().join("data"))
        + &format!(
            "notifications:\n  events: {{includereferences: true}}\n  endpoints:\n    - {{name: a, url: '{url}', timeout: 5s, version: {version}}}\n"
        );
    let server = Server::start_with(kind, directory.path(), &storage)?;
    let api: Api = server.api();
    let mut all = Vec::new();
    let mut next = |name: &str| {
        let (content_type, event) =
            events.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{kind:?}: {name}: no event"));
        let mut lines = vec![format!("type {content_type}")];
        flatten("", &event, &mut lines);
        let host = server.address.to_string();
        let port = format!(":{}", server.address.port());
        let lines = lines.iter().map(|line| steady(line).replace(&host, "HOST").replace(&port, ":PORT")).collect();
        all.push((name.to_owned(), lines));
    };
    for bytes in [&b"{}"[..], b"layer"] {
        let blob = Content::new("application/octet-stream", bytes.to_vec());
        api.push_blob("a", &blob);
        next("push blob");
    }
    for asked in conversation(version_2) {
        let headers: Vec<(&str, &str)> = asked.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let _ = api.request(asked.method, &asked.target, &headers, &asked.body);
        (0..asked.events).for_each(|_| next(asked.name));
    }
    // registry 2 and 3 remove the tags of a manifest in any order.
    let from = all.iter().position(|(name, _)| name == "delete manifest").expect("asked") + 1;
    all[from..].sort();
    Some(all)
}

/// `path value` for every leaf.
fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                flatten(&format!("{path}.{name}"), member, lines);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{at}]"), item, lines);
            }
        }
        value => lines.push(format!("{path} {value}")),
    }
}

/// What differs from event to event has only to be there.
fn steady(line: &str) -> String {
    match line.split_once(' ') {
        Some((path @ (".id" | ".timestamp" | ".request.id" | ".source.instanceID"), _)) => format!("{path} SOME"),
        Some((".request.addr", addr)) if addr.starts_with("\"127.0.0.1:") => ".request.addr CLIENT".into(),
        _ => line.to_owned(),
    }
}

/// What we say beside what they say, or in its place: the request, their line (empty for none), our line, and why.
const INTENDED: &[(&str, &str, &str, &str)] = &[
    ("delete", "", ".target.mediaType SOME", "their events do not say what was deleted"),
    ("delete", ".target.mediaType \"\"", "", "3.x says an empty type"),
    ("delete", "", ".target.digest SOME", "2.8 and 3.x leave out what a tag led to"),
    ("delete", ".target.digest \"\"", "", "3.x says an empty digest of a tag"),
    ("delete", "", ".target.size SOME", "their events do not say how large it was"),
    ("delete", ".target.size 0", "", "3.x says that there were no bytes"),
    ("delete", "", ".target.length SOME", "the older name of the size"),
];

fn compare(theirs: &[(String, Vec<String>)], ours: &[(String, Vec<String>)]) {
    let mut surprises = Vec::new();
    assert_eq!(theirs.len(), ours.len());
    for ((name, theirs), (_, ours)) in theirs.iter().zip(ours) {
        let is = |entry: &str, line: &str| match entry.strip_suffix(" SOME") {
            Some(path) => {
                line.split_once(' ').is_some_and(|(its, value)| its == path && !["0", "\"\""].contains(&value))
            }
            None => entry == line,
        };
        let known = |line: &str, side: fn(&(&str, &'static str, &'static str, &str)) -> &'static str| {
            INTENDED.iter().any(|entry| name.starts_with(entry.0) && is(side(entry), line))
        };
        let missing = theirs.iter().filter(|line| !ours.contains(line) && !known(line, |entry| entry.1));
        surprises.extend(missing.map(|line| format!("{name}: they say {line}")));
        let added = ours.iter().filter(|line| !theirs.contains(line) && !known(line, |entry| entry.2));
        surprises.extend(added.map(|line| format!("{name}: we say {line}")));
    }
    assert!(surprises.is_empty(), "\n{}\n", surprises.join("\n"));
}

#[test]
fn events_are_those_of_registry_2_but_for_a_written_list() {
    let _program = require!("docker-registry");
    let (theirs, ours) = (available!(heard(Kind::Registry2, true)), available!(heard(subject(), true)));
    compare(&theirs, &ours);
}

#[test]
fn events_are_those_of_registry_3_but_for_a_written_list() {
    let _program = require!("registry");
    let (theirs, ours) = (available!(heard(Kind::Registry3, false)), available!(heard(subject(), false)));
    compare(&theirs, &ours);
}
