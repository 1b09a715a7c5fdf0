//! `reg serve CONFIG.yml` over a bucket, with distribution's own keys: docker and skopeo push and pull, and registry 3
//! opens the same bucket.

use std::fs;

use tempfile::TempDir;

use crate::support::containers::skopeo;
use crate::support::dockerd::Dockerd;
use crate::support::image::{Flavour, artifact, image, index};
use crate::support::programs::{available, require};
use crate::support::registry::{Kind, Server, subject};
use crate::support::s3::{Bucket, Store};

fn docker_round_trip(store: Store) {
    let docker = available!(Dockerd::shared());
    let (bucket, directory) = (available!(Bucket::start(store)), TempDir::new().expect("a directory"));
    let server = available!(Server::start_with(subject(), directory.path(), &bucket.storage()));
    let name = server.name("bucket/app:v1");
    docker.import(&name, "from a bucket");

    docker.ok(&["push", &name]);
    let digest = docker.digest(&name);
    assert_eq!(server.api().digest("bucket/app", "v1"), Some(digest.clone()));
    docker.ok(&["image", "rm", &name]);
    docker.ok(&["pull", &server.name(&format!("bucket/app@{digest}"))]);

    let pinned = server.name(&format!("bucket/app@{digest}"));
    assert_eq!(docker.ok(&["run", "--rm", "--network", "none", &pinned]), "from a bucket");
}

#[test]
fn docker_pushes_and_pulls_over_minio() {
    docker_round_trip(Store::Minio);
}

#[test]
fn docker_pushes_and_pulls_over_versitygw() {
    docker_round_trip(Store::Versitygw);
}

fn skopeo_round_trip(store: Store) {
    let home = TempDir::new().expect("a home");
    let skopeo = available!(skopeo(home.path()));
    let (bucket, directory) = (available!(Bucket::start(store)), TempDir::new().expect("a directory"));
    let server = available!(Server::start_with(subject(), directory.path(), &bucket.storage()));
    let graph = index(Flavour::Oci, 3);
    server.api().push("bucket/index", "v1", &graph);

    let (from, to) = (server.name("bucket/index:v1"), server.name("bucket/copy:v1"));
    let plain = ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo.run(&[&plain[..], &[&format!("docker://{from}"), &format!("docker://{to}")]].concat()).ok();

    server.api().verify("bucket/copy", "v1", &graph);
    skopeo.run(&["delete", "--tls-verify=false", &format!("docker://{from}")]).ok();
    assert_eq!(server.api().digest("bucket/index", "v1"), None);
    server.api().verify("bucket/copy", "v1", &graph);
}

#[test]
fn skopeo_copies_and_deletes_over_minio() {
    skopeo_round_trip(Store::Minio);
}

#[test]
fn skopeo_copies_and_deletes_over_versitygw() {
    skopeo_round_trip(Store::Versitygw);
}

/// The node holds nothing: another one over the same bucket has it all.
fn restart(store: Store) {
    let bucket = available!(Bucket::start(store));
    let (first, second) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
    let graph = image(Flavour::Docker, 5);
    let signature = artifact(graph.top(), "application/signature", 6);
    {
        let server = available!(Server::start_with(subject(), first.path(), &bucket.storage()));
        server.api().push("bucket/kept", "v1", &graph);
        server.api().push("bucket/kept", signature.digest(), &signature);
    }
    let server = available!(Server::start_with(subject(), second.path(), &bucket.storage()));
    server.api().verify("bucket/kept", "v1", &graph);
    assert_eq!(server.api().referrers("bucket/kept", graph.digest()), [signature.digest()]);
    assert_eq!(server.api().get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["bucket/kept"]));
    let files = fs::read_dir(first.path()).expect("a directory").flatten();
    let names: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    assert!(!names.iter().any(|name| name == "data"), "content on the local disk: {names:?}");
}

#[test]
fn a_bucket_in_minio_outlives_its_server() {
    restart(Store::Minio);
}

#[test]
fn a_bucket_in_versitygw_outlives_its_server() {
    restart(Store::Versitygw);
}

#[test]
fn registry_3_and_we_share_a_bucket() {
    let _program = require!("registry");
    let (bucket, directory) = (available!(Bucket::start(Store::Minio)), TempDir::new().expect("a directory"));
    let (theirs_first, ours_then, theirs_last) =
        (index(Flavour::Oci, 11), image(Flavour::Docker, 12), image(Flavour::Oci, 13));
    {
        let theirs = available!(Server::start_with(Kind::Registry3, directory.path(), &bucket.storage()));
        theirs.api().push("both/app", "theirs", &theirs_first);
    }
    {
        let ours = available!(Server::start_with(subject(), directory.path(), &bucket.storage()));
        ours.api().verify("both/app", "theirs", &theirs_first);
        ours.api().push("both/app", "ours", &ours_then);
    }
    {
        let theirs = available!(Server::start_with(Kind::Registry3, directory.path(), &bucket.storage()));
        theirs.api().verify("both/app", "ours", &ours_then);
        assert_eq!(theirs.api().tags("both/app"), ["ours", "theirs"]);
        theirs.api().push("both/app", "last", &theirs_last);
    }
    let ours = available!(Server::start_with(subject(), directory.path(), &bucket.storage()));
    assert_eq!(ours.api().tags("both/app"), ["last", "ours", "theirs"]);
    ours.api().verify("both/app", "last", &theirs_last);
}
