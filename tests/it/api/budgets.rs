//! `limits` and `quotas`: what is refused, with which words, and what is not.

use std::io::{BufRead as _, BufReader};
use std::process::ChildStderr;

use serde_json::json;

use crate::support::image::noise;
use crate::support::{Client, Env, Server, digest};

fn server(env: &Env, lines: &str) -> (Server, BufReader<ChildStderr>) {
    let text = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{lines}\n"
    ));
    std::fs::write(env.path("c.yml"), text).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

#[test]
fn an_address_has_its_rate() {
    let env = Env::without_server();
    let rules = "requests: [{per: address, rate: 1/h, burst: 3, methods: [get]}]";
    let (limited, _log) = server(&env, &format!("limits: {{loopback: true, {rules}}}"));
    let mut http = limited.client();
    for _ in 0..3 {
        assert_eq!(http.get("/v2/").status, 200);
    }
    let refused = http.get("/v2/");
    assert_eq!((refused.status, refused.code().as_str()), (429, "TOOMANYREQUESTS"), "{refused}");
    let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((3000..=3600).contains(&wait), "{wait}");
    assert_eq!(http.head("/v2/").status, 200, "another method");
    assert_eq!(http.get("/").status, 200, "load balancers ask for it");
    http.push_blob("a", b"x");
    assert_eq!(limited.client().get("/v2/").status, 429, "whatever the connection");
    drop((http, limited));

    let (free, _log) = server(&env, &format!("limits: {{{rules}}}"));
    let mut http = free.client();
    assert!((0..20).all(|_| http.get("/v2/").status == 200), "a proxy is all clients");
}

#[test]
fn a_user_has_its_rate() {
    let env = Env::without_server();
    let (server, _log) =
        server(&env, "auth: {silly: {realm: r, service: s}}\nlimits: {requests: [{per: user, rate: 2/h}]}");
    let mut http = server.client();
    let auth = [("Authorization", "Bearer x")];
    for expected in [200, 200, 429, 429] {
        assert_eq!(http.send("GET", "/v2/", &auth, b"").status, expected);
    }
    assert_eq!(http.get("/v2/").status, 401, "who is nobody has no rate");
}

#[test]
fn an_address_has_its_connections() {
    let env = Env::without_server();
    for lines in ["limits: {loopback: true, connections: {peraddress: 2}}", "limits: {connections: {total: 2}}"] {
        let (server, _log) = server(&env, lines);
        let mut open = [server.client(), server.client()];
        assert!(open.iter_mut().all(|http| http.get("/v2/").status == 200), "{lines}");
        let mut third = Client::connect(&server.host);
        let answer = third.read("GET").expect("an answer before a question");
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{lines}");
    }
}

#[test]
fn a_blob_has_a_largest_size() {
    let env = Env::without_server();
    let (server, _log) = server(&env, "limits: {blobs: {maxbytes: 100}}");
    let mut http = server.client();
    let (fits, large) = (noise(1, 100), noise(2, 101));
    http.push_blob("a", &fits);
    let whole = format!("/v2/a/blobs/uploads/?digest={}", digest(&large));
    let refused = http.send("POST", &whole, &[], &large);
    assert_eq!((refused.status, refused.code().as_str()), (413, "SIZE_INVALID"), "{refused}");
    assert_eq!(refused.json()["errors"][0]["detail"], json!({"limit": 100}));

    let chunk = [b"65\r\n".as_slice(), &large, b"\r\n0\r\n\r\n"].concat();
    let refused = server.client().send("POST", &whole, &[("Transfer-Encoding", "chunked")], &chunk);
    assert_eq!((refused.status, refused.code().as_str()), (413, "SIZE_INVALID"), "nobody knew how long: {refused}");

    let mut http = server.client();
    let at = http.start_upload("a");
    assert_eq!(http.send("PATCH", &at, &[], &large[..60]).status, 202);
    let refused = http.send("PUT", &format!("{at}?digest={}", digest(&large)), &[], &large[60..]);
    assert_eq!((refused.status, refused.code().as_str()), (413, "SIZE_INVALID"), "in parts: {refused}");
    let mut http = server.client();
    assert_eq!(http.head(&format!("/v2/a/blobs/{}", digest(&large))).status, 404);
    assert_eq!(http.head(&format!("/v2/a/blobs/{}", digest(&fits))).status, 200);
}

/// Waits until the server has counted what is there.
fn counted(log: &mut BufReader<ChildStderr>) {
    let mut line = String::new();
    while !line.contains("counted for a quota") {
        line.clear();
        assert!(log.read_line(&mut line).expect("text") > 0, "the server ended");
    }
}

#[test]
fn what_is_below_a_prefix_has_a_quota() {
    let env = Env::without_server();
    let lines = "quotas: {rules: [{prefix: team, maxbytes: 100}]}";
    let (server, mut log) = self::server(&env, lines);
    counted(&mut log);
    let mut http = server.client();
    http.push_blob("team/a", &noise(1, 60));
    let again = format!("/v2/team/b/blobs/uploads/?mount={}&from=team/a", digest(&noise(1, 60)));
    assert_eq!(http.send("POST", &again, &[], b"").status, 201, "what is there counts once");
    http.push_blob("other", &noise(2, 60));
    let refused = |http: &mut Client| {
        let bytes = noise(2, 60);
        let at = http.start_upload("team/c");
        http.send("PUT", &format!("{at}?digest={}", digest(&bytes)), &[], &bytes)
    };
    let answer = refused(&mut http);
    assert_eq!(
        (answer.status, answer.json()),
        (
            403,
            json!({"errors": [{"code": "DENIED",
                "message": "the quota of team is 100 bytes: 60 are used, and 60 more are needed",
                "detail": {"prefix": "team", "quota": 100, "used": 60, "needed": 60}}]})
        )
    );
    let mount = format!("/v2/team/a/blobs/uploads/?mount={}&from=other", digest(&noise(2, 60)));
    assert_eq!(http.send("POST", &mount, &[], b"").status, 403);
    drop((http, server));

    let (server, mut log) = self::server(&env, lines);
    counted(&mut log);
    assert_eq!(refused(&mut server.client()).status, 403, "after a restart too");
    drop(server);

    let (server, _log) = self::server(&env, "quotas: {rules: [{prefix: team/, maxbytes: 120}]}");
    assert_eq!(refused(&mut server.client()).status, 201, "a larger one");
}

/// The command line says what is in the way, and asks nobody to log in.
#[test]
fn a_push_beyond_a_quota_is_explained() {
    let env = Env::without_server();
    let (server, mut log) = server(&env, "quotas: {rules: [{prefix: team, maxbytes: 100}]}");
    counted(&mut log);
    let image = format!("oci:{}/tests/fixtures/hello:v1", env!("CARGO_MANIFEST_DIR"));
    let output = env.reg(&format!("copy -j 1 {image} {}/team/app:v1", server.host));
    assert_eq!(output.exit, Some(4), "{output}");
    assert!(output.stderr.contains(": 403 DENIED (the quota of team is 100 bytes: "), "{output}");
    assert!(output.stderr.contains("\nhint: room is made by deleting what is not needed"), "{output}");
    assert!(!output.stderr.contains("reg login"), "{output}");
}

#[test]
fn unfinished_uploads_are_under_the_quota() {
    let env = Env::without_server();
    let lines = "quotas: {rules: [{prefix: team, maxbytes: 100}]}";
    let (server, mut log) = self::server(&env, lines);
    counted(&mut log);
    let mut http = server.client();
    let (first, second) = (http.start_upload("team/a"), http.start_upload("team/b"));
    assert_eq!(http.send("PATCH", &first, &[], &noise(1, 60)).status, 202);
    let answer = http.send("PATCH", &second, &[], &noise(2, 60));
    assert_eq!(
        (answer.status, answer.json()),
        (
            403,
            json!({"errors": [{"code": "DENIED",
                "message": "the quota of team is 100 bytes: 60 are used, and 60 more are needed",
                "detail": {"prefix": "team", "quota": 100, "used": 60, "needed": 60}}]})
        )
    );
    assert_eq!(http.get(&second).header("range"), Some("0-0"), "nothing of it was kept");
    let chunks = [b"1e\r\n".as_slice(), &noise(3, 30), b"\r\n1e\r\n", &noise(4, 30), b"\r\n0\r\n\r\n"].concat();
    let refused = http.send("PATCH", &second, &[("Transfer-Encoding", "chunked")], &chunks);
    assert_eq!((refused.status, refused.header("range")), (403, Some("0-0")), "nobody knew how long: {refused}");
    let mut http = server.client();
    assert_eq!(http.get(&second).header("range"), Some("0-0"), "and nothing of it was kept");
    http.send_raw(format!("PATCH {second} HTTP/1.1\r\nHost: x\r\nContent-Length: 41\r\n\r\n").as_bytes())
        .expect("sent");
    let refused = http.read("PATCH").expect("an answer before the body");
    assert_eq!(
        (refused.status, refused.json()["errors"][0]["detail"]["needed"].as_u64()),
        (403, Some(41)),
        "{refused}"
    );
    let mut http = server.client();
    let other = http.start_upload("other");
    assert_eq!(http.send("PATCH", &other, &[], &noise(2, 60)).status, 202);
    drop((http, server));

    let (server, mut log) = self::server(&env, lines);
    counted(&mut log);
    let mut http = server.client();
    assert_eq!(http.send("PATCH", &second, &[], &noise(2, 60)).status, 403, "after a restart too");
    assert_eq!(http.send("PATCH", &second, &[], &noise(2, 40)).status, 202, "what fits is taken");
    assert_eq!(http.send("DELETE", &first, &[], b"").status, 204);
    let rest = noise(2, 60)[40..].to_vec();
    let done = http.send("PUT", &format!("{second}?digest={}", digest(&noise(2, 60))), &[], &rest);
    assert_eq!(done.status, 201, "{done}");
}

#[test]
fn what_is_there_is_counted_again_and_again() {
    let env = Env::without_server();
    let (first, _log) = server(&env, "");
    first.client().push_blob("team/a", &noise(1, 60));
    drop(first);
    let (server, mut log) = server(&env, "quotas: {interval: 20ms, rules: [{prefix: team, maxbytes: 100}]}");
    counted(&mut log);
    let mut http = server.client();
    let bytes = noise(2, 60);
    let mut push = || {
        let at = http.start_upload("team/b");
        http.send("PUT", &format!("{at}?digest={}", digest(&bytes)), &[], &bytes).status
    };
    assert_eq!(push(), 403);
    std::fs::remove_dir_all(env.path("data/docker/registry/v2/repositories/team/a")).expect("there");
    let mut status = push();
    while status == 403 {
        counted(&mut log);
        status = push();
    }
    assert_eq!(status, 201);
}

#[test]
fn faults_are_said_with_their_place() {
    let env = Env::without_server();
    for (lines, expected) in [
        ("limits: {requests: [{per: user}]}", "limits.requests.rate: is missing"),
        ("limits: {requests: [{rate: 1/s}]}", "limits.requests.per: is missing"),
        ("limits: {requests: [{per: user, rate: fast}]}", "must be a rate such as 10/s, 600/m or 5000/h, not \"fast\""),
        ("limits: {requests: [{per: host, rate: 1/s}]}", "must be address or user, not \"host\""),
        ("limits: {connections: {total: 0}}", "limits.connections.total: must be a whole number above 0, not \"0\""),
        ("quotas: {rules: [{prefix: a}]}", "quotas.rules.maxbytes: is missing"),
        ("quotas: {interval: 0s}", "quotas.interval: must be a millisecond or more, such as 1h, not \"0s\""),
    ] {
        let text = format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: ':0'}}\n{lines}\n");
        std::fs::write(env.path("c.yml"), text).expect("written");
        let output = env.reg("config check $TMP/c.yml");
        assert_eq!(output.exit, Some(2), "{lines}: {output}");
        assert!(output.to_string().contains(expected), "{lines}: {output}");
    }
}
