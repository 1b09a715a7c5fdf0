//! After a restart: what was acknowledged is there, what was not is absent or complete.

use std::net::SocketAddr;

use super::push::{Log, Session, TYPE, digest};
use super::wire::{Connection, path_of};

/// Checks what the last round wrote, and continues the uploads that it cut.
pub(crate) fn recent(log: &mut Log, address: SocketAddr) {
    let mut connection = Connection::open(address).expect("the server listens");
    let connection = &mut connection;
    for blob in &log.blobs[log.verified.0..] {
        holds(connection, "blobs", blob);
    }
    for manifest in &log.manifests[log.verified.1..] {
        holds(connection, "manifests", manifest);
    }
    log.verified = (log.blobs.len(), log.manifests.len());
    for open in std::mem::take(&mut log.open_blobs) {
        if absent_or_complete(connection, "blobs", &open) {
            log.blobs.push(open);
        }
    }
    for open in std::mem::take(&mut log.open_manifests) {
        if absent_or_complete(connection, "manifests", &open) {
            log.manifests.push(open);
        }
    }
    settle_tags(log, connection);
    for session in std::mem::take(&mut log.sessions) {
        if resumes(connection, &session) {
            log.resumed += 1;
            log.blobs.push((session.repository, digest(&session.bytes), session.bytes));
        }
    }
}

/// Checks all that was ever acknowledged; says how much that is.
pub(crate) fn everything(log: &Log, address: SocketAddr) -> u64 {
    let mut connection = Connection::open(address).expect("the server listens");
    for blob in &log.blobs {
        holds(&mut connection, "blobs", blob);
    }
    for manifest in &log.manifests {
        holds(&mut connection, "manifests", manifest);
    }
    (log.blobs.len() + log.manifests.len()) as u64
}

fn holds(connection: &mut Connection, noun: &str, (repository, name, bytes): &(String, String, Vec<u8>)) {
    let target = format!("/v2/{repository}/{noun}/{name}");
    let answer = connection.send("GET", &target, &format!("Accept: {TYPE}\r\n"), b"").expect("an answer");
    assert_eq!(answer.status, 200, "acknowledged, and gone: {target}");
    assert!(answer.body == *bytes, "acknowledged, and different: {target}");
}

fn absent_or_complete(connection: &mut Connection, noun: &str, thing: &(String, String, Vec<u8>)) -> bool {
    let (repository, name, bytes) = thing;
    let target = format!("/v2/{repository}/{noun}/{name}");
    let answer = connection.send("GET", &target, &format!("Accept: {TYPE}\r\n"), b"").expect("an answer");
    match answer.status {
        200 => assert!(answer.body == *bytes, "there, and not complete: {target}"),
        404 => {}
        other => panic!("{target}: {other}"),
    }
    answer.status == 200
}

/// A tag points to what was acknowledged, or to what was asked for later; and all of that is there.
fn settle_tags(log: &mut Log, connection: &mut Connection) {
    for ((repository, tag), (acknowledged, asked)) in &mut log.tags {
        let target = format!("/v2/{repository}/manifests/{tag}");
        let answer = connection.send("GET", &target, &format!("Accept: {TYPE}\r\n"), b"").expect("an answer");
        if answer.status == 404 && acknowledged.is_none() {
            asked.clear();
            continue;
        }
        assert_eq!(answer.status, 200, "acknowledged, and gone: {target}");
        let now = digest(&answer.body);
        assert_eq!(answer.header("docker-content-digest"), Some(now.as_str()));
        assert!(acknowledged.as_deref() == Some(&now) || asked.contains(&now), "{target} points to {now}");
        for blob in children(&answer.body) {
            let child = connection.send("HEAD", &format!("/v2/{repository}/blobs/{blob}"), "", b"");
            assert_eq!(child.map(|child| child.status).ok(), Some(200), "{target} lacks {blob}");
        }
        (*acknowledged, *asked) = (Some(now), Vec::new());
    }
}

/// The digests of config and layers.
fn children(manifest: &[u8]) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_slice(manifest).expect("JSON");
    let layers = document["layers"].as_array().expect("layers").iter();
    layers.chain([&document["config"]]).map(|entry| entry["digest"].as_str().expect("digest").to_owned()).collect()
}

/// Continues a session behind what it says it has, and finishes it. A session that was being closed may be over.
fn resumes(connection: &mut Connection, session: &Session) -> bool {
    let status = connection.send("GET", &session.location, "", b"").expect("an answer");
    if status.status == 404 && session.closing {
        return false;
    }
    assert_eq!(status.status, 204, "session {} is gone", session.location);
    let range = status.header("range").expect("Range");
    let last: usize = range.strip_prefix("0-").and_then(|last| last.parse().ok()).expect("0-<last>");
    // An empty session reads 0-0, as one with a single byte does: the clients never stop behind the first byte.
    let there = if last == 0 { 0 } else { last + 1 };
    // Cut while it was closed, its bytes may stand under their digest already, and the session begins anew.
    let begun_anew = session.closing && there == 0;
    assert!(begun_anew || there >= session.acknowledged, "{there} bytes are left of {}", session.acknowledged);
    assert!(there <= session.bytes.len(), "{there} bytes of {}", session.bytes.len());
    let location = path_of(status.header("location").expect("Location"));
    let separator = if location.contains('?') { '&' } else { '?' };
    let target = format!("{location}{separator}digest={}", digest(&session.bytes));
    let answer = connection.send("PUT", &target, "", &session.bytes[there..]).expect("an answer");
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    true
}
