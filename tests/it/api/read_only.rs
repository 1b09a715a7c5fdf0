//! Read-only while the server runs: what is refused, what is finished, and what goes on afterwards.

use std::io::{BufRead as _, BufReader};
use std::process::ChildStderr;

use crate::support::image::{OCI_MANIFEST, image};
use crate::support::{Client, Env, Server, digest};

fn configure(env: &Env, maintenance: &str) {
    let text = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}, delete: {{enabled: true}}{maintenance}}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
    ));
    std::fs::write(env.path("c.yml"), text).expect("written");
}

fn server(env: &Env, maintenance: &str) -> (Server, BufReader<ChildStderr>) {
    configure(env, maintenance);
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

/// Sends a signal and waits until the server says what came of it.
fn switch((server, log): &mut (Server, BufReader<ChildStderr>), signal: &str, expected: &str) {
    server.signal(signal);
    let mut line = String::new();
    while !line.contains(expected) {
        line.clear();
        assert!(log.read_line(&mut line).expect("text") > 0, "the server ended");
    }
}

#[test]
fn a_signal_begins_it_and_another_ends_it() {
    let env = Env::without_server();
    let mut running = server(&env, "");
    let mut http = running.0.client();
    let pushed = image(1).push(&mut http, "a:v1");
    let at = http.start_upload("a");
    assert_eq!(http.send("PATCH", &at, &[], b"half").status, 202);
    // A request that has begun: the server has asked for its body.
    let mut begun = Client::connect(&running.0.host);
    let blob = digest(b"begun");
    let head = format!(
        "POST /v2/a/blobs/uploads/?digest={blob} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    );
    begun.send_raw(head.as_bytes()).expect("sent");
    assert_eq!(begun.read_one("POST").expect("a word").status, 100);

    switch(&mut running, "USR1", "the registry is read-only");
    let finish = format!("{at}?digest={}", digest(b"half and half"));
    for (method, target) in [
        ("POST", "/v2/a/blobs/uploads/"),
        ("PATCH", &*at),
        ("PUT", &*finish),
        ("DELETE", &*at),
        ("PUT", "/v2/a/manifests/v2"),
        ("DELETE", "/v2/a/manifests/v1"),
    ] {
        let answer = http.send(method, target, &[("Content-Type", OCI_MANIFEST)], b" and half");
        assert_eq!((answer.status, answer.code().as_str()), (405, "UNSUPPORTED"), "{method} {target}");
    }
    assert_eq!(http.get(&format!("/v2/a/manifests/{pushed}")).status, 200);
    begun.send_raw(b"begun").expect("sent");
    assert_eq!(begun.read("POST").expect("an answer").status, 201, "what had begun is finished");
    assert_eq!(http.head(&format!("/v2/a/blobs/{blob}")).status, 200);
    assert_eq!(http.get(&at).header("range"), Some("0-3"), "the session waits");

    switch(&mut running, "USR2", "the registry takes changes");
    assert_eq!(http.send("PUT", &finish, &[], b" and half").status, 201);
    image(2).push(&mut http, "a:v2");
}

#[test]
fn what_the_configuration_says_no_signal_ends() {
    let env = Env::without_server();
    let mut running = server(&env, ", maintenance: {readonly: {enabled: true}}");
    for signal in ["USR2", "USR1", "USR2"] {
        switch(&mut running, signal, "the registry is read-only");
        assert_eq!(running.0.client().send("POST", "/v2/a/blobs/uploads/", &[], b"").status, 405, "{signal}");
    }
}

#[test]
fn it_follows_the_configuration() {
    let env = Env::without_server();
    let mut running = server(&env, "");
    let post = |server: &Server| server.client().send("POST", "/v2/a/blobs/uploads/", &[], b"").status;
    for (maintenance, expected) in [(", maintenance: {readonly: {enabled: true}}", 405), ("", 202)] {
        configure(&env, maintenance);
        switch(&mut running, "HUP", "the configuration has changed");
        assert_eq!(post(&running.0), expected, "{maintenance}");
    }
}
