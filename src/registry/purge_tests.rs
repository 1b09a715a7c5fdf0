//! Old sessions go, young ones and those in use stay.

use std::pin::pin;
use std::time::Duration;

use jiff::SignedDuration;

use crate::registry::Error;
use crate::registry::purge::Purged;
use crate::registry::testing::{World, begin, body, on_every_store, push_blob, repository};
use crate::spec::{Digest, UploadId};
use crate::store::{Key, StageMode, WriteMode};

on_every_store! {
    old_sessions_go_and_young_ones_stay a_dry_run_removes_nothing a_session_in_use_stays
    a_session_without_a_start_is_as_old_as_its_bytes what_is_no_session_stays
}

const WEEK: Duration = Duration::from_hours(168);

async fn exists(world: &World, name: &str, id: &UploadId) -> bool {
    match world.registry.stat_upload(&repository(name), id).await {
        Ok(_) => true,
        Err(Error::UploadUnknown) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn append(world: &World, name: &str, id: &UploadId) {
    world.registry.append_upload(&repository(name), id, None, pin!(body([Some(b"abc")]))).await.expect("appended");
}

async fn old_sessions_go_and_young_ones_stay(world: World) {
    let (old, deep) = (begin(&world.registry, "app").await, begin(&world.registry, "team/deep/app").await);
    append(&world, "app", &old).await;
    world.clock.advance(SignedDuration::from_hours(169));
    let young = begin(&world.registry, "app").await;
    append(&world, "app", &young).await;
    world.clock.advance(SignedDuration::from_hours(167));
    let purged = world.registry.purge_uploads(WEEK, false).await.expect("purged");
    assert_eq!(purged, Purged { removed: 2, left: 0 });
    assert!(!exists(&world, "app", &old).await && !exists(&world, "team/deep/app", &deep).await);
    assert!(exists(&world, "app", &young).await);
    assert!(!world.keys().await.iter().any(|key| key.contains(&old.to_string())));
    assert_eq!(world.registry.purge_uploads(WEEK, false).await.expect("purged"), Purged::default());
}

async fn a_dry_run_removes_nothing(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world, "app", &id).await;
    world.clock.advance(SignedDuration::from_hours(200));
    let purged = world.registry.purge_uploads(WEEK, true).await.expect("looked");
    assert_eq!(purged, Purged { removed: 1, left: 0 });
    assert!(exists(&world, "app", &id).await);
}

async fn a_session_in_use_stays(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world, "app", &id).await;
    world.clock.advance(SignedDuration::from_hours(200));
    let held = world.driver.stage(&Key::upload_data(&repository("app"), &id), StageMode::Resume).await.expect("held");
    let purged = world.registry.purge_uploads(WEEK, false).await.expect("looked");
    assert_eq!(purged, Purged { removed: 0, left: 1 });
    drop(held);
    assert!(exists(&world, "app", &id).await);
}

async fn a_session_without_a_start_is_as_old_as_its_bytes(world: World) {
    let id = begin(&world.registry, "app").await;
    append(&world, "app", &id).await;
    let started = Key::upload_started(&repository("app"), &id);
    world.driver.write(&started, "yesterday".into(), WriteMode::Replace).await.expect("written");
    let purged = world.registry.purge_uploads(WEEK, false).await.expect("looked");
    assert_eq!(purged, Purged::default());
    world.clock.advance(SignedDuration::from_hours(24 * 365 * 100));
    let purged = world.registry.purge_uploads(WEEK, false).await.expect("purged");
    assert_eq!(purged, Purged { removed: 1, left: 0 });
}

async fn what_is_no_session_stays(world: World) {
    let digest = Digest::sha256(b"layer");
    push_blob(&world.registry, "app", b"layer", digest).await.expect("pushed");
    let before = world.keys().await;
    world.clock.advance(SignedDuration::from_hours(24 * 365 * 100));
    assert_eq!(world.registry.purge_uploads(Duration::ZERO, false).await.expect("looked"), Purged::default());
    assert_eq!(world.registry.purge_uploads(Duration::MAX, false).await.expect("looked"), Purged::default());
    assert_eq!(world.keys().await, before);
}
