//! Certificates: whose are believed, and which one is shown. Against a TLS server of the test's own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::support::Env;

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate with its key.
struct Certificate {
    chain: rcgen::Certificate,
    key: KeyPair,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(vec![name.into()]).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

fn issued(by: &Authority, name: &str) -> Certificate {
    let key = KeyPair::generate().expect("a key");
    let chain = CertificateParams::new(vec![name.into()]).expect("names").signed_by(&key, by).expect("signed");
    Certificate { chain, key }
}

/// What `openssl req -x509` makes: signed by itself, and an authority in its own words.
fn own(name: &str, year: i32) -> Certificate {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.into()]).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    Certificate { chain: params.self_signed(&key).expect("signed"), key }
}

/// Serves a list of tags over TLS, to whoever has a certificate of `clients`, if those are asked for. Answers the port.
fn serve(certificate: &Certificate, clients: Option<&Authority>) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::try_from(certificate.key.serialize_der()).expect("a key");
    let config = Arc::new(builder.with_single_cert(vec![certificate.chain.der().clone()], key).expect("a config"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            // A client that does not like the certificate ends the connection, and nothing else.
            std::thread::spawn(move || answer(stream, config));
        }
    });
    port
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let body = r#"{"name":"app","tags":["v1"]}"#;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn write(path: impl AsRef<Path>, text: String) {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

/// What listing tags comes to: the tag, or the causes of the failure.
fn list(env: &Env, host: &str, flags: &str) -> Result<(), String> {
    let output = env.reg(&format!("tags {host}/app -o name {flags}"));
    if output.exit == Some(0) {
        assert_eq!((output.stdout, output.stderr.as_str()), (format!("{host}/app:v1\n"), ""));
        return Ok(());
    }
    let causes: Vec<&str> = output.stderr.lines().filter_map(|line| line.trim().strip_prefix("caused by: ")).collect();
    Err(causes.join(", ").replace(host, "$HOST"))
}

#[test]
fn authorities_are_named() {
    let (env, ours, other) = (Env::without_server(), authority("ours"), authority("other"));
    let host = format!("localhost:{}", serve(&issued(&ours, "localhost"), None));
    write(env.path("ours.pem"), ours.pem());
    write(env.path("other.pem"), other.pem());
    let unknown = Err("the certificate of $HOST is not trusted: it was issued by an unknown authority".into());
    assert_eq!(list(&env, &host, ""), unknown);
    assert_eq!(list(&env, &host, "--ca-file $TMP/other.pem"), unknown);
    assert_eq!(list(&env, &host, "--ca-file $TMP/ours.pem"), Ok(()));
    assert_eq!(list(&env, &host, "--insecure"), Ok(()));
    let another = host.replace("localhost", "127.0.0.1");
    let error = Err("the certificate of $HOST is not trusted: it is for another name".into());
    assert_eq!(list(&env, &another, "--ca-file $TMP/ours.pem"), error);
}

#[test]
fn folders_of_docker_and_podman_are_read() {
    let (ours, other) = (authority("ours"), authority("other"));
    let host = format!("localhost:{}", serve(&issued(&ours, "localhost"), None));
    for folder in [".config/containers", ".docker", ".config/docker"] {
        let env = Env::without_server();
        let folder = env.home().join(folder).join("certs.d");
        write(folder.join("localhost/x.crt"), ours.pem());
        write(folder.join(&host).join("other.crt"), other.pem());
        write(folder.join(&host).join("ours.pem"), ours.pem());
        assert!(list(&env, &host, "").is_err(), "neither another host nor another ending counts");
        write(folder.join(&host).join("ours.crt"), ours.pem());
        assert_eq!(list(&env, &host, ""), Ok(()));
    }
    let env = Env::without_server();
    let folder = env.home().join(".docker/certs.d").join(&host);
    write(folder.join("ours.crt"), ours.pem());
    write(folder.join("broken.crt"), "no certificate".into());
    let output = env.reg(&format!("tags {host}/app -o name"));
    let broken = format!("$HOME/.docker/certs.d/{host}/broken.crt");
    assert_eq!(output.exit, Some(0), "{output}");
    let warning = format!("warning: CA file {broken}: no certificate in PEM form; continuing without it\n");
    assert_eq!(output.stderr, warning);
}

#[test]
fn a_certificate_that_signs_itself_counts_when_it_is_named() {
    let env = Env::without_server();
    let ours = own("localhost", 4000);
    let host = format!("localhost:{}", serve(&ours, None));
    write(env.path("ours.pem"), ours.chain.pem());
    assert_eq!(list(&env, &host, "--ca-file $TMP/ours.pem"), Ok(()));
    // Of the same name, and not the same.
    write(env.path("other.pem"), own("localhost", 4000).chain.pem());
    assert!(list(&env, &host, "--ca-file $TMP/other.pem").is_err());
    assert!(list(&env, &host, "").is_err());
    let another = host.replace("localhost", "127.0.0.1");
    let error = Err("the certificate of $HOST is not trusted: it is for another name".into());
    assert_eq!(list(&env, &another, "--ca-file $TMP/ours.pem"), error);
    // Time passes for it as for others.
    let old = own("localhost", 2001);
    let host = format!("localhost:{}", serve(&old, None));
    write(env.path("old.pem"), old.chain.pem());
    let error = Err("the certificate of $HOST is not trusted: it has expired".into());
    assert_eq!(list(&env, &host, "--ca-file $TMP/old.pem"), error);
}

#[test]
fn a_client_shows_its_certificate() {
    let (env, ours) = (Env::without_server(), authority("ours"));
    let host = format!("localhost:{}", serve(&issued(&ours, "localhost"), Some(&ours)));
    let client = issued(&ours, "client");
    write(env.path("ours.pem"), ours.pem());
    write(env.path("client.pem"), client.chain.pem());
    write(env.path("client.key"), client.key.serialize_pem());
    write(env.path("both.pem"), client.chain.pem() + &client.key.serialize_pem());
    let list = |flags: &str| list(&env, &host, &format!("--ca-file $TMP/ours.pem {flags}"));
    let reason = "it wants a client certificate, or nothing that it speaks is spoken here";
    assert_eq!(list(""), Err(format!("cannot connect to $HOST: {reason}")));
    assert_eq!(list("--cert-file $TMP/client.pem --key-file $TMP/client.key"), Ok(()));
    assert_eq!(list("--cert-file $TMP/both.pem"), Ok(()));
    let output = env.reg(&format!("tags {host}/app --cert-file $TMP/client.pem"));
    assert!(output.stderr.contains("client key $TMP/client.pem: no private key in PEM form"), "{output}");
    assert_eq!(env.reg(&format!("tags {host}/app --key-file $TMP/client.key")).exit, Some(2));

    let folder = env.home().join(".docker/certs.d").join(&host);
    write(folder.join("client.cert"), client.chain.pem());
    write(folder.join("client.key"), client.key.serialize_pem());
    assert_eq!(list(""), Ok(()));
}
