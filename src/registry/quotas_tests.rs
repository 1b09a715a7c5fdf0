//! What counts, what is refused, and what a walk finds.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use jiff::SignedDuration;

use crate::registry::testing::{
    OPTIONS, World, begin, body, image, on_every_store, push_blob, put, repository, sha512,
};
use crate::registry::{Error, Incoming, Options, Quota, Registry, Result, Started};
use crate::spec::route::UploadStart;
use crate::spec::{ByteRange, Digest, UploadId};
use crate::store::Prefix;
use crate::store::faulty::{Faults, Faulty};

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
    what_is_announced_is_refused_before_it_comes
    what_cannot_be_read_switches_no_quota_off
    an_outage_makes_no_room
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
    registry.count_holdings().await;
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
    registry.count_holdings().await;
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
    registry.count_holdings().await;
    assert_eq!(refused(push(&registry, "team/new", b"ab").await), (held + 2, 2));
    push(&registry, "team/new", b"a").await.expect("fits");

    registry.delete_blob(&repository("team/new"), &Digest::sha256(b"12")).await.expect("deleted");
    assert_eq!(refused(push(&registry, "team/new", b"b").await), (held + 3, 1));
    registry.count_holdings().await;
    push(&registry, "team/new", b"b").await.expect("fits again");
}

async fn prefixes_are_whole_components(world: World) {
    let registry = quotas(&world, &[("a/b", 1)]);
    registry.count_holdings().await;
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
    registry.count_holdings().await;
    let (first, second) = (begin(&registry, "team/a").await, begin(&registry, "team/a").await);
    assert_eq!(append(&registry, &first, [b"1234"]).await.expect("fits"), 4);
    assert_eq!(append(&registry, &second, [b"1234"]).await.expect("fits"), 4);
    assert_eq!(refused(push(&registry, "team/b", b"abc").await), (8, 3), "anywhere below");
    assert_eq!(refused(append(&registry, &second, [b"5", b"6", b"7", b"8"]).await), (8, 3));
    let there = registry.stat_upload(&repository("team/a"), &second).await.expect("there");
    assert_eq!(there, 4, "as it was before, and is continued");
    let third = begin(&registry, "team/a").await;
    assert_eq!(refused(append(&registry, &third, [b"1", b"2", b"3"]).await), (8, 3));
    assert_eq!(registry.stat_upload(&repository("team/a"), &third).await.expect("there"), 0);
    assert_eq!(append(&registry, &third, [b"12"]).await.expect("others have the room"), 2);
    registry.cancel_upload(&repository("team/a"), &third).await.expect("cancelled");
    push(&registry, "elsewhere", b"abc").await.expect("fits");

    registry.cancel_upload(&repository("team/a"), &first).await.expect("cancelled");
    assert_eq!(append(&registry, &second, [b"56", b"78"]).await.expect("fits"), 8);
    assert_eq!(finish(&registry, &second, b"1234567890", b"90").await.expect("fits"), 10);
    assert_eq!(refused(push(&registry, "team/b", b"x").await), (10, 1));
}

async fn an_upload_that_becomes_content_counts_once(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    registry.count_holdings().await;
    for (name, chunk) in [("new", b"12345"), ("there already", b"12345"), ("new again", b"67890")] {
        let id = begin(&registry, "team/a").await;
        append(&registry, &id, [chunk]).await.expect("fits");
        finish(&registry, &id, chunk, b"").await.expect(name);
    }
    assert_eq!(refused(push(&registry, "team/a", b"x").await), (10, 1));
    registry.count_holdings().await;
    assert_eq!(refused(push(&registry, "team/a", b"x").await), (10, 1));
}

async fn what_ends_an_upload_frees_its_bytes(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    registry.count_holdings().await;
    let wrong = |bytes: &'static [u8]| push_blob(&registry, "team/a", bytes, Digest::sha256(b"other"));
    for _ in 0..3 {
        let digest = wrong(b"1234567").await;
        assert!(matches!(digest, Err(Error::DigestMismatch { .. })), "{digest:?}");
        assert_eq!(refused(push(&registry, "team/a", b"12345678901").await), (0, 11));

        let id = begin(&registry, "team/a").await;
        append(&registry, &id, [b"1234567"]).await.expect("nothing is left of those before");
        assert_eq!(refused(finish(&registry, &id, b"1234567____", b"____").await), (7, 4));
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
    registry.count_holdings().await;
    assert_eq!(refused(push(&registry, "team/a", b"abcd").await), (7, 4));
    assert_eq!(refused(append(&registry, &before, [b"8901"]).await), (7, 4), "it is one of them");
    // What another process ends is known with the next walk.
    world.registry.cancel_upload(&repository("team/a"), &before).await.expect("cancelled");
    assert_eq!(refused(push(&registry, "team/a", b"abcd").await), (7, 4));
    registry.count_holdings().await;
    push(&registry, "team/a", b"abcd").await.expect("fits");
}

async fn a_walk_misses_nothing_that_is_under_way(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    let (name, id) = (repository("team/a"), begin(&registry, "team/a").await);
    let charge = registry.charge(&name, &Digest::sha256(b"slow"), 4, None).expect("nobody has counted");
    let arrival = registry.arrival(&name, &id, 0).expect("under a quota");
    arrival.grow(3).expect("fits");
    registry.count_holdings().await;
    assert_eq!(
        refused(push(&registry, "team/b", b"abcd").await),
        (7, 4),
        "neither link nor bytes were there to be found"
    );
    drop((charge, arrival));
    registry.count_holdings().await;
    push(&registry, "team/b", b"1234567890").await.expect("nothing came of it");
}

fn announced<'a>(body: impl Into<Incoming<'a>>, bytes: u64) -> Incoming<'a> {
    Incoming { announced: Some(bytes), ..body.into() }
}

async fn what_is_announced_is_refused_before_it_comes(world: World) {
    let registry = quotas(&world, &[("team", 10)]);
    registry.count_holdings().await;
    let (name, id) = (repository("team/a"), begin(&registry, "team/a").await);
    append(&registry, &id, [b"1234567"]).await.expect("fits");
    let mut unread = pin!(stream::poll_fn(|_| panic!("nothing is read")));
    assert_eq!(refused(registry.append_upload(&name, &id, None, announced(unread.as_mut(), 4)).await), (7, 4));
    assert_eq!(
        refused(registry.append_upload(&name, &id, None, announced(unread.as_mut(), u64::MAX)).await),
        (7, u64::MAX - 7)
    );
    assert_eq!(registry.stat_upload(&name, &id).await.expect("there"), 7, "as it was");
    let start = UploadStart { digest: Some(Digest::sha256(b"")), ..UploadStart::default() };
    assert_eq!(refused(registry.start_upload(&name, &start, announced(unread.as_mut(), 4)).await), (7, 4));
    let range = Some(ByteRange { start: 7, end: 11 });
    let ranged = registry.append_upload(&name, &id, range, unread.as_mut()).await;
    assert_eq!(refused(ranged), (7, 4), "a range says it too");
    assert_eq!(append(&registry, &id, [b"890"]).await.expect("what was announced keeps nobody out"), 10);
    let mut unread = pin!(stream::poll_fn(|_| panic!("nothing is read")));
    let last = announced(unread.as_mut(), 1);
    assert_eq!(refused(registry.finish_upload(&name, &id, None, &Digest::sha256(b""), last).await), (10, 1));
    assert!(matches!(registry.stat_upload(&name, &id).await, Err(Error::UploadUnknown)), "nobody can finish it");
    push(&registry, "team/b", b"1234567890").await.expect("all of the room is free");
}

/// A registry over a store in which places can be made unreadable.
fn over_gaps(world: &World, quotas: &[(&str, u64)]) -> (Faulty, Registry) {
    let faulty = Faulty::new(Arc::clone(&world.driver), 0, Faults::default());
    let quotas = quotas.iter().map(|&(prefix, bytes_max)| Quota { prefix: prefix.into(), bytes_max }).collect();
    let registry = Registry::new(Arc::new(faulty.clone()), world.clock.clone(), Options { quotas, ..OPTIONS });
    (faulty, registry)
}

async fn what_cannot_be_read_switches_no_quota_off(world: World) {
    push(&world.registry, "team/a", b"123456").await.expect("no quota here");
    push(&world.registry, "team/b", b"abc").await.expect("no quota here");
    push(&world.registry, "other", b"12345").await.expect("no quota here");
    let closed = Prefix::layers(&repository("team/a"));
    for denied in [true, false] {
        let (faulty, registry) = over_gaps(&world, &[("team", 10), ("other", 8), ("", 100)]);
        faulty.make_unreadable(&[(&closed, denied)]);
        registry.count_holdings().await;
        assert_eq!(refused(push(&registry, "other", b"abcd").await), (5, 4), "those behind it are counted");
        assert_eq!(refused(push(&registry, "team/b", b"12345678").await), (3, 8), "and of it what can be read");
        faulty.make_unreadable(&[]);
        registry.count_holdings().await;
        assert_eq!(refused(push(&registry, "team/b", b"xy").await), (9, 2));
        // A place that is closed for good keeps nothing of what was deleted elsewhere from being free again.
        faulty.make_unreadable(&[(&closed, true)]);
        registry.count_holdings().await;
        assert_eq!(refused(push(&registry, "team/b", b"12345678").await), (3, 8));
    }
}

async fn an_outage_makes_no_room(world: World) {
    push(&world.registry, "team/a", b"123456").await.expect("no quota here");
    push(&world.registry, "team/b", b"abc").await.expect("no quota here");
    let (faulty, registry) = over_gaps(&world, &[("team", 10)]);
    registry.count_holdings().await;
    let (blob, top) = (Prefix::blobs(), Prefix::repositories().child("team"));
    for gaps in
        [&[(&Prefix::layers(&repository("team/a")), false)], &[(&blob, false)], &[(&top, false)], &[(&top, true)]]
    {
        faulty.make_unreadable(gaps);
        registry.count_holdings().await;
        faulty.make_unreadable(&[]);
        assert_eq!(refused(push(&registry, "team/b", b"xy").await), (9, 2), "{gaps:?}");
    }
    // Where nothing could ever be counted, the quota holds for what came since.
    let (faulty, registry) = over_gaps(&world, &[("team", 10)]);
    faulty.make_unreadable(&[(&top, false)]);
    registry.count_holdings().await;
    faulty.make_unreadable(&[]);
    assert_eq!(refused(push(&registry, "team/b", b"12345678901").await), (0, 11));
}
