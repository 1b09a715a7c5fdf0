//! Keys of the configuration whose effect no other test shows, each on a real server.

use std::io::{BufRead as _, Read as _};

use crate::support::scripted::{Request, Scripted, reply};
use crate::support::server::reg;
use crate::support::{Env, Server, digest};

/// The configuration of a registry in memory that ends in these lines.
fn written(env: &Env, lines: &str) -> std::path::PathBuf {
    let path = env.path("keys.yml");
    let text = format!("version: 0.1\nhttp: {{addr: '127.0.0.1:0'}}\n{lines}\n");
    std::fs::write(&path, env.expand(&text)).expect("written");
    path
}

/// What a server with these lines writes to standard output and to standard error, for one request.
fn logs(lines: &str) -> (String, String) {
    let env = Env::without_server();
    let path = written(&env, &format!("storage: inmemory\n{lines}"));
    let (server, mut log) = Server::start_configured(&path, &env.path("data"));
    assert_eq!(server.client().get("/v2/").status, 200);
    let mut said = server.ready.clone();
    server.signal("TERM");
    let (status, access) = server.wait();
    log.read_to_string(&mut said).expect("text");
    assert_eq!(status.code(), Some(0), "{said}");
    (access, said)
}

#[test]
fn lines_are_in_the_format_that_is_asked_for() {
    let (_, text) = logs("log: {fields: {service: keys, zone: 7}}");
    let line = text.lines().find(|line| line.contains("listening on")).expect("a line");
    assert!(line.starts_with("time=\"") && line.contains(" service=keys") && line.contains(" zone=7"), "{line}");
    for (formatter, time, message) in [("json", "time", "msg"), ("logstash", "@timestamp", "message")] {
        let (_, lines) = logs(&format!("log: {{formatter: {formatter}, fields: {{service: keys}}}}"));
        let all = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        let line = all.into_iter().find(|line| line[message].to_string().contains("listening on")).expect("a line");
        assert!(line[time].is_string() && line["service"] == "keys" && line["level"] == "info", "{line}");
    }
}

#[test]
fn lines_below_the_level_are_left_out() {
    let completed = |lines: &str| logs(lines).1.contains("response completed");
    assert!(completed("") && completed("log: {level: info}") && completed("loglevel: debug"));
    // The newer name counts.
    assert!(completed("loglevel: error\nlog: {level: info}"));
}

#[test]
fn there_is_an_access_log_until_it_is_disabled() {
    let (access, _) = logs("");
    assert!(access.contains("\"GET /v2/ HTTP/1.1\" 200"), "{access}");
    assert_eq!(logs("log: {accesslog: {disabled: true}}").0, "");
}

/// Starts an upload, and answers whether it is gone after the next look.
fn is_purged(age: &str, dry_run: bool) -> bool {
    let env = Env::without_server();
    let purging = format!("uploadpurging: {{enabled: true, age: {age}, interval: 20ms, dryrun: {dry_run}}}");
    let storage = format!("storage: {{filesystem: {{rootdirectory: $TMP/data}}, maintenance: {{{purging}}}}}");
    let (server, mut log) = Server::start_configured(&written(&env, &storage), &env.path("data"));
    let mut http = server.client();
    let upload = http.start_upload("app");
    let mut line = String::new();
    // One look that begins after the upload has: the second line from here.
    for _ in 0..2 {
        line.clear();
        while !line.contains("looked for old uploads") {
            line.clear();
            assert!(log.read_line(&mut line).expect("text") > 0, "the server ended");
        }
    }
    http.get(&upload).status == 404
}

#[test]
fn uploads_are_purged_when_they_are_old() {
    assert!(is_purged("1ns", false));
    assert!(!is_purged("1ns", true), "nothing is removed");
    assert!(!is_purged("1h", false), "nothing is that old");
}

#[test]
fn whoever_says_anything_passes_the_silly_guard() {
    let env = Env::without_server();
    let lines = "storage: inmemory\nauth: {silly: {realm: 'https://auth.test/token', service: keys}}";
    let (server, _log) = Server::start_configured(&written(&env, lines), &env.path("data"));
    let mut http = server.client();
    let refused = http.get("/v2/");
    let challenge = refused.header("www-authenticate").unwrap_or_default();
    assert_eq!(refused.status, 401);
    assert!(challenge.contains("realm=\"https://auth.test/token\",service=\"keys\""), "{challenge}");
    assert_eq!(http.send("GET", "/v2/", &[("Authorization", "anything")], b"").status, 200);
}

#[test]
fn deletions_are_refused_until_they_are_allowed() {
    let status = |enabled: &str| {
        let env = Env::without_server();
        let lines = format!("storage: {{inmemory: , delete: {{enabled: {enabled}}}}}");
        let (server, _log) = Server::start_configured(&written(&env, &lines), &env.path("data"));
        let mut http = server.client();
        let blob = http.push_blob("app", b"{}");
        http.delete(&format!("/v2/app/blobs/{blob}")).status
    };
    assert_eq!((status("false"), status("yes")), (405, 202));
}

/// A bucket in which nothing is, and where an upload can be begun.
fn bucket(request: &Request) -> crate::support::scripted::Reply {
    let xml = ["Content-Type: application/xml"];
    match request.line.split(' ').next().unwrap_or_default() {
        "GET" if request.line.contains("list-type=2") => reply(
            200,
            &xml,
            "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>",
        ),
        "POST" => {
            reply(200, &xml, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        }
        "PUT" => reply(200, &["ETag: \"e\""], ""),
        _ => reply(404, &xml, "<Error><Code>NoSuchKey</Code></Error>"),
    }
}

/// The requests that a bucket gets from a start, and from the beginning of an upload.
fn requests_to_a_bucket(settings: &str) -> Vec<Request> {
    let env = Env::without_server();
    let bucket = Scripted::serve(bucket);
    let endpoint = format!("regionendpoint: 'http://{}'", bucket.host);
    let storage =
        format!("storage: {{s3: {{bucket: images, accesskey: AKIA, secretkey: s3cr3t, {endpoint}, {settings}}}}}");
    let (server, _log) = Server::start_configured(&written(&env, &storage), &env.path("data"));
    let _whatever_came_of_it = server.client().send("POST", "/v2/app/blobs/uploads/", &[], b"");
    bucket.requests()
}

#[test]
fn a_bucket_is_spoken_to_as_the_configuration_says() {
    let all = requests_to_a_bucket(
        "region: eu-north-7, rootdirectory: /deep/er, sessiontoken: t0ken, useragent: keys/1, encrypt: true, \
         keyid: 'arn:aws:kms:key', storageclass: STANDARD_IA",
    );
    assert!(!all.is_empty());
    for request in &all {
        let authorization = request.header("authorization").unwrap_or_default();
        assert!(authorization.contains("Credential=AKIA/") && authorization.contains("/eu-north-7/s3/"), "{request:?}");
        assert_eq!(request.header("x-amz-security-token"), Some("t0ken"), "{request:?}");
        assert_eq!(request.header("user-agent"), Some("keys/1"), "{request:?}");
        assert!(request.line.contains(" /images"), "{request:?}");
        assert!(!format!("{request:?}").contains("s3cr3t"), "a secret is not sent");
    }
    assert!(all[0].line.contains("prefix=deep%2Fer%2F"), "{:?}", all[0]);
    let writes: Vec<_> = all.iter().filter(|request| ["PUT ", "POST"].contains(&&request.line[..4])).collect();
    assert!(!writes.is_empty(), "{all:?}");
    for write in writes {
        assert!(write.line.contains(" /images/deep/er/docker/registry/v2/"), "{write:?}");
        assert_eq!(write.header("x-amz-server-side-encryption"), Some("aws:kms"), "{write:?}");
        assert_eq!(write.header("x-amz-server-side-encryption-aws-kms-key-id"), Some("arn:aws:kms:key"), "{write:?}");
        assert_eq!(write.header("x-amz-storage-class"), Some("STANDARD_IA"), "{write:?}");
    }
}

#[test]
fn a_bucket_is_asked_for_nothing_that_nobody_wants() {
    for write in requests_to_a_bucket("storageclass: NONE").iter().filter(|request| !request.line.starts_with("GET")) {
        let extra = |(name, _): &&(String, String)| {
            name.starts_with("x-amz-server-side") || name == "x-amz-storage-class" || name == "x-amz-security-token"
        };
        assert_eq!(write.headers.iter().find(extra), None, "{write:?}");
    }
}

#[test]
fn a_server_of_buckets_must_have_a_certificate_that_is_trusted() {
    // A server that speaks no TLS stands for one that cannot be trusted: what is asked for is https.
    let env = Env::without_server();
    let bucket = Scripted::serve(bucket);
    let (host, data) = (bucket.host.clone(), env.path("data"));
    let lines = |secure: &str| {
        let settings = format!("bucket: b, region: eu, accesskey: a, secretkey: s, regionendpoint: '{host}', {secure}");
        format!("storage: {{s3: {{{settings}}}}}")
    };
    let (server, _log) = Server::start_configured(&written(&env, &lines("secure: false")), &data);
    assert_eq!(server.client().get("/v2/").status, 200);
    drop(server);
    let path = written(&env, &lines("secure: true"));
    let ended = env.run(reg().arg("serve").arg(path), "");
    assert!(ended.exit == Some(1) && ended.stderr.contains(&format!("https://{host}")), "{ended}");
}

#[test]
fn a_directory_is_where_the_configuration_says() {
    let env = Env::without_server();
    let lines = "storage: {filesystem: {rootdirectory: $TMP/some/where, maxthreads: 25}}";
    let (server, _log) = Server::start_configured(&written(&env, lines), &env.path("data"));
    let blob = server.client().push_blob("app", b"here");
    assert_eq!(blob, digest(b"here"));
    assert!(env.path("some/where/docker/registry/v2/repositories/app").is_dir());
}
