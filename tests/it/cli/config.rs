//! What a server does by file and variables, and what is said about them.

use expect_test::expect;

use crate::support::scripted::{Scripted, reply};
use crate::support::server::reg;
use crate::support::{Env, Server};

/// A world with a configuration file, `$TMP/c.yml`.
fn world(config: &str) -> Env {
    let env = Env::without_server();
    std::fs::write(env.path("c.yml"), env.expand(config)).expect("written");
    env
}

const DIRECTORY: &str =
    "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n";

#[test]
fn variables_win_over_the_file() {
    let env = world(DIRECTORY);
    let mut command = reg();
    command
        .env("REGISTRY_CONFIGURATION_PATH", env.path("c.yml"))
        .env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", env.path("other"))
        .env("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")
        .arg("serve");
    let (server, _log) = Server::start_logged(&env.path("other"), &mut command);
    let answer = server.client().send("POST", "/v2/a/blobs/uploads/", &[], b"");
    assert_eq!(answer.status, 405);
    assert!(env.path("other").is_dir() && !env.path("data").exists());
}

#[test]
fn variables_alone_are_an_overlay_over_the_registry_of_one_person() {
    let env = Env::without_server();
    let mut command = reg();
    command
        .env("HOME", env.home())
        .env("REGISTRY_HTTP_ADDR", "127.0.0.1:0")
        .env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", env.path("data"))
        .arg("serve");
    let server = Server::start_with(&env.path("data"), &mut command);
    server.client().push_blob("a", b"x");
    assert!(env.path("data/docker/registry/v2").is_dir());
}

#[test]
fn what_would_open_a_closed_registry_is_refused() {
    let mut env = world(DIRECTORY);
    env.set("REGISTRY_HTTP_TLS", "{letsencrypt: {cachefile: c}}");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_HTTP_TLS: http.tls.letsencrypt.hosts: is missing
        hint: name the hosts to get certificates for: hosts: [registry.example]
        [exit 2]
    "#]]);
    env.set("REGISTRY_AUTH", "htpaswd");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_AUTH: auth.htpaswd: is not known
        hint: known are none, silly, htpasswd, token
        hint: there is another fault: reg config check shows both
        [exit 2]
    "#]]);
}

#[test]
fn a_variable_that_is_no_text_is_refused() {
    let env = world(DIRECTORY);
    let mut command = reg();
    command.arg("serve").arg(env.path("c.yml"));
    command.env("REGISTRY_AUTH_HTPASSWD_PATH", <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"/\xff"));
    env.run(&mut command, "").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_AUTH_HTPASSWD_PATH: the value is not UTF-8
        [exit 2]
    "#]]);
}

#[test]
fn a_second_storage_is_refused() {
    let mut env = world(DIRECTORY);
    env.set("REGISTRY_STORAGE_S3_BUCKET", "b");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_STORAGE_S3_BUCKET: storage.s3: there is one storage, and filesystem is it already ($TMP/c.yml:2:23)
        hint: REGISTRY_STORAGE=s3 replaces the section of the file
        [exit 2]
    "#]]);
}

#[test]
fn a_misspelt_directory_is_refused() {
    let mut env =
        world("version: 0.1\nstorage: {filesystem: {rootdirectroy: $TMP/data}}\nhttp: {addr: '127.0.0.1:0'}\n");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:2:24: storage.filesystem.rootdirectroy: is not known
        hint: did you mean rootdirectory?
        [exit 2]
    "#]]);
    env = world(DIRECTORY);
    env.set("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTROY", "/data");
    env.reg("serve $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTROY: storage.filesystem.rootdirectroy: is not known
        hint: did you mean rootdirectory?
        [exit 2]
    "#]]);
}

#[test]
fn urls_and_headers_are_what_the_configuration_says() {
    let env = world(
        "version: 0.1\nstorage: inmemory\nhttp:\n  addr: 127.0.0.1:0\n  prefix: /team/\n  relativeurls: true\n  headers:\n    \
         X-Content-Type-Options: [nosniff]\n    X-Served-By: [a, b]\n",
    );
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let mut client = server.client();
    let base = client.get("/team/v2/");
    assert_eq!((base.status, base.header("x-served-by")), (200, Some("a")));
    assert_eq!(client.get("/v2/").status, 404);
    let upload = client.send("POST", "/team/v2/app/blobs/uploads/", &[], b"");
    let location = upload.header("location").expect("a location").to_owned();
    assert!(location.starts_with("/team/v2/app/blobs/uploads/"), "{location}");
    assert_eq!(client.send("PATCH", &location, &[], b"abc").status, 202);
    let mut command = reg();
    command.env("REGISTRY_HTTP_HOST", "https://r.example/sub/").arg("serve").arg(env.path("c.yml"));
    let (server, _log) = Server::start_logged(&env.path("data"), &mut command);
    let upload = server.client().send("POST", "/team/v2/app/blobs/uploads/", &[], b"");
    let location = upload.header("location").expect("a location").to_owned();
    assert!(location.starts_with("https://r.example/sub/v2/app/blobs/uploads/"), "{location}");
}

#[test]
fn a_plan_needs_the_storage_alone() {
    let mut env = world(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nauth: {htpasswd: {realm: r, path: p}}\n\
         http: {tls: {certificate: c, key: k}}\nproxy: {remoteurl: https://r.example}\n",
    );
    std::fs::create_dir(env.path("data")).expect("a directory");
    assert_eq!(env.reg("gc-plan --config $TMP/c.yml -o json").json()["summary"]["bytes_freed"], 0);
    env.set("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "$TMP/none");
    assert_eq!(env.reg("gc-plan --config $TMP/c.yml").exit, Some(2));
}

#[test]
fn checks_say_what_has_no_effect_and_what_holds() {
    let mut env = world(
        "version: 0.1 # a comment\nstorage: {filesystem: {rootdirectory: $TMP/data}}\nhttp: {addr: ':5000', adr: x}\nredis: {addr: r:1}\n",
    );
    env.set("REGISTRY_STORAGE_DELETE_ENABLED", "true");
    env.set("REGISTRY_HTTP_ADR", "y");
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        $TMP/c.yml is valid
        address        :5000
        storage        directory $TMP/data, which will be made
        deletes        yes
        read-only      no
        auth           none
        ------- stderr -------
        warning: REGISTRY_HTTP_ADR is not known and ignored; did you mean REGISTRY_HTTP_ADDR?
        warning: $TMP/c.yml:3:23: http.adr is not known and ignored; did you mean addr?
        warning: $TMP/c.yml:4:1: redis has no effect: nothing is cached outside of this program
    "#]]);
    let document = env.reg("config check $TMP/c.yml -o json").json();
    assert_eq!((&document["schema"], &document["valid"]), (&"reg.config-check/v1".into(), &true.into()));
    assert_eq!(document["warnings"][1]["path"], "http.adr");
    assert_eq!(document["warnings"][1]["origin"], "$TMP/c.yml:3:23");
    let deletes =
        document["items"].as_array().expect("items").iter().find(|item| item["path"] == "storage.delete.enabled");
    let deletes = deletes.expect("the setting");
    assert_eq!((&deletes["value"], &deletes["origin"]), (&true.into(), &"REGISTRY_STORAGE_DELETE_ENABLED".into()));
}

/// What is wrong here and there is said in one run, each with its place.
#[test]
fn checks_say_every_fault() {
    let mut env = world(
        "version: 0.2\nstorage:\n  filesystem: {rootdirectroy: /x}\n  delete: {enabled: perhaps}\n\
         http:\n  addr: here\n  tls: {certificate: c}\n  draintimeout: soon\n\
         auth: {htpasswd: {realm: r}}\n\
         access:\n  rules:\n  - {repositories: ['Team/**'], users: [a], actions: [pull]}\n  \
         - {repositories: [x], users: [a], actions: [pul]}\n  - {repositories: [x], users: [a], actions: [push]}\n\
         tokens: {enabled: true, lifetime: 1s}\n\
         limits: {requests: [{per: adress, rate: 1/s}, {per: user, rate: fast}]}\n\
         quotas: {rules: [{prefix: a}]}\n\
         notifications: {endpoints: [{name: n, url: nowhere}]}\n\
         health: {storagedriver: {enabled: true, interval: 10}, tcp: [{timeout: 1s}]}\n",
    );
    env.set("REGISTRY_LOG_LEVEL", "loud");
    let output = env.reg("config check $TMP/c.yml");
    expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:1:10: version: only 0.1 is known, not "0.2"
        error: $TMP/c.yml:3:16: storage.filesystem.rootdirectroy: is not known
        hint: did you mean rootdirectory?
        error: $TMP/c.yml:4:21: storage.delete.enabled: must be true or false, not "perhaps"
        error: $TMP/c.yml:6:9: http.addr: must be HOST:PORT or :PORT, not "here"
        error: $TMP/c.yml:7:8: http.tls.key: is missing
        error: $TMP/c.yml:8:17: http.draintimeout: must be a duration such as 30s or 1h30m, not "soon"
        error: $TMP/c.yml:9:18: auth.htpasswd.path: is missing
        error: $TMP/c.yml:12:21: access.rules.repositories: is no pattern of repositories: they are written in lower case, such as team/app or team/**, not "Team/**"
        error: $TMP/c.yml:13:47: access.rules.actions: must be pull, push, delete or *, not "pul"
        error: $TMP/c.yml:15:35: tokens.lifetime: must be from 1m to 24h, not "1s"
        error: $TMP/c.yml:16:27: limits.requests.per: must be address or user, not "adress"
        error: $TMP/c.yml:16:65: limits.requests.rate: must be a rate such as 10/s, 600/m or 5000/h, not "fast"
        error: $TMP/c.yml:17:18: quotas.rules.maxbytes: is missing
        error: $TMP/c.yml:18:44: notifications.endpoints.url: must be a URL of http or https, not "nowhere"
        error: $TMP/c.yml:19:51: health.storagedriver.interval: must have a unit, such as 10s or 5m: a bare number counts nanoseconds, not "10"
        error: $TMP/c.yml:19:62: health.tcp.addr: is missing
        error: REGISTRY_LOG_LEVEL: log.level: must be error, warn, info or debug, not "loud"
        [exit 2]
    "#]].assert_eq(&output.to_string());
    let document: serde_json::Value =
        serde_json::from_str(&env.reg("config check $TMP/c.yml -o json").stdout).expect("a document");
    assert_eq!(document["errors"].as_array().map(Vec::len), Some(output.stderr.matches("error: ").count()));
    assert!(env.reg("serve $TMP/c.yml").stderr.contains("more faults: reg config check shows all"));
}

/// Another file than was meant may be one fault a line.
#[test]
fn checks_say_the_first_of_many_faults() {
    let rules = vec!["{per: x, rate: 1/s}"; 30_000].join(",\n");
    let env =
        world(&format!("version: 0.1\nstorage: inmemory\nhttp: {{addr: ':1'}}\nlimits: {{requests: [{rules}]}}\n"));
    let output = env.reg("config check $TMP/c.yml");
    assert_eq!((output.exit, output.stderr.lines().count()), (Some(2), 101));
    assert!(output.stderr.starts_with("error: $TMP/c.yml:4:"), "{output}");
    assert!(output.stderr.ends_with("\nerror: and 29900 more faults\n"), "{output}");
    let said = env.reg("serve $TMP/c.yml").stderr;
    assert!(said.contains("hint: there are 29999 more faults: reg config check shows all"), "{said}");
}

/// A line end in a key, a value or a path would begin a line of somebody else's.
#[test]
fn what_a_file_says_begins_no_line() {
    let forged = r"x\nerror: forged\nwarning: forged\thint: forged";
    for text in [
        "storage: inmemory\nhttp: {addr: ':1'}\n\"FORGED\": 1",
        "storage: {inmemory: {}, \"FORGED\": {}}\nhttp: {addr: ':1'}",
        "storage: \"FORGED\"\nhttp: {addr: ':1'}",
        "storage: inmemory\nhttp: {addr: ':1'}\nauth: {none: , \"FORGED\": }",
        "storage: inmemory\nhttp: {addr: ':1'}\nauth: {\"FORGED\": , none: }",
        "storage: inmemory\nhttp: {addr: ':1', headers: {\"FORGED\": [a]}}",
        "storage: inmemory\nhttp: {addr: ':1', tls: {certificate: \"FORGED\", key: k}}",
        "storage: inmemory\nhttp: {addr: ':1', tls: {certificate: c, key: k, ciphersuites: [\"FORGED\"]}}",
        "storage: inmemory\nhttp: {addr: ':1'}\nauth: {htpasswd: {realm: r, path: \"/dev/null/FORGED\"}}",
        "storage: inmemory\nhttp: {addr: ':1'}\nauth: {token: {realm: \"FORGED\", service: s, issuer: i, jwks: \"FORGED\"}}",
        "storage: {filesystem: {rootdirectory: \"$TMP/FORGED\"}}\nhttp: {addr: ':1'}",
        "storage: {filesystem: {rootdirectory: \"/dev/null/FORGED\"}}\nhttp: {addr: ':1'}",
    ] {
        let env = world(&format!("version: 0.1\n{}\n", text.replace("FORGED", forged)));
        let said = env.reg("config check $TMP/c.yml");
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(r"\nerror: forged\nwarning: forged"), "{text}: {said}");
        assert!(!all.contains('\t') && !all.contains("\nerror: forged"), "{text}: {said}");
    }
}

/// A fault that follows from another one is none.
#[test]
fn checks_say_no_fault_twice() {
    let env = world(
        "version: 0.1\nstorage: inmemory\nhttp: 5\nauht: {htpasswd: {realm: r, path: p}}\n\
                     access: {rules: [{repositories: [x], users: [a], actions: [pull]}]}\ntokens: {enabled: true}\n",
    );
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:3:7: http: must be a mapping, found a text
        error: $TMP/c.yml:4:1: auht: is not known
        hint: did you mean auth?
        [exit 2]
    "#]]);
    std::fs::write(env.path("c.yml"), "root:x:0:0:root:/root:/bin/bash\n").expect("written");
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:1:1: must be a mapping, found a text
        hint: begin the file with: version: 0.1
        [exit 2]
    "#]]);
}

#[test]
fn checks_list_what_is_switched_on() {
    let env = world(
        "version: 0.1\nstorage: inmemory\nproxy: {remoteurl: 'https://u:p@r.example'}\n\
         http:\n  addr: ':5000'\n  debug: {addr: '127.0.0.1:5001', prometheus: {enabled: true}}\n\
         auth: {htpasswd: {realm: r, path: $TMP/users}}\n\
         access: {rules: [{repositories: [x], users: [a], actions: [pull]}]}\n\
         tokens: {enabled: true, lifetime: 1h}\n\
         limits: {requests: [{per: address, rate: 1/s}], connections: {total: 1, peraddress: 2}, blobs: {maxbytes: 1048576}}\n\
         quotas: {rules: [{prefix: team, maxbytes: 1024}, {maxbytes: 2048}], interval: 90s}\n\
         notifications: {endpoints: [{name: n, url: 'http://x/'}, {url: 'https://h.example/x'}, {name: off, url: 'http://y/', disabled: true}], queue: {directory: /q}}\n\
         health: {storagedriver: {enabled: true}, file: [{file: /f, interval: 1m}], http: [{uri: 'http://h/'}], tcp: [{addr: 'a:1'}]}\n",
    );
    std::fs::write(env.path("users"), "").expect("written");
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        $TMP/c.yml is valid
        address        :5000
        storage        memory only
        deletes        no
        read-only      yes
        proxy          none: nothing is fetched from remoteurl, and nobody can push
        auth           htpasswd, users of $TMP/users
        access         1 rule, nobody without a name
        tokens         bearer tokens for 1h at /token, which end with the process (no http.secret)
        limits         1 rate, 1 connection, 2 of one address, blobs up to 1 MiB
        quotas         team 1 KiB, everything 2 KiB; counted every 90s
        notifications  to n, h.example; events wait in /q
        health         the storage every 10s, file /f every 1m, http h every 10s, tcp a:1 every 10s
        debug          127.0.0.1:5001, metrics at /metrics
        ------- stderr -------
        warning: $TMP/c.yml:3:1: proxy fetches nothing from its remoteurl here: only what is in the storage is served, and pushes are refused
        note: http.secret is not set: bearer tokens end with this process, and are not those of other servers
    "#]]);
}

#[test]
fn a_proxy_is_said_to_fetch_nothing_wherever_it_is_met() {
    let env =
        world("version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\nproxy: {remoteurl: https://r.example}\n");
    let (server, mut log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    assert_eq!(server.client().send("POST", "/v2/a/blobs/uploads/", &[], b"").status, 405);
    server.signal("TERM");
    let mut said = server.ready.clone();
    drop(server.wait());
    std::io::Read::read_to_string(&mut log, &mut said).expect("a log");
    let words =
        "proxy fetches nothing from its remoteurl here: only what is in the storage is served, and pushes are refused";
    assert!(said.contains(&format!("c.yml:4:1: {words}")), "{said}");
    assert!(said.contains("level=warning msg=\"proxy: nothing is fetched from remoteurl; "), "{said}");
}

#[test]
fn checks_fail_where_the_server_would_not_start() {
    let env =
        world("version: 0.1\nstorage: inmemory\nhttp: {addr: ':1', tls: {letsencrypt: {cachefile: c, email: a@b}}}\n");
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: $TMP/c.yml:3:39: http.tls.letsencrypt.hosts: is missing
        hint: name the hosts to get certificates for: hosts: [registry.example]
        [exit 2]
    "#]]);
    let output = env.reg("config check $TMP/c.yml -o json");
    assert_eq!((output.exit, output.stderr.as_str()), (Some(2), ""));
    let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("a document");
    assert_eq!((&document["valid"], &document["errors"][0]["exit"]), (&false.into(), &2.into()));
    assert_eq!(env.reg("config check $TMP/none.yml").exit, Some(2));
    std::fs::write(env.path("c.yml"), "version: 0.1\nhttp: [").expect("written");
    assert_eq!(env.reg("config check $TMP/c.yml").exit, Some(2));
    assert_eq!(env.reg("config show $TMP/c.yml").exit, Some(2));
}

#[test]
fn what_holds_and_who_said_so() {
    let mut env = world(
        "version: 0.1\nstorage: {s3: {secretkey: hush, region: eu, bucket: b}}\nhttp: {addr: ':5000', secret: hush}\n",
    );
    env.set("REGISTRY_LOG_LEVEL", "debug");
    env.set("REGISTRY_CONFIGURATION_PATH", "$TMP/c.yml");
    let shown = env.reg("config show");
    assert!(!shown.stdout.contains("hush"), "{shown}");
    shown.check(expect![[r#"
        version: "0.1"  # $TMP/c.yml:1:10
        storage:
          s3:
            secretkey: "***"  # $TMP/c.yml:2:27
            region: eu  # $TMP/c.yml:2:41
            bucket: b  # $TMP/c.yml:2:53
            encrypt: false  # default
            secure: true  # default
            skipverify: false  # default
            chunksize: 10485760  # default
            storageclass: STANDARD  # default
          delete:
            enabled: false  # default
          maintenance:
            readonly:
              enabled: false  # default
            uploadpurging:
              enabled: true  # default
              age: 168h  # default
              interval: 24h  # default
              dryrun: false  # default
        http:
          addr: ":5000"  # $TMP/c.yml:3:14
          secret: "***"  # $TMP/c.yml:3:31
          relativeurls: false  # default
          http2:
            disabled: false  # default
          h2c:
            enabled: false  # default
        log:
          level: debug  # REGISTRY_LOG_LEVEL
          formatter: text  # default
          accesslog:
            disabled: false  # default
        validation:
          disabled: false  # default
          manifests:
            indexes:
              platforms: all  # default
        catalog:
          maxentries: 1000  # default
        tags:
          maxtags: 10000  # default
    "#]]);
    let document = env.reg("config show -o json").json();
    assert_eq!(document["schema"], "reg.config/v1");
    assert!(document["items"].as_array().is_some_and(|items| items.len() > 10), "{document}");
}

#[test]
fn without_a_file_it_is_the_registry_of_one_person() {
    Env::without_server().reg("config show").check(expect![[r#"
        version: "0.1"  # default
        http:
          addr: "127.0.0.1:5000"  # default
          relativeurls: false  # default
          http2:
            disabled: false  # default
          h2c:
            enabled: false  # default
        storage:
          delete:
            enabled: true  # default
          filesystem:
            rootdirectory: $HOME/.local/share/reg/registry  # default
          maintenance:
            readonly:
              enabled: false  # default
            uploadpurging:
              enabled: true  # default
              age: 168h  # default
              interval: 24h  # default
              dryrun: false  # default
        log:
          level: warn  # default
          accesslog:
            disabled: true  # default
          formatter: text  # default
        validation:
          disabled: false  # default
          manifests:
            indexes:
              platforms: all  # default
        catalog:
          maxentries: 1000  # default
        tags:
          maxtags: 10000  # default
    "#]]);
}

/// Written after those that distribution ships, with every section that they have.
#[test]
fn sample_configurations_say_what_happens() {
    let env = world(
        "version: 0.1\nlog:\n  level: debug\n  fields: {service: registry, environment: development}\n  hooks:\n  - type: mail\n    \
         disabled: true\n    levels: [panic]\n    options: {smtp: {addr: 'm:25', username: u, password: p, insecure: true}, \
         from: a@b, to: [c@d]}\nstorage:\n  delete: {enabled: true}\n  cache: {blobdescriptor: redis}\n  \
         filesystem: {rootdirectory: $TMP/registry}\n  maintenance: {uploadpurging: {enabled: false}}\n  \
         tag: {concurrencylimit: 5}\nhttp:\n  addr: :5000\n  debug:\n    addr: :5001\n    prometheus: {enabled: true, path: /metrics}\n  \
         headers: {X-Content-Type-Options: [nosniff]}\nredis:\n  addrs: [localhost:6379]\n  maxidleconns: 16\n  poolsize: 64\n  \
         connmaxidletime: 300s\n  dialtimeout: 10ms\nnotifications:\n  events: {includereferences: true}\n  endpoints:\n  \
         - name: local\n    url: http://localhost:5003/callback\n    headers: {Authorization: [Bearer x]}\n    timeout: 1s\n    \
         threshold: 10\n    backoff: 1s\n    disabled: true\nhealth:\n  storagedriver: {enabled: true, interval: 10s, threshold: 3}\n",
    );
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        $TMP/c.yml is valid
        address        :5000
        storage        directory $TMP/registry, which will be made
        deletes        yes
        read-only      no
        auth           none
        health         the storage every 10s
        debug          :5001, metrics at /metrics
        ------- stderr -------
        warning: $TMP/c.yml:22:1: redis has no effect: nothing is cached outside of this program
    "#]]);
    let cache = "version: 0.1\nlog: {fields: {service: registry}}\nstorage:\n  cache: {blobdescriptor: inmemory}\n  \
                 filesystem: {rootdirectory: $TMP/registry-cache}\n  maintenance: {uploadpurging: {enabled: false}}\n\
                 http: {addr: ':5000', secret: s, headers: {X-Content-Type-Options: [nosniff]}}\nproxy:\n  \
                 remoteurl: https://registry-1.docker.io\n  username: u\n  password: p\n";
    std::fs::write(env.path("cache.yml"), env.expand(cache)).expect("written");
    env.reg("config check $TMP/cache.yml").check(expect![[r#"
        $TMP/cache.yml is valid
        address        :5000
        storage        directory $TMP/registry-cache, which will be made
        deletes        no
        read-only      yes
        proxy          none: nothing is fetched from remoteurl, and nobody can push
        auth           none
        ------- stderr -------
        warning: $TMP/cache.yml:8:1: proxy fetches nothing from its remoteurl here: only what is in the storage is served, and pushes are refused
    "#]]);
}

/// What the server would open is opened, and everything that is wrong is said at once.
#[test]
fn checks_open_the_files_that_the_server_would_open() {
    let env = world(
        "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/users/data}}\n\
         auth: {htpasswd: {realm: r, path: $TMP/users}}\nhttp: {addr: ':1', tls: {certificate: $TMP/none.pem, key: $TMP}}\n",
    );
    std::fs::write(env.path("users"), "no colon\n").expect("written");
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: $TMP/users is no htpasswd file
          caused by: line 1: expected USER:HASH
        hint: each line is USER:HASH, as htpasswd -B writes it
        error: http.tls.certificate: cannot read $TMP/none.pem
          caused by: No such file or directory (os error 2)
        error: http.tls.key: cannot read $TMP
          caused by: it is a directory, not a regular file
        error: storage.filesystem.rootdirectory: cannot use $TMP/users/data
          caused by: cannot access $TMP/users
          caused by: Not a directory (os error 20)
        [exit 2]
    "#]]);
    let output = env.reg("config check $TMP/c.yml -o json");
    assert_eq!((output.exit, output.stderr.as_str()), (Some(2), ""));
    let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("a document");
    let errors = document["errors"].as_array().expect("errors");
    assert_eq!((&document["valid"], errors.len()), (&false.into(), 4), "{document}");
}

#[test]
fn checks_make_nothing() {
    let config = "version: 0.1\nstorage: {filesystem: {rootdirectory: $TMP/a/b}}\nhttp: {addr: ':1'}\n\
                  auth: {htpasswd: {realm: r, path: $TMP/c/users}}\n";
    let env = world(config);
    env.reg("config check $TMP/c.yml").check(expect![[r#"
        $TMP/c.yml is valid
        address        :1
        storage        directory $TMP/a/b, which will be made
        deletes        no
        read-only      no
        auth           htpasswd, users of $TMP/c/users
        ------- stderr -------
        note: $TMP/c/users is missing; the server makes it, with a user docker whose password the log says once
    "#]]);
    assert!(!env.path("a").exists() && !env.path("c").exists());
    std::fs::create_dir(env.path("users.d")).expect("a directory");
    std::fs::write(env.path("c.yml"), env.expand(&config.replace("c/users", "users.d"))).expect("written");
    let output = env.reg("config check $TMP/c.yml");
    assert!(output.exit == Some(2) && output.stderr.contains("cannot read $TMP/users.d"), "{output}");
}

/// What a server of buckets says is a document; the operator gets a line, and the document with `-v`.
#[test]
fn a_bucket_that_cannot_be_used_is_said_in_a_line() {
    let bucket = |endpoint: &str| {
        world(&format!(
            "version: 0.1\nstorage: {{s3: {{bucket: b, region: eu, regionendpoint: 'http://{endpoint}', accesskey: a, secretkey: s}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n"
        ))
    };
    let none =
        Scripted::serve(|_| reply(404, &["Content-Type: application/xml"], "<Error><Code>NoSuchBucket</Code></Error>"));
    let env = bucket(&none.host);
    let told = env.reg("serve $TMP/c.yml").to_string().replace(&none.host, "$S3");
    expect![[r#"
        ------- stderr -------
        error: cannot start the registry: bucket b at http://$S3 does not exist
        hint: storage.s3.bucket names one that is there
        hint: -v shows what the server said
        [exit 1]
    "#]]
    .assert_eq(&told);
    let detail = env.reg("serve $TMP/c.yml -v");
    assert!(detail.exit == Some(1) && detail.stderr.contains("NoSuchBucket"), "{detail}");
    let refusing = Scripted::serve(|_| reply(403, &[], "<Error><Code>SignatureDoesNotMatch</Code></Error>"));
    let told = bucket(&refusing.host).reg("serve $TMP/c.yml").to_string().replace(&refusing.host, "$S3");
    expect![[r#"
        ------- stderr -------
        error: cannot start the registry: bucket b at http://$S3 does not take the key
        hint: storage.s3.accesskey and secretkey, else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, are those of the bucket
        hint: -v shows what the server said
        [exit 1]
    "#]].assert_eq(&told);
    // Nobody listens on a port that was free a moment ago.
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|held| held.local_addr()).expect("a port").to_string();
    let told = bucket(&free).reg("serve $TMP/c.yml").to_string().replace(&free, "$S3");
    expect![[r#"
        ------- stderr -------
        error: cannot start the registry: http://$S3, the server of bucket b, cannot be reached
        hint: storage.s3.regionendpoint names it; storage.s3.secure: false speaks HTTP without TLS
        hint: -v shows what the server said
        [exit 1]
    "#]]
    .assert_eq(&told);
}
