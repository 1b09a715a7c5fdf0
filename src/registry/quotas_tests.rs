//! What counts, what is refused, and what a walk finds.

use std::pin::pin;
use std::time::Duration;

use jiff::SignedDuration;

use crate::registry::testing::{
    OPTIONS, World, begin, body, image, on_every_store, push_blob, put, repository, sha512,
};
use crate::registry::{Error, Options, Quota, Registry, Result, Started};
use crate::spec::route::UploadStart;
use crate::spec::{Digest, UploadId};

on_every_store! {
    content_counts_once
    what_does_not_fit_is_refused_and_leaves_nothing
    a_walk_finds_what_is_there
    prefixes_are_whole_components
    unfinished_uploads_count_while_they_arrive
    an_upload_that_becomes_content_counts_once
    what_ends_an_upload_frees_its_bytes
    a_walk_finds_unfinished_uploads
    a_walk_misses_nothing_that_is_under_way
}

fn quotas(world: &World, quotas: &[(&str, u64)]) -> Registry {
    let quotas = quotas.iter().map(|&(prefix, bytes_max)| Quota { prefix: prefix.into(), bytes_max }).collect();
    world.another(Options { quotas, ..OPTIONS })
}

async fn push(registry: &Registry, name: &str, bytes: &[u8]) -> Result<Started> {
    push_blob(registry, name, bytes, Digest::sha256(bytes)).await
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>) -> (u64, u64) {
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
    let mount = registry.start_upload(&repository("team/a"), &start, pin!(body([]))).await;
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

async fn append<const N: usize>(registry: &Registry, id: &UploadId, chunks: [&[u8]; N]) -> Result<u64> {
    registry.append_upload(&repository("team/a"), id, None, pin!(body(chunks.map(Some)))).await
}

async fn finish(registry: &Registry, id: &UploadId, whole: &[u8], rest: &[u8]) -> Result<u64> {
    let digest = Digest::sha256(whole);
    registry.finish_upload(&repository("team/a"), id, None, &digest, pin!(body([Some(rest)]))).await
}

async fn unfinished_uploads_count_while_they_arrive(world: World) {
    let registry = quotas(&world, &[("", 1000), ("team", 10)]);
    registry.count_holdings().await.expect("counted");
    let (first, second) = (begin(&registry, "team/a").await, begin(&registry, "team/a").await);
    assert_eq!(append(&registry, &first, [b"1234"]).await.expect("fits"), 4);
    assert_eq!(append(&registry, &second, [b"1234"]).await.expect("fits"), 4);
    assert_eq!(refused(push(&registry, "team/b", b"abc").await), (8, 3), "anywhere below");
    assert_eq!(refused(append(&registry, &second, [b"5", b"6", b"7", b"8"]).await), (4, 7));
    let there = registry.stat_upload(&repository("team/a"), &second).await.expect("there");
    assert_eq!(there, 6, "what had arrived stays, and is continued");
    push(&registry, "elsewhere", b"abc").await.expect("fits");

    registry.cancel_upload(&repository("team/a"), &first).await.expect("cancelled");
    assert_eq!(append(&registry, &second, [b"78"]).await.expect("fits"), 8);
    assert_eq!(finish(&registry, &second, b"1234567890", b"90").await.expect("fits"), 10);
    assert_eq!(refused(push(&registry, "team/b", b"x").await), (10, 1));
}

async fn an_upload_that_becomes_content_counts_once(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    registry.count_holdings().await.expect("counted");
    for (name, chunk) in [("new", b"12345"), ("there already", b"12345"), ("new again", b"67890")] {
        let id = begin(&registry, "team/a").await;
        append(&registry, &id, [chunk]).await.expect("fits");
        finish(&registry, &id, chunk, b"").await.expect(name);
    }
    assert_eq!(refused(push(&registry, "team/a", b"x").await), (10, 1));
    registry.count_holdings().await.expect("counted");
    assert_eq!(refused(push(&registry, "team/a", b"x").await), (10, 1));
}

async fn what_ends_an_upload_frees_its_bytes(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    registry.count_holdings().await.expect("counted");
    let wrong = |bytes: &'static [u8]| push_blob(&registry, "team/a", bytes, Digest::sha256(b"other"));
    for _ in 0..3 {
        let digest = wrong(b"1234567").await;
        assert!(matches!(digest, Err(Error::DigestMismatch { .. })), "{digest:?}");
        assert_eq!(refused(push(&registry, "team/a", b"12345678901").await), (0, 11));

        let id = begin(&registry, "team/a").await;
        append(&registry, &id, [b"1234567"]).await.expect("nothing is left of those before");
        assert_eq!(refused(finish(&registry, &id, b"1234567____", b"____").await), (0, 11));
        let gone = registry.stat_upload(&repository("team/a"), &id).await;
        assert!(matches!(gone, Err(Error::UploadUnknown)), "as where the whole is too much: {gone:?}");

        let old = begin(&registry, "team/a").await;
        append(&registry, &old, [b"1234567"]).await.expect("nothing is left of those before");
        world.clock.advance(SignedDuration::from_hours(2));
        assert_eq!(registry.purge_uploads(Duration::from_hours(1), false).await.expect("purged").removed, 1);
    }
    // A client that went away may come back, so that what it sent counts.
    let cut = begin(&registry, "team/a").await;
    let left = registry.append_upload(&repository("team/a"), &cut, None, pin!(body([Some(b"1234567"), None]))).await;
    assert!(matches!(left, Err(Error::Body(_))), "{left:?}");
    assert_eq!(refused(push(&registry, "team/a", b"abcd").await), (7, 4));
}

async fn a_walk_finds_unfinished_uploads(world: World) {
    let before = begin(&world.registry, "team/a").await;
    append(&world.registry, &before, [b"1234567"]).await.expect("no quota here");
    let registry = quotas(&world, &[("team", 10)]);
    push(&registry, "team/a", b"").await.expect("nobody has counted");
    registry.count_holdings().await.expect("counted");
    assert_eq!(refused(push(&registry, "team/a", b"abcd").await), (7, 4));
    assert_eq!(refused(append(&registry, &before, [b"8901"]).await), (0, 11), "it is one of them");
    // What another process ends is known with the next walk.
    world.registry.cancel_upload(&repository("team/a"), &before).await.expect("cancelled");
    assert_eq!(refused(push(&registry, "team/a", b"abcd").await), (7, 4));
    registry.count_holdings().await.expect("counted");
    push(&registry, "team/a", b"abcd").await.expect("fits");
}

async fn a_walk_misses_nothing_that_is_under_way(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    let (name, id) = (repository("team/a"), begin(&registry, "team/a").await);
    let charge = registry.charge(&name, &Digest::sha256(b"slow"), 4, None).expect("nobody has counted");
    let arrival = registry.arrival(&name, &id, 0).expect("under a quota");
    arrival.grow(3).expect("fits");
    registry.count_holdings().await.expect("counted");
    assert_eq!(
        refused(push(&registry, "team/b", b"abcd").await),
        (7, 4),
        "neither link nor bytes were there to be found"
    );
    drop((charge, arrival));
    registry.count_holdings().await.expect("counted");
    push(&registry, "team/b", b"1234567890").await.expect("nothing came of it");
}
