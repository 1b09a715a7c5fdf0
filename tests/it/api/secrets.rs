//! What a configuration knows that nobody else is to: it is in nothing that the program writes or answers.

use std::fs;
use std::io::{BufRead as _, Read as _};

use crate::support::{Client, Env, Server};

/// Begins every secret of these tests.
const SECRET: &str = "hunter";

#[test]
fn a_server_that_runs_shows_no_secret() {
    let env = Env::without_server();
    // Nobody answers at the port of tcpmux.
    let text = env.expand(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nlog: {level: debug}\n\
         http: {addr: '127.0.0.1:0', secret: hunter1, debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}}\n\
         health: {http: [\
         {uri: 'http://name:hunter2@127.0.0.1:1/a?token=hunter3', interval: 20ms, headers: {X-A: [hunter4]}},\
         {uri: 'http://name:hunter5@127.0.0.1:1/a?token=hunter6', interval: 20ms}]}\n\
         notifications: {endpoints: [{name: hook, url: 'http://name:hunter7@127.0.0.1:1/b?key=hunter8', backoff: 20ms, \
         threshold: 2, headers: {Authorization: [Bearer hunter9]}}]}\n",
    );
    fs::write(env.path("c.yml"), &text).expect("written");
    let (server, mut log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let (_, rest) = server.ready.split_once("debug server listening ").expect("said before the server is ready");
    let debug = rest.split('"').next().expect("a line").to_owned();
    let blob = env_blob(&server);
    let mut said = server.ready.clone();
    while !(said.matches("a health check fails").count() == 2 && said.contains("backing off")) {
        assert!(log.read_line(&mut said).expect("text") > 0, "the server ended: {said}");
    }
    let answers: Vec<String> = ["/debug/health", "/debug/vars", "/metrics"]
        .map(|path| String::from_utf8_lossy(&Client::connect(&debug).get(path).body).into_owned())
        .into();
    assert!(answers[0].contains("http://***@127.0.0.1:1/a?token=***\""), "{}", answers[0]);
    assert!(answers[0].contains("http://***@127.0.0.1:1/a?token=*** (2)"), "the other one: {}", answers[0]);
    server.signal("HUP");
    let bad = text.replace("http://name:hunter2@", "ftp://name:hunter2@");
    fs::write(env.path("new.yml"), bad).expect("written");
    fs::rename(env.path("new.yml"), env.path("c.yml")).expect("renamed");
    while !said.contains("the configuration cannot be used") {
        assert!(log.read_line(&mut said).expect("text") > 0, "the server ended: {said}");
    }
    server.signal("TERM");
    log.read_to_string(&mut said).expect("a log");
    let access_log = server.wait().1;
    assert!(access_log.contains(&blob), "{access_log}");
    for text in answers.iter().chain([&said, &access_log]) {
        assert!(!text.contains(SECRET), "{text}");
    }
}

/// Does something that is told; its path.
fn env_blob(server: &Server) -> String {
    // While a check fails nothing is pushed: what is there from before is read.
    let path = "/v2/a/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let data = server.root.join("docker/registry/v2");
    let hex = &path[path.len() - 64..];
    let (blob, link) =
        (data.join(format!("blobs/sha256/44/{hex}")), data.join(format!("repositories/a/_layers/sha256/{hex}")));
    for (directory, file, text) in [(&blob, "data", "{}".to_owned()), (&link, "link", format!("sha256:{hex}"))] {
        fs::create_dir_all(directory).expect("made");
        fs::write(directory.join(file), text).expect("written");
    }
    assert_eq!(server.client().get(path).status, 200);
    path.to_owned()
}

#[test]
fn no_message_about_a_configuration_shows_a_secret() {
    let env = Env::without_server();
    let check = |uri: &str| format!("health: {{http: [{{uri: '{uri}'}}]}}");
    let hook = |rest: &str| format!("notifications: {{endpoints: [{{name: a, url: 'http://h', {rest}}}]}}");
    let jwks = |url: &str| format!("auth: {{token: {{realm: r, service: s, issuer: i, jwks: '{url}'}}}}");
    for (lines, exit) in [
        (check("ftp://name:hunter2@h/a?b=hunter3"), 2),
        (check("name:hunter2@h/a"), 2),
        (check("http://name:hunter2/hunter3@h/a"), 2),
        (check("http://name:hunter2@h:port/?a=hunter3"), 2),
        ("notifications: {endpoints: [{name: a, url: 'https:/name:hunter2@h:x/'}]}".into(), 2),
        (hook("headers: {Authorization: [\"hunter2\\n\"]}"), 2),
        ("health: {http: [{uri: 'http://h', headers: {A: [\"hunter2\\n\"]}}]}".into(), 2),
        (jwks("https://name:hunter2@h/keys?a=hunter3"), 2),
        (jwks("http://127.0.0.1:1/keys?key=hunter2"), 0),
        ("http: {addr: ':0', host: 'https://name:hunter2@h'}".into(), 2),
    ] {
        let http = if lines.starts_with("http:") { "" } else { "http: {addr: '127.0.0.1:0'}\n" };
        fs::write(env.path("c.yml"), format!("version: 0.1\nstorage: inmemory\n{http}{lines}\n")).expect("written");
        for command in ["config check $TMP/c.yml", "-v config check $TMP/c.yml", "config show $TMP/c.yml"] {
            let output = env.reg(command);
            assert!(!output.to_string().contains(SECRET), "{lines}: {output}");
            let shows = command.contains("show");
            assert!(shows || output.exit == Some(exit), "{lines}: {output}");
        }
        if exit == 0 {
            // Nobody is there to give keys.
            let output = env.reg("-v serve $TMP/c.yml");
            assert_eq!(output.exit, Some(1), "{output}");
            assert!(output.to_string().contains("cannot fetch http://127.0.0.1:1/keys?key=***"), "{output}");
            assert!(!output.to_string().contains(SECRET), "{output}");
        }
    }
}
