//! Reading and deleting blobs; content that is damaged.

use crate::registry::testing::{OPTIONS, World, image, on_every_store, put, repository};
use crate::registry::{Error, Options};
use crate::spec::{ByteRange, Digest};
use crate::store::Key;

on_every_store! {
    parts_and_the_whole a_blob_belongs_to_its_repository manifests_are_no_blobs deletes
    missing_bytes_are_an_unknown_blob empty_data_is_an_unknown_blob changed_data_is_not_served_from_memory
}

async fn text(world: &World, digest: &Digest, range: Option<(u64, u64)>) -> String {
    let range = range.map(|(start, end)| ByteRange { start, end });
    let object = world.registry.open_blob(&repository("app"), digest, range).await.expect("there");
    String::from_utf8(object.bytes(&Key::blob(digest)).await.expect("read").to_vec()).expect("text")
}

async fn parts_and_the_whole(world: World) {
    let digest = world.blob("app", b"0123456789").await;
    for _ in 0..2 {
        assert_eq!(text(&world, &digest, None).await, "0123456789");
        assert_eq!(text(&world, &digest, Some((3, 7))).await, "3456");
    }
}

async fn a_blob_belongs_to_its_repository(world: World) {
    let digest = world.blob("app", b"layer").await;
    for name in ["ap", "app/nested", "other"] {
        let missing = world.registry.stat_blob(&repository(name), &digest).await;
        assert!(matches!(missing, Err(Error::BlobUnknown(named)) if named == digest), "{name}");
        assert!(world.registry.open_blob(&repository(name), &digest, None).await.is_err(), "{name}");
    }
}

async fn manifests_are_no_blobs(world: World) {
    let digest = world.image("app", "v1", b"layer").await;
    let missing = world.registry.stat_blob(&repository("app"), &digest).await;
    assert!(matches!(missing, Err(Error::BlobUnknown(_))), "{missing:?}");
}

async fn deletes(world: World) {
    let digest = world.blob("app", b"layer").await;
    world.blob("other", b"layer").await;
    let app = repository("app");
    let disabled = world.another(Options { delete_enabled: false, ..OPTIONS });
    assert!(matches!(disabled.delete_blob(&app, &digest).await, Err(Error::DeleteDisabled)));
    let read_only = world.another(Options { read_only: true, ..OPTIONS });
    assert!(matches!(read_only.delete_blob(&app, &digest).await, Err(Error::ReadOnly)));
    world.registry.delete_blob(&app, &digest).await.expect("deleted");
    assert!(matches!(world.registry.stat_blob(&app, &digest).await, Err(Error::BlobUnknown(_))));
    assert!(matches!(world.registry.delete_blob(&app, &digest).await, Err(Error::BlobUnknown(_))));
    assert_eq!(world.registry.stat_blob(&repository("other"), &digest).await.expect("kept").size, 5);
}

async fn missing_bytes_are_an_unknown_blob(world: World) {
    let digest = world.blob("app", b"layer").await;
    assert_eq!(text(&world, &digest, None).await, "layer");
    // distribution's garbage-collect leaves the links of what it deletes.
    world.driver.delete(&[Key::blob(&digest)]).await.expect("deleted");
    assert!(matches!(world.registry.stat_blob(&repository("app"), &digest).await, Err(Error::BlobUnknown(_))));
    let opened = world.registry.open_blob(&repository("app"), &digest, None).await;
    assert!(matches!(opened, Err(Error::BlobUnknown(_))), "{opened:?}");
}

async fn empty_data_is_an_unknown_blob(world: World) {
    let digest = world.blob("app", b"layer").await;
    world.plant(&Key::blob(&digest), "").await;
    assert!(matches!(world.registry.stat_blob(&repository("app"), &digest).await, Err(Error::BlobUnknown(_))));
    let refused = put(&world.registry, "app", "v1", image(&[b"layer"], "")).await.expect_err("refused");
    assert!(matches!(&refused, Error::ChildrenUnknown(unknown) if unknown.contains(&digest)), "{refused:?}");
    let empty = world.blob("app", b"").await;
    assert_eq!(world.registry.stat_blob(&repository("app"), &empty).await.expect("there").size, 0);
}

async fn changed_data_is_not_served_from_memory(world: World) {
    let digest = world.blob("app", b"layer").await;
    assert_eq!(text(&world, &digest, None).await, "layer");
    world.plant(&Key::blob(&digest), "LAYER").await;
    assert_eq!(text(&world, &digest, None).await, "LAYER", "whoever reads it sees what is wrong with the disk");
    assert_eq!(world.registry.stat_blob(&repository("app"), &Digest::sha256(b"layer")).await.expect("there").size, 5);
}
