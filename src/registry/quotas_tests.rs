//! What counts, what is refused, and what a walk finds.

use crate::registry::testing::{OPTIONS, World, image, on_every_store, push_blob, put, repository, sha512};
use crate::registry::{Error, Options, Quota, Registry, Started};
use crate::spec::Digest;
use crate::spec::route::UploadStart;

on_every_store! {
    content_counts_once
    what_does_not_fit_is_refused_and_leaves_nothing
    a_walk_finds_what_is_there
    prefixes_are_whole_components
}

fn quotas(world: &World, quotas: &[(&str, u64)]) -> Registry {
    let quotas = quotas.iter().map(|&(prefix, bytes_max)| Quota { prefix: prefix.into(), bytes_max }).collect();
    world.another(Options { quotas, ..OPTIONS })
}

async fn push(registry: &Registry, name: &str, bytes: &[u8]) -> Result<Started, Error> {
    push_blob(registry, name, bytes, Digest::sha256(bytes)).await
}

#[track_caller]
fn refused(result: Result<Started, Error>) -> (u64, u64) {
    match result {
        Err(Error::QuotaExceeded { used, needed, .. }) => (used, needed),
        other => panic!("{other:?}"),
    }
}

async fn content_counts_once(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    registry.count_holdings().await.expect("counted");
    push(&registry, "team/a", b"12345").await.expect("fits");
    push(&registry, "team/a", b"12345").await.expect("again");
    push(&registry, "team/b", b"12345").await.expect("elsewhere");
    let long = sha512(b"12345");
    push_blob(&registry, "team/c", b"12345", long).await.expect("under another name");
    push(&registry, "team/a", b"67890").await.expect("the rest");
    assert_eq!(refused(push(&registry, "team/a", b"x").await), (10, 1));
    push(&registry, "other", b"x").await.expect("for somebody else");
}

async fn what_does_not_fit_is_refused_and_leaves_nothing(world: World) {
    let registry = quotas(&world, &[("", 1000), ("team", 10)]);
    push(&registry, "early", b"early").await.expect("pushed");
    registry.count_holdings().await.expect("counted");
    let before = world.keys().await;
    assert_eq!(refused(push(&registry, "team/a", b"12345678901").await), (0, 11));
    let mut after = world.keys().await;
    after.retain(|key| !before.contains(key));
    assert!(after.is_empty(), "{after:?}");

    push(&registry, "other", b"12345678901").await.expect("there");
    let start = UploadStart { mount: Some(Digest::sha256(b"12345678901")), ..UploadStart::default() };
    let mount =
        registry.start_upload(&repository("team/a"), &start, std::pin::pin!(crate::registry::testing::body([]))).await;
    assert_eq!(refused(mount), (0, 11));
    push(&registry, "team/a", b"{}").await.expect("fits");
    push(&registry, "team/a", b"one").await.expect("fits");
    let manifest = put(&registry, "team/a", "v1", image(&[b"one"], "")).await;
    assert!(matches!(manifest, Err(Error::QuotaExceeded { used: 5, .. })), "{manifest:?}");
}

async fn a_walk_finds_what_is_there(world: World) {
    world.image("team/a", "v1", b"one").await;
    let held = image(&[b"one"], "").len() as u64 + 5;
    let registry = quotas(&world, &[("team", held + 3)]);
    push(&registry, "team/new", b"12").await.expect("nobody has counted");
    registry.count_holdings().await.expect("counted");
    assert_eq!(refused(push(&registry, "team/new", b"ab").await), (held + 2, 2));
    push(&registry, "team/new", b"a").await.expect("fits");

    registry.delete_blob(&repository("team/new"), &Digest::sha256(b"12")).await.expect("deleted");
    assert_eq!(refused(push(&registry, "team/new", b"b").await), (held + 3, 1));
    registry.count_holdings().await.expect("counted");
    push(&registry, "team/new", b"b").await.expect("fits again");
}

async fn prefixes_are_whole_components(world: World) {
    let registry = quotas(&world, &[("a/b", 1)]);
    registry.count_holdings().await.expect("counted");
    for (name, fits) in [("a", true), ("a/bc", true), ("a/b", false), ("a/b/c", false)] {
        let pushed = push(&registry, name, b"22").await;
        assert_eq!(pushed.is_ok(), fits, "{name}: {pushed:?}");
    }
}
