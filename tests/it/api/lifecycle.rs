//! The server as a program: what it prints, how it starts, ends, and starts again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use expect_test::expect;

use crate::support::http::Client;
use crate::support::image::noise;
use crate::support::server::{reg, unprivileged};
use crate::support::watchdog::Watchdog;
use crate::support::{Env, Server, digest};

#[test]
fn it_says_where_it_is_and_what_to_do() {
    let mut env = Env::new();
    let port = env.host().rsplit_once(':').expect("a port").1.to_owned();
    assert_eq!(env.server().ready, format!("listening on http://{}\n", env.host()));
    env.server().signal("TERM");
    let (data, server) = (env.path("registry1"), env.take_server());
    let (status, rest) = server.wait();
    assert_eq!(status.code(), Some(0));
    let rest = rest.replace(&port, "PORT").replace(&data.display().to_string(), "DATA");
    expect![[r#"
        data in DATA
        try:
          docker tag alpine localhost:PORT/alpine && docker push localhost:PORT/alpine
          reg tags localhost:PORT/alpine
    "#]]
    .assert_eq(&rest);
}

#[test]
fn without_a_word_the_data_is_below_home() {
    let env = Env::without_server();
    let mut command = reg();
    command.args(["serve", "--addr", "127.0.0.1:0"]).env("HOME", env.home());
    let server = Server::start_with(&env.home(), &mut command);
    server.client().push_blob("a", b"x");
    assert!(env.path("home/.local/share/reg/registry/docker/registry/v2").is_dir());
    let mut command = reg();
    command.args(["serve", "--addr", "127.0.0.1:0"]).env("HOME", env.home()).env("XDG_DATA_HOME", env.path("xdg"));
    Server::start_with(&env.home(), &mut command).client().push_blob("a", b"x");
    assert!(env.path("xdg/reg/registry/docker/registry/v2").is_dir());
}

#[test]
fn a_port_that_is_taken_is_said_in_a_line() {
    let env = Env::new();
    env.reg("serve --addr $REG --root $TMP/other").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: $REG is in use by another program
        hint: another registry may be running; choose another port with --addr 127.0.0.1:5001
        [exit 1]
    "#]]);
    assert!(!env.path("other").exists(), "a start that failed leaves nothing");
}

#[test]
fn a_second_server_on_the_same_data_is_told_once() {
    let env = Env::new();
    let blob = env.http().push_blob("a", b"shared");
    let root = env.server().root.clone();
    let mut command = reg();
    command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(&root);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut second = command.spawn().expect("the program starts");
    let _watchdog = Watchdog::over(&second);
    let mut ready = String::new();
    let mut stdout = BufReader::new(second.stdout.take().expect("piped"));
    stdout.read_line(&mut ready).expect("text");
    let host = ready.trim_end().strip_prefix("listening on http://").expect("the ready line").to_owned();
    let answer = Client::connect(&host).get(&format!("/v2/a/blobs/{blob}"));
    second.kill().expect("ours");
    let mut said = String::new();
    second.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    second.wait().expect("ended");
    assert_eq!((answer.status, answer.body), (200, b"shared".to_vec()));
    assert_eq!(said, format!("note: another reg serve has its data in {} too; they share it\n", root.display()));
    let names: Vec<_> =
        std::fs::read_dir(&root).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(names, ["docker"], "nothing is left of it");
}

#[test]
fn a_start_that_fails_at_its_data_leaves_no_directory() {
    let env = Env::without_server();
    let long = "x".repeat(300);
    let output = env.reg(&format!("serve --addr 127.0.0.1:0 --root $TMP/new/deep/{long}"));
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(!env.path("new").exists(), "made on the way to a name that is too long");
    std::fs::create_dir(env.path("mine")).expect("made");
    let output = env.reg(&format!("serve --addr 127.0.0.1:0 --root $TMP/mine/{long}"));
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(env.path("mine").is_dir(), "it was there before");

    // A directory that is made, and takes no file: not even its owner may write to it.
    let open = env.path("open");
    std::fs::create_dir(&open).expect("made");
    let mut command = unprivileged(&env, &open, "umask 777");
    let output = env.run(command.args(["serve", "--addr", "127.0.0.1:0", "--root"]).arg(open.join("data")), "");
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.contains("no permission for $TMP/open/data"), "{output}");
    assert_eq!(std::fs::read_dir(&open).expect("a folder").count(), 0);
}

#[test]
fn a_directory_that_is_none_is_said_in_a_line() {
    let env = Env::without_server();
    std::fs::write(env.path("file"), "x").expect("written");
    let output = env.reg("serve --addr 127.0.0.1:0 --root $TMP/file");
    assert_eq!(output.exit, Some(1), "{output}");
    assert!(output.stderr.starts_with("error: cannot start the registry in $TMP/file\n"), "{output}");
    assert!(output.stderr.contains("hint: name another directory with --root DIR\n"), "{output}");
    env.reg("serve --addr nowhere").check(expect![[r#"
        ------- stderr -------
        error: invalid value 'nowhere' for '--addr <HOST:PORT>': must be HOST:PORT or :PORT

        For more information, try '--help'.
        [exit 2]
    "#]]);
}

#[test]
fn the_file_of_registry_2_is_read() {
    let env = Env::without_server();
    let config = "version: 0.1\nlog: {level: info, fields: {service: registry}}\nstorage:\n  filesystem:\n    rootdirectory: ROOT\nhttp:\n  addr: 127.0.0.1:0\n  headers:\n    X-Content-Type-Options: [nosniff]\n";
    let config = config.replace("ROOT", &env.path("data").display().to_string());
    std::fs::write(env.path("config.yml"), config).expect("written");
    let (mut server, mut lines) = Server::start_configured(&env.path("config.yml"), &env.path("data"));
    let place = format!("data in {}", env.path("data").display());
    assert!(server.ready.contains(&place), "{}", server.ready);
    let blob = server.client().push_blob("a", b"x");
    assert!(env.path("data/docker/registry/v2").is_dir());
    let answer = server.client().delete(&format!("/v2/a/blobs/{blob}"));
    assert_eq!((answer.status, answer.code().as_str()), (405, "UNSUPPORTED"), "as in registry:2, deletes are off");
    assert!(server.is_alive());
    server.signal("TERM");
    let (status, access_log) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(access_log.contains(" \"DELETE /v2/a/blobs/sha256:"), "{access_log}");
    assert!(access_log.lines().all(|line| line.starts_with("127.0.0.1 - - [")), "{access_log}");
    std::io::Read::read_to_string(&mut lines, &mut String::new()).expect("text");
}

#[test]
fn a_broken_file_is_a_usage_error_with_a_place() {
    let env = Env::without_server();
    std::fs::write(env.path("c.yml"), "version: 0.1\nstorage: tape\nhttp: {addr: ':0'}\n").expect("written");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:2:10: storage.tape: is not known
        hint: known are filesystem, inmemory, s3, s3aws, azure, gcs, oss, swift, delete, redirect, cache, tag, maintenance
        [exit 2]
    "#]]);
    let missing = env.reg("serve $TMP/none.yml");
    assert_eq!(missing.exit, Some(2), "{missing}");
}

#[test]
fn read_only_refuses_every_change() {
    let env = Env::without_server();
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}, maintenance: {{readonly: {{enabled: true}}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
        env.path("data").display()
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    let (server, _lines) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let mut http = server.client();
    let digest = digest(b"x");
    for (method, target) in [
        ("POST", "/v2/a/blobs/uploads/".to_owned()),
        ("PUT", "/v2/a/manifests/v1".to_owned()),
        ("DELETE", format!("/v2/a/manifests/{digest}")),
        ("DELETE", format!("/v2/a/blobs/{digest}")),
    ] {
        let answer = http.send(method, &target, &[], b"{}");
        assert_eq!((answer.status, answer.code().as_str()), (405, "UNSUPPORTED"), "{method} {target}");
    }
    assert_eq!(http.get("/v2/").status, 200);
}

#[test]
fn an_upload_goes_on_after_a_power_cut() {
    let mut env = Env::new();
    let bytes = noise(9, 3_000_000);
    let mut http = env.http();
    let at = http.start_upload("a");
    assert_eq!(http.send("PATCH", &at, &[], &bytes[..2_000_000]).status, 202);
    let server = env.take_server();
    env.put_server(server.kill_and_restart());
    let mut http = env.http();
    let status = http.get(&at);
    assert_eq!((status.status, status.header("range")), (204, Some("0-1999999")));
    let stored = http.send("PUT", &format!("{at}?digest={}", digest(&bytes)), &[], &bytes[2_000_000..]);
    assert_eq!(stored.status, 201, "{stored}");
    assert!(http.get(&format!("/v2/a/blobs/{}", digest(&bytes))).body == bytes);
}
