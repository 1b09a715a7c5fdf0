//! skopeo against `reg serve`: copies between registries and layouts, listings, inspection and deletion.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::containers::skopeo;
use crate::support::image::{Content, Flavour, Graph, OCI_MANIFEST, image, index, noise};
use crate::support::programs::{available, require};
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server, subject};

const PLAIN: &[&str] = &["--src-tls-verify=false", "--dest-tls-verify=false"];

#[test]
fn images_and_indexes_go_to_another_registry_and_back() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let _program = require!("docker-registry");
    let server = available!(Server::start(subject()));
    let other = available!(Server::start(Kind::Registry2));
    for (at, flavour) in [Flavour::Docker, Flavour::Oci].into_iter().enumerate() {
        for (kind, graph) in [("image", image(flavour, 7 + at as u64)), ("index", index(flavour, 20 + at as u64))] {
            let tag = format!("{flavour:?}-{kind}");
            server.api().push("from/here", &tag, &graph);
            let (here, there) = (server.name(&format!("from/here:{tag}")), other.name(&format!("to/there:{tag}")));
            let back = server.name(&format!("came/back:{tag}"));
            for (source, target) in [(&here, &there), (&there, &back)] {
                let (source, target) = (format!("docker://{source}"), format!("docker://{target}"));
                skopeo.run(&[&["copy", "--all"], PLAIN, &[source.as_str(), &target]].concat()).ok();
            }
            other.api().verify("to/there", &tag, &graph);
            server.api().verify("came/back", &tag, &graph);
        }
    }
}

#[test]
fn a_layout_on_disk_goes_in_and_out() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let server = available!(Server::start(subject()));
    let graph = index(Flavour::Oci, 40);
    server.api().push("team/layout", "v1", &graph);
    let layout = format!("oci:{}:v1", home.path().join("layout").display());

    let source = format!("docker://{}", server.name("team/layout:v1"));
    skopeo.run(&[&["copy", "--all"], PLAIN, &[source.as_str(), &layout]].concat()).ok();
    let target = format!("docker://{}", server.name("team/from-layout:v2"));
    skopeo.run(&[&["copy", "--all"], PLAIN, &[layout.as_str(), &target]].concat()).ok();

    server.api().verify("team/from-layout", "v2", &graph);
}

#[test]
fn tags_are_listed_and_images_inspected() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let server = available!(Server::start(subject()));
    let graph = image(Flavour::Oci, 50);
    for tag in ["v1", "v2"] {
        server.api().push("team/seen", tag, &graph);
    }
    let name = format!("docker://{}", server.name("team/seen"));

    let listed = skopeo.run(&["list-tags", "--tls-verify=false", &name]).ok();
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["Tags"], serde_json::json!(["v1", "v2"]));

    let seen = skopeo.run(&["inspect", "--tls-verify=false", &format!("{name}:v1")]).ok();
    let seen: serde_json::Value = serde_json::from_str(&seen).expect("JSON");
    assert_eq!(seen["Digest"].as_str(), Some(graph.digest()));
    assert_eq!(seen["RepoTags"], serde_json::json!(["v1", "v2"]));
    assert_eq!(seen["Layers"].as_array().map(Vec::len), Some(2));
    let raw = skopeo.run(&["inspect", "--raw", "--tls-verify=false", &format!("{name}:v1")]).ok();
    assert_eq!(raw.as_bytes(), graph.top().bytes);
}

/// skopeo deletes by digest whatever it was given: siblings go too. That is its way, not the registry's.
#[test]
fn an_image_is_deleted_with_all_its_tags() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let server = available!(Server::start(subject()));
    let (gone, kept) = (image(Flavour::Docker, 60), image(Flavour::Docker, 61));
    for (tag, graph) in [("v1", &gone), ("sibling", &gone), ("kept", &kept)] {
        server.api().push("team/deleted", tag, graph);
    }

    skopeo.run(&["delete", "--tls-verify=false", &format!("docker://{}", server.name("team/deleted:v1"))]).ok();

    assert_eq!(server.api().digest("team/deleted", "v1"), None);
    assert_eq!(server.api().digest("team/deleted", gone.digest()), None);
    assert_eq!(server.api().tags("team/deleted"), ["kept"]);
    server.api().verify("team/deleted", "kept", &kept);
}

#[test]
fn a_copy_that_converts_the_format_is_accepted() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let server = available!(Server::start(subject()));
    server.api().push("team/convert", "docker", &image(Flavour::Docker, 70));
    let name = |tag: &str| format!("docker://{}", server.name(&format!("team/convert:{tag}")));

    skopeo.run(&[&["copy", "--format", "oci"], PLAIN, &[name("docker").as_str(), &name("oci")]].concat()).ok();

    let answer = server.api().manifest("team/convert", "oci").expect(200);
    assert_eq!(answer.header("Content-Type"), Some("application/vnd.oci.image.manifest.v1+json"));
}

/// An image whose layer is not compressed, so that skopeo does not look into it.
fn uncompressed_image(seed: u64) -> Graph {
    let layer = Content::new("application/vnd.oci.image.layer.v1.tar", noise(seed, 40_000));
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        "history": [{"created_by": "a test"}],
    });
    let config = Content::new("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(), "layers": [layer.descriptor()],
    });
    let manifest = Content::new(OCI_MANIFEST, manifest.to_string().into_bytes());
    Graph { parts: vec![layer, config, manifest] }
}

/// What `reg` writes skopeo reads, and the other way round.
#[test]
fn archives_are_read_by_the_other() {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let server = available!(Server::start(subject()));
    let (graph, reg) = (uncompressed_image(80), Reg::new());
    server.api().push("team/archived", "v1", &graph);
    let layers = |inspected: &str| serde_json::from_str::<Value>(inspected).expect("JSON")["Layers"].clone();
    let remote = server.name("team/archived:v1");
    let expected = layers(&skopeo.run(&["inspect", "--tls-verify=false", &format!("docker://{remote}")]).ok());
    let file = |name: &str| home.path().join(name).display().to_string();

    let ours = format!("oci-archive:{}:v1", file("ours.tar"));
    reg.ok(&["copy", &remote, &ours]);
    assert_eq!(layers(&skopeo.run(&["inspect", &ours]).ok()), expected);
    let theirs = format!("oci-archive:{}:v2", file("theirs.tar"));
    skopeo.run(&["copy", &ours, &theirs]).ok();
    // On its way skopeo compresses layers; the config stays.
    assert_eq!(reg.ok(&["inspect", "--config", &theirs]).as_bytes(), graph.parts[1].bytes);

    // docker's archives have no manifest of their own; what is in them is the same.
    let ours = format!("docker-archive:{}:mine/app:v1", file("docker.tar"));
    reg.ok(&["copy", &remote, &ours]);
    let theirs = format!("docker-archive:{}:mine/app:v2", file("skopeo.tar"));
    skopeo.run(&["copy", &ours, &theirs]).ok();
    let again = server.name("team/again:v3");
    reg.ok(&["copy", &theirs, &again]);
    assert_eq!(layers(&skopeo.run(&["inspect", "--tls-verify=false", &format!("docker://{again}")]).ok()), expected);
}
