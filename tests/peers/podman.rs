//! podman against `reg serve`: schema 2 and OCI images, pulled by tag and by digest, run, and listed.

use tempfile::TempDir;

use crate::support::containers::{podman, rootfs};
use crate::support::process::Tool;
use crate::support::programs::available;
use crate::support::registry::{Server, subject};

/// runc cannot raise limits above those of its own process.
const RUN: &[&str] =
    &["run", "--rm", "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];

fn import(podman: &Tool, home: &TempDir, name: &str, text: &str) {
    let tar = rootfs(home.path(), text);
    let command = "CMD=[\"/bin/busybox\",\"cat\",\"/text\"]";
    podman.run(&["import", "--change", command, &tar.to_string_lossy(), name]).ok();
}

fn round_trip(format: &str, media_type: &str) {
    let home = TempDir::new().expect("a home");
    let podman = available!(podman(home.path()));
    let server = available!(Server::start(subject()));
    let name = server.name("team/pod:v1");
    import(&podman, &home, &name, "from podman");
    let file = home.path().join("digest");

    let push = ["push", "--tls-verify=false", "--format", format, "--digestfile", &file.to_string_lossy(), &name];
    podman.run(&push).ok();
    let digest = std::fs::read_to_string(&file).expect("a digest");
    let answer = server.api().manifest("team/pod", "v1").expect(200);
    assert_eq!(answer.header("Content-Type"), Some(media_type));
    assert_eq!(answer.header("Docker-Content-Digest"), Some(digest.as_str()));

    podman.run(&["rmi", "--force", &name]).ok();
    let pinned = server.name(&format!("team/pod@{digest}"));
    podman.run(&["pull", "--tls-verify=false", &pinned]).ok();
    assert_eq!(podman.run(&[RUN, &[&pinned]].concat()).ok(), "from podman");
    podman.run(&["pull", "--tls-verify=false", &name]).ok();
    assert_eq!(podman.run(&["image", "inspect", "--format", "{{.Digest}}", &name]).ok(), digest);
}

#[test]
fn docker_images_go_round() {
    round_trip("v2s2", "application/vnd.docker.distribution.manifest.v2+json");
}

#[test]
fn oci_images_go_round() {
    round_trip("oci", "application/vnd.oci.image.manifest.v1+json");
}

#[test]
fn a_manifest_list_is_pushed_with_its_children_and_pulled() {
    let home = TempDir::new().expect("a home");
    let podman = available!(podman(home.path()));
    let server = available!(Server::start(subject()));
    let (image, list) = (server.name("team/multi:amd64"), server.name("team/multi:all"));
    import(&podman, &home, &image, "of many");
    podman.run(&["push", "--tls-verify=false", &image]).ok();

    podman.run(&["manifest", "create", &list]).ok();
    podman.run(&["manifest", "add", "--tls-verify=false", &list, &format!("docker://{image}")]).ok();
    podman.run(&["manifest", "push", "--all", "--tls-verify=false", &list, &format!("docker://{list}")]).ok();
    podman.run(&["manifest", "rm", &list]).ok();
    podman.run(&["rmi", "--force", &image]).ok();

    podman.run(&["pull", "--tls-verify=false", &list]).ok();
    assert_eq!(podman.run(&[RUN, &[&list]].concat()).ok(), "of many");
    let json = server.api().manifest("team/multi", "all").expect(200).json();
    assert_eq!(json["manifests"][0]["digest"].as_str(), server.api().digest("team/multi", "amd64").as_deref());
}

#[test]
fn tags_are_searched_and_a_missing_one_is_named() {
    let home = TempDir::new().expect("a home");
    let podman = available!(podman(home.path()));
    let server = available!(Server::start(subject()));
    for tag in ["one", "two"] {
        let name = server.name(&format!("team/listed:{tag}"));
        import(&podman, &home, &name, tag);
        podman.run(&["push", "--tls-verify=false", &name]).ok();
    }

    let found = podman.run(&["search", "--tls-verify=false", "--list-tags", &server.name("team/listed")]).ok();
    assert!(found.contains("one") && found.contains("two"), "{found}");

    let said = podman.run(&["pull", "--tls-verify=false", &server.name("team/listed:three")]).failed();
    assert!(said.contains("manifest unknown"), "{said}");
}
