//! A registry with a certificate, seen by clients that believe it and by others.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{ChildStderr, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::support::image::noise;
use crate::support::server::reg;
use crate::support::{Client, Env, Server, digest};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(env: &Env, file: &str) -> Authority {
    let mut params = CertificateParams::new(vec![file.into()]).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
    std::fs::write(env.path(file), made.pem()).expect("written");
    made
}

/// Writes `NAME.pem` and `NAME.key`, as a certificate manager does: the new file in the place of the old one.
fn issue(env: &Env, by: &Authority, name: &str) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).expect("names");
    let made = params.signed_by(&key, by).expect("signed");
    put(&env.path(format!("{name}.pem")), &made.pem());
    put(&env.path(format!("{name}.key")), &key.serialize_pem());
}

fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(&new, path).expect("renamed");
}

fn serve(env: &Env, tls: &str) -> (Server, BufReader<ChildStderr>) {
    let directory = env.path("");
    let directory = directory.display();
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {directory}/data}}}}\nhttp:\n  addr: '127.0.0.1:0'\n  \
         tls: {{certificate: {directory}/server.pem, key: {directory}/server.key{}}}\n",
        tls.replace("$TMP", &directory.to_string())
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

#[test]
fn images_go_in_and_out_unchanged() {
    let env = Env::new();
    let by = authority(&env, "ca.pem");
    issue(&env, &by, "server");
    let (server, _log) = serve(&env, "");
    // Larger than what is answered from memory, and than a TLS record.
    let layer = noise(1, 3 << 20);
    let plain = env.server().host.clone();
    env.server().client().push_blob("app", &layer);
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"a/b","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{empty}","size":2}},"layers":[{{"mediaType":"a/b","digest":"{}","size":{}}}]}}"#,
        digest(&layer),
        layer.len(),
        empty = digest(b"{}"),
    );
    env.server().client().push_blob("app", b"{}");
    let type_header = [("Content-Type", "application/vnd.oci.image.manifest.v1+json")];
    let pushed = env.server().client().send("PUT", "/v2/app/manifests/v1", &type_header, manifest.as_bytes());
    assert_eq!(pushed.status, 201);
    let host = &server.host;
    for command in [
        format!("copy {plain}/app:v1 {host}/app:v1 --ca-file $TMP/ca.pem"),
        format!("copy {host}/app:v1 {plain}/back:v1 --ca-file $TMP/ca.pem"),
    ] {
        let output = env.reg(&command);
        assert_eq!(output.exit, Some(0), "{command}: {}", output.stderr);
    }
    let read = env.server().client().get(&format!("/v2/back/blobs/{}", digest(&layer)));
    assert!(read.status == 200 && read.body == layer);
    assert_eq!(env.reg(&format!("tags {host}/app")).exit, Some(1), "who does not know the authority gets nothing");
    server.signal("TERM");
    let access_log = server.wait().1;
    assert!(
        access_log.lines().count() > 5 && access_log.lines().all(|line| line.contains(" HTTP/2.0\" ")),
        "{access_log}"
    );
}

/// `examples/config/config.yml`, with the files and the address of a test in place of those of a reader.
#[test]
fn the_example_configuration_serves_a_team() {
    let env = Env::without_server();
    std::fs::create_dir(env.path("etc")).expect("made");
    issue(&env, &authority(&env, "ca.pem"), "etc/fullchain");
    std::fs::rename(env.path("etc/fullchain.key"), env.path("etc/privkey.pem")).expect("renamed");
    for user in ["alice", "bob", "ci", "eve"] {
        let add = format!("user add $TMP/etc/htpasswd {user} --password-stdin");
        assert_eq!(env.reg_with_input(&add, "secret\n").exit, Some(0));
    }
    let made = env.reg("token create $TMP/etc/tokens ci --scope team/**:pull,push --name 'build server' --expires 90d");
    let token = made.ok().lines().find_map(|line| line.split_whitespace().find(|word| word.starts_with("reg_")));
    let token = token.expect("a secret").to_owned();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config/config.yml");
    let example = std::fs::read_to_string(example).expect("the example");
    let mut text = example.clone();
    for (from, to) in [
        ("addr: :443", "addr: 127.0.0.1:0".to_owned()),
        ("  host: https://registry.example.com       # where clients find the token endpoint\n", String::new()),
        ("rootdirectory: /var/lib/registry", format!("rootdirectory: {}", env.path("data").display())),
        (": /etc/registry", format!(": {}", env.path("etc").display())),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, &to);
    }
    std::fs::write(env.path("c.yml"), text).expect("written");
    env.reg("config check $TMP/c.yml").check(expect_test::expect![[r#"
        $TMP/c.yml is valid
        address        127.0.0.1:0
        tls            certificate $TMP/etc/fullchain.pem
        storage        directory $TMP/data, which will be made
        deletes        yes
        read-only      no
        auth           htpasswd, users of $TMP/etc/htpasswd
        access         3 rules, strangers are let in for some of it
        tokens         bearer tokens for 5m at /token, which end with the process (no http.secret); API tokens of $TMP/etc/tokens
        health         the storage every 10s
        ------- stderr -------
        note: http.secret is not set: bearer tokens end with this process, and are not those of other servers
    "#]]);
    let mut command = reg();
    command.arg("serve").arg(env.path("c.yml")).env("REGISTRY_HTTP_SECRET", "0123456789abcdef0123456789abcdef");
    let (server, mut log) = Server::start_logged(&env.path("data"), &mut command);
    // A pipe that nobody reads is soon full.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let host = &server.host;
    let copy = |to: &str| {
        let image = format!("oci:{}/tests/fixtures/hello:v1", env!("CARGO_MANIFEST_DIR"));
        env.reg(&format!("copy {image} {host}/{to}:v1 --ca-file $TMP/ca.pem")).exit
    };
    let tags = |of: &str| env.reg(&format!("tags {host}/{of} --ca-file $TMP/ca.pem")).exit;
    let login = |user: &str, password: &str| {
        let line = format!("login {host} -u {user} --password-stdin --ca-file $TMP/ca.pem");
        env.reg_with_input(&line, &format!("{password}\n")).exit
    };
    assert_eq!((copy("team/app"), tags("team/app")), (Some(4), Some(4)), "strangers");
    assert_eq!(login("alice", &token), Some(4), "that is the token of ci");
    assert_eq!(login("ci", &token), Some(0));
    assert_eq!((copy("team/app"), copy("public/app"), copy("library/app")), (Some(0), Some(4), Some(4)));
    assert_eq!(login("bob", "secret"), Some(0));
    assert_eq!((copy("team/bob"), copy("library/bob")), (Some(0), Some(4)));
    assert_eq!(login("eve", "secret"), Some(0));
    assert_eq!((tags("team/app"), copy("team/eve")), (Some(4), Some(4)));
    assert_eq!(login("alice", "secret"), Some(0));
    assert_eq!((copy("public/app"), copy("library/app")), (Some(0), Some(0)));
    assert_eq!(env.reg(&format!("delete --yes {host}/team/app:v1 --ca-file $TMP/ca.pem")).exit, Some(0));
    assert_eq!(env.reg(&format!("logout {host}")).exit, Some(0));
    assert_eq!((tags("public/app"), tags("library/app")), (Some(0), Some(4)), "strangers again");
}

#[test]
fn http2_is_not_spoken_where_it_is_disabled() {
    let env = Env::without_server();
    issue(&env, &authority(&env, "ca.pem"), "server");
    let (server, _log) = serve(&env, "}\n  http2: {disabled: true");
    assert_eq!(env.reg(&format!("ping {} --ca-file $TMP/ca.pem", server.host)).exit, Some(0));
    server.signal("TERM");
    let access_log = server.wait().1;
    assert!(access_log.contains("\"GET /v2/ HTTP/1.1\" 200 "), "{access_log}");
}

/// A connection goes on with what it has begun with; the next one gets what is there by then.
#[test]
fn a_connection_outlives_its_certificate() {
    let env = Env::without_server();
    let (old, new) = (authority(&env, "old.pem"), authority(&env, "new.pem"));
    issue(&env, &old, "server");
    let (server, _log) = serve(&env, "");
    let mut held = encrypted(&env, "old.pem", &server.host).expect("known");
    assert!(asked(&mut held).starts_with("HTTP/1.1 200 "));
    issue(&env, &new, "server");
    assert!(encrypted(&env, "old.pem", &server.host).is_err(), "a new one sees the new certificate");
    assert!(encrypted(&env, "new.pem", &server.host).is_ok());
    assert!(asked(&mut held).starts_with("HTTP/1.1 200 "), "the old one lives");
}

type Encrypted = StreamOwned<ClientConnection, TcpStream>;

/// A connection for one who knows this authority.
fn encrypted(env: &Env, authority: &str, host: &str) -> std::io::Result<Encrypted> {
    encrypted_with(env, authority, host, rustls::DEFAULT_VERSIONS)
}

/// The same, for one who speaks these versions.
fn encrypted_with(
    env: &Env,
    authority: &str,
    host: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<Encrypted> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(env.path(authority)).expect("a certificate")).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("sound");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(host)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(client, stream))
}

/// Asks for `/v2/`; the head of the answer.
fn asked(stream: &mut Encrypted) -> String {
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n{}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_new_certificate_counts_from_the_next_connection() {
    let env = Env::without_server();
    let (old, new) = (authority(&env, "old.pem"), authority(&env, "new.pem"));
    issue(&env, &old, "server");
    let (server, _log) = serve(&env, "");
    let ping = |file: &str| env.reg(&format!("ping {} --ca-file $TMP/{file}", server.host)).exit;
    assert_eq!((ping("old.pem"), ping("new.pem")), (Some(0), Some(1)));
    issue(&env, &new, "server");
    assert_eq!((ping("old.pem"), ping("new.pem")), (Some(1), Some(0)));
    put(&env.path("server.pem"), "rubbish");
    assert_eq!(ping("new.pem"), Some(0), "what cannot be used changes nothing");
}

#[test]
fn versions_and_ciphers_are_what_the_configuration_says() {
    const AES: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    const CHACHA: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let env = Env::without_server();
    issue(&env, &authority(&env, "ca.pem"), "server");
    let spoken = |tls: &str, version| {
        let (server, _log) = serve(&env, tls);
        let stream = encrypted_with(&env, "ca.pem", &server.host, &[version]).ok()?;
        stream.conn.negotiated_cipher_suite().map(|suite| suite.suite())
    };
    assert!(spoken("", &TLS12).is_some() && spoken("", &TLS13).is_some());
    assert_eq!(spoken(", minimumtls: tls1.3", &TLS12), None);
    assert!(spoken(", minimumtls: tls1.3", &TLS13).is_some());
    for suite in [AES, CHACHA] {
        let name = suite.as_str().expect("a name");
        assert_eq!(spoken(&format!(", ciphersuites: [{name}]"), &TLS12), Some(suite));
    }
}

#[test]
fn clients_show_certificates_where_they_are_asked_to() {
    let env = Env::without_server();
    let (by, stranger) = (authority(&env, "ca.pem"), authority(&env, "stranger.pem"));
    issue(&env, &by, "server");
    issue(&env, &by, "known");
    issue(&env, &stranger, "unknown");
    let shown = |host: &str, name: Option<&str>| {
        let files = name.map(|name| format!(" --cert-file $TMP/{name}.pem --key-file $TMP/{name}.key"));
        let output = env.reg(&format!("ping {host} --ca-file $TMP/ca.pem{}", files.unwrap_or_default()));
        output.exit == Some(0)
    };
    for (demand, none, known, unknown) in [
        ("", false, true, false),
        (", clientauth: require-and-verify-client-cert", false, true, false),
        (", clientauth: verify-client-cert-if-given", true, true, false),
        (", clientauth: require-any-client-cert", false, true, true),
        (", clientauth: request-client-cert", true, true, true),
    ] {
        let (server, _log) = serve(&env, &format!(", clientcas: [$TMP/ca.pem]{demand}"));
        let found = [None, Some("known"), Some("unknown")].map(|name| shown(&server.host, name));
        assert_eq!(found, [none, known, unknown], "{demand:?}");
    }
}

#[test]
fn the_authorities_of_clients_follow_their_files() {
    let env = Env::without_server();
    let (old, new) = (authority(&env, "old.pem"), authority(&env, "new.pem"));
    issue(&env, &old, "server");
    issue(&env, &old, "before");
    issue(&env, &new, "after");
    put(&env.path("clients.pem"), &old.pem());
    let (server, mut log) = serve(&env, ", clientcas: [$TMP/clients.pem]");
    let lets_in = || {
        ["before", "after"].map(|name| {
            let files = format!("--cert-file $TMP/{name}.pem --key-file $TMP/{name}.key");
            env.reg(&format!("ping {} --ca-file $TMP/old.pem {files}", server.host)).exit == Some(0)
        })
    };
    assert_eq!(lets_in(), [true, false]);
    put(&env.path("clients.pem"), &new.pem());
    assert_eq!(lets_in(), [false, true]);
    put(&env.path("clients.pem"), &(old.pem() + &new.pem()));
    assert_eq!(lets_in(), [true, true]);
    put(&env.path("clients.pem"), &new.pem());
    assert_eq!(lets_in(), [false, true]);
    put(&env.path("clients.pem"), "no certificate");
    assert_eq!(lets_in(), [false, true], "what cannot be used changes nothing");
    std::fs::remove_file(env.path("clients.pem")).expect("removed");
    assert_eq!(lets_in(), [false, true], "nor does nothing");
    server.signal("TERM");
    let mut said = String::new();
    log.read_to_string(&mut said).expect("a log");
    for reason in ["there is no certificate in ", "cannot read "] {
        let is_it = |line: &&str| line.contains(reason) && line.contains("/clients.pem");
        let lines = said.lines().filter(is_it).count();
        assert_eq!(lines, 1, "{reason}: {said}");
    }
}

/// A pipe keeps whoever opens it to read until somebody writes.
#[test]
fn pipes_in_the_place_of_files_hold_up_nothing() {
    let env = Env::without_server();
    let by = authority(&env, "ca.pem");
    issue(&env, &by, "server");
    issue(&env, &by, "client");
    put(&env.path("clients.pem"), &by.pem());
    let (server, mut log) = serve(&env, ", clientcas: [$TMP/clients.pem]");
    for file in ["clients.pem", "server.key"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, env.path("pipe"), rustix::fs::Mode::RWXU).expect("made");
        std::fs::rename(env.path("pipe"), env.path(file)).expect("renamed");
        let ping = "--ca-file $TMP/ca.pem --cert-file $TMP/client.pem --key-file $TMP/client.key";
        assert_eq!(env.reg(&format!("ping {} {ping}", server.host)).exit, Some(0), "{file}");
    }
    server.signal("HUP");
    let check = env.reg("config check $TMP/c.yml").stderr;
    assert_eq!(check.matches("caused by: it is a pipe, not a regular file").count(), 2, "{check}");
    assert_eq!(env.reg("serve $TMP/c.yml").exit, Some(2));
    server.signal("TERM");
    let mut said = String::new();
    log.read_to_string(&mut said).expect("a log");
    for file in ["/clients.pem", "/server.key"] {
        let is_it = |line: &str| line.contains(file) && line.contains("it is a pipe, not a regular file");
        assert!(said.lines().any(is_it), "{file}: {said}");
    }
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn who_forgets_the_s_is_told() {
    let env = Env::without_server();
    issue(&env, &authority(&env, "ca.pem"), "server");
    let (server, _log) = serve(&env, "");
    let answer = Client::connect(&server.host).send("GET", "/v2/", &[], b"");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, b"Client sent an HTTP request to an HTTPS server.\n");
}

#[test]
fn a_registry_for_one_person_says_https_too() {
    let env = Env::without_server();
    issue(&env, &authority(&env, "ca.pem"), "server");
    let mut command = reg();
    command
        .args(["serve", "-v", "--addr", "127.0.0.1:0", "--root"])
        .arg(env.path("data"))
        .env("REGISTRY_HTTP_TLS_CERTIFICATE", env.path("server.pem"))
        .env("REGISTRY_HTTP_TLS_KEY", env.path("server.key"))
        .stdin(Stdio::null());
    let (server, _log) = Server::start_logged(&env.path("data"), &mut command);
    let host = server.host.clone();
    server.signal("TERM");
    let (status, said) = server.wait();
    assert!(status.success());
    assert!(said.starts_with(&format!("listening on https://{host}\n")), "{said}");
}

#[test]
fn files_that_are_no_pair_stop_the_start() {
    let mut env = Env::without_server();
    let by = authority(&env, "ca.pem");
    issue(&env, &by, "server");
    issue(&env, &by, "other");
    env.set("REGISTRY_HTTP_TLS_CERTIFICATE", "$TMP/server.pem");
    env.set("REGISTRY_HTTP_TLS_KEY", "$TMP/other.key");
    env.reg("serve --addr 127.0.0.1:0 --root $TMP/data").check(expect_test::expect![[r#"
        ------- stderr -------
        error: cannot start the registry
          caused by: the key in $TMP/other.key does not belong to the certificate in $TMP/server.pem
          caused by: keys may not be consistent: KeyMismatch
        hint: the certificate of the server comes first in its file, those that signed it follow
        [exit 2]
    "#]]);
}
