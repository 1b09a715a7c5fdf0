//! Listing repositories.

use jiff::SignedDuration;

use crate::registry::testing::{OPTIONS, World, image, on_every_store, page, put, repository, sha512};
use crate::registry::{Error, PageOf};
use crate::spec::{Digest, Repository};
use crate::store::Key;

on_every_store! {
    pages_in_byte_order only_repositories_with_manifests own_changes_show_at_once others_changes_show_soon
    walks_see_every_change
}

async fn list(world: &World, n: Option<usize>, last: Option<&str>) -> (Vec<String>, Option<String>) {
    let PageOf { items, next } = world.registry.catalog(&page(n, last), |_| true).await.expect("listed");
    (items.iter().map(Repository::to_string).collect(), next)
}

/// A repository as another registry writes it.
async fn plant(world: &World, name: &str) -> Key {
    let digest = Digest::sha256(b"{}");
    let link = Key::revision_link(&repository(name), &digest);
    world.plant(&link, digest.to_string()).await;
    link
}

async fn pages_in_byte_order(world: World) {
    let sorted = ["a", "a-b", "a/b", "a/b/c", "a0", "b"];
    for name in ["a/b/c", "b", "a0", "a", "a/b", "a-b"] {
        plant(&world, name).await;
    }
    assert_eq!(list(&world, None, None).await, (sorted.map(String::from).to_vec(), None));
    assert_eq!(
        list(&world, Some(3), None).await,
        (sorted[..3].iter().map(ToString::to_string).collect(), Some("a/b".into()))
    );
    assert_eq!(list(&world, Some(3), Some("a/b")).await, (sorted[3..].iter().map(ToString::to_string).collect(), None));
    assert_eq!(
        list(&world, Some(1), Some("a/")).await,
        (vec!["a/b".into()], Some("a/b".into())),
        "last need not exist"
    );
    assert_eq!(list(&world, Some(0), None).await, (vec![], None));
    assert_eq!(list(&world, Some(5), Some("b")).await, (vec![], None));
    let error = world.registry.catalog(&page(Some(1001), None), |_| true).await.expect_err("refused");
    assert!(matches!(error, Error::PageSize(1001)), "{error:?}");
}

async fn only_repositories_with_manifests(world: World) {
    world.blob("blobs", b"layer").await;
    world.image("full/nested", "v1", b"layer").await;
    let digest = world.image("emptied", "v1", b"layer").await;
    assert_eq!(list(&world, None, None).await.0, ["emptied", "full/nested"]);
    world.registry.delete_manifest(&repository("emptied"), &digest).await.expect("deleted");
    assert_eq!(list(&world, None, None).await.0, ["full/nested"]);
    let fresh = world.another(OPTIONS);
    let items = fresh.catalog(&page(None, None), |_| true).await.expect("listed").items;
    assert_eq!(items, [repository("full/nested")]);
}

async fn own_changes_show_at_once(world: World) {
    assert_eq!(list(&world, None, None).await.0, Vec::<String>::new());
    for name in ["b", "a", "b/c"] {
        world.image(name, "v1", b"layer").await;
        assert!(list(&world, None, None).await.0.contains(&name.to_owned()), "{name}");
    }
    world.blob("c", b"{}").await;
    let manifest = image(&[], "");
    let long = sha512(manifest.as_bytes());
    put(&world.registry, "c", &long.to_string(), manifest).await.expect("pushed");
    assert_eq!(list(&world, None, None).await.0, ["a", "b", "b/c", "c"]);
    world.registry.delete_manifest(&repository("c"), &long).await.expect("deleted");
    assert_eq!(list(&world, None, None).await.0, ["a", "b", "b/c"]);
}

async fn others_changes_show_soon(world: World) {
    world.image("a", "v1", b"layer").await;
    assert_eq!(list(&world, None, None).await.0, ["a"]);
    let other = world.another(OPTIONS);
    put(&other, "a", "v2", image(&[b"layer"], "")).await.expect("pushed");
    plant(&world, "b").await;
    assert_eq!(list(&world, None, None).await.0, ["a"], "not walked for every request");
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(list(&world, None, None).await.0, ["a", "b"]);
}

/// Walks that follow each other reuse what did not change, and nothing else.
async fn walks_see_every_change(world: World) {
    let mut expected: Vec<String> = Vec::new();
    for name in ["a", "a/b/c", "a/b", "d", "a/b/d", "d/e/f/g"] {
        let link = plant(&world, name).await;
        expected.push(name.to_owned());
        expected.sort();
        world.clock.advance(SignedDuration::from_secs(2));
        assert_eq!(list(&world, None, None).await.0, expected);
        if name == "d" {
            world.driver.delete(&[link]).await.expect("deleted");
            expected.retain(|name| name != "d");
            world.clock.advance(SignedDuration::from_secs(2));
            assert_eq!(list(&world, None, None).await.0, expected);
        }
    }
}
