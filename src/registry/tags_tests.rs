//! Listing and removing tags.

use jiff::SignedDuration;

use crate::registry::testing::{OPTIONS, World, image, locator, on_every_store, page, put, repository, tag};
use crate::registry::{Error, PageOf};
use crate::spec::Tag;
use crate::store::Key;

on_every_store! {
    pages_in_byte_order unknown_repositories own_changes_show_at_once others_changes_show_soon
    a_removed_tag_leaves_its_manifest what_a_crash_left_is_no_tag many_tags
}

async fn list(world: &World, n: Option<usize>, last: Option<&str>) -> (Vec<String>, Option<String>) {
    let PageOf { items, next } = world.registry.tags(&repository("app"), &page(n, last)).await.expect("listed");
    (items.iter().map(Tag::to_string).collect(), next)
}

async fn pages_in_byte_order(world: World) {
    let sorted = ["A", "_", "a", "v1", "v1-a", "v1.0", "v10"];
    for name in ["v1.0", "v10", "a", "v1", "_", "A", "v1-a"] {
        world.image("app", name, b"layer").await;
    }
    assert_eq!(list(&world, None, None).await, (sorted.map(String::from).to_vec(), None));
    assert_eq!(list(&world, Some(3), None).await, (vec!["A".into(), "_".into(), "a".into()], Some("a".into())));
    assert_eq!(list(&world, Some(2), Some("v1-a")).await, (vec!["v1.0".into(), "v10".into()], None));
    assert_eq!(list(&world, None, Some("v1.")).await, (vec!["v1.0".into(), "v10".into()], None), "last need not exist");
    assert_eq!(list(&world, Some(usize::MAX), Some("v10")).await, (vec![], None));
    assert_eq!(list(&world, Some(0), None).await, (vec![], None));
    assert_eq!(list(&world, Some(7), None).await.1, None, "nothing follows");
}

async fn unknown_repositories(world: World) {
    world.blob("app", b"layer").await;
    for (name, n) in [("app", None), ("no", None), ("no", Some(0))] {
        let error = world.registry.tags(&repository(name), &page(n, None)).await.expect_err("unknown");
        assert!(matches!(&error, Error::NameUnknown(named) if *named == repository(name)), "{error:?}");
    }
    world.blob("app", b"{}").await;
    let manifest = image(&[], "");
    let digest = crate::spec::Digest::sha256(manifest.as_bytes()).to_string();
    put(&world.registry, "app", &digest, manifest).await.expect("pushed");
    assert_eq!(list(&world, None, None).await, (vec![], None), "manifests without a tag make a repository");
}

async fn own_changes_show_at_once(world: World) {
    world.image("app", "v1", b"layer").await;
    for round in 0..3 {
        assert_eq!(list(&world, None, None).await.0, ["v1"], "{round}");
        world.image("app", "v2", b"layer").await;
        assert_eq!(list(&world, None, None).await.0, ["v1", "v2"], "{round}");
        world.registry.delete_tag(&repository("app"), &tag("v2")).await.expect("deleted");
    }
}

async fn others_changes_show_soon(world: World) {
    world.image("app", "v1", b"layer").await;
    assert_eq!(list(&world, None, None).await.0, ["v1"]);
    let other = world.another(OPTIONS);
    put(&other, "app", "v2", image(&[b"layer"], "")).await.expect("pushed");
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(list(&world, None, None).await.0, ["v1", "v2"]);
    // Deeper than the directory of the tags: its version stays.
    world.driver.delete(&[Key::tag_current(&repository("app"), &tag("v1"))]).await.expect("deleted");
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(list(&world, None, None).await.0, ["v2"]);
}

async fn a_removed_tag_leaves_its_manifest(world: World) {
    let digest = world.image("app", "v1", b"one").await;
    world.image("app", "v1", b"two").await;
    world.image("app", "v1", b"one").await;
    let app = repository("app");
    let removed = world.registry.delete_tag(&app, &tag("v1")).await.expect("deleted");
    assert_eq!(removed.manifest.expect("known").digest, digest);
    let error = world.registry.get_manifest(&app, &locator("v1")).await.expect_err("gone");
    assert!(matches!(error, Error::ManifestUnknown(_)), "{error:?}");
    assert!(!world.keys().await.iter().any(|key| key.contains("/tags/")), "its history too");
    assert_eq!(world.registry.get_manifest(&app, &digest.into()).await.expect("kept").digest, digest);
    let again = world.registry.delete_tag(&app, &tag("v1")).await;
    assert!(matches!(&again, Err(Error::ManifestUnknown(at)) if *at == locator("v1")), "{again:?}");
}

async fn what_a_crash_left_is_no_tag(world: World) {
    let digest = world.image("app", "v1", b"one").await;
    let app = repository("app");
    world.plant(&Key::tag_current(&app, &tag("empty")), "").await;
    world.plant(&Key::tag_index(&app, &tag("half"), &digest), digest.to_string()).await;
    assert_eq!(list(&world, None, None).await.0, ["v1"]);
    let removed = world.registry.delete_tag(&app, &tag("empty")).await.expect("can be removed all the same");
    assert!(removed.manifest.is_none(), "{removed:?}");
    world.image("app", "half", b"one").await;
    assert_eq!(list(&world, None, None).await.0, ["half", "v1"]);
}

async fn many_tags(world: World) {
    world.blob("app", b"{}").await;
    let names: Vec<Tag> = (0..20).map(|number| tag(&format!("t{number:04}"))).collect();
    let digest = crate::spec::Digest::sha256(b"x").to_string();
    for name in &names {
        world.plant(&Key::tag_current(&repository("app"), name), digest.clone()).await;
    }
    let listed = world.registry.tags(&repository("app"), &page(None, None)).await.expect("listed");
    assert_eq!((listed.items, listed.next), (names, None));
}
