//! A store that fails under a running server: no room, no descriptors, no permission, no data. What fails is told with the
//! error body of the API, what can be answered is, and nothing has to be started again when the cause is gone.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::support::image::{image, noise};
use crate::support::server::{reg, unprivileged};
use crate::support::{Env, Response, Server, digest};

const REPOSITORIES: &str = "docker/registry/v2/repositories";

/// The answer is a 5xx that tells its code and the id of the request, and nothing of the machine.
#[track_caller]
fn check_fault(answer: &Response, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer}");
    let error = &answer.json()["errors"][0];
    assert!(error["detail"]["request_id"].as_str().is_some_and(|id| id.len() > 16), "{answer}");
    assert!(!answer.text().contains("docker/registry"), "{answer}");
}

/// A server none of whose files may be longer than 1 MiB: the nearest thing to a full disk that needs no disk.
fn server_without_room(env: &Env) -> Server {
    let program = reg();
    let mut command = Command::new("sh");
    command.env_clear().env("PATH", "/usr/bin:/bin");
    // The signal that comes with the error would end the program; the shell counts in blocks of 512 bytes.
    command.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""]);
    command.arg(program.get_program()).args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(env.path("data"));
    Server::start_with(&env.path("data"), &mut command)
}

#[test]
fn a_full_disk_takes_what_fits_and_says_how_much_it_was() {
    let env = Env::without_server();
    let server = server_without_room(&env);
    let mut http = server.client();
    let bytes = noise(11, 3 << 20);
    let at = http.start_upload("a");
    assert_eq!(http.send("PATCH", &at, &[], &bytes[..500_000]).status, 202);
    let full = http.send("PATCH", &at, &[("Content-Range", "500000-3145727")], &bytes[500_000..]);
    check_fault(&full, 507, "UNAVAILABLE");
    assert_eq!(full.header("range"), Some("0-1048575"), "{full}");
    let mut http = server.client();
    let status = http.get(&at);
    assert_eq!((status.status, status.header("range")), (204, Some("0-1048575")));
    let again = http.send("PUT", &format!("{at}?digest={}", digest(&bytes)), &[], &bytes[1 << 20..]);
    check_fault(&again, 507, "UNAVAILABLE");
    assert_eq!(again.header("range"), Some("0-1048575"), "{again}");

    let mut http = server.client();
    let whole = http.send("POST", &format!("/v2/a/blobs/uploads/?digest={}", digest(&bytes)), &[], &bytes);
    check_fault(&whole, 507, "UNAVAILABLE");
    assert_eq!(fs::read_dir(env.path("data").join(REPOSITORIES).join("a/_uploads")).expect("a folder").count(), 1);
    let mut http = server.client();
    http.push_blob("a", b"this fits");

    // With room the session goes on from what was said.
    drop(server);
    let server = Server::start(&env.path("data"));
    let mut http = server.client();
    let rest = [("Content-Range", "1048576-3145727")];
    assert_eq!(http.send("PATCH", &at, &rest, &bytes[1 << 20..]).status, 202);
    assert_eq!(http.send("PUT", &format!("{at}?digest={}", digest(&bytes)), &[], b"").status, 201);
    assert!(http.get(&format!("/v2/a/blobs/{}", digest(&bytes))).body == bytes);
}

#[test]
fn every_refused_chunk_is_told_where_the_upload_stands() {
    let env = Env::new();
    let mut http = env.http();
    let at = http.start_upload("a");
    assert_eq!(http.send("PATCH", &at, &[], b"12345").status, 202);
    for (range, status) in [("4-5", 416), ("6-7", 416), ("5-5", 400)] {
        let answer = http.send("PATCH", &at, &[("Content-Range", range)], b"67");
        assert_eq!((answer.status, answer.header("range")), (status, Some("0-4")), "{range}: {answer}");
    }
    let wrong = http.send("PUT", &format!("{at}?digest={}", digest(b"other")), &[], b"");
    assert_eq!((wrong.status, wrong.header("range")), (400, None), "the session has ended: {wrong}");
}

#[test]
fn without_descriptors_it_is_503_until_there_are_some() {
    let env = Env::new();
    env.push("a:v1", &image(1));
    let mut http = env.http();
    assert_eq!(http.get("/v2/a/manifests/v1").status, 200, "the connection has its descriptor");
    let pid = Pid::from_raw(i32::try_from(env.server().pid()).expect("a pid"));
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |current| prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).expect("a child of ours");
    // Below those that are open: they stay, and no other comes.
    limit(Some(3));
    let other = image(2);
    for answer in [
        http.send("POST", "/v2/b/blobs/uploads/", &[], b""),
        http.get("/v2/a/tags/list"),
        http.get(&format!("/v2/a/blobs/{}", digest(&image(1).blobs[0]))),
    ] {
        check_fault(&answer, 503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), Some("30"), "{answer}");
    }
    let refused = http.send("POST", &format!("/v2/a/blobs/uploads/?digest={}", other.digest()), &[], &other.manifest);
    check_fault(&refused, 503, "UNAVAILABLE");
    assert_eq!(http.get("/v2/a/manifests/v1").status, 200, "what was read is in memory");
    limit(maximum);
    assert_eq!(http.get("/v2/a/tags/list").status, 200);
    env.push("b:v1", &image(1));
    assert_eq!(env.http().get("/v2/b/manifests/v1").status, 200);
}

/// A server that permissions hold for: for root they do not.
fn unprivileged_server(env: &Env) -> Server {
    let data = env.path("data");
    fs::create_dir(&data).expect("made");
    let mut command = unprivileged(env, &data, ":");
    Server::start_with(&data, command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(&data))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[test]
fn without_permission_it_is_503_and_other_content_is_served() {
    let env = Env::without_server();
    let server = unprivileged_server(&env);
    let mut http = server.client();
    image(1).push(&mut http, "closed:v1");
    image(2).push(&mut http, "open:v1");
    let closed = server.root.join(REPOSITORIES).join("closed");
    let blob = digest(&image(1).blobs[0]);

    set_mode(&closed, 0);
    for target in
        ["/v2/closed/manifests/v1".to_owned(), "/v2/closed/tags/list".into(), format!("/v2/closed/blobs/{blob}")]
    {
        let answer = http.get(&target);
        check_fault(&answer, 503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), Some("30"), "{target}: {answer}");
    }
    assert_eq!(http.get("/v2/open/manifests/v1").status, 200);
    image(3).push(&mut http, "open:v2");

    set_mode(&closed, 0o555);
    assert_eq!(http.get("/v2/closed/manifests/v1").status, 200);
    check_fault(&http.send("POST", "/v2/closed/blobs/uploads/", &[], b""), 503, "UNAVAILABLE");
    set_mode(&closed.join("_manifests/tags"), 0o555);
    check_fault(&http.put("/v2/closed/manifests/v2", &image(1).media_type, &image(1).manifest), 503, "UNAVAILABLE");
    assert_eq!(http.get("/v2/closed/manifests/v2").status, 404, "nothing half done is seen");

    set_mode(&closed, 0o755);
    set_mode(&closed.join("_manifests/tags"), 0o755);
    assert_eq!(http.put("/v2/closed/manifests/v2", &image(1).media_type, &image(1).manifest).status, 201);
}

#[test]
fn data_that_is_taken_away_is_404_and_can_be_pushed_again() {
    let env = Env::new();
    env.push("a:v1", &image(1));
    fs::remove_dir_all(env.server().root.join("docker")).expect("removed");
    let mut http = env.http();
    for target in ["/v2/a/manifests/v1", "/v2/a/tags/list"] {
        assert_eq!(http.get(target).status, 404, "{target}");
    }
    env.push("a:v1", &image(1));
    assert_eq!(env.http().get("/v2/a/manifests/v1").status, 200);
}

#[test]
fn links_in_a_circle_are_no_end_of_a_listing() {
    let env = Env::new();
    env.push("a:v1", &image(1));
    env.push("b:v1", &image(2));
    let repositories = env.server().root.join(REPOSITORIES);
    std::os::unix::fs::symlink("round", repositories.join("round")).expect("linked");
    std::os::unix::fs::symlink("..", repositories.join("b/up")).expect("linked");
    std::os::unix::fs::symlink("self", repositories.join("a/_manifests/tags/self")).expect("linked");
    let mut http = env.http();
    let catalog = http.get("/v2/_catalog");
    assert_eq!(catalog.status, 200, "{catalog}");
    let found = catalog.json()["repositories"].as_array().cloned().unwrap_or_default();
    assert!(found.contains(&"a".into()) && found.contains(&"b".into()), "{catalog}");
    assert_eq!(http.get("/v2/a/tags/list").json()["tags"], serde_json::json!(["v1"]));
    assert_eq!(http.get("/v2/round/tags/list").status, 404);
}

#[test]
fn a_link_in_a_circle_is_absent_until_it_is_pushed_again() {
    let env = Env::without_server();
    std::fs::write(
        env.path("c.yml"),
        env.expand("version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n"),
    )
    .expect("written");
    let (server, mut log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let mut http = server.client();
    let (one, two) = (image(1), image(2));
    one.push(&mut http, "a:v1");
    two.push(&mut http, "a:v2");
    let blob = digest(&one.blobs[2]);
    let hex = blob.trim_start_matches("sha256:");
    let links = [
        format!("{REPOSITORIES}/a/_manifests/tags/v1/current/link"),
        format!("{REPOSITORIES}/a/_layers/sha256/{hex}/link"),
    ];
    for link in &links {
        let link = server.root.join(link);
        fs::remove_file(&link).expect("there");
        std::os::unix::fs::symlink("link", &link).expect("linked");
    }
    for _ in 0..3 {
        for target in ["/v2/a/manifests/v1".to_owned(), format!("/v2/a/blobs/{blob}")] {
            let answer = http.get(&target);
            assert_eq!(answer.status, 404, "{target}: {answer}");
        }
        assert_eq!(http.get("/v2/a/tags/list").json()["tags"], serde_json::json!(["v2"]));
        assert_eq!(http.get("/v2/a/manifests/v2").status, 200);
    }
    one.push(&mut http, "a:v1");
    assert_eq!(http.get("/v2/a/manifests/v1").status, 200);
    assert!(http.get(&format!("/v2/a/blobs/{blob}")).body == one.blobs[2]);
    server.signal("TERM");
    drop(server.wait());
    let mut said = String::new();
    log.read_to_string(&mut said).expect("text");
    for link in &links {
        assert_eq!(said.lines().filter(|line| line.contains(link)).count(), 1, "{link}:\n{said}");
    }
}
