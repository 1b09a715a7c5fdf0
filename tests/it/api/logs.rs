//! The log of a real server, line by line in the shapes of registry:2, and its access log.

use std::fs;
use std::io::Read as _;

use serde_json::Value;

use crate::support::{Env, Server};

/// What a server with these lines of `log` says of one request, and its access log.
fn log_of_a_request(log: &str) -> (String, String) {
    let env = Env::without_server();
    let text = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\nhttp: {{addr: '127.0.0.1:0'}}\nlog: {log}\n"
    ));
    fs::write(env.path("c.yml"), text).expect("written");
    let (server, mut rest) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    assert_eq!(server.client().send("GET", "/v2/", &[("User-Agent", "a \"b\"")], b"").status, 200);
    server.signal("TERM");
    let (_, access_log) = server.wait();
    let mut text = String::new();
    rest.read_to_string(&mut text).expect("text");
    (text.lines().find(|line| line.contains("response completed")).unwrap_or_default().to_owned(), access_log)
}

#[test]
fn a_line_in_text() {
    let (line, access_log) = log_of_a_request("{fields: {service: registry}}");
    let (time, rest) = line.split_once(" level=").expect("a level behind the time");
    assert!(time.starts_with("time=\"20") && time.ends_with("Z\""), "{line}");
    assert!(rest.starts_with("info msg=\"response completed\" http.request.host=\"127.0.0.1:"), "{line}");
    for part in [
        " http.request.method=GET ",
        " http.request.uri=/v2/ ",
        " http.request.useragent=\"a \\\"b\\\"\" ",
        " http.response.contenttype=application/json ",
        " http.response.status=200 ",
        " http.response.written=2 ",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(line.ends_with(" service=registry") && !line.contains("file="), "{line}");
    let (peer, rest) = access_log.split_once(" - - [").expect("an access line");
    assert_eq!(peer, "127.0.0.1");
    assert!(rest.ends_with(" +0000] \"GET /v2/ HTTP/1.1\" 200 2 \"\" \"a \\\"b\\\"\"\n"), "{access_log}");
}

#[test]
fn a_line_in_json_and_for_logstash() {
    let parse = |log: &str| serde_json::from_str::<Value>(&log_of_a_request(log).0).expect("JSON");
    let line = parse("{formatter: json, fields: {service: registry}}");
    assert_eq!((line["msg"].as_str(), line["level"].as_str()), (Some("response completed"), Some("info")));
    assert_eq!((line["http.response.status"].as_u64(), line["service"].as_str()), (Some(200), Some("registry")));
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    let line = parse("{formatter: logstash}");
    assert_eq!((line["message"].as_str(), line["@version"].as_str()), (Some("response completed"), Some("1")));
    assert!(line["@timestamp"].as_str().is_some_and(|time| time.ends_with('Z')) && line["msg"].is_null(), "{line}");
}

#[test]
fn lines_name_the_code_that_wrote_them_where_that_is_asked() {
    let (line, _) = log_of_a_request("{reportcaller: true}");
    assert!(line.contains(" file=\"src/server/log.rs:") && line.contains(" func=\"reg::server::log\" "), "{line}");
}

#[test]
fn the_access_log_can_be_switched_off() {
    let (line, access_log) = log_of_a_request("{accesslog: {disabled: true}}");
    assert!(!line.is_empty());
    assert_eq!(access_log, "");
}
