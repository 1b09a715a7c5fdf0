//! Files as people have them, and broken ones.

use std::collections::BTreeMap;

use super::super::{Document, Sources, Storage};
use super::*;
use crate::registry::Completeness;

fn read(text: &str) -> Result<Config, Faults> {
    let variables = BTreeMap::new();
    let sources = Sources { file: Some(("f", text)), variables: &variables, address: None, root: None, home: None };
    Document::read(sources)?.resolve()
}

/// The file in the image registry:2.
const IMAGE: &str = "\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";

#[test]
fn the_file_of_the_image() {
    let config = read(IMAGE).expect("a configuration");
    assert_eq!(config.door.to_string(), ":5000");
    assert_eq!(config.storage, Storage::Filesystem { root: "/var/lib/registry".into() });
    assert_eq!((config.options.delete_enabled, config.options.read_only), (false, false));
    assert_eq!((config.log.level, config.log.formatter, config.log.access_log), (Level::Info, Formatter::Text, true));
    assert_eq!(config.log.fields, [("service".to_owned(), "registry".to_owned())].into());
}

#[test]
fn everything_that_works() {
    let config = read(
        "version: '0.1'\nloglevel: error\nlog: {level: DEBUG, formatter: json, accesslog: {disabled: yes}}\n\
         storage:\n  inmemory:\n  delete: {enabled: on}\n  maintenance: {readonly: {enabled: true}}\n\
         http: {addr: 'localhost:0', draintimeout: 1m30s}\nvalidation: {manifests: {indexes: {platforms: none}}}\n",
    )
    .expect("a configuration");
    assert_eq!(config.storage, Storage::Memory);
    assert_eq!((config.options.delete_enabled, config.options.read_only), (true, true));
    assert_eq!(config.options.completeness, Completeness::SparseIndexes);
    assert_eq!((config.log.level, config.log.formatter, config.log.access_log), (Level::Debug, Formatter::Json, false));
    assert_eq!(config.drain, Duration::from_secs(90));
}

#[test]
fn storages() {
    let storage = |text: &str| read(&format!("version: 0.1\nhttp: {{addr: ':1'}}\n{text}\n")).map(|c| c.storage);
    let root = |root: &str| Ok(Storage::Filesystem { root: root.into() });
    assert_eq!(storage("storage: inmemory"), Ok(Storage::Memory));
    assert_eq!(storage("storage: filesystem"), root("/var/lib/registry"));
    assert_eq!(storage("storage: {filesystem: }"), root("/var/lib/registry"));
    assert_eq!(storage("storage: {filesystem: {rootdirectory: , maxthreads: 100}}"), root("/var/lib/registry"));
    assert_eq!(storage("storage: {filesystem: {rootdirectory: 00123}}"), root("00123"));
    let Ok(Storage::S3(s3)) = storage("storage: {s3: {accesskey: 00123, secure: no, region: r, bucket: b}}") else {
        panic!("no bucket");
    };
    assert_eq!((s3.accesskey.as_str(), s3.secure, s3.chunksize), ("00123", false, 10 << 20));
    for (parameters, fault) in [
        ("{region: r}", "f:4:15: storage.s3.bucket: is missing"),
        ("{bucket: b}", "f:4:15: storage.s3.region: is missing"),
        (
            "{bucket: b, region: r, chunksize: 1}",
            "f:4:49: storage.s3.chunksize: must be 5242880 or more, in bytes, not \"1\"",
        ),
    ] {
        let found = storage(&format!("\nstorage: {{s3: {parameters}}}")).expect_err(parameters);
        assert_eq!(found.to_string(), fault);
    }
}

#[test]
fn faults_have_a_place_and_a_path() {
    let tail = "\nstorage: inmemory\nhttp: {addr: ':1'}\n";
    for (text, fault) in [
        ("".to_owned(), "f:1:1: version: is missing"),
        ("version: 0.2".to_owned() + tail, "f:1:10: version: only 0.1 is known, not \"0.2\""),
        ("version: 0.1\nhttp: {addr: ':1'}".to_owned(), "f:1:1: storage: is missing"),
        ("version: 0.1\nstorage: inmemory".to_owned(), "http.addr: is missing"),
        (
            "version: 0.1\nlog: {level: loud}".to_owned() + tail,
            "f:2:14: log.level: must be error, warn, info or debug, not \"loud\"",
        ),
        ("version: 0.1\nlog: [a]".to_owned() + tail, "f:2:6: log: must be a mapping, found a list"),
        ("version: 0.1\nlog: {level: {a: b}}".to_owned() + tail, "f:2:14: log.level: must be a text, found a mapping"),
        (
            "version: 0.1\nhttp: {addr: ':1', secret: [1]}\nstorage: inmemory".to_owned(),
            "f:2:28: http.secret: must be a text, found a list",
        ),
        ("version: 0.1\nredis: {db: one}".to_owned() + tail, "f:2:13: redis.db: must be a whole number, not \"one\""),
        (
            "version: 0.1\nnotifications: {endpoints: {}}".to_owned() + tail,
            "f:2:28: notifications.endpoints: must be a list, found a mapping",
        ),
        ("version: 0.1\nauth: {htpaswd: {realm: r, path: p}}".to_owned() + tail, "f:2:8: auth.htpaswd: is not known"),
        ("version: 0.1\nauht: {htpasswd: {realm: r, path: p}}".to_owned() + tail, "f:2:1: auht: is not known"),
        (
            "version: 0.1\nhttp: {addr: ':1', tsl: {key: k}}\nstorage: inmemory".to_owned(),
            "f:2:20: http.tsl: is not known",
        ),
        (
            "version: 0.1\nstorage: {filesystem: {rootDirectory: /data}}\nhttp: {addr: ':1'}".to_owned(),
            "f:2:24: storage.filesystem.rootDirectory: is not known",
        ),
        (
            "version: 0.1\nstorage: {delete: {enabled: perhaps}, inmemory: }\nhttp: {addr: ':1'}".to_owned(),
            "f:2:29: storage.delete.enabled: must be true or false, not \"perhaps\"",
        ),
        (
            "version: 0.1\nstorage: {inmemory: , filesystem: {}}\nhttp: {addr: ':1'}".to_owned(),
            "f:2:35: storage.filesystem: there is one storage, and inmemory is it already (f:2:19)",
        ),
        ("version: 0.1\nstorage: tape\nhttp: {addr: ':1'}".to_owned(), "f:2:10: storage.tape: is not known"),
        (
            "version: 0.1\nhttp: {addr: 5000}\nstorage: inmemory".to_owned(),
            "f:2:14: http.addr: must be HOST:PORT or :PORT, not \"5000\"",
        ),
        (
            "version: 0.1\nhttp: {addr: ':1', tls: {letsencrypt: {cachefile: c}}}\nstorage: inmemory".to_owned(),
            "f:2:39: http.tls.letsencrypt.hosts: is missing",
        ),
        (
            "version: 0.1\nstorage: {filesystem: {directory: /data}}\nhttp: {addr: ':1'}".to_owned(),
            "f:2:35: storage.filesystem.directory: is not known, and no rootdirectory says where the data is",
        ),
        ("version: 0.1\n\tx".to_owned(), "f:1:10: while scanning a plain scalar, found a tab"),
    ] {
        let found = read(&text).expect_err(&text).to_string();
        assert!(found.starts_with(fault), "{text}\n  {found}");
    }
}

#[test]
fn an_empty_guard_is_none() {
    assert!(read("version: 0.1\nauth: {none: }\nhttp: {addr: ':1', tls: }\nstorage: inmemory").is_ok());
    assert!(read("version: 0.1\nauth:\nproxy: {remoteurl: }\nhttp: {addr: ':1', tls: {}}\nstorage: inmemory").is_ok());
}

#[test]
fn values_that_cannot_be_meant() {
    for (text, fault) in [
        (
            "version: 0.1\nhttp: {addr: ':1', net: udp}\nstorage: inmemory",
            "f:2:25: http.net: must be tcp or unix, not \"udp\"",
        ),
        (
            "version: 0.1\nhttp: {addr: ':1', host: r.example}\nstorage: inmemory",
            "f:2:26: http.host: must be an absolute URL such as https://registry.example, not \"r.example\"",
        ),
        (
            "version: 0.1\nhttp: {addr: ':1', prefix: a b}\nstorage: inmemory",
            "f:2:28: http.prefix: must be a path such as /registry/, not \"a b\"",
        ),
        (
            "version: 0.1\nhttp: {addr: ':1', headers: {Content-Length: [1]}}\nstorage: inmemory",
            "f:2:46: http.headers.Content-Length: is not for the configuration to set",
        ),
        (
            "version: 0.1\nstorage: {inmemory: , maintenance: {uploadpurging: {interval: 0s}}}\nhttp: {addr: ':1'}",
            "f:2:63: storage.maintenance.uploadpurging.interval: must be more than nothing, not \"0s\"",
        ),
    ] {
        assert_eq!(read(text).expect_err(text).to_string(), fault, "{text}");
    }
}

/// Whatever a key is for, a URL with a password may stand there by mistake.
#[test]
fn no_fault_repeats_what_may_be_a_password() {
    let value = "\"u:SECRET@x\"";
    let http = "http: {addr: ':1'}";
    for text in [
        "http: {addr: VALUE}",
        "http: {addr: ':1', net: VALUE}",
        "http: {addr: ':1', host: VALUE}",
        "http: {addr: ':1', prefix: VALUE}",
        "http: {addr: ':1', h2c: {enabled: VALUE}}",
        "http: {addr: ':1', draintimeout: VALUE}",
        "http: {addr: ':1', trustedproxies: [VALUE]}",
        "http: {addr: ':1', debug: {addr: VALUE}}",
        "http: {addr: ':1', debug: {addr: ':2', prometheus: {path: VALUE}}}",
        "http: {addr: ':1', headers: {X-A: [\"u:SECRET@x\\n\"]}}",
        "http: {addr: ':1', tls: {certificate: c, key: k, minimumtls: VALUE}}",
        "http: {addr: ':1', tls: {certificate: c, key: k, ciphersuites: [VALUE]}}",
        "http: {addr: ':1', tls: {certificate: c, key: k, clientcas: [c], clientauth: VALUE}}",
        "http: {addr: ':1', tls: {letsencrypt: {cachefile: c, hosts: [VALUE]}}}",
        "HTTP\nlog: {level: VALUE}",
        "HTTP\nlog: {formatter: VALUE}",
        "HTTP\nauth: {token: {realm: r, service: s, issuer: i, jwks: k, signingalgorithms: [VALUE]}}",
        "HTTP\nauth: {token: {realm: r, service: s, issuer: i, jwks: k, autoredirectpath: VALUE}}",
        "HTTP\nhealth: {tcp: [{addr: VALUE}]}",
        "HTTP\nhealth: {http: [{uri: VALUE}]}",
        "HTTP\nhealth: {http: [{uri: 'http://h/', statuscode: VALUE}]}",
        "HTTP\nhealth: {file: [{file: f, threshold: VALUE}]}",
        "HTTP\nlimits: {requests: [{per: VALUE, rate: 1/s}]}",
        "HTTP\nlimits: {requests: [{per: user, rate: VALUE}]}",
        "HTTP\nlimits: {requests: [{per: user, rate: 1/s, methods: [VALUE]}]}",
        "HTTP\nlimits: {connections: {total: VALUE}}",
        "HTTP\nquotas: {rules: [{prefix: a, maxbytes: VALUE}]}",
        "HTTP\nquotas: {interval: VALUE}",
        "HTTP\nnotifications: {endpoints: [{url: VALUE}]}",
        "HTTP\nnotifications: {endpoints: [{url: 'http://h/', version: VALUE}]}",
        "HTTP\nnotifications: {endpoints: [{url: 'http://h/', backoff: VALUE}]}",
        "HTTP\nvalidation: {manifests: {urls: {allow: [\"u:SECRET@x(\"]}}}",
        "HTTP\nvalidation: {manifests: {indexes: {platforms: VALUE}}}",
        "HTTP\ntags: {maxtags: VALUE}",
        "HTTP\naccess: {groups: {a: [VALUE]}, rules: []}",
        "HTTP\naccess: {rules: [{repositories: [VALUE], anonymous: true, actions: [pull]}]}",
        "HTTP\naccess: {rules: [{repositories: [a], anonymous: true, actions: [VALUE]}]}",
        "HTTP\ntokens: {lifetime: VALUE}",
        "HTTP\ntokens: {service: \"u:SECRET@x y\"}",
    ] {
        let text = text.replace("VALUE", value).replace("HTTP", http);
        let found = read(&format!("version: 0.1\nstorage: inmemory\n{text}")).expect_err(&text).to_string();
        assert!(found.contains("***") && !found.contains("SECRET"), "{text}\n  {found}");
    }
    for text in ["version: u:SECRET@x\nstorage: inmemory\nHTTP", "version: 0.1\nstorage: u:SECRET@x\nHTTP"] {
        let found = read(&text.replace("HTTP", http)).expect_err(text).to_string();
        assert!(found.contains("***") && !found.contains("SECRET"), "{text}\n  {found}");
    }
    let found = read("version: 0.1\nstorage: inmemory\nhttp: {addr: 'u:SECRET@x'}").expect_err("no address");
    assert_eq!(found.to_string(), "f:3:14: http.addr: must be HOST:PORT or :PORT, not \"u:***@x\"");
}

#[test]
fn faults_of_notifications_have_a_place_and_a_path() {
    let tail = "\nstorage: inmemory\nhttp: {addr: ':1'}";
    for (text, expected) in [
        (
            "version: 0.1\nnotifications: {endpoints: [{name: a}]}".to_owned() + tail,
            "f:2:29: notifications.endpoints.url: is missing",
        ),
        (
            "version: 0.1\nnotifications: {endpoints: [{url: 'ftp://h/'}]}".to_owned() + tail,
            "f:2:35: notifications.endpoints.url: must be a URL of http or https, not \"ftp://h/\"",
        ),
        (
            "version: 0.1\nnotifications: {endpoints: [{url: 'http://h/', version: v3}]}".to_owned() + tail,
            "f:2:57: notifications.endpoints.version: must be v1 or v2, not \"v3\"",
        ),
        (
            "version: 0.1\nnotifications: {endpoints: [{url: 'http://h/'}], queue: {maxbytes: 0}}".to_owned() + tail,
            "f:2:68: notifications.queue.maxbytes: must be more than nothing, not \"0\"",
        ),
    ] {
        let error = read(&text).expect_err(&text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}
