//! crane against `reg serve`: push, pull, copy, tag, list, catalog, digest, append, delete.

use std::path::Path;

use tempfile::TempDir;

use crate::support::image::{Flavour, image, index};
use crate::support::process::Tool;
use crate::support::programs::{available, require};
use crate::support::registry::{Server, subject};

fn crane(program: std::path::PathBuf, home: &Path) -> Tool {
    let path = home.to_string_lossy();
    Tool::new(program).first(&["--insecure"]).env("HOME", &path).env("DOCKER_CONFIG", &path)
}

#[test]
fn copies_keep_digests() {
    let program = require!("crane");
    let home = TempDir::new().expect("a home");
    let crane = crane(program, home.path());
    let (server, other) = (available!(Server::start(subject())), available!(Server::start(subject())));
    for (tag, graph) in [("image", image(Flavour::Docker, 1)), ("index", index(Flavour::Oci, 2))] {
        server.api().push("team/app", tag, &graph);
        let (from, to) = (server.name(&format!("team/app:{tag}")), other.name(&format!("copied/app:{tag}")));
        crane.run(&["copy", &from, &to]).ok();
        other.api().verify("copied/app", tag, &graph);
        assert_eq!(crane.run(&["digest", &to]).ok(), graph.digest());
        assert_eq!(crane.run(&["manifest", &to]).ok().as_bytes(), graph.top().bytes);
    }
    assert_eq!(crane.run(&["ls", &other.name("copied/app")]).ok(), "image\nindex");
    assert_eq!(crane.run(&["catalog", &other.address.to_string()]).ok(), "copied/app");
}

#[test]
fn every_tag_is_copied_at_once() {
    let program = require!("crane");
    let home = TempDir::new().expect("a home");
    let crane = crane(program, home.path());
    let (server, other) = (available!(Server::start(subject())), available!(Server::start(subject())));
    let graphs = [("a", image(Flavour::Oci, 11)), ("b", image(Flavour::Oci, 12)), ("c", index(Flavour::Docker, 13))];
    for (tag, graph) in &graphs {
        server.api().push("team/all", tag, graph);
    }

    crane.run(&["copy", "--all-tags", &server.name("team/all"), &other.name("team/all")]).ok();

    assert_eq!(other.api().tags("team/all"), ["a", "b", "c"]);
    for (tag, graph) in &graphs {
        other.api().verify("team/all", tag, graph);
    }
}

#[test]
fn an_image_is_pulled_to_a_file_and_pushed_from_it() {
    let program = require!("crane");
    let home = TempDir::new().expect("a home");
    let crane = crane(program, home.path());
    let server = available!(Server::start(subject()));
    let graph = image(Flavour::Oci, 21);
    server.api().push("team/file", "v1", &graph);
    let layout = home.path().join("layout").to_string_lossy().into_owned();

    crane.run(&["pull", "--format", "oci", &server.name("team/file:v1"), &layout]).ok();
    crane.run(&["push", &layout, &server.name("team/pushed:v1")]).ok();

    server.api().verify("team/pushed", "v1", &graph);
}

#[test]
fn a_layer_is_appended_and_an_image_mutated() {
    let program = require!("crane");
    let home = TempDir::new().expect("a home");
    let crane = crane(program, home.path());
    let server = available!(Server::start(subject()));
    std::fs::write(home.path().join("file"), "content").expect("a file");
    let tar = home.path().join("layer.tar").to_string_lossy().into_owned();
    let directory = home.path().to_string_lossy().into_owned();
    Tool::new("tar".into()).run(&["-C", &directory, "-cf", &tar, "file"]).ok();

    let (base, next) = (server.name("team/made:base"), server.name("team/made:labelled"));
    crane.run(&["append", "--new_layer", &tar, "--new_tag", &base]).ok();
    crane.run(&["mutate", "--label", "who=crane", "--tag", &next, &base]).ok();

    let config: serde_json::Value = serde_json::from_str(&crane.run(&["config", &next]).ok()).expect("JSON");
    assert_eq!(config["config"]["Labels"]["who"], "crane");
    crane.run(&["validate", "--remote", &next]).ok();
    assert_ne!(server.api().digest("team/made", "base"), server.api().digest("team/made", "labelled"));
}

#[test]
fn tags_are_set_and_images_deleted() {
    let program = require!("crane");
    let home = TempDir::new().expect("a home");
    let crane = crane(program, home.path());
    let server = available!(Server::start(subject()));
    let graph = image(Flavour::Docker, 31);
    server.api().push("team/tagged", "v1", &graph);

    crane.run(&["tag", &server.name("team/tagged:v1"), "v2"]).ok();
    assert_eq!(server.api().digest("team/tagged", "v2").as_deref(), Some(graph.digest()));

    crane.run(&["delete", &server.name(&format!("team/tagged@{}", graph.digest()))]).ok();
    assert_eq!(server.api().digest("team/tagged", "v1"), None);
    assert_eq!(server.api().digest("team/tagged", "v2"), None);
    let said = crane.run(&["digest", &server.name("team/tagged:v1")]).failed();
    assert!(said.contains("404") || said.contains("MANIFEST_UNKNOWN"), "{said}");
}
