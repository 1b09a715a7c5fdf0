//! Repositories whose referrers another registry stored.

use jiff::SignedDuration;

use crate::registry::testing::{OPTIONS, World, image, on_every_store, page, repository, subject};
use crate::registry::{Options, Registry};
use crate::spec::Digest;
use crate::store::Key;

on_every_store! {
    the_first_answer_is_right a_second_process_reads_what_is_newer a_read_only_registry_answers_too
    the_background_does_all_repositories names_that_were_made_up_are_forgotten
}

/// A manifest as registry:2 stores it: bytes and link.
async fn plant(world: &World, name: &str, manifest: &str) -> Digest {
    let digest = Digest::sha256(manifest.as_bytes());
    world.plant(&Key::blob(&digest), manifest.to_owned()).await;
    world.plant(&Key::revision_link(&repository(name), &digest), digest.to_string()).await;
    digest
}

async fn list(registry: &Registry, name: &str) -> Vec<Digest> {
    let of = Digest::sha256(b"subject");
    let found = registry.referrers(&repository(name), &of, None, &page(None, None)).await.expect("listed");
    found.items.iter().map(|entry| entry.digest).collect()
}

async fn the_first_answer_is_right(world: World) {
    let digest = plant(&world, "app", &image(&[], &subject("subject"))).await;
    plant(&world, "app", &image(&[], "")).await;
    plant(&world, "app", "not a manifest").await;
    world.plant(&Key::revision_link(&repository("app"), &Digest::sha256(b"gone")), "").await;
    assert_eq!(list(&world.registry, "app").await, [digest]);
    assert!(world.text(&Key::referrer(&repository("app"), &Digest::sha256(b"subject"), &digest)).await.is_some());
    let scanned = world.text(&Key::referrers_scanned(&repository("app"))).await;
    assert_eq!(scanned.as_deref(), Some("2026-01-02T03:04:05Z"));
}

async fn a_second_process_reads_what_is_newer(world: World) {
    let first = plant(&world, "app", &image(&[], &subject("subject"))).await;
    assert_eq!(list(&world.registry, "app").await, [first]);
    // Times of links are the store's: a scan that is said to lie in their future finds nothing new.
    world
        .driver
        .delete(&[Key::referrer(&repository("app"), &Digest::sha256(b"subject"), &first)])
        .await
        .expect("deleted");
    world.plant(&Key::referrers_scanned(&repository("app")), "2999-01-01T00:00:00Z").await;
    assert_eq!(list(&world.another(OPTIONS), "app").await, []);
    world.plant(&Key::referrers_scanned(&repository("app")), "2001-01-01T00:00:00Z").await;
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(list(&world.another(OPTIONS), "app").await, [first]);
    world.plant(&Key::referrers_scanned(&repository("app")), "").await;
    assert_eq!(list(&world.another(OPTIONS), "app").await, [first], "without a time all is read");
}

async fn a_read_only_registry_answers_too(world: World) {
    let digest = plant(&world, "app", &image(&[], &subject("subject"))).await;
    let before = world.keys().await;
    let read_only = world.another(Options { read_only: true, ..OPTIONS });
    for _ in 0..2 {
        assert_eq!(list(&read_only, "app").await, [digest]);
    }
    assert_eq!(world.keys().await, before, "nothing was written");
}

async fn the_background_does_all_repositories(world: World) {
    for name in ["app", "app/nested", "other"] {
        plant(&world, name, &image(&[], &subject("subject"))).await;
    }
    world.registry.index_in_background().await.expect("no panic");
    for name in ["app", "app/nested", "other"] {
        assert!(world.text(&Key::referrers_scanned(&repository(name))).await.is_some(), "{name}");
    }
}

async fn names_that_were_made_up_are_forgotten(world: World) {
    for number in 0..100 {
        assert_eq!(list(&world.registry, &format!("made/up{number}")).await, []);
    }
    assert!(world.registry.shared.scans.lock().is_empty());
    assert_eq!(world.keys().await, Vec::<String>::new());
}
