//! Attacks on a registry, and the test that shows that each comes to nothing. The table is checked.
//!
//! | attack | file | test |
//! |---|---|---|
//! | traversal of paths in names, digests and uploads | `tests/it/api/attacks.rs` | `no_name_leads_out_of_the_storage` |
//! | traversal of paths in targets | `tests/it/api/hostile.rs` | `a_hostile_target_is_a_client_error` |
//! | somebody else's upload, by its own address and through another repository | `tests/it/api/access.rs` | `an_upload_is_of_its_repository` |
//! | somebody else's upload, with a token | `tests/it/api/attacks.rs` | `an_upload_is_for_whose_token_names_its_repository` |
//! | more scope by a mount, with rules | `tests/it/api/access.rs` | `a_mount_reads_nothing_that_its_sender_may_not` |
//! | more scope by a mount, with a token | `tests/it/api/token.rs` | `a_mount_reads_only_what_its_bearer_may_read` |
//! | more scope than the owner of an API token has | `tests/it/cli/token.rs` | `a_token_may_do_what_its_scope_and_its_owner_may` |
//! | names that are there told from names that are not | `tests/it/api/access.rs` | `what_is_there_and_what_is_not_look_the_same_to_who_may_not_look` |
//! | a token of another service, issuer or time; unsigned; with another algorithm; with a public key as its secret | `tests/it/api/token.rs` | `forged_tokens_open_nothing` |
//! | that all of these are tried | `tests/it/api/attacks.rs` | `every_kind_of_forgery_is_tried` |
//! | a character of a token exchanged | `src/server/auth/token_tests.rs` | `no_character_of_a_token_can_be_another` |
//! | tokens of ours: forged, or of a user who is gone | `src/server/auth/issuer_tests.rs` | `what_is_none_of_ours_is_refused` |
//! | guessing of passwords | `tests/it/api/auth.rs` | `who_guesses_has_to_wait` |
//! | guessing of passwords where tokens are given out | `tests/it/api/issue.rs` | `guessing_is_no_faster_here` |
//! | the time that somebody unknown takes | `src/server/auth/passwords_tests.rs` | `somebody_unknown_costs_what_somebody_known_does` |
//! | two requests in one: lengths that contradict each other | `tests/it/api/attacks.rs` | `a_request_has_one_length` |
//! | two requests in one: lines that only some take for lines | `tests/it/api/attacks.rs` | `a_header_has_one_line` |
//! | two requests in one: chunks that only some take for chunks | `tests/it/api/attacks.rs` | `a_chunk_is_a_chunk_to_everybody` |
//! | a Host twice, and hosts that are none | `tests/it/api/limits.rs` | `a_request_says_for_whom_it_is` |
//! | an authorization twice | `tests/it/api/token.rs` | `forged_tokens_open_nothing` |
//! | targets that are too long | `tests/it/api/limits.rs` | `a_target_that_is_too_long_is_414` |
//! | headers that are too many, or too large | `tests/it/api/limits.rs` | `headers_that_are_too_many_or_too_large_are_431` |
//! | manifests that are too large | `tests/it/api/limits.rs` | `a_manifest_that_goes_on_and_on_is_refused_on_the_way` |
//! | manifests that are too deep, or no manifests | `tests/it/api/hostile.rs` | `a_hostile_manifest_is_a_client_error` |
//! | blobs that are too large, or fill a quota | `tests/it/api/budgets.rs` | `what_is_below_a_prefix_has_a_quota` |
//! | too many connections | `src/server/tests.rs` | `above_the_limit_of_connections_it_is_503` |
//! | slow headers | `src/server/tests.rs` | `a_connection_without_a_request_ends` |
//! | slow bodies | `src/server/tests.rs` | `a_body_that_comes_too_slowly_is_408_and_what_came_is_kept` |
//! | slow readers | `src/server/tests.rs` | `a_client_that_reads_too_slowly_is_left` |
//! | floods of HTTP/2: pings, settings | `tests/it/api/floods.rs` | `who_asks_for_answers_and_reads_none_is_read_no_more` |
//! | floods of HTTP/2: streams given up at once | `tests/it/api/floods.rs` | `streams_that_are_given_up_at_once_end_the_connection` |
//! | floods of HTTP/2: headers that never end | `tests/it/api/floods.rs` | `headers_that_never_end_end_the_connection` |
//! | bombs in the table of HPACK | `tests/it/api/floods.rs` | `a_table_of_headers_is_no_bomb` |
//! | lines of the logs made by clients | `tests/it/api/attacks.rs` | `nobody_writes_lines_into_a_log` |
//! | secrets in the logs | `tests/it/api/attacks.rs` | `nobody_writes_lines_into_a_log` |
//! | requests sent for a client: to the addresses in manifests, to its `Host` | `tests/it/api/attacks.rs` | `nothing_is_fetched_for_a_client` |
//! | requests sent for somebody who is asked: to this machine | `tests/it/api/attacks.rs` | `nobody_who_is_asked_sends_us_to_this_machine` |
//! | requests sent for somebody who is asked: without TLS, or to files | `src/server/outbound/tests.rs` | `where_an_answer_sends_us` |
//! | requests sent for somebody who publishes keys | `tests/it/api/published_keys.rs` | `a_registry_that_knows_no_keys_does_not_start` |
//! | secrets sent along to somebody else | `src/server/outbound/tests.rs` | `a_redirect_takes_no_secret_along_and_makes_no_get_of_a_post` |
//! | a page script that takes a server out | `tests/it/api/health.rs` | `an_operator_takes_a_server_out_and_in` |

use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _};
use std::path::Path;

use serde_json::Value;

use crate::support::image::{OCI_MANIFEST, descriptor};
use crate::support::scripted::{Request, Scripted, reply};
use crate::support::server::reg;
use crate::support::{Env, Server, digest};

#[test]
fn every_attack_has_a_test() {
    let rows: Vec<Vec<&str>> = include_str!("attacks.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .map(|row| row.trim_end_matches(" |").split(" | ").collect())
        .skip(1)
        .collect();
    assert!(rows.len() > 40, "the table was not read");
    let mut faults = Vec::new();
    for row in rows {
        let [attack, file, test] = row[..] else { panic!("no row: {row:?}") };
        let (file, test) = (file.trim_matches('`'), test.trim_matches('`'));
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default();
        if !text.contains(&format!("fn {test}(")) {
            faults.push(format!("{attack}: there is no {test} in {file}"));
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Files below a directory, with what is in them.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.insert(entry.display().to_string(), std::fs::read(&entry).expect("a file"));
        }
    }
    found
}

/// Requests that lead where `up` does, if anything leads there.
fn ways(up: &str, upload: &str, blob: &str) -> Vec<(&'static str, String)> {
    let (base, id) = upload.rsplit_once('/').expect("an id");
    let zeros = "0".repeat(64);
    vec![
        ("GET", format!("/v2/{up}/tags/list")),
        ("GET", format!("/v2/a/{up}/manifests/v1")),
        ("GET", format!("/v2/a/manifests/{up}")),
        ("PUT", format!("/v2/a/manifests/{up}")),
        ("DELETE", format!("/v2/a/manifests/{up}")),
        ("GET", format!("/v2/a/manifests/sha256:{up}")),
        ("GET", format!("/v2/a/blobs/{up}")),
        ("GET", format!("/v2/a/blobs/sha256:{up}")),
        ("GET", format!("/v2/a/blobs/sha256:{zeros}/../{up}")),
        ("DELETE", format!("/v2/a/blobs/sha256:{up}")),
        ("GET", format!("{base}/{up}")),
        ("PATCH", format!("{base}/{up}")),
        ("PUT", format!("{base}/{up}?digest={blob}")),
        ("DELETE", format!("{base}/{up}")),
        ("PATCH", format!("{base}/{id}/{up}")),
        ("PUT", format!("{base}/{id}?digest={up}")),
        ("PUT", format!("{base}/{id}?digest=sha256:{up}")),
        ("POST", format!("/v2/a/blobs/uploads/?digest={up}")),
        ("POST", format!("/v2/a/blobs/uploads/?mount={up}&from=a")),
        ("POST", format!("/v2/{up}/blobs/uploads/")),
        ("GET", format!("/v2/a/referrers/{up}")),
        ("GET", format!("/v2/a/tags/list?last={up}&n=1")),
        ("GET", format!("/v2/_catalog?last={up}")),
    ]
}

#[test]
fn no_name_leads_out_of_the_storage() {
    let env = Env::without_server();
    let data = env.path("outer/data");
    std::fs::create_dir_all(&data).expect("made");
    let server = Server::start(&data);
    let mut http = server.client();
    let blob = http.push_blob("a", b"of a");
    let upload = http.start_upload("a");
    // What nobody must read, and nobody must change, at each height.
    for place in ["outer/secret", "outer/data/secret", "outer/data/docker/registry/v2/secret", "secret"] {
        std::fs::write(env.path(place), "canary").expect("written");
    }
    let before = files(&env.path(""));
    let mut ups: Vec<String> = Vec::new();
    for dots in [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "..%2f",
        "..%5c",
        "..\\",
        "%252e%252e",
        "..;",
        "....//",
        "..%00",
        "%c0%ae%c0%ae",
    ] {
        for depth in [1, 3, 5, 9] {
            ups.push(format!("{}secret", format!("{dots}/").repeat(depth)));
        }
    }
    ups.push(env.path("secret").display().to_string());
    ups.push(format!("sha256:{}", "../".repeat(8)));
    for up in &ups {
        for (method, target) in ways(up, &upload, &blob) {
            let answer = server.client().send(method, &target, &[("Content-Type", OCI_MANIFEST)], b"");
            let is_list = target.contains("last=");
            assert!((400..500).contains(&answer.status) || is_list, "{method} {target}: {answer}");
            assert!(!answer.text().contains("canary"), "{method} {target}: {answer}");
        }
    }
    // A name that is none is nobody's: it is as if none were named.
    for from in ["../../a", "../../../../secret"] {
        let mount = http.send("POST", &format!("/v2/a/blobs/uploads/?mount={blob}&from={from}"), &[], b"");
        assert_eq!((mount.status, mount.header("docker-content-digest")), (201, Some(&*blob)), "{mount}");
    }
    let after = files(&env.path(""));
    let changed = |(path, bytes): &(&String, &Vec<u8>)| before.get(*path) != Some(bytes);
    let left: Vec<_> = after.iter().filter(changed).map(|(path, _)| env.normalize(path)).collect();
    assert_eq!(left, <Vec<String>>::new(), "nothing is written");
    assert!(before.keys().all(|path| after.contains_key(path)), "nothing is removed");
    assert_eq!(http.get(&upload).status, 204, "the upload is as it was");
}

#[test]
fn an_upload_is_for_whose_token_names_its_repository() {
    let env = Env::without_server();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokens");
    let config = format!(
        "version: 0.1\nstorage: inmemory\nhttp: {{addr: '127.0.0.1:0'}}\nauth: {{token: {{realm: 'https://auth.example/t', \
         service: registry.example, issuer: issuer.example, rootcertbundle: {fixtures}/bundle.pem, jwks: {fixtures}/jwks.json}}}}\n"
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let tokens: Value = serde_json::from_str(include_str!("../../fixtures/tokens/tokens.json")).expect("JSON");
    let send = |name: &str, method: &str, target: &str| {
        let bearer = format!("Bearer {}", tokens["good"][name].as_str().expect(name));
        server.client().send(method, target, &[("Authorization", &bearer)], b"{}")
    };
    // `all` may push team/app; `pull` may pull it; `nothing` is logged in.
    let upload = send("all", "POST", "/v2/team/app/blobs/uploads/").location();
    let put = format!("{upload}?digest={}", digest(b"{}"));
    // Who may delete in this repository may end its uploads, as in distribution, and do no more to them.
    for (name, methods) in [("pull", 3), ("nothing", 3), ("catalog", 3), ("delete", 2)] {
        for (method, target) in [("PATCH", &upload), ("PUT", &put), ("DELETE", &upload)].into_iter().take(methods) {
            let answer = send(name, method, target);
            assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"), "{name} {method}: {answer}");
        }
    }
    let elsewhere = put.replace("/team/app/", "/team/other/");
    assert_eq!(send("all", "PUT", &elsewhere).status, 401, "its scope is of one repository");
    let untouched = send("all", "GET", &upload);
    assert_eq!((untouched.status, untouched.header("range")), (204, Some("0-0")), "{untouched}");
    assert_eq!(send("all", "PUT", &put).status, 201);
}

#[test]
fn every_kind_of_forgery_is_tried() {
    let tokens: Value = serde_json::from_str(include_str!("../../fixtures/tokens/tokens.json")).expect("JSON");
    let header = |name: &str| {
        let token = tokens["bad"][name].as_str().unwrap_or_else(|| panic!("no {name}"));
        let head = token.split('.').next().expect("a head");
        let json = data_encoding::BASE64URL_NOPAD.decode(head.as_bytes()).expect("base64");
        serde_json::from_slice::<Value>(&json).expect("JSON")["alg"].as_str().expect("an algorithm").to_owned()
    };
    assert!(["none", "None", "NONE"].contains(&&*header("unsigned")));
    assert!(header("unsigned in other case").eq_ignore_ascii_case("none"));
    for name in ["confused by PEM", "confused by DER", "confused by modulus", "confused by a certificate"] {
        assert!(header(name).starts_with("HS"), "{name}: a public key as the secret");
    }
    for name in ["other service", "other issuer", "expired", "not yet valid", "algorithm the key is not for"] {
        assert_ne!(header(name), "none", "{name}");
    }
}

/// Every answer on one connection until its end; interim ones are left out.
fn answers(server: &Server, sent: &[u8]) -> Vec<u16> {
    let mut http = server.client();
    // A server that has heard enough may close before all is sent.
    let _ = http.send_raw(sent);
    http.finish_sending();
    std::iter::from_fn(|| http.read("GET").ok().map(|answer| answer.status)).collect()
}

/// What a smuggler puts behind the first request.
const SMUGGLED: &str = "GET /v2/smuggled/tags/list HTTP/1.1\r\nHost: r\r\n\r\n";

#[test]
fn a_request_has_one_length() {
    let env = Env::new();
    let server = env.server();
    let post = |headers: &str, body: &str| {
        format!("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: r\r\n{headers}\r\n{body}{SMUGGLED}").into_bytes()
    };
    // Those that are refused, and end the connection.
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 0, 5\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length: \r\n",
        "Content-Length: 0 0\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: identity\r\n",
    ] {
        assert_eq!(answers(server, &post(headers, "")), [400], "{headers:?}");
    }
    // Two ways to say the length: one of them counts, and nothing behind it (RFC 9112 §6.1).
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "transfer-encoding: Chunked\r\nCONTENT-LENGTH: 999\r\n",
    ] {
        let all = answers(server, &post(headers, "0\r\n\r\n"));
        assert!(all == [400] || all == [202], "{headers:?}: {all:?}");
    }
    let old = format!("POST /v2/a/blobs/uploads/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}");
    assert_eq!(answers(server, old.as_bytes()), [400], "chunks are younger");
    // The same length twice is one.
    assert_eq!(answers(server, &post("Content-Length: 0\r\nContent-Length: 0\r\n", "")), [202, 404]);
    // A GET with a body has one, too.
    let get = format!("GET /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len());
    assert_eq!(answers(server, get.as_bytes()), [200]);
}

#[test]
fn a_header_has_one_line() {
    let env = Env::new();
    let server = env.server();
    for head in [
        // A line that goes on (obs-fold).
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nX: a\r\n b\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nTransfer-Encoding:\r\n chunked\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nTransfer-Encoding:\r\n\tchunked\r\n",
        "GET /v2/ HTTP/1.1\r\n Host: r\r\n",
        // A space that only some pass over.
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length : 5\r\n",
        "GET /v2/ HTTP/1.1\r\nHost : r\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nTransfer-Encoding\t: chunked\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: r\r\n: x\r\n",
        // A line end that is only half of one.
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nX: a\rTransfer-Encoding: chunked\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nX: a\r\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nX: a\0b\r\n",
        "GET /v2/ x HTTP/1.1\r\nHost: r\r\n",
        "GET /v2/\tHTTP/1.1\r\nHost: r\r\n",
        "GET /v2/ HTTP/1.1 \r\nHost: r\r\n",
    ] {
        assert_eq!(answers(server, format!("{head}\r\n{SMUGGLED}").as_bytes()), [400], "{head:?}");
    }
    // A line feed alone ends a line (RFC 9112 §2.2), the same for every line: nothing is read in two ways.
    let bare = format!("GET /v2/ HTTP/1.1\nHost: r\nContent-Length: {}\n\n{SMUGGLED}", SMUGGLED.len());
    let all = answers(server, bare.as_bytes());
    assert!(all == [200] || all == [400], "{all:?}");
}

#[test]
fn a_chunk_is_a_chunk_to_everybody() {
    let env = Env::new();
    let server = env.server();
    for chunks in [
        "2\n{}\r\n0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2 x\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\n\n",
        "2;a\nb\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ] {
        let config = digest(b"{}");
        let head = format!(
            "POST /v2/a/blobs/uploads/?digest={config} HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let all = answers(server, format!("{head}{chunks}{SMUGGLED}").as_bytes());
        assert!(all.iter().all(|status| (400..500).contains(status)) && all.len() <= 1, "{chunks:?}: {all:?}");
        assert_eq!(server.client().head(&format!("/v2/a/blobs/{config}")).status, 404, "{chunks:?}: nothing came in");
    }
}

/// What tries to end a line, to begin one, or to move what looks at it.
const HOSTILE: &[&str] = &[
    "x\" 200 2 \"\" \"forged",
    "a\\\" b=c",
    "time=\"2026-01-01T00:00:00Z\" level=error msg=forged",
    "{\"msg\":\"forged\"}",
    "\u{9b}2J\u{85}forged",
    "\u{2028}forged\u{2029}\u{202e}gpj",
    "a\tforged",
    "%0a%0d127.0.0.1 - - forged",
];

#[test]
fn nobody_writes_lines_into_a_log() {
    for formatter in ["text", "json", "logstash"] {
        let env = Env::without_server();
        // `secret`, hashed with cost 4 by Apache's htpasswd.
        let hash = "$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO";
        std::fs::write(env.path("htpasswd"), format!("a b\"c:{hash}\n")).expect("written");
        let text = env.expand(&format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             log: {{formatter: {formatter}, level: debug, fields: {{service: log}}}}\n\
             auth: {{htpasswd: {{realm: r, path: $TMP/htpasswd}}}}\n"
        ));
        std::fs::write(env.path("c.yml"), text).expect("written");
        let (server, mut log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
        let basic = |text: &[u8]| format!("Basic {}", data_encoding::BASE64.encode(text));
        let mut sent = 0;
        let mut ask = |target: &str, headers: &[(&str, &str)]| {
            sent += 1;
            server.client().send("GET", target, headers, b"").status
        };
        for &hostile in HOSTILE {
            let mut in_target: String = hostile
                .bytes()
                .map(|b| if b.is_ascii_graphic() { (b as char).to_string() } else { format!("%{b:02x}") })
                .collect();
            in_target.retain(|c| !matches!(c, '"' | '{' | '}' | '\\' | '<' | '>'));
            ask(&format!("/v2/{in_target}/tags/list?{in_target}"), &[]);
            for name in ["User-Agent", "Referer", "X-Forwarded-For", "Host", "X-Request-Id", "Content-Type"] {
                ask("/v2/", &[(name, hostile)]);
            }
            for user in [hostile.to_owned(), format!("{hostile}\n127.0.0.1 - forged\r\n\u{1b}[2J")] {
                assert_eq!(ask("/v2/", &[("Authorization", &basic(format!("{user}:hunter2").as_bytes()))]), 401);
            }
        }
        assert_eq!(ask("/v2/", &[("Authorization", &basic(b"a b\"c:secret")), ("User-Agent", "\u{ff}\u{fe}")]), 200);
        assert_eq!(ask("/v2/", &[("Authorization", "Bearer hunter2")]), 401);
        server.signal("TERM");
        let mut said = server.ready.clone();
        let (status, access) = server.wait();
        log.read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(0));

        let faulty = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}');
        assert!(!access.contains(faulty) && !said.contains(faulty), "{formatter}: {access:?}\n{said:?}");
        assert!(access.contains("a b\\\"c") && !access.contains("hunter2") && !said.contains("hunter2"), "{access}");
        assert_eq!(access.lines().count(), sent, "{formatter}: a line each\n{access}");
        for line in access.lines() {
            assert!(line.starts_with("127.0.0.1 - ") && line.ends_with('"'), "{formatter}: {line}");
            // What stands between quotes that are not escaped: request, referrer, agent.
            let closed = line.replace("\\\\", "").replace("\\\"", "");
            assert_eq!(closed.matches('"').count(), 6, "{formatter}: {line}");
        }
        assert!(said.lines().filter(|line| line.contains("response completed")).count() >= sent, "{said}");
        for line in said.lines() {
            if formatter == "text" {
                assert!(line.starts_with("time=\"20") && line.contains(" service=log"), "{line}");
            } else {
                let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert_eq!(value["service"], "log", "{line}");
            }
        }
    }
}

#[test]
fn nothing_is_fetched_for_a_client() {
    let env = Env::without_server();
    let inside = Scripted::serve(|_| reply(200, &[], "secret"));
    let host = &inside.host;
    let server = Server::start(&env.path("data"));
    let mut http = server.client();
    http.push_blob("a", b"{}");
    let foreign = digest(b"secret");
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{config},"layers":[{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"{foreign}","size":6,"urls":["http://{host}/layer"]}}]}}"#
    );
    let pushed = http.put("/v2/a/manifests/v1", OCI_MANIFEST, manifest.as_bytes());
    assert_eq!(pushed.status, 201, "{pushed}");
    assert_eq!(http.get("/v2/a/manifests/v1").body, manifest.as_bytes());
    for method in ["GET", "HEAD"] {
        let answer = http.send(method, &format!("/v2/a/blobs/{foreign}"), &[], b"");
        assert_eq!((answer.status, answer.header("location")), (404, None), "{answer}");
    }
    let mount = http.send("POST", &format!("/v2/b/blobs/uploads/?mount={foreign}&from=http://{host}/a"), &[], b"");
    assert_eq!(mount.status, 202, "{mount}");
    // Nor where a client says that it has come by.
    for headers in [
        vec![("Host", host.as_str())],
        vec![("X-Forwarded-Host", host.as_str()), ("X-Forwarded-Proto", "http")],
        vec![("X-Original-Url", "/secret"), ("X-Forwarded-Server", host.as_str())],
        vec![("Origin", host.as_str()), ("Referer", host.as_str())],
    ] {
        let started = server.client().send("POST", "/v2/a/blobs/uploads/", &headers, b"");
        assert_eq!(started.status, 202, "{started}");
    }
    let absolute = server.client().send("GET", &format!("http://{host}/v2/"), &[("Host", host)], b"");
    assert_eq!(absolute.status, 200, "it is the server itself that is meant: {absolute}");
    assert_eq!(absolute.text(), "{}");
    let tunnel = server.client().send("CONNECT", host, &[("Host", host)], b"");
    assert!((400..500).contains(&tunnel.status), "{tunnel}");
    // A collection knows of the addresses, too.
    assert_eq!(env.reg(&format!("gc-plan {}/a", server.host)).exit, Some(0));
    assert_eq!(inside.requests().len(), 0, "{:?}", inside.requests());
}

/// A webhook, and a server that health depends on, are somebody else's: they must not make us speak to this machine.
#[test]
fn nobody_who_is_asked_sends_us_to_this_machine() {
    let env = Env::without_server();
    let inside = Scripted::serve(|_| reply(200, &[], ""));
    let to = format!("Location: http://{}/debug/health/down", inside.host);
    let outside = Scripted::serve(move |_| reply(307, &[&to], ""));
    let text = env.expand(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n\
         notifications: {endpoints: [{name: hook, url: 'http://hook.test/', threshold: 1, backoff: 1h}]}\n\
         health: {http: [{uri: 'http://health.test/', statuscode: 418, interval: 1h, threshold: 1}]}\n",
    );
    std::fs::write(env.path("c.yml"), text).expect("written");
    let mut command = reg();
    // Names that nobody has are known to a proxy.
    command.arg("serve").arg(env.path("c.yml")).env("HTTP_PROXY", format!("http://{}", outside.host));
    let (server, mut log) = Server::start_logged(&env.path("data"), &mut command);
    let mut http = server.client();
    let mut said = String::new();
    while !said.contains("a health check fails") {
        assert!(log.read_line(&mut said).expect("text") > 0, "{said}");
    }
    assert!(said.contains("unexpected status: 307"), "{said}");
    let refused = http.put("/v2/a/manifests/v1", OCI_MANIFEST, b"{}");
    assert_eq!(refused.status, 503, "the check has failed: {refused}");
    drop(server);

    let without_health = std::fs::read_to_string(env.path("c.yml")).expect("text");
    let (without_health, _) = without_health.split_once("health:").expect("health");
    std::fs::write(env.path("c.yml"), without_health).expect("written");
    let (server, _log) = Server::start_logged(&env.path("data"), &mut command);
    server.client().push_blob("a", b"one");
    server.client().push_blob("a", b"two");
    // The second is sent when the first is done with.
    let posted = |request: &Request| request.line.starts_with("POST http://hook.test/");
    while outside.requests().iter().filter(|request| posted(request)).count() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(inside.requests().len(), 0, "{:?}", inside.requests());
}
