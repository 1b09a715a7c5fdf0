//! The `reg` command line against registry 2.8.2, registry 3, zot and `reg serve`: one script, four registries.

use serde_json::Value;

use crate::support::image::{Flavour, image, index};
use crate::support::programs::available;
use crate::support::reg::Reg;
use crate::support::registry::{Kind, Server};

/// Runs the same scenario with each registry as a test of its own.
macro_rules! on_every_registry {
    ($($scenario:ident),* $(,)?) => {
        mod registry_2 { $(#[test] fn $scenario() { super::$scenario(super::Kind::Registry2); })* }
        mod registry_3 { $(#[test] fn $scenario() { super::$scenario(super::Kind::Registry3); })* }
        mod zot { $(#[test] fn $scenario() { super::$scenario(super::Kind::Zot); })* }
        mod reg_serve { $(#[test] fn $scenario() { super::$scenario(super::Kind::Reg); })* }
    };
}

on_every_registry!(
    catalog_and_tags_are_listed,
    an_image_and_an_index_are_inspected,
    a_tag_is_set_without_a_transfer,
    copies_keep_digests,
    a_manifest_is_deleted_with_its_blast_radius_shown,
    a_tag_is_removed_where_the_registry_can,
    a_plan_counts_shared_layers_once,
    what_is_not_there_is_exit_code_3,
);

/// Which registries remove a tag and leave the manifest.
fn can_untag(kind: Kind) -> bool {
    kind != Kind::Registry2
}

fn catalog_and_tags_are_listed(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    for repository in ["team/app", "other"] {
        for tag in ["v1", "v2", "v10"] {
            server.api().push(repository, tag, &image(Flavour::Oci, 1));
        }
    }
    let host = server.address.to_string();

    assert_eq!(reg.items(&["catalog", &host], "repository"), ["other", "team/app"]);
    assert_eq!(reg.items(&["tags", &server.name("team/app")], "tag"), ["v1", "v10", "v2"]);
    let filtered = reg.items(&["tags", "--filter", "v1*", &server.name("team/app")], "tag");
    assert_eq!(filtered, ["v1", "v10"]);
    let names = reg.ok(&["tags", "-o", "name", &server.name("team/app")]);
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    let expected = ["team/app:v1", "team/app:v10", "team/app:v2"].map(|name| server.name(name));
    assert_eq!(names, expected);
}

fn an_image_and_an_index_are_inspected(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    let (one, many) = (image(Flavour::Docker, 10), index(Flavour::Oci, 11));
    server.api().push("team/seen", "one", &one);
    server.api().push("team/seen", "many", &many);

    for (tag, graph) in [("one", &one), ("many", &many)] {
        let name = server.name(&format!("team/seen:{tag}"));
        assert_eq!(reg.ok(&["digest", &name]), graph.digest());
        assert_eq!(reg.ok(&["inspect", "--raw", &name]).as_bytes(), graph.top().bytes);
        let text = reg.json(&["inspect", &name]).to_string();
        assert!(text.contains(graph.digest()), "{text}");
        assert!(text.contains("amd64"), "{text}");
    }
}

fn a_tag_is_set_without_a_transfer(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    let graph = index(Flavour::Oci, 20);
    server.api().push("team/tagged", "v1", &graph);

    reg.ok(&["tag", &server.name("team/tagged:v1"), "v2", "latest"]);

    assert_eq!(server.api().tags("team/tagged"), ["latest", "v1", "v2"]);
    server.api().verify("team/tagged", "latest", &graph);
}

fn copies_keep_digests(kind: Kind) {
    let server = available!(Server::start(kind));
    let other = available!(Server::start(Kind::Reg));
    let reg = Reg::new();
    for (tag, graph) in [("image", image(Flavour::Docker, 30)), ("index", index(Flavour::Oci, 31))] {
        server.api().push("team/source", tag, &graph);
        let here = server.name(&format!("team/source:{tag}"));
        let there = other.name(&format!("team/target:{tag}"));
        let back = server.name(&format!("team/back:{tag}"));
        let layout = format!("oci:{}:{tag}", reg.home.path().join("layout").display());
        reg.ok(&["copy", &here, &there]);
        other.api().verify("team/target", tag, &graph);
        reg.ok(&["copy", &there, &layout]);
        reg.ok(&["copy", &layout, &back]);
        server.api().verify("team/back", tag, &graph);
    }
}

fn a_manifest_is_deleted_with_its_blast_radius_shown(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    let (gone, kept) = (image(Flavour::Oci, 40), image(Flavour::Oci, 41));
    for (tag, graph) in [("v1", &gone), ("sibling", &gone), ("kept", &kept)] {
        server.api().push("team/deleted", tag, graph);
    }
    let name = server.name(&format!("team/deleted@{}", gone.digest()));

    let refused = reg.run(&["delete", &name]);
    assert_eq!(refused.code, 2, "without a terminal and without --yes: {refused:?}");
    let planned = reg.run(&["delete", "--dry-run", &name]);
    assert_eq!(planned.code, 0, "{planned:?}");
    let said = planned.stdout + &planned.stderr;
    assert!(said.contains("sibling"), "the other tag goes too, and that must be said: {said}");
    server.api().verify("team/deleted", "v1", &gone);

    reg.ok(&["delete", "--yes", &name]);
    assert_eq!(server.api().digest("team/deleted", gone.digest()), None);
    server.api().verify("team/deleted", "kept", &kept);
}

fn a_tag_is_removed_where_the_registry_can(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    let graph = image(Flavour::Oci, 50);
    for tag in ["v1", "v2"] {
        server.api().push("team/untag", tag, &graph);
    }

    let done = reg.run(&["delete", "--yes", &server.name("team/untag:v1")]);

    if can_untag(kind) {
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(server.api().tags("team/untag"), ["v2"]);
    } else {
        assert_eq!(done.code, 5, "{done:?}");
        assert_eq!(server.api().tags("team/untag"), ["v1", "v2"]);
    }
    server.api().verify("team/untag", "v2", &graph);
}

fn a_plan_counts_shared_layers_once(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    // The same seed gives the same layers: `old` and `new` share the first one, by its length and seed.
    let (old, new) = (
        crate::support::image::image_for(Flavour::Oci, "amd64", 60, &[50_000, 20_000]),
        crate::support::image::image_for(Flavour::Oci, "amd64", 60, &[50_000]),
    );
    server.api().push("team/plan", "old", &old);
    server.api().push("team/plan", "new", &new);
    let shared = new.parts[0].digest.as_str();
    let only_old: usize = old.parts.iter().filter(|part| part.digest != shared).map(|part| part.bytes.len()).sum();

    let plan: Value = reg.json(&["gc-plan", &server.name("team/plan"), "--match", "^old$"]);

    assert_eq!(plan["summary"]["tags"], 1, "{plan}");
    assert_eq!(plan["summary"]["bytes_freed"], only_old, "{plan}");
    server.api().verify("team/plan", "old", &old);
}

fn what_is_not_there_is_exit_code_3(kind: Kind) {
    let server = available!(Server::start(kind));
    let reg = Reg::new();
    server.api().push("team/there", "v1", &image(Flavour::Oci, 70));

    for arguments in [
        ["digest", &server.name("team/there:absent")],
        ["inspect", &server.name("team/there:absent")],
        ["tags", &server.name("team/nowhere")],
    ] {
        let finished = reg.run(&arguments);
        assert_eq!(finished.code, 3, "{finished:?}");
        assert!(finished.stderr.starts_with("error: "), "{finished:?}");
        assert_eq!(finished.stdout, "", "{finished:?}");
    }
}
