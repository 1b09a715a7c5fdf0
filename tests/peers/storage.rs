//! Both directions of the storage: one directory, opened in turn by registry 2.8.2, registry 3 and us.

use std::path::Path;

use tempfile::TempDir;

use crate::support::image::{Flavour, Graph, artifact, image, index};
use crate::support::programs::require;
use crate::support::registry::{Kind, Server, collect_with_registry2, filesystem, subject};

/// One of everything that a registry 2 stores, by the tag that it stands under.
fn assortment(seed: u64) -> Vec<(&'static str, Graph)> {
    vec![
        ("schema2", image(Flavour::Docker, seed)),
        ("oci", image(Flavour::Oci, seed + 10)),
        ("list", index(Flavour::Docker, seed + 20)),
        ("index", index(Flavour::Oci, seed + 30)),
    ]
}

/// Every registry with one and the same `config.yml`.
fn serve(kind: Kind, directory: &Path) -> Server {
    Server::start_with(kind, directory, &filesystem(&directory.join("data"))).expect("its program was asked for")
}

fn push_all(server: &Server, repository: &str, graphs: &[(&'static str, Graph)]) {
    for (tag, graph) in graphs {
        server.api().push(repository, tag, graph);
    }
}

fn verify_all(server: &Server, repository: &str, graphs: &[(&'static str, Graph)]) {
    for (tag, graph) in graphs {
        server.api().verify(repository, tag, graph);
    }
}

/// Written by `writer`, served by us.
fn adopted_from(writer: Kind) {
    let directory = TempDir::new().expect("a directory");
    let graphs = assortment(100);
    {
        let theirs = serve(writer, directory.path());
        push_all(&theirs, "old/app", &graphs);
        push_all(&theirs, "old/deep/er/app", &graphs[..1]);
        theirs.api().delete_manifest("old/deep/er/app", graphs[0].1.digest());
    }
    let ours = serve(subject(), directory.path());
    verify_all(&ours, "old/app", &graphs);
    assert_eq!(ours.api().tags("old/app"), ["index", "list", "oci", "schema2"]);
    assert_eq!(ours.api().digest("old/deep/er/app", "schema2"), None);
    assert_eq!(ours.api().digest("old/deep/er/app", graphs[0].1.digest()), None);
    let catalog = ours.api().get("/v2/_catalog").expect(200).json();
    assert!(catalog["repositories"].to_string().contains("\"old/app\""), "{catalog}");
}

#[test]
fn what_registry_2_wrote_is_served() {
    let _program = require!("docker-registry");
    adopted_from(Kind::Registry2);
}

#[test]
fn what_registry_3_wrote_is_served() {
    let _program = require!("registry");
    adopted_from(Kind::Registry3);
}

/// Written by us, served by `reader`.
fn handed_over_to(reader: Kind) {
    let directory = TempDir::new().expect("a directory");
    let graphs = assortment(200);
    {
        let ours = serve(subject(), directory.path());
        push_all(&ours, "new/app", &graphs);
        ours.api().push("new/app", "moved", &graphs[0].1);
        ours.api().push("new/app", "moved", &graphs[1].1);
        ours.api().push("new/gone", "v1", &graphs[0].1);
        ours.api().delete_manifest("new/gone", graphs[0].1.digest());
    }
    let theirs = serve(reader, directory.path());
    verify_all(&theirs, "new/app", &graphs);
    theirs.api().verify("new/app", "moved", &graphs[1].1);
    assert_eq!(theirs.api().tags("new/app"), ["index", "list", "moved", "oci", "schema2"]);
    assert_eq!(theirs.api().digest("new/gone", "v1"), None);
    assert_eq!(theirs.api().digest("new/gone", graphs[0].1.digest()), None);
}

#[test]
fn what_we_wrote_is_served_by_registry_2() {
    let _program = require!("docker-registry");
    handed_over_to(Kind::Registry2);
}

#[test]
fn what_we_wrote_is_served_by_registry_3() {
    let _program = require!("registry");
    handed_over_to(Kind::Registry3);
}

#[test]
fn the_directory_goes_round_and_is_collected_by_registry_2() {
    let program = require!("docker-registry");
    let _other = require!("registry");
    let directory = TempDir::new().expect("a directory");
    let (old, new, late) = (assortment(300), assortment(400), image(Flavour::Oci, 500));
    let doomed = image(Flavour::Docker, 600);
    {
        let theirs = serve(Kind::Registry2, directory.path());
        push_all(&theirs, "shared/app", &old);
        theirs.api().push("shared/app", "doomed", &doomed);
    }
    {
        let ours = serve(subject(), directory.path());
        push_all(&ours, "shared/ours", &new);
        ours.api().delete_manifest("shared/app", doomed.digest());
    }
    {
        let theirs = serve(Kind::Registry3, directory.path());
        verify_all(&theirs, "shared/app", &old);
        verify_all(&theirs, "shared/ours", &new);
        theirs.api().push("shared/ours", "late", &late);
    }
    // Not `-m`: in 2.8.2 it takes the images of every index and list for untagged.
    let said = collect_with_registry2(program, directory.path(), &[]);
    assert!(said.contains("blobs marked"), "{said}");
    {
        let theirs = serve(Kind::Registry2, directory.path());
        verify_all(&theirs, "shared/ours", &new);
    }
    let ours = serve(subject(), directory.path());
    verify_all(&ours, "shared/app", &old);
    verify_all(&ours, "shared/ours", &new);
    ours.api().verify("shared/ours", "late", &late);
    for blob in doomed.blobs() {
        assert!(!ours.api().has_blob("shared/app", &blob.digest), "collected, and yet announced: {}", blob.digest);
    }
    // What was collected can be pushed again: nothing of it is remembered.
    ours.api().push("shared/app", "doomed", &doomed);
    ours.api().verify("shared/app", "doomed", &doomed);
}

/// registry 2 knows no referrers, so `-m` takes untagged artifacts; what is left must stay consistent.
#[test]
fn a_collection_by_registry_2_leaves_no_dangling_referrers() {
    let program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    let graph = image(Flavour::Oci, 700);
    let (untagged, tagged) = (artifact(graph.top(), "application/x", 701), artifact(graph.top(), "application/y", 702));
    {
        let ours = serve(subject(), directory.path());
        ours.api().push("team/app", "v1", &graph);
        ours.api().push("team/app", untagged.digest(), &untagged);
        ours.api().push("team/app", "signature", &tagged);
        assert_eq!(ours.api().referrers("team/app", graph.digest()).len(), 2);
    }
    collect_with_registry2(program, directory.path(), &["-m"]);
    let ours = serve(subject(), directory.path());
    ours.api().verify("team/app", "v1", &graph);
    ours.api().verify("team/app", "signature", &tagged);
    assert_eq!(ours.api().referrers("team/app", graph.digest()), [tagged.digest()]);
}

#[test]
fn artifacts_pushed_to_registry_2_are_referrers_here_at_the_first_request() {
    let _program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    let graph = image(Flavour::Oci, 800);
    let signature = artifact(graph.top(), "application/signature", 801);
    {
        let theirs = serve(Kind::Registry2, directory.path());
        theirs.api().push("team/app", "v1", &graph);
        theirs.api().push("team/app", signature.digest(), &signature);
    }
    let ours = serve(subject(), directory.path());
    assert_eq!(ours.api().referrers("team/app", graph.digest()), [signature.digest()]);
}

#[test]
fn an_upload_begun_at_registry_2_is_not_taken_for_content() {
    let _program = require!("docker-registry");
    let directory = TempDir::new().expect("a directory");
    let graph = image(Flavour::Docker, 900);
    {
        let theirs = serve(Kind::Registry2, directory.path());
        theirs.api().push("team/app", "v1", &graph);
        let begun = theirs.api().request("POST", "/v2/team/app/blobs/uploads/", &[], b"").expect(202);
        let location = crate::support::api::Api::path_of(begun.header("Location").expect("a Location"));
        theirs.api().request("PATCH", &location, &[("Content-Type", "application/octet-stream")], b"part").expect(202);
    }
    let ours = serve(subject(), directory.path());
    ours.api().verify("team/app", "v1", &graph);
    assert_eq!(ours.api().tags("team/app"), ["v1"]);
    assert_eq!(ours.api().get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["team/app"]));
}
