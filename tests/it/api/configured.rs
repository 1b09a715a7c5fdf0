//! What a configuration asks of manifests and lists: each key shows its effect on a real server.

use std::io::BufReader;
use std::process::ChildStderr;

use serde_json::json;

use crate::support::image::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, descriptor, image, image_for, index};
use crate::support::{Client, Env, Response, Server, digest};

type Running = (Server, BufReader<ChildStderr>);

/// A server whose configuration ends in these lines.
fn server(env: &Env, lines: &str) -> Running {
    let text = env.expand(&format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: $TMP/data}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{lines}\n"
    ));
    std::fs::write(env.path("c.yml"), text).expect("written");
    Server::start_configured(&env.path("c.yml"), &env.path("data"))
}

/// Pushes an empty config and a manifest whose one layer is at `url`, and not here.
fn push_foreign(http: &mut Client, kind: &str, layer: &str, url: &str) -> Response {
    http.push_blob("a", b"{}");
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let size = 7;
    let digest = digest(url.as_bytes());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{config},"layers":[{{"mediaType":"{layer}","digest":"{digest}","size":{size},"urls":["{url}"]}}]}}"#
    );
    http.put("/v2/a/manifests/foreign", kind, manifest.as_bytes())
}

const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

#[test]
fn without_rules_layers_may_be_anywhere() {
    let env = Env::without_server();
    for lines in [
        "",
        "validation: {manifests: {urls: {allow: [], deny: }}}",
        "validation: {disabled: true, manifests: {urls: {allow: ['^https://only/']}}}",
    ] {
        let (server, _log) = server(&env, lines);
        for url in ["https://mcr.example/layer", "ftp://a/#b"] {
            let answer = push_foreign(&mut server.client(), OCI_MANIFEST, OCI_FOREIGN, url);
            assert_eq!(answer.status, 201, "{lines}: {url}: {answer}");
        }
    }
}

#[test]
fn rules_say_where_clients_may_be_sent() {
    let env = Env::without_server();
    let (server, _log) = server(
        &env,
        "validation: {manifests: {urls: {allow: ['^https?://mcr\\.example/', '^https://cdn/'], deny: ['/secret/']}}}",
    );
    let mut http = server.client();
    for (url, status) in [
        ("https://mcr.example/v2/layer", 201),
        ("http://mcr.example/v2/layer", 201),
        ("https://cdn/layer", 201),
        ("https://mcrxexample/layer", 400),
        ("https://evil/?https://cdn/", 400),
        ("https://cdn/secret/layer", 400),
        ("https://cdn/layer#fragment", 400),
    ] {
        for (kind, layer) in [(OCI_MANIFEST, OCI_FOREIGN), (DOCKER_MANIFEST, DOCKER_FOREIGN)] {
            let answer = push_foreign(&mut http, kind, layer, url);
            assert_eq!(answer.status, status, "{url}: {answer}");
        }
    }
    let refused = push_foreign(&mut http, OCI_MANIFEST, OCI_FOREIGN, "https://evil/layer");
    assert_eq!(
        refused.json(),
        json!({"errors": [{
            "code": "MANIFEST_INVALID",
            "message": "the registry takes no manifest that sends clients to \"https://evil/layer\""
        }]})
    );
    // An index can send clients elsewhere as well, and what is here may be elsewhere too.
    let child = image(1);
    child.push(&mut http, "a:child");
    let entry = descriptor(OCI_MANIFEST, &child.manifest);
    let with_url = |url: &str| {
        let entry = entry.replace("\"size\"", &format!("\"urls\":[\"{url}\"],\"size\""));
        format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entry}]}}"#)
    };
    for (url, status) in [("https://cdn/manifest", 201), ("https://evil/manifest", 400)] {
        assert_eq!(http.put("/v2/a/manifests/index", OCI_INDEX, with_url(url).as_bytes()).status, status, "{url}");
    }
}

#[test]
fn a_bad_rule_is_no_rule() {
    let env = Env::without_server();
    let config = "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\nvalidation: {manifests: {urls: {deny: ['ok', '(']}}}\n";
    std::fs::write(env.path("c.yml"), config).expect("written");
    let output = env.reg("serve $TMP/c.yml");
    assert_eq!(
        (output.exit, output.stderr.as_str()),
        (
            Some(2),
            "error: $TMP/c.yml:4:46: validation.manifests.urls.deny: must be a regular expression (unclosed group), not \"(\"\n"
        )
    );
    let config = "version: 0.1\nstorage: inmemory\nhttp: {addr: '127.0.0.1:0'}\n\
                  validation: {manifests: {indexes: {platforms: list, platformlist: [{os: linux}]}}}\n";
    std::fs::write(env.path("c.yml"), config).expect("written");
    let output = env.reg("serve $TMP/c.yml");
    assert_eq!(
        (output.exit, output.stderr.as_str()),
        (Some(2), "error: $TMP/c.yml:4:68: validation.manifests.indexes.platformlist.architecture: is missing\n")
    );
}

#[test]
fn an_index_needs_the_platforms_of_the_list() {
    let env = Env::without_server();
    let list = |more: &str| format!("validation: {{manifests: {{indexes: {{platforms: list{more}}}}}}}");
    let (server, _log) =
        server(&env, &list(", platformlist: [{os: linux, architecture: amd64}, {os: linux, architecture: arm64}]"));
    let mut http = server.client();
    image_for(1, "amd64").push(&mut http, "a:amd64");
    let put = |http: &mut Client, index: &[u8]| http.put("/v2/a/manifests/index", OCI_INDEX, index);
    assert_eq!(put(&mut http, &index(&[(1, "amd64"), (2, "s390x")]).manifest).status, 201);
    let refused = put(&mut http, &index(&[(1, "amd64"), (2, "s390x"), (3, "arm64")]).manifest);
    let missing = digest(&image_for(3, "arm64").manifest);
    assert_eq!((refused.status, refused.code().as_str()), (400, "MANIFEST_BLOB_UNKNOWN"), "{refused}");
    assert_eq!(refused.json()["errors"][0]["detail"]["digests"], json!([missing]));
    // Of no platform at all.
    let entry = descriptor(OCI_MANIFEST, b"absent");
    let bare = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entry}]}}"#);
    assert_eq!(put(&mut http, bare.as_bytes()).status, 201);
    // The blobs of an image are needed as ever.
    assert_eq!(http.put("/v2/a/manifests/image", OCI_MANIFEST, &image(4).manifest).status, 400);
    drop(server);

    let (all, _log) = self::server(&env, &list(""));
    assert_eq!(put(&mut all.client(), &index(&[(1, "amd64"), (2, "s390x")]).manifest).status, 400, "a list of nothing");
}

#[test]
fn pages_of_the_catalog_have_a_limit() {
    let env = Env::without_server();
    let (server, _log) = server(&env, "catalog: {maxentries: 2}");
    let mut http = server.client();
    for name in ["a:v1", "b:v1", "c:v1"] {
        image(1).push(&mut http, name);
    }
    let refused = http.get("/v2/_catalog?n=3");
    assert_eq!((refused.status, refused.code().as_str()), (400, "PAGINATION_NUMBER_INVALID"), "{refused}");
    for (target, next) in [
        ("/v2/_catalog", r#"</v2/_catalog?last=b>; rel="next""#),
        ("/v2/_catalog?n=2", r#"</v2/_catalog?n=2&last=b>; rel="next""#),
    ] {
        let page = http.get(target);
        assert_eq!(page.text().trim_end(), r#"{"repositories":["a","b"]}"#, "{target}");
        assert_eq!(page.header("link"), Some(next), "{target}");
    }
    let last = http.get("/v2/_catalog?n=2&last=b");
    assert_eq!((last.text().trim_end(), last.header("link")), (r#"{"repositories":["c"]}"#, None));
    // Our own client asks for more, and then for less.
    let names = env.reg(&format!("catalog {} -o name", server.host)).stdout;
    assert_eq!(names.lines().count(), 3, "{names}");
    drop(server);

    let (default, _log) = self::server(&env, "catalog: {maxentries: 0}");
    let mut http = default.client();
    assert_eq!(http.get("/v2/_catalog?n=1000").status, 200);
    assert_eq!(http.get("/v2/_catalog?n=1001").status, 400);
}

#[test]
fn pages_of_tags_have_a_limit_for_who_asks_for_pages() {
    let env = Env::without_server();
    let (server, _log) = server(&env, "tags: {maxtags: 2}");
    let mut http = server.client();
    for name in ["a:v1", "a:v2", "a:v3"] {
        image(1).push(&mut http, name);
    }
    let page = http.get("/v2/a/tags/list?n=100");
    assert_eq!(page.text().trim_end(), r#"{"name":"a","tags":["v1","v2"]}"#);
    assert_eq!(page.header("link"), Some(r#"</v2/a/tags/list?n=100&last=v2>; rel="next""#), "{page}");
    let last = http.get("/v2/a/tags/list?n=100&last=v2");
    assert_eq!((last.text().trim_end(), last.header("link")), (r#"{"name":"a","tags":["v3"]}"#, None));
    let all = http.get("/v2/a/tags/list");
    assert_eq!((all.text().trim_end(), all.header("link")), (r#"{"name":"a","tags":["v1","v2","v3"]}"#, None));
}

#[test]
fn a_browser_asks_before_it_logs_in() {
    let env = Env::without_server();
    let hash = "$2y$04$f7F21UoibeDZb5qEBI2AkuHcMRr7arP8zzVKzfDjKu7zbYM817IGO";
    std::fs::write(env.path("htpasswd"), format!("alice:{hash}\n")).expect("written");
    let config = env.expand(
        "version: 0.1\nstorage: {inmemory: }\nauth: {htpasswd: {realm: r, path: $TMP/htpasswd}}\ntokens: {enabled: true}\n\
         http:\n  addr: '127.0.0.1:0'\n  headers:\n    Access-Control-Allow-Origin: ['https://ui.example']\n    \
         Access-Control-Allow-Methods: ['HEAD', 'GET', 'OPTIONS', 'DELETE']\n    \
         Access-Control-Allow-Headers: ['Authorization', 'Accept', 'Cache-Control']\n    \
         Access-Control-Allow-Credentials: [true]\n    Access-Control-Expose-Headers: ['Docker-Content-Digest']\n",
    );
    std::fs::write(env.path("c.yml"), config).expect("written");
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let preflight = [
        ("Origin", "https://ui.example"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    let all = |answer: &crate::support::http::Response, name: &str| {
        let values = answer.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    };
    for (method, target, status) in [
        ("OPTIONS", "/v2/", 200),
        ("OPTIONS", "/v2/_catalog", 200),
        ("OPTIONS", "/v2/a/manifests/v1", 200),
        ("OPTIONS", "/token", 200),
        ("GET", "/v2/_catalog", 401),
        ("GET", "/token", 401),
    ] {
        let answer = server.client().send(method, target, &preflight, b"");
        assert_eq!(answer.status, status, "{method} {target}: {answer}");
        assert_eq!(all(&answer, "access-control-allow-origin"), "https://ui.example", "{method} {target}");
        assert_eq!(all(&answer, "access-control-allow-methods"), "HEAD, GET, OPTIONS, DELETE", "{method} {target}");
        assert_eq!(all(&answer, "access-control-allow-headers"), "Authorization, Accept, Cache-Control");
        assert_eq!(all(&answer, "access-control-allow-credentials"), "true");
        assert_eq!(all(&answer, "access-control-expose-headers"), "Docker-Content-Digest");
    }
}

#[test]
fn a_class_that_is_not_allowed_is_denied() {
    let env = Env::without_server();
    let config =
        "version: 0.1\nstorage: {inmemory: }\nhttp: {addr: '127.0.0.1:0'}\npolicy: {repository: {classes: [image]}}\n";
    std::fs::write(env.path("c.yml"), config).expect("written");
    let (server, _log) = Server::start_configured(&env.path("c.yml"), &env.path("data"));
    let digest = server.client().push_blob("a", b"{}");
    for (config, status) in [
        ("application/vnd.oci.image.config.v1+json", 201),
        ("application/vnd.docker.plugin.v1+json", 403),
        ("application/vnd.cncf.helm.config.v1+json", 403),
    ] {
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config}","digest":"{digest}","size":2}},"layers":[]}}"#
        );
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let answer = server.client().put("/v2/a/manifests/v1", kind, manifest.as_bytes());
        assert_eq!(answer.status, status, "{config}: {answer}");
        assert!(status == 201 || answer.code() == "DENIED", "{config}");
    }
}
