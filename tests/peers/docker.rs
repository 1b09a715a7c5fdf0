//! A real Docker daemon against `reg serve`: what people do with it all day, with every digest compared.

use crate::support::containers::dockerfile;
use crate::support::dockerd::Dockerd;
use crate::support::programs::available;
use crate::support::registry::{Server, subject};

#[test]
fn push_pull_and_run() {
    let docker = available!(Dockerd::shared());
    let server = available!(Server::start(subject()));
    let name = server.name("team/app:v1");
    docker.import(&name, "the first");

    docker.ok(&["push", &name]);
    let digest = docker.digest(&name);
    assert_eq!(server.api().digest("team/app", "v1"), Some(digest.clone()));

    docker.ok(&["image", "rm", &name]);
    docker.ok(&["pull", &name]);
    assert_eq!(docker.digest(&name), digest);
    assert_eq!(docker.ok(&["run", "--rm", "--network", "none", &name]), "the first");
}

#[test]
fn a_second_push_sends_nothing_and_changes_nothing() {
    let docker = available!(Dockerd::shared());
    let server = available!(Server::start(subject()));
    let name = server.name("team/again:v1");
    docker.import(&name, "pushed twice");
    docker.ok(&["push", &name]);
    let digest = server.api().digest("team/again", "v1");

    let said = docker.ok(&["push", &name]);

    assert!(said.contains("Layer already exists"), "{said}");
    assert!(!said.contains("Pushed"), "{said}");
    assert_eq!(server.api().digest("team/again", "v1"), digest);
    assert_eq!(digest, Some(docker.digest(&name)));
}

#[test]
fn a_layer_is_mounted_from_another_repository() {
    let docker = available!(Dockerd::shared());
    let server = available!(Server::start(subject()));
    let (first, second) = (server.name("base/os:v1"), server.name("team/derived:v1"));
    docker.import(&first, "mounted");
    docker.ok(&["push", &first]);
    docker.ok(&["tag", &first, &second]);

    let said = docker.ok(&["push", &second]);

    assert!(said.contains("Mounted from base/os"), "{said}");
    assert_eq!(server.api().digest("team/derived", "v1"), server.api().digest("base/os", "v1"));
    docker.ok(&["image", "rm", &first, &second]);
    docker.ok(&["pull", &second]);
    assert_eq!(docker.ok(&["run", "--rm", "--network", "none", &second]), "mounted");
}

#[test]
fn pull_by_digest() {
    let docker = available!(Dockerd::shared());
    let server = available!(Server::start(subject()));
    let name = server.name("team/pinned:v1");
    docker.import(&name, "pinned");
    docker.ok(&["push", &name]);
    let digest = docker.digest(&name);
    docker.ok(&["image", "rm", &name]);

    let pinned = server.name(&format!("team/pinned@{digest}"));
    docker.ok(&["pull", &pinned]);

    assert_eq!(docker.ok(&["run", "--rm", "--network", "none", &pinned]), "pinned");
    let absent = server.name(&format!("team/pinned@sha256:{}", "0".repeat(64)));
    let said = docker.docker.run(&["pull", &absent]).failed();
    assert!(said.contains("manifest unknown") || said.contains("not found"), "{said}");
}

#[test]
fn build_from_an_image_and_push_the_result() {
    let docker = available!(Dockerd::shared());
    let server = available!(Server::start(subject()));
    let (base, built) = (server.name("base/for-build:v1"), server.name("team/built:v1"));
    docker.import(&base, "before the build");
    docker.ok(&["push", &base]);
    docker.ok(&["image", "rm", &base]);
    let context = dockerfile(docker.directory(), &base, "after-the-build");

    docker.ok(&["build", "--pull", "--network", "none", "--tag", &built, &context.to_string_lossy()]);
    docker.ok(&["push", &built]);

    let digest = docker.digest(&built);
    assert_eq!(server.api().digest("team/built", "v1"), Some(digest.clone()));
    docker.ok(&["image", "rm", &built]);
    docker.ok(&["pull", &server.name(&format!("team/built@{digest}"))]);
    let pinned = server.name(&format!("team/built@{digest}"));
    assert_eq!(docker.ok(&["run", "--rm", "--network", "none", &pinned]), "after-the-build");
    assert_eq!(server.api().tags("team/built"), ["v1"]);
}

#[test]
fn every_tag_of_a_repository_is_pulled() {
    let docker = available!(Dockerd::shared());
    let server = available!(Server::start(subject()));
    let names = ["a", "b"].map(|tag| server.name(&format!("team/many:{tag}")));
    for name in &names {
        docker.import(name, name);
        docker.ok(&["push", name]);
        docker.ok(&["image", "rm", name]);
    }

    docker.ok(&["pull", "--all-tags", &server.name("team/many")]);

    for name in &names {
        assert_eq!(&docker.ok(&["run", "--rm", "--network", "none", name]), name);
    }
}
